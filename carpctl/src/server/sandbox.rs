//! What the service may do, and no more, so that whoever gets hold of it has little.
//!
//! It listens to a network and to every user of the machine. It needs two capabilities, its own
//! directory and some settings of interfaces. So the process that starts it, as a rule as root,
//! becomes a [user of its own](Account) and gives up [the rest](carp_net::linux::privileges) before
//! it does anything else. The engine, which does all that, confines itself further: to some
//! [files](Files) before it opens anything, and to some [system calls](Calls) once all is open.
//!
//! What a process has put on stays on whatever program it becomes, and goes on to what it starts. So
//! the supervisor goes without the latter two: the engine of another version may need something else.

mod account;
mod calls;
mod files;
pub(crate) use account::{Account, NoSuchAccount, OVERRIDE, find_group, is_user_of_the_service};

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use carp_net::linux::privileges::{self, Identity};
use rustix::fs::Gid;

use crate::paths::Paths;
use calls::Calls;
use files::Files;

/// Why there is no sandbox, and so no service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    #[error(transparent)]
    Account(#[from] NoSuchAccount),
    #[error(transparent)]
    Privileges(#[from] carp_net::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Keeps what the service needs, for this process and what it starts, and gives up the rest: to be
/// called while there is but one thread. Returns what only the privileges before could open, by
/// name.
///
/// `user` is who to be, and `group` whom the control socket is for.
pub(crate) fn give_up_privileges(
    user: Option<&str>,
    group: Option<Gid>,
    paths: &Paths,
) -> Result<Vec<(String, OwnedFd)>, SandboxError> {
    let account = Account::of_the_service(user)?;
    let Identity { user, group: own } = account.identity();
    // To give the socket to a group, one has to be in it.
    let group = group.map_or(own, Gid::as_raw);
    let identity = Identity { user, group };
    paths.make_directory_of(user)?;
    let prepared = privileges::prepare();
    privileges::give_up((identity != Identity::of_this_process()).then_some(identity))?;
    tracing::info!("sandbox: {account}, CAP_NET_ADMIN and CAP_NET_RAW only");
    Ok(prepared)
}

/// What an engine cannot do any more.
#[derive(Debug)]
pub(crate) struct Confinement(Files);

impl Confinement {
    /// Begins with files: to be called while there is but one thread. `socket` is a file that it makes
    /// beside those of `paths`.
    pub(crate) fn of_files(paths: &Paths, socket: Option<&Path>) -> io::Result<Self> {
        paths.make_directory()?;
        let beside = socket.and_then(Path::parent);
        let directories: Vec<_> = beside.into_iter().chain([paths.directory()]).collect();
        Ok(Self(Files::confine_to(&directories)))
    }

    /// Ends with system calls, of all threads, and says in the log what is on, and why something is
    /// not. What it returns is to be kept as long as anything is opened.
    pub(crate) fn of_calls(self) -> Self {
        let calls = Calls::confine();
        tracing::info!("sandbox: {}, {calls}", self.0);
        self
    }
}

#[cfg(test)]
mod tests;
