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

#[derive(Clone, Debug)]
struct Page {
    places: Box<[Option<Box<Host>>; PAGE]>,
    used: usize,
}

/// One place for each value of a byte.
const PAGE: usize = 256;

impl Hosts {
    pub(super) fn get(&self, id: HostId) -> Option<&Host> {
        let (page, place) = locate(id);
        self.0.get(&page)?.places.get(place)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, id: HostId) -> Option<&mut Host> {
        let (page, place) = locate(id);
        let page = self.0.get_mut(&page)?;
        page.places.get_mut(place)?.as_deref_mut()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Host> {
        let pages = self.0.values();
        pages.flat_map(|page| page.places.iter().filter_map(Option::as_deref))
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = HostId> {
        self.values().map(|host| host.id)
    }

    pub(super) fn insert(&mut self, id: HostId, host: Host) {
        let (page, place) = locate(id);
        let page = self.0.entry(page).or_default();
        if let Some(place) = page.places.get_mut(place)
            && place.replace(Box::new(host)).is_none()
        {
            page.used += 1;
        }
    }

    pub(super) fn remove(&mut self, id: HostId) -> Option<Host> {
        let (number, place) = locate(id);
        let page = self.0.get_mut(&number)?;
        let host = page.places.get_mut(place)?.take()?;
        page.used -= 1;
        if page.used == 0 {
            self.0.remove(&number);
        }
        Some(*host)
    }
}

impl Default for Page {
    fn default() -> Self {
        Self {
            places: Box::new([const { None }; PAGE]),
            used: 0,
        }
    }
}

/// The page of a virtual host, and the place in it.
const fn locate(id: HostId) -> (u64, usize) {
    let [place, ..] = id.0.to_le_bytes();
    (id.0 / PAGE as u64, place as usize)
}
