//! A process that keeps `carpctl hooks` running as long as the service, where nothing else does:
//! started before the service gives up its rights, it can start one again.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, getppid, pidfd_open};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

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
    loop {
        let mut child = spawn(on_demand)?;
        let end = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
        if wait_for_one(&service, Some(&end), None)? {
            // The end of its standard input tells it; what runs has its own limits.
            drop(child.stdin.take());
            child.wait()?;
            return Ok(());
        }
        let status = child.wait()?;
        tracing::warn!("the process that runs hooks ended ({status}): started again");
        if wait_for_one(&service, None, Some(PAUSE))? {
            return Ok(());
        }
    }
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
    service: &OwnedFd,
    other: Option<&OwnedFd>,
    patience: Option<Duration>,
) -> io::Result<bool> {
    let timeout = patience.map(Timespec::try_from).transpose();
    let timeout = timeout.map_err(io::Error::other)?;
    let fds = std::iter::once(service).chain(other);
    let mut fds: Vec<PollFd<'_>> = fds
        .map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN))
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
