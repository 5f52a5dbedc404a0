//! The sweep: what a former run has left and nobody has claimed goes.

use carp_fsm::carp_proto::VirtualAddress;

use super::{Host, Kernel};
use crate::linux::addresses::{self, MARK};
use crate::linux::carpdev::Carpdev;
use crate::linux::links::{Link, Links};
use crate::linux::netlink::Refusal;
use crate::linux::place::Place;
use crate::linux::settings::Borrowed;
use crate::linux::worker::Answer;
use crate::linux::{egress, interface, routes};

impl<T: FnMut(Answer)> Kernel<T> {
    /// Takes away what bears our mark and belongs to none of the virtual hosts there are.
    pub(super) fn sweep(&mut self) {
        self.inherited.clear();
        if let Err(error) = self.try_sweep() {
            tracing::warn!(%error, "what a former run has left may still be there");
        }
    }

    fn try_sweep(&mut self) -> Result<(), Refusal> {
        let links = Links::survey(&mut self.access.connection)?;
        for link in links.all() {
            if self.is_left_over(link)? {
                let name = &link.name;
                tracing::info!(interface = name, "carp interface of a former run removed");
                let delete = interface::delete(link.index);
                self.access.connection.all(vec![delete])?;
            }
        }
        let mut requests = Vec::new();
        for link in links.all() {
            for address in links.addresses(link.index) {
                let is_ours = address.mark == MARK;
                let address = address.network().filter(|_| is_ours);
                let Some(address) = address.filter(|it| !self.is_held(link.index, *it)) else {
                    continue;
                };
                let interface = &link.name;
                tracing::info!(interface, %address, "address of a former run removed");
                requests.push(addresses::remove_found(link.index, address));
            }
        }
        // Those of IPv4 go with their addresses.
        for (index, network) in routes::marked_inet6(&mut self.access.connection)? {
            if !self.is_reached(index, network) {
                tracing::info!(index, %network, "route of a former run removed");
                requests.push(routes::remove(index, network));
            }
        }
        // What has gone in the meantime is no matter.
        self.access.connection.each(requests)?;
        self.sweep_carpdevs()
    }

    /// Whether a link is a carp interface of a former run. Other software makes macvlans with the
    /// same MAC addresses, but not with our filter.
    fn is_left_over(&mut self, link: &Link) -> Result<bool, Refusal> {
        let Some(vhid) = link.carp_vhid() else {
            return Ok(false);
        };
        let claims = |host: &Host| {
            let is_there = host.place.as_ref().map(Place::index) == Some(link.index);
            is_there || host.setup.interface == link.name
        };
        if self.hosts.values().any(claims) {
            return Ok(false);
        }
        let ours = egress::ours(&mut self.access.connection, link.index)?;
        Ok(ours.contains(&vhid.get().into()))
    }

    fn is_held(&self, index: u32, address: VirtualAddress) -> bool {
        let mut places = self.places(index);
        places.any(|place| place.holds(address.ip()))
    }

    /// Whether a virtual host needs the route to `network` through the interface with this index.
    fn is_reached(&self, index: u32, network: VirtualAddress) -> bool {
        let mut places = self.places(index);
        places.any(|place| place.is_routed(network))
    }

    fn places(&self, index: u32) -> impl Iterator<Item = &Place> {
        let places = self.hosts.values().filter_map(|host| host.place.as_ref());
        places.filter(move |place| place.index() == index)
    }

    /// Puts back what a former run has changed on interfaces of the host.
    fn sweep_carpdevs(&mut self) -> Result<(), Refusal> {
        let followed: Vec<u32> = self.carpdevs.values().filter_map(Carpdev::index).collect();
        let noted = self.access.journal.interfaces();
        let mut all: Vec<u32> = followed.iter().chain(&noted).copied().collect();
        all.sort_unstable();
        all.dedup();
        for index in all {
            let needed: Vec<u16> = self.places(index).map(Place::handle).collect();
            let access = &mut self.access;
            for handle in egress::ours(&mut access.connection, index)? {
                if !needed.contains(&handle) {
                    tracing::info!(index, handle, "egress filter of a former run removed");
                    access
                        .connection
                        .each(vec![egress::remove(index, handle)])?;
                }
            }
            let (connection, journal) = (&mut access.connection, &mut access.journal);
            if journal.has_clsact(index) && !access.clsacts.is_needed(index) {
                tracing::info!(index, "clsact of a former run removed");
                egress::put_back(connection, journal, index)?;
            }
            if !followed.contains(&index) {
                tracing::info!(index, "settings that a former run has changed put back");
                let done = Borrowed::found(journal, index).put_back(connection, journal);
                match done {
                    Err(refusal) if !refusal.is(libc::ENODEV) => return Err(refusal),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
