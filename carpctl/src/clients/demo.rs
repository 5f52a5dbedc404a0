//! `carpctl demo`: two nodes take over from each other on a network that exists only for this.
//!
//! Three processes deep, so that nothing is left whatever happens: this one gives up its network,
//! its mounts and its view of processes and starts itself again; that one is the init of a pid
//! namespace, builds the network and runs the real commands. When either ends, however it ends,
//! the kernel ends everything that was started and takes the namespaces away.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use carp_net::lab;
use clap::ValueEnum as _;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, getpid, pidfd_open};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;

use crate::clients::cli::complain;
use crate::failure::Failure;
use crate::process::own_executable;

mod node;
mod play;

/// The words of `carpctl demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoOptions {
    /// What happens to the master
    #[arg(long, value_enum, default_value_t = Fault::Stop)]
    fault: Fault,
    /// This is the process that plays, on the network made for it
    #[arg(long, hide = true)]
    on_stage: bool,
}

/// What happens to the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Fault {
    /// Its operator shuts it down: no echo may be lost
    Stop,
    /// Its power fails: the other one answers as soon as it may
    Kill,
}

/// Runs the demonstration; success if it went as CARP promises.
pub(crate) fn run(options: &DemoOptions) -> ExitCode {
    let outcome = if options.on_stage {
        on_stage(options.fault)
    } else {
        off_stage(options.fault)
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            if !matches!(failure, Failure::NobodyListens) {
                complain(&format!("demo: {failure}"));
            }
            failure.code()
        }
    }
}

/// The process that plays. Ended by the kernel when the one that waits for it ends.
fn on_stage(fault: Fault) -> Result<ExitCode, Failure> {
    // Elsewhere than in a pid namespace of its own it would hide files of the machine.
    if getpid() != Pid::INIT {
        let reason = "--on-stage is for carpctl itself";
        return Err(Failure::Usage(reason.to_owned()));
    }
    let scratch = scratch_directory()?;
    lab::settle(Path::new(scratch)).map_err(|error| Failure::Failed(error.to_string()))?;
    play::run(fault, &format!("{scratch}/carpctl"))
}

/// The process that was called: makes room, has the play run, and waits for its end.
fn off_stage(fault: Fault) -> Result<ExitCode, Failure> {
    lab::isolate().map_err(|error| Failure::Failed(error.to_string()))?;
    let in_words = |error: io::Error| Failure::Failed(error.to_string());
    // Before there is something to be ended.
    let signals = Signals::catch().map_err(in_words)?;
    let fault = fault.to_possible_value();
    let mut play = Command::new(own_executable())
        .arg0("carpctl")
        .args(["demo", "--on-stage", "--fault"])
        .arg(fault.as_ref().map_or("stop", |fault| fault.get_name()))
        // Held open until this process ends, by which the other one knows that it has not.
        .stdin(Stdio::piped())
        .spawn()
        .map_err(in_words)?;
    let signal = wait(&play, &signals).map_err(in_words)?;
    if signal.is_some() {
        play.kill().map_err(in_words)?;
    }
    // The init of a pid namespace is gone when all others are.
    let stdin = play.stdin.take();
    let status = play.wait().map_err(in_words)?;
    drop(stdin);
    if let Some(signal) = signal {
        // Whoever called this learns how it ended; returns only where that cannot be done.
        emulate_default_handler(signal).map_err(in_words)?;
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Waits until the play has ended or a signal came, and says which signal.
fn wait(play: &Child, signals: &Signals) -> io::Result<Option<i32>> {
    let pid = i32::try_from(play.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let ended = pidfd_open(pid, PidfdFlags::empty())?;
    let mut fds = [
        PollFd::new(&ended, PollFlags::IN),
        PollFd::from_borrowed_fd(signals.arrived.as_fd(), PollFlags::IN),
    ];
    loop {
        match poll(&mut fds, None) {
            Ok(_) => return Ok(signals.last()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// The signals by which people end a program. No thread waits for them: a process whose children
/// are to have other pids may not start any.
#[derive(Debug)]
struct Signals {
    arrived: UnixStream,
    last: Arc<AtomicUsize>,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        let (arrived, arrival) = UnixStream::pair()?;
        let last = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let number = usize::try_from(signal).map_err(io::Error::other)?;
            signal_hook::flag::register_usize(signal, Arc::clone(&last), number)?;
            signal_hook::low_level::pipe::register(signal, arrival.try_clone()?)?;
        }
        Ok(Self { arrived, last })
    }

    fn last(&self) -> Option<i32> {
        let signal = self.last.load(Ordering::SeqCst);
        i32::try_from(signal).ok().filter(|signal| *signal != 0)
    }
}

/// A directory to mount an empty file system on: one that every machine has and that does not
/// hold this program, which the service runs again.
fn scratch_directory() -> Result<&'static str, Failure> {
    let program = own_executable();
    let is_free =
        |directory: &&str| Path::new(directory).is_dir() && !program.starts_with(directory);
    let none = || Failure::Failed(format!("none of {} is free", SCRATCH.join(", ")));
    SCRATCH.into_iter().find(is_free).ok_or_else(none)
}

const SCRATCH: [&str; 3] = ["/run", "/mnt", "/tmp"];
