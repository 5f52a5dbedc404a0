//! `carpctl daemon` as most people run it: a supervisor whose engine is `carpctl daemon --engine`.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;

use carp_net::supervisor::{Ended, Seen, Start, Supervisor};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::failure::Failure;
use crate::paths::Paths;
use crate::process::without_mark;
use crate::server::notify::Notifier;
use crate::server::service::{CONDITION, HANGUP};

/// How the processes of a service are started.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The words of the command line that both have.
    pub(crate) words: Vec<OsString>,
    pub(crate) paths: Paths,
    /// Whether somebody waits at the other end of standard output until the engine is ready.
    pub(crate) caller_waits: bool,
}

/// Whether this supervisor took the place of another, in the same process.
pub(crate) fn is_renewed() -> bool {
    std::env::var_os(RENEWED).is_some()
}

/// Keeps an engine running until it ends on purpose; the first one is left what is `opened`.
pub(crate) fn run(plan: &Plan, opened: Vec<(String, OwnedFd)>) -> Result<ExitCode, Failure> {
    let in_words = |error: io::Error| Failure::Failed(error.to_string());
    let stop = signals().map_err(in_words)?;
    let mut output = match plan.caller_waits {
        true => Some(give_up_output().map_err(in_words)?),
        false => None,
    };
    // By this path it is found after an upgrade; taken now, while it is the path of this program.
    let installed = without_mark(std::env::current_exe().map_err(in_words)?);
    let engine = |why| {
        let mut command = match why {
            Start::Again => plan.command(&installed),
            // The same program as this one, whatever has become of its file: where an upgrade
            // does not run, the one before goes on.
            Start::First | Start::InPlace | _ => plan.command(Path::new(RUNNING)),
        };
        command.arg("--engine");
        if plan.caller_waits {
            let output = output.take().map_or_else(Stdio::null, Stdio::from);
            command.stdout(output);
        }
        command
    };
    let renewed = || {
        let mut command = plan.command(&installed);
        command.env(RENEWED, "1");
        command
    };
    let mut supervisor = Supervisor::new(engine)
        .renewed_by(renewed)
        .observed_by(tell_manager(Notifier::from_environment()))
        .before_others();
    for (name, descriptor) in opened {
        supervisor = supervisor.leaves(name, descriptor);
    }
    let outcome = supervisor.adopt().and_then(|()| supervisor.run(stop));
    match outcome {
        Ok(Ended::OnPurpose) => Ok(ExitCode::SUCCESS),
        // It has said itself why.
        Ok(Ended::NotStarted(Some(code))) => {
            Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
        }
        Ok(Ended::NotStarted(None)) => Err(failed("the service was killed while it started")),
        Ok(Ended::GivenUp) => Err(failed("the service crashed again and again: given up")),
        Ok(_) => Err(failed("the service ended")),
        Err(error) => Err(Failure::Failed(error.to_string())),
    }
}

impl Plan {
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let (variable, directory) = self.paths.in_environment();
        command
            .arg0("carpctl")
            .args(&self.words)
            // Where it was given as a path from the caller's directory, that is not the engine's.
            .env(variable, directory);
        command
    }
}

/// Passes on to the service manager what the engine says: its condition, and with each beat that
/// it makes progress. So the manager hears of it only while both processes do.
fn tell_manager(mut notifier: Option<Notifier>) -> impl FnMut(Seen<'_>) + Send {
    move |seen| {
        let Some(notifier) = &mut notifier else {
            return;
        };
        match seen {
            Seen::Beat(at) => notifier.feed(at),
            Seen::Record { name, value } if name == CONDITION => {
                notifier.tell(&String::from_utf8_lossy(value));
            }
            Seen::Record { .. } | _ => {}
        }
    }
}

/// Something that becomes readable when a signal asks this process to end. A hangup does where
/// there is a terminal to hang up; elsewhere it is the custom to mean that files are to be read,
/// which is for `carpctl netstart` to do.
fn signals() -> io::Result<UnixStream> {
    let (stop, signal) = UnixStream::pair()?;
    for number in [SIGTERM, SIGINT] {
        signal_hook::low_level::pipe::register(number, signal.try_clone()?)?;
    }
    if has_terminal() {
        signal_hook::low_level::pipe::register(SIGHUP, signal)?;
    } else {
        log_hangups()?;
    }
    Ok(stop)
}

/// Has a hangup not end the process, but logged.
fn log_hangups() -> io::Result<()> {
    let (mut hangups, signal) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(SIGHUP, signal)?;
    let log = move || {
        let mut bytes = [0; 64];
        while hangups.read(&mut bytes).is_ok_and(|read| read > 0) {
            tracing::info!("{HANGUP}");
        }
    };
    thread::Builder::new()
        .name("hangups".to_owned())
        .spawn(log)?;
    Ok(())
}

/// Whether this process runs at a terminal.
pub(crate) fn has_terminal() -> bool {
    io::stdin().is_terminal() || io::stderr().is_terminal()
}

/// Takes standard output, which the engine is to have, and leaves `/dev/null` in its place: whoever
/// reads it waits until nobody has it any more.
fn give_up_output() -> io::Result<OwnedFd> {
    let output = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3)?;
    let null = File::options().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(output)
}

fn failed(reason: &str) -> Failure {
    Failure::Failed(reason.to_owned())
}

/// The program that a process runs, as that process sees it.
const RUNNING: &str = "/proc/self/exe";

/// The variable by which a supervisor that took the place of another knows that it did.
const RENEWED: &str = "CARPCTL_RENEWED";
