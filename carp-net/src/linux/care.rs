//! Address care: what a master holds and somebody else takes away is put back at once.

use std::net::IpAddr;

use carp_fsm::HostId;

use super::links::Link;
use super::worker::Job;
use super::{Host, Linux};

impl Host {
    /// Whether nobody must take its addresses away.
    const fn is_holding(&self) -> bool {
        self.holding && !self.handing_over
    }
}

impl Linux {
    /// Has addresses put back that somebody else has taken away.
    pub(super) fn restore_addresses(&self, changed: &[(u32, IpAddr, bool)]) {
        for (id, host) in self.hosts.iter().filter(|(_, host)| host.is_holding()) {
            let place = self.place(&host.setup).map(|link| link.index);
            let lost = changed.iter().find(|(index, ip, gone)| {
                *gone && place == Some(*index) && host.addresses.iter().any(|held| held.ip() == *ip)
            });
            if let Some((_, address, _)) = lost {
                let interface = &host.setup.interface;
                tracing::debug!(interface, %address, "is gone, put back");
                self.restore(*id, host);
            }
        }
    }

    fn restore(&self, id: HostId, host: &Host) {
        let own = self
            .carpdev(&host.setup)
            .map(|index| self.own_networks(index));
        self.worker.submit(Job::Restore {
            id,
            addresses: host.addresses.clone(),
            own: own.unwrap_or_default(),
        });
    }

    /// Has interfaces put back that somebody else has deleted while they held addresses.
    pub(super) fn restore_interfaces(&mut self) {
        let mut lost = Vec::new();
        for (id, host) in &mut self.hosts {
            let there = self.links.by_name(&host.setup.interface);
            let there = there.is_some_and(Link::is_carp);
            let was_there = std::mem::replace(&mut host.seen, there);
            if was_there && !there && host.is_holding() {
                lost.push(*id);
            }
        }
        for id in lost {
            if let Some(host) = self.hosts.get(&id)
                && self.carpdev(&host.setup).is_some()
            {
                let interface = &host.setup.interface;
                tracing::warn!(interface, "deleted by somebody else, put back");
                self.restore(id, host);
            }
        }
    }
}
