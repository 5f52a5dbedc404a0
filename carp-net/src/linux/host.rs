//! What the loop knows of a virtual host: what it is to be, what it holds, and where.

use carp_fsm::carp_proto::{MacAddress, VirtualAddress};
use carp_fsm::{HostId, Timestamp};

use super::Linux;
use super::egress::Speech;
use super::worker::Ticket;
use crate::{Error, ErrorKind, Result, Setup};

/// What the loop knows of a virtual host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) setup: Setup,
    /// What it is to hold, or held last.
    pub(super) addresses: Vec<VirtualAddress>,
    /// Whether it is to hold them.
    pub(super) holding: bool,
    /// Whether it is handing them over: what goes then is not put back.
    pub(super) handing_over: bool,
    /// Until when what it holds stays; none: without end.
    pub(super) until: Option<Timestamp>,
    /// The interface that carries its addresses, as the worker has told.
    pub(super) place: Option<u32>,
    /// The last job that changes that interface or what is on it.
    pub(super) last_job: Ticket,
    /// Whether somebody else has taken its interface down, and it has not been configured since.
    pub(super) taken_down: bool,
    /// Whether neighbours may have learned something wrong while it was damaged.
    pub(super) misled: bool,
    /// What ends its speech before its addresses go, where there is such a thing.
    pub(super) speech: Option<Speech>,
    /// Whether this host forwards the IPv6 packets of its interface.
    pub(super) forwards: bool,
}

impl Host {
    /// One that holds nothing, and of which `last_job` makes the interface.
    pub(super) const fn new(setup: Setup, last_job: Ticket) -> Self {
        Self {
            setup,
            addresses: Vec::new(),
            holding: false,
            handing_over: false,
            until: None,
            place: None,
            last_job,
            taken_down: false,
            misled: false,
            speech: None,
            forwards: false,
        }
    }
}

impl Linux {
    pub(super) fn host(&self, id: HostId) -> Result<&Host> {
        let unknown = || Error::new(id.to_string(), ErrorKind::UnknownHost(id));
        self.hosts.get(&id).ok_or_else(unknown)
    }

    /// The index of the carpdev of a setup, if it is there.
    pub(super) fn carpdev(&self, setup: &Setup) -> Option<u32> {
        self.watches.get(&setup.link).and_then(|watch| watch.index)
    }

    /// The link-layer address that frames of a virtual host leave with, and the index of the
    /// interface they leave through.
    pub(super) fn way_out(&self, setup: &Setup) -> Result<(u32, MacAddress)> {
        let absent = || {
            let watch = self.watches.get(&setup.link);
            let name = watch.map_or(setup.interface.as_str(), |watch| &watch.name);
            Error::new(name, ErrorKind::NoSuchInterface)
        };
        let link = self.carpdev(setup).and_then(|index| self.links.get(index));
        let link = link.ok_or_else(absent)?;
        let own = setup.interface_mac().filter(|_| setup.up);
        let mac = own.or(link.mac).ok_or_else(absent)?;
        Ok((link.index, mac))
    }

    /// Takes note of which interface carries the addresses of a virtual host.
    pub(super) fn set_place(&mut self, id: HostId, place: Option<u32>) {
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut host.place, place);
        if let Some(before) = before
            && let Some(there) = self.places.get_mut(&before)
        {
            there.remove(&id);
            if there.is_empty() {
                self.places.remove(&before);
            }
        }
        if let Some(place) = place {
            self.places.entry(place).or_default().insert(id);
        }
        self.hear.place_changed(before, place);
    }
}
