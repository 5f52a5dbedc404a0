//! Sockets that one process hands to the next, so that no advert is lost and no switch is told that
//! a group is left and joined again.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::sys;

/// How a [`Linux`](super::Linux) is opened: alone, or as the successor of another process on the
/// same machine.
#[derive(Debug)]
pub struct Options {
    pub(super) inherited: BTreeMap<String, OwnedFd>,
    pub(super) journal: Option<PathBuf>,
    pub(super) grace: Duration,
    pub(super) before_others: bool,
}

impl Options {
    /// Nothing is inherited, and nothing is written down.
    pub fn new() -> Self {
        Self {
            inherited: BTreeMap::new(),
            journal: None,
            grace: GRACE,
            before_others: false,
        }
    }

    /// Goes on with a descriptor of a former process, by the name that its
    /// [`descriptors`](super::Linux::descriptors) gave it. One that is of no use is closed.
    #[must_use]
    pub fn inherit(mut self, name: impl Into<String>, descriptor: OwnedFd) -> Self {
        self.inherited.insert(name.into(), descriptor);
        self
    }

    /// Writes to the file `path` what is changed on interfaces of the host, and reads there what
    /// a former run has not put back. It goes with the last change that is put back. Its
    /// directory should be one that is empty when the machine starts, such as `/run`.
    #[must_use]
    pub fn journal(mut self, path: impl Into<PathBuf>) -> Self {
        self.journal = Some(path.into());
        self
    }

    /// Has the thread that opens it, which must be that of the loop, and its own thread run before all
    /// programs that only compute (`SCHED_FIFO`), so that adverts are on time and none is overlooked
    /// however busy the machine is. What these threads start is not affected. Where the kernel
    /// refuses that, which takes `CAP_SYS_NICE`, they run like any other.
    #[must_use]
    pub const fn before_others(mut self) -> Self {
        self.before_others = true;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// Descriptors of a former process that have not been used so far.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    descriptors: BTreeMap<String, OwnedFd>,
    /// The network namespace they must belong to, where the kernel tells.
    namespace: Option<u64>,
}

impl Inherited {
    pub(super) const fn new(
        descriptors: BTreeMap<String, OwnedFd>,
        namespace: Option<u64>,
    ) -> Self {
        Self {
            descriptors,
            namespace,
        }
    }

    /// The socket called `name`, if it is there and of the right kind and network namespace.
    pub(super) fn take(
        &mut self,
        name: &str,
        domain: Domain,
        kind: Type,
        protocol: Option<Protocol>,
    ) -> Option<Socket> {
        let socket = Socket::from(self.descriptors.remove(name)?);
        let fits = socket.domain().ok() == Some(domain)
            && socket.r#type().ok() == Some(kind)
            && protocol.is_none_or(|protocol| socket.protocol().ok() == Some(Some(protocol)))
            && sys::namespace(&socket).ok() == self.namespace
            && socket.set_cloexec(true).is_ok()
            && socket.set_nonblocking(true).is_ok();
        if !fits {
            tracing::warn!(name, "inherited descriptor is not what its name says");
        }
        fits.then_some(socket)
    }

    /// Whatever is called `name`.
    pub(super) fn take_any(&mut self, name: &str) -> Option<OwnedFd> {
        self.descriptors.remove(name)
    }

    /// Those for the worker, which has to do with groups.
    pub(super) fn split_off_groups(&mut self) -> Self {
        let all = std::mem::take(&mut self.descriptors).into_iter();
        let (groups, rest): (BTreeMap<_, _>, _) =
            all.partition(|(name, _)| name.starts_with("group-"));
        self.descriptors = rest;
        Self {
            descriptors: groups,
            namespace: self.namespace,
        }
    }

    /// Closes what is left.
    pub(super) fn clear(&mut self) {
        for (name, _) in std::mem::take(&mut self.descriptors) {
            tracing::debug!(name, "inherited descriptor not needed");
        }
    }
}

/// Whatever of a former run nobody has claimed after this time goes.
const GRACE: Duration = Duration::from_secs(5);
