//! Network namespaces: make one, work inside one, know which one it is.
//!
//! A namespace lives as long as a descriptor, a process or a thread holds it. Nothing here pins
//! one to a file, so nothing is left behind whatever way a program ends.

#![expect(
    unsafe_code,
    reason = "unshare and pre_exec have no safe form; each call says why it is sound"
)]

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::panic;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::Result;
use crate::error::About as _;

mod isolation;
pub use isolation::{IsolationError, Obstacle, isolate, settle};
mod processes;
pub use processes::Process;

/// A network namespace, held open.
#[derive(Clone, Debug)]
pub struct Namespace {
    fd: Arc<OwnedFd>,
    inode: u64,
}

impl Namespace {
    /// Makes a new one, empty but for a loopback that is down.
    ///
    /// # Errors
    ///
    /// Where the caller lacks `CAP_SYS_ADMIN`, or a limit on namespaces is reached.
    pub fn new() -> Result<Self> {
        on_a_thread(|| {
            // SAFETY: only `UnshareFlags::FILES` can hurt other threads; this gives a new network
            // namespace to the calling thread, which ends with this closure.
            let unshared = unsafe { unshare_unsafe(UnshareFlags::NEWNET) };
            unshared.about("new network namespace")?;
            Self::current()
        })?
    }

    /// The one the calling thread is in.
    ///
    /// # Errors
    ///
    /// Where `/proc` is not there.
    pub fn current() -> Result<Self> {
        const LINK: &str = "/proc/thread-self/ns/net";
        let file = File::open(LINK).about(LINK)?;
        let inode = file.metadata().about(LINK)?.ino();
        Ok(Self {
            fd: Arc::new(file.into()),
            inode,
        })
    }

    /// Its number, by which the kernel names it; used again once the namespace is gone.
    pub const fn inode(&self) -> u64 {
        self.inode
    }

    /// Runs `work` inside it, on a thread of its own, and returns what `work` returns. Sockets
    /// opened there stay in this namespace wherever they are used.
    ///
    /// # Errors
    ///
    /// Where the namespace cannot be entered.
    pub fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> Result<R> {
        on_a_thread(|| {
            move_into(self.fd.as_fd()).about("entering a network namespace")?;
            Ok(work())
        })?
    }

    /// A command that runs `program` inside it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let fd = Arc::clone(&self.fd);
        let mut command = Command::new(program);
        // SAFETY: between fork and exec the closure makes one system call (setns) on a descriptor
        // that it owns; it allocates nothing and takes no lock.
        unsafe { command.pre_exec(move || Ok(move_into(fd.as_fd())?)) };
        command
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl PartialEq for Namespace {
    /// Two are the same if the kernel says so: while both are held, their numbers differ.
    fn eq(&self, other: &Self) -> bool {
        self.inode == other.inode
    }
}

impl Eq for Namespace {}

fn move_into(fd: BorrowedFd<'_>) -> rustix::io::Result<()> {
    move_into_link_name_space(fd, Some(LinkNameSpaceType::Network))
}

/// Runs `work` on a thread that ends with it, so that a change of its namespace stays there.
fn on_a_thread<R: Send>(work: impl FnOnce() -> R + Send) -> Result<R> {
    thread::scope(|scope| {
        let worker = thread::Builder::new()
            .spawn_scoped(scope, work)
            .about("starting a thread")?;
        Ok(worker
            .join()
            .unwrap_or_else(|payload| panic::resume_unwind(payload)))
    })
}
