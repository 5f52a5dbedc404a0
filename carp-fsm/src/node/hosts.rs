//! The virtual hosts of a node.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use crate::HostId;
use crate::host::Host;

/// The virtual hosts, oldest first.
///
/// Each is in a place of its own, so that the tree is small: a packet goes through it several times.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(BTreeMap<HostId, Box<Host>>);

impl Hosts {
    pub(super) fn get(&self, id: HostId) -> Option<&Host> {
        self.0.get(&id).map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, id: HostId) -> Option<&mut Host> {
        self.0.get_mut(&id).map(Box::as_mut)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Host> {
        self.0.values().map(Box::as_ref)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = HostId> {
        self.0.keys().copied()
    }

    pub(super) fn insert(&mut self, id: HostId, host: Host) {
        self.0.insert(id, Box::new(host));
    }

    pub(super) fn remove(&mut self, id: HostId) -> Option<Host> {
        self.0.remove(&id).map(|host| *host)
    }
}
