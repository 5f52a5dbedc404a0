//! The virtual hosts of a node, by the number that names each of them.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use crate::HostId;
use crate::host::Host;

/// The virtual hosts, oldest first.
///
/// A packet asks for one of them several times, so that must cost the same however many there are.
/// Numbers are given in turn and never twice: those that follow each other share a page, each
/// in a place of its own, and the tree of pages stays small enough for the processor's nearest cache.
/// A page goes with the last of its virtual hosts.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(BTreeMap<u64, Page>);

type Page = Box<[Option<Box<Host>>; PAGE]>;

/// One place for each value of a byte.
const PAGE: usize = 256;

impl Hosts {
    pub(super) fn get(&self, id: HostId) -> Option<&Host> {
        let (page, place) = locate(id);
        self.0.get(&page)?.get(place)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, id: HostId) -> Option<&mut Host> {
        let (page, place) = locate(id);
        self.0.get_mut(&page)?.get_mut(place)?.as_deref_mut()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Host> {
        let pages = self.0.values();
        pages.flat_map(|page| page.iter().filter_map(Option::as_deref))
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = HostId> {
        self.values().map(|host| host.id)
    }

    pub(super) fn insert(&mut self, id: HostId, host: Host) {
        let (page, place) = locate(id);
        let none = || Box::new([const { None }; PAGE]);
        let page = self.0.entry(page).or_insert_with(none);
        if let Some(place) = page.get_mut(place) {
            *place = Some(Box::new(host));
        }
    }

    pub(super) fn remove(&mut self, id: HostId) -> Option<Host> {
        let (number, place) = locate(id);
        let page = self.0.get_mut(&number)?;
        let host = page.get_mut(place)?.take()?;
        if page.iter().all(Option::is_none) {
            self.0.remove(&number);
        }
        Some(*host)
    }
}

/// The page of a virtual host, and the place in it.
const fn locate(id: HostId) -> (u64, usize) {
    let [place, ..] = id.0.to_le_bytes();
    (id.0 / PAGE as u64, place as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LinkId;
    use crate::testing::host;

    /// Numbers are never given twice, so that a node whose virtual hosts come and go for years fills
    /// page after page.
    #[test]
    fn pages_go_with_the_last_of_their_virtual_hosts() {
        let mut hosts = Hosts::default();
        let told = host(0, &[]);
        for number in 1..=1_000 {
            let id = HostId(number);
            hosts.insert(id, Host::new(id, LinkId(1), told.clone(), 1));
        }
        assert_eq!(hosts.0.len(), 4);
        for number in 2..=1_000 {
            assert!(hosts.remove(HostId(number)).is_some());
        }
        assert_eq!(hosts.0.len(), 1);
        assert!(hosts.remove(HostId(2)).is_none());
        assert!(hosts.get(HostId(1)).is_some());
        assert!(hosts.remove(HostId(1)).is_some());
        assert!(hosts.0.is_empty());
    }
}
