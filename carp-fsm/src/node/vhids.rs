//! Which virtual host has a vhid on a link: looked up for every packet that comes in.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use carp_proto::Vhid;

use crate::{HostId, LinkId};

/// The vhids in use: one table for each link that has any, so that the number of virtual hosts
/// makes no difference.
#[derive(Clone, Debug, Default)]
pub(super) struct Vhids(BTreeMap<LinkId, Table>);

type Table = Box<[Option<HostId>; 256]>;

impl Vhids {
    /// Who has `vhid`, as it stands in a packet, on `link`.
    pub(super) fn get(&self, link: LinkId, vhid: u8) -> Option<HostId> {
        let table = self.0.get(&link)?;
        table.get(usize::from(vhid)).copied().flatten()
    }

    /// Whether anybody has a vhid on `link`.
    pub(super) fn has(&self, link: LinkId) -> bool {
        self.0.contains_key(&link)
    }

    /// Those on `link`, by vhid.
    pub(super) fn on(&self, link: LinkId) -> impl Iterator<Item = HostId> {
        let table = self.0.get(&link);
        table
            .into_iter()
            .flat_map(|table| table.iter().copied().flatten())
    }

    pub(super) fn insert(&mut self, link: LinkId, vhid: Vhid, id: HostId) {
        let nobody = || Box::new([None; 256]);
        let table = self.0.entry(link).or_insert_with(nobody);
        if let Some(slot) = table.get_mut(usize::from(vhid.get())) {
            *slot = Some(id);
        }
    }

    pub(super) fn remove(&mut self, link: LinkId, vhid: Vhid) {
        let Some(table) = self.0.get_mut(&link) else {
            return;
        };
        if let Some(slot) = table.get_mut(usize::from(vhid.get())) {
            *slot = None;
        }
        if table.iter().all(Option::is_none) {
            self.0.remove(&link);
        }
    }
}
