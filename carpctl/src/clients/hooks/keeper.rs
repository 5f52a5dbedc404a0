//! A process that keeps `carpctl hooks` running as long as the service, where nothing else does:
//! started before the service gives up its rights, it can start one again.
//!
//! Each of the two looks after the other, so that whichever is killed is replaced: the keeper starts
//! another runner, and a runner that is left alone becomes the keeper, which starts a runner. Both
//! have the service as standard input (its pidfd, which cannot come to mean another process), and
//! the runner has its keeper at the other end of standard output.
//!
//! Hooks that run when that process crashes become its own children, and are killed: nobody else
//! knows their limit any more, and the next one is told to run them anew.

use std::fs;
use std::io::{self, PipeReader, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, getpgid, getpid, getsid, kill_process_group, set_child_subreaper,
    waitpid,
};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

use crate::process;
use crate::vocabulary::hooks::{KEEPER, KEPT};

/// Keeps `carpctl hooks` running until the service has ended.
pub(crate) fn keep(on_demand: bool) -> io::Result<()> {
    stay_until_told()?;
    set_child_subreaper(Some(getpid()))?;
    let mut ends = ends_of_children()?;
    let mut pause = Duration::ZERO;
    while wait_for_one(None, Some(pause))? != Ended::Service {
        let (mut runner, _alive) = start_runner(on_demand)?;
        let status = loop {
            if wait_for_one(Some(ends.as_fd()), None)? == Ended::Service {
                // It sees that too; what runs has its own limits.
                runner.wait()?;
                return Ok(());
            }
            take_in(&mut ends)?;
            if let Some(status) = runner.try_wait()? {
                break status;
            }
            for orphan in children()? {
                if orphan != Pid::from_child(&runner) {
                    reap(orphan);
                }
            }
        };
        tracing::warn!("the process that runs hooks ended ({status}): started again");
        kill_hooks()?;
        pause = PAUSE;
    }
    Ok(())
}

/// What a process that is kept has waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The service.
    Service,
    /// Its keeper, or whatever else was waited for.
    Other,
    /// The time.
    Patience,
}

/// Waits until the service has ended, or the keeper of this process.
pub(crate) fn wait_for_end() -> io::Result<Ended> {
    wait_for_one(Some(io::stdout().as_fd()), None)
}

/// Becomes the keeper in the place of the one that has ended. Returns only where that fails.
pub(crate) fn take_its_place(on_demand: bool) -> io::Error {
    tracing::warn!("the process that keeps this one running ended: taking its place");
    process::hooks(KEEPER, on_demand)
        .stdout(Stdio::null())
        .exec()
}

/// Starts a runner, which looks after this process as long as what comes with it lasts.
fn start_runner(on_demand: bool) -> io::Result<(Child, PipeReader)> {
    let (alive, watched) = io::pipe()?;
    let mut command = process::hooks(KEPT, on_demand);
    Ok((command.stdout(watched).spawn()?, alive))
}

/// Readable when a child has ended, also one that another process has left behind.
fn ends_of_children() -> io::Result<UnixStream> {
    let (ends, told) = UnixStream::pair()?;
    ends.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGCHLD, told)?;
    Ok(ends)
}

fn take_in(ends: &mut UnixStream) -> io::Result<()> {
    loop {
        match ends.read(&mut [0; 64]) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// The children of this thread, which is the only one; none where the kernel does not tell.
fn children() -> io::Result<Vec<Pid>> {
    let listed = match fs::read_to_string("/proc/thread-self/children") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        listed => listed?,
    };
    let each = listed.split_ascii_whitespace();
    let each = each.filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
    Ok(each.collect())
}

/// Kills the hooks that a process which ran them has left behind. What they in turn have put into a
/// session of its own goes on, as it does where a hook has ended.
fn kill_hooks() -> io::Result<()> {
    let own = getsid(None)?;
    for pid in children()? {
        if getpgid(Some(pid)) == Ok(pid) && getsid(Some(pid)) == Ok(own) {
            tracing::warn!("a hook that it has left behind is killed (process {pid})");
            // Its group is there as long as this process has not taken note of its end.
            kill_process_group(pid, Signal::KILL).ok();
        }
        reap(pid);
    }
    Ok(())
}

/// Takes note of the end of a child, if it has ended.
fn reap(child: Pid) {
    waitpid(Some(child), WaitOptions::NOHANG).ok();
}

/// Ends only when nobody needs it any more: it may be told to together with the service, whose last
/// hooks are still to run.
pub(crate) fn stay_until_told() -> io::Result<()> {
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        // Not ignored, which the hooks would inherit.
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    Ok(())
}

/// Waits until the service has ended, or something can be said of the other, or for so long.
fn wait_for_one(other: Option<BorrowedFd<'_>>, patience: Option<Duration>) -> io::Result<Ended> {
    let timeout = patience.map(Timespec::try_from).transpose();
    let timeout = timeout.map_err(io::Error::other)?;
    let service = io::stdin();
    let mut fds: Vec<PollFd<'_>> = std::iter::once(service.as_fd())
        .chain(other)
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
    loop {
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => return Ok(Ended::Patience),
            Ok(_) if fds.first().is_some_and(|fd| !fd.revents().is_empty()) => {
                return Ok(Ended::Service);
            }
            Ok(_) => return Ok(Ended::Other),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// How long nothing is started after the last one has ended.
const PAUSE: Duration = Duration::from_secs(1);
