//! The processes of a network namespace, found and ended without hurting others.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::Namespace;
use crate::Result;
use crate::error::About as _;

/// A process, held so that its number cannot come to mean another one.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    pidfd: OwnedFd,
}

impl Process {
    /// Its number in the caller's pid namespace.
    pub const fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Asks it to end in good order (SIGTERM).
    ///
    /// # Errors
    ///
    /// Where the caller may not. A process that has ended already is no error.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Ends it at once (SIGKILL).
    ///
    /// # Errors
    ///
    /// As [`terminate`](Self::terminate).
    pub fn kill(&self) -> Result<()> {
        self.signal(Signal::KILL)
    }

    /// Keeps it from running (SIGSTOP) until it is [thawed](Self::thaw).
    ///
    /// # Errors
    ///
    /// As [`terminate`](Self::terminate).
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it run again (SIGCONT).
    ///
    /// # Errors
    ///
    /// As [`terminate`](Self::terminate).
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        match pidfd_send_signal(&self.pidfd, signal) {
            Err(Errno::SRCH) => Ok(()),
            sent => sent.about(format_args!("signal to process {}", self.pid)),
        }
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    ///
    /// Where the kernel cannot wait.
    pub fn wait(&self) -> Result<()> {
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        loop {
            match poll(&mut fds, None) {
                Err(Errno::INTR) => {}
                waited => {
                    waited.about(format_args!("waiting for process {}", self.pid))?;
                    return Ok(());
                }
            }
        }
    }
}

impl Namespace {
    /// The processes whose main thread is in this namespace, but not the caller's own.
    ///
    /// # Errors
    ///
    /// Where `/proc` cannot be read. A process that ends meanwhile is left out.
    pub fn processes(&self) -> Result<Vec<Process>> {
        let level = pids("self").about("/proc/self/status")?.len();
        let own = rustix::process::getpid();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").about("/proc")? {
            let name = entry.about("/proc")?.file_name();
            let Some(name) = name.to_str().filter(|name| name.parse::<u32>().is_ok()) else {
                continue;
            };
            if !self.holds(name) {
                continue;
            }
            // The numbers of `/proc` are those of the pid namespace it was mounted in.
            let Some(pid) = pids(name)
                .ok()
                .and_then(|pids| pids.get(level - 1).copied())
            else {
                continue;
            };
            let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else {
                continue;
            };
            // Looked at again, now that the number cannot be given to another process.
            if pid != own && self.holds(name) {
                found.push(Process { pid, pidfd });
            }
        }
        Ok(found)
    }

    /// Ends all of [`processes`](Self::processes) with SIGKILL and waits until none is left,
    /// those that were started meanwhile too. All are frozen first, so that none can do anything
    /// about the end of another.
    ///
    /// # Errors
    ///
    /// As [`processes`](Self::processes), [`Process::freeze`], [`Process::kill`] and
    /// [`Process::wait`].
    pub fn kill_processes(&self) -> Result<()> {
        loop {
            let processes = self.processes()?;
            if processes.is_empty() {
                return Ok(());
            }
            for process in &processes {
                process.freeze()?;
            }
            for process in &processes {
                process.kill()?;
            }
            for process in &processes {
                process.wait()?;
            }
        }
    }

    /// Whether the process that `/proc` calls `name` is in this namespace. One that has ended
    /// is in none.
    fn holds(&self, name: &str) -> bool {
        fs::metadata(format!("/proc/{name}/ns/net")).is_ok_and(|link| link.ino() == self.inode())
    }
}

/// The numbers of a process in the pid namespace of `/proc` and in those below it.
fn pids(name: &str) -> io::Result<Vec<Pid>> {
    let status = fs::read_to_string(format!("/proc/{name}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))
        .ok_or_else(|| io::Error::other("no NSpid line"))?;
    let pids: Vec<Pid> = line
        .split_whitespace()
        .filter_map(|word| word.parse().ok().and_then(Pid::from_raw))
        .collect();
    if pids.is_empty() {
        return Err(io::Error::other("no number in the NSpid line"));
    }
    Ok(pids)
}
