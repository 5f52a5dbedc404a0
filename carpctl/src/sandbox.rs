//! What the service may do, and no more, so that whoever gets hold of it has little.
//!
//! It listens to a network and to every user of the machine. It needs two capabilities, its own
//! directory and some settings of interfaces. So the process that starts it, as a rule as root,
//! becomes a [user of its own](account) and gives up [the rest](carp_net::linux::privileges) before
//! it does anything else.

mod account;
pub(crate) use account::{Account, NoSuchAccount, OVERRIDE, find_group, is_user_of_the_service};

use std::io;
use std::os::fd::OwnedFd;

use carp_net::linux::privileges::{self, Identity};
use rustix::fs::Gid;

use crate::paths::Paths;

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
