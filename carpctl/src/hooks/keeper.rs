//! A process that keeps `carpctl hooks` running as long as the service, where nothing else does:
//! started before the service gives up its rights, it can start one again.
//!
//! Hooks that run when that process crashes become its own children, and are killed: nobody else
//! knows their limit any more, and the next one is told to run them anew.

use std::fs;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpgid, getpid, getppid, getsid, kill_process_group,
    pidfd_open, set_child_subreaper, waitpid,
};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

use crate::paths::Paths;
use crate::secret::own_executable;

/// Starts the keeper of this process, which is a service.
pub(crate) fn start(paths: &Paths, on_demand: bool) -> io::Result<()> {
    let (variable, directory) = paths.in_environment();
    let mut command = Command::new(own_executable());
    command
        .arg0("carpctl")
        .args(["hooks", "--of-service"])
        .arg(std::process::id().to_string())
        .env(variable, directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        // What a terminal sends to the service is not for hooks, which outlive it by a moment.
        .process_group(0);
    if on_demand {
        command.arg("--on-demand");
    }
    command.spawn()?;
    Ok(())
}

/// Keeps `carpctl hooks` running until the process `service`, which started this one, has ended.
pub(crate) fn keep(service: i32, on_demand: bool) -> io::Result<()> {
    stay_until_told()?;
    let parent = getppid().filter(|parent| parent.as_raw_nonzero().get() == service);
    let Some(parent) = parent else {
        return Ok(()); // it has ended already
    };
    let service = pidfd_open(parent, PidfdFlags::empty())?;
    set_child_subreaper(Some(getpid()))?;
    let mut ends = ends_of_children()?;
    loop {
        let mut child = spawn(on_demand)?;
        let status = loop {
            if wait_for_one(service.as_fd(), Some(ends.as_fd()), None)? {
                // The end of its standard input tells it; what runs has its own limits.
                drop(child.stdin.take());
                child.wait()?;
                return Ok(());
            }
            take_in(&mut ends)?;
            if let Some(status) = child.try_wait()? {
                break status;
            }
            for orphan in children()? {
                if orphan != Pid::from_child(&child) {
                    reap(orphan);
                }
            }
        };
        tracing::warn!("the process that runs hooks ended ({status}): started again");
        kill_hooks()?;
        if wait_for_one(service.as_fd(), None, Some(PAUSE))? {
            return Ok(());
        }
    }
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

fn spawn(on_demand: bool) -> io::Result<Child> {
    let mut command = Command::new(own_executable());
    command
        .arg0("carpctl")
        .args(["hooks", "--kept"])
        .stdin(Stdio::piped());
    if on_demand {
        command.arg("--on-demand");
    }
    command.spawn()
}

/// Waits until the service or the other process has ended, or for so long. Returns whether it is
/// the service.
fn wait_for_one(
    service: BorrowedFd<'_>,
    other: Option<BorrowedFd<'_>>,
    patience: Option<Duration>,
) -> io::Result<bool> {
    let timeout = patience.map(Timespec::try_from).transpose();
    let timeout = timeout.map_err(io::Error::other)?;
    let fds = std::iter::once(service).chain(other);
    let mut fds: Vec<PollFd<'_>> = fds
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
    loop {
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => return Ok(fds.first().is_some_and(|fd| !fd.revents().is_empty())),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// How long nothing is started after the last one has ended.
const PAUSE: Duration = Duration::from_secs(1);
