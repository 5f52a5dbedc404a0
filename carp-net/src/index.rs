//! Who has a name or an address, so that what is added is not compared with thousands of others.

use std::collections::BTreeMap;
use std::net::IpAddr;

use carp_fsm::HostId;
use carp_fsm::carp_proto::VirtualAddress;

/// The names of all interfaces, and the addresses of all virtual hosts.
#[derive(Debug, Default)]
pub(crate) struct Index {
    names: BTreeMap<String, HostId>,
    addresses: BTreeMap<IpAddr, Vec<HostId>>,
    /// The same, the other way round.
    of_host: BTreeMap<HostId, Box<[IpAddr]>>,
}

impl Index {
    /// Whose interface is called so.
    pub(crate) fn by_name(&self, name: &str) -> Option<HostId> {
        self.names.get(name).copied()
    }

    /// Who has this address: more than one only where it is link-local.
    pub(crate) fn by_address(&self, ip: IpAddr) -> &[HostId] {
        self.addresses.get(&ip).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn add_name(&mut self, name: &str, id: HostId) {
        self.names.insert(name.to_owned(), id);
    }

    pub(crate) fn remove_name(&mut self, name: &str) {
        self.names.remove(name);
    }

    /// Has `id` have these addresses, and no others.
    pub(crate) fn set_addresses(&mut self, id: HostId, addresses: &[VirtualAddress]) {
        for ip in self.of_host.remove(&id).unwrap_or_default() {
            if let Some(holders) = self.addresses.get_mut(&ip) {
                holders.retain(|holder| *holder != id);
                if holders.is_empty() {
                    self.addresses.remove(&ip);
                }
            }
        }
        if addresses.is_empty() {
            return;
        }
        let all: Box<[IpAddr]> = addresses.iter().map(VirtualAddress::ip).collect();
        for ip in &all {
            self.addresses.entry(*ip).or_default().push(id);
        }
        self.of_host.insert(id, all);
    }
}
