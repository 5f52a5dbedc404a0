//! The place where the addresses of a virtual host go, and the recipes: make, hold, hand over,
//! release, take away.
//!
//! Each is as it was measured. The order of the steps decides whether echoes are lost, and whether
//! a frame with the virtual MAC address leaves a node that is no master.

use std::io;
use std::net::IpAddr;

use carp_fsm::Lladdr;
use carp_fsm::carp_proto::{Vhid, VirtualAddress};

use super::addresses::{self, Ground};
use super::kernel::Access;
use super::netlink::{Connection, Refusal, Request};
use super::ready::Readiness;
use super::{egress, interface, routes, settings};
use crate::error::About as _;
use crate::{Error, ErrorKind, Result, Setup};

/// An interface that carries the addresses of a virtual host.
#[derive(Debug)]
pub(super) struct Place {
    /// The name of the carp interface.
    name: String,
    vhid: Vhid,
    ground: Ground,
    carpdev: u32,
    /// The interface: the carp interface, or the carpdev.
    index: u32,
    held: Vec<Placed>,
    /// Whether it does not speak for its addresses.
    quiet: bool,
}

/// An address that is in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Placed {
    address: VirtualAddress,
    /// Whether it has brought a route to its network.
    routed: bool,
}

impl Place {
    /// Makes it on the carpdev with this index. It is down, if it is a carp interface, and holds
    /// nothing.
    pub(super) fn make(access: &mut Access, setup: &Setup, carpdev: u32) -> Result<Self> {
        let name = &setup.interface;
        let connection = &mut access.connection;
        if let Some(link) = interface::find(connection, name).about(name)? {
            if !link.is_carp() {
                return Err(Error::new(name, ErrorKind::NameTaken));
            }
            tracing::info!(interface = name, "carp interface of a former run removed");
            connection
                .all(vec![interface::delete(link.index)])
                .about(name)?;
        }
        let ground = ground_of(setup);
        let index = match ground {
            Ground::Own => make_interface(connection, setup, carpdev)?,
            Ground::Shared => {
                let borrowed = access.clsacts.borrow(connection, carpdev);
                borrowed.about(format_args!("{name}: egress filter (sch_ingress, cls_bpf)"))?;
                carpdev
            }
        };
        Ok(Self {
            name: name.clone(),
            vhid: setup.vhid,
            ground,
            carpdev,
            index,
            held: Vec::new(),
            quiet: false,
        })
    }

    /// Whether it does for `setup` on the carpdev with this index, up or down apart.
    pub(super) fn suits(&self, setup: &Setup, carpdev: u32) -> bool {
        self.name == setup.interface
            && self.vhid == setup.vhid
            && self.ground == ground_of(setup)
            && self.carpdev == carpdev
    }

    /// The index of the interface that carries the addresses: of its own, or of the carpdev.
    pub(super) const fn index(&self) -> u32 {
        self.index
    }

    pub(super) fn holds(&self, ip: IpAddr) -> bool {
        self.held.iter().any(|placed| placed.address.ip() == ip)
    }

    /// Whether its interface forwards IPv6; none where it has gone.
    pub(super) fn look(&self, connection: &mut Connection) -> Option<bool> {
        settings::forwards_inet6(connection, self.index).ok()
    }

    /// Takes a carp interface up or down. A carpdev is the host's own affair.
    pub(super) fn set_up(&self, access: &mut Access, up: bool) -> Result<()> {
        if self.ground == Ground::Shared {
            return Ok(());
        }
        let mut requests = vec![interface::admin(self.index, up)];
        if up && self.held.is_empty() {
            // The kernel takes its time to notice that an interface has come up without carrier,
            // but none to notice that it loses it.
            requests.push(interface::protodown(self.index, false));
            requests.push(interface::protodown(self.index, true));
        }
        access.connection.all(requests).about(&self.name)
    }

    /// Holds exactly `addresses`: they are there and answered for when this returns. Where it
    /// fails, what was held before is held still.
    pub(super) fn hold(
        &mut self,
        access: &mut Access,
        addresses: &[VirtualAddress],
        own: &[VirtualAddress],
    ) -> Result<()> {
        let readiness = Readiness::listen();
        let connection = &mut access.connection;
        let (index, carpdev) = (self.index, self.carpdev);
        let routed =
            routes::needed(connection, index, carpdev, own, addresses).about(&self.name)?;
        let wanted: Vec<Placed> = addresses
            .iter()
            .zip(routed)
            .map(|(&address, routed)| Placed { address, routed })
            .collect();
        self.remove_unwanted(connection, &wanted);
        let added = self.add(connection, &wanted)?;
        if !wanted.is_empty()
            && let Err(error) = self.open(access)
        {
            self.remove(&mut access.connection, &added);
            return Err(error);
        }
        self.set_routes(&mut access.connection, wanted);
        if !addresses.is_empty() {
            // The advert that follows must not bring packets that would be lost.
            let connection = &mut access.connection;
            let ready = readiness.map_err(Refusal::from);
            match ready.and_then(|it| it.wait(connection, self.index, addresses)) {
                Ok(true) => {}
                Ok(false) => tracing::warn!(interface = self.name, "the kernel is slow"),
                Err(error) => self.warn("not known whether it is ready", Err(error)),
            }
        }
        Ok(())
    }

    /// Stops speaking for the addresses: no ARP, no neighbour discovery, no group membership.
    /// Data goes on.
    pub(super) fn quieten(&mut self, access: &mut Access) {
        let held: Vec<IpAddr> = self.held.iter().map(|placed| placed.address.ip()).collect();
        let connection = &mut access.connection;
        let done = match self.ground {
            Ground::Own => connection.all(vec![self.filter(&egress::quiet())]),
            Ground::Shared if held.is_empty() => Ok(()),
            Ground::Shared => connection.all(vec![self.filter(&egress::veil(&held))]),
        };
        self.quiet = true;
        self.warn("not silenced", done);
    }

    /// Lets go of all addresses, without a frame that says so.
    pub(super) fn release(&mut self, access: &mut Access) {
        let held = std::mem::take(&mut self.held);
        let mut requests = Vec::new();
        if self.ground == Ground::Own {
            // The carrier first: the kernel says nothing about an address that goes then.
            requests.push(interface::protodown(self.index, true));
        }
        requests.extend(self.removals(&held));
        if self.ground == Ground::Own {
            requests.push(self.filter(&egress::closed()));
        }
        self.try_all(&mut access.connection, requests);
        if self.ground == Ground::Shared {
            self.unveil(access);
        }
        self.quiet = false;
    }

    /// Takes the carrier away, where it has come back though nothing is held.
    pub(super) fn mute(&mut self, access: &mut Access) {
        if self.ground == Ground::Own && self.held.is_empty() {
            let requests = vec![interface::protodown(self.index, true)];
            self.try_all(&mut access.connection, requests);
        }
    }

    /// Looks again which addresses have to bring a route.
    pub(super) fn reroute(&mut self, access: &mut Access, own: &[VirtualAddress]) {
        let held: Vec<_> = self.held.iter().map(|placed| placed.address).collect();
        let connection = &mut access.connection;
        let (index, carpdev) = (self.index, self.carpdev);
        let needed = match routes::needed(connection, index, carpdev, own, &held) {
            Ok(needed) => needed,
            Err(error) => return self.warn("routes not looked up", Err(error)),
        };
        let mut wanted = self.held.clone();
        for (placed, routed) in wanted.iter_mut().zip(needed) {
            placed.routed = routed;
        }
        self.set_routes(connection, wanted);
    }

    /// Gives those addresses a route that need one; all are held from now on.
    fn set_routes(&mut self, connection: &mut Connection, wanted: Vec<Placed>) {
        let was_routed = |placed: &Placed| {
            let mut held = self.held.iter();
            held.any(|held| held.address == placed.address && held.routed)
        };
        let requests = wanted.iter().filter_map(|placed| {
            if placed.routed {
                // Even where it was so: another virtual host may have taken it along.
                Some(routes::add(self.index, placed.address))
            } else if was_routed(placed) {
                Some(routes::remove(self.index, placed.address))
            } else {
                None
            }
        });
        let requests: Vec<_> = requests.collect();
        self.try_all(connection, requests);
        self.held = wanted;
    }

    /// Gives the addresses their routes again, which another virtual host on the same carpdev may
    /// have taken along: IPv6 knows but one route to a network through an interface.
    pub(super) fn restore_routes(&mut self, access: &mut Access) {
        self.set_routes(&mut access.connection, self.held.clone());
    }

    /// Takes it away, with all that is on it.
    pub(super) fn unmake(mut self, access: &mut Access) {
        self.release(access);
        if self.ground == Ground::Shared {
            let given_back = access.clsacts.give_back(&mut access.connection, self.index);
            self.warn("clsact not removed", given_back);
        }
        if self.ground == Ground::Own {
            // Only if it is still the one that was made: an index can come again.
            match interface::find(&mut access.connection, &self.name) {
                Ok(Some(link)) if link.index == self.index && link.is_carp() => {
                    self.try_all(&mut access.connection, vec![interface::delete(self.index)]);
                }
                Ok(_) => {}
                Err(error) => self.warn("not found", Err(error)),
            }
        }
    }

    fn remove_unwanted(&mut self, connection: &mut Connection, wanted: &[Placed]) {
        let is_wanted = |held: &Placed| wanted.iter().any(|new| new.address == held.address);
        let unwanted: Vec<_> = self
            .held
            .iter()
            .filter(|held| !is_wanted(held))
            .copied()
            .collect();
        self.remove(connection, &unwanted);
        self.held.retain(is_wanted);
    }

    fn remove(&self, connection: &mut Connection, placed: &[Placed]) {
        self.try_all(connection, self.removals(placed));
    }

    fn removals(&self, placed: &[Placed]) -> Vec<Request> {
        let remove = |placed: &Placed| {
            let address = addresses::remove(self.index, self.ground, placed.address);
            let route = || routes::remove(self.index, placed.address);
            [Some(address), placed.routed.then(route)]
        };
        placed.iter().flat_map(remove).flatten().collect()
    }

    /// Adds the addresses that are not there; returns those that were added.
    fn add(&self, connection: &mut Connection, wanted: &[Placed]) -> Result<Vec<Placed>> {
        let add = |placed: &Placed| addresses::add(self.index, self.ground, placed.address);
        let verdicts = connection
            .each(wanted.iter().map(add).collect())
            .about(&self.name)?;
        let mut added = Vec::new();
        let mut refused = None;
        for (placed, verdict) in wanted.iter().zip(verdicts) {
            match verdict {
                Ok(()) => added.push(*placed),
                Err(refusal) if refusal.is(libc::EEXIST) && self.may_keep(placed) => {}
                Err(refusal) => {
                    let error = self.refused(connection, placed, refusal);
                    refused.get_or_insert(error);
                }
            }
        }
        match refused {
            None => Ok(added),
            Some(error) => {
                self.remove(connection, &added);
                Err(error)
            }
        }
    }

    /// Whether an address that is there already counts as ours: whatever is on a carp interface
    /// does, on a carpdev only what was put there.
    fn may_keep(&self, placed: &Placed) -> bool {
        self.ground == Ground::Own || self.holds(placed.address.ip())
    }

    fn refused(&self, connection: &mut Connection, placed: &Placed, refusal: Refusal) -> Error {
        if refusal.is(libc::EEXIST)
            && let Ok(Some(link)) = interface::get(connection, self.index)
        {
            let address = placed.address.ip();
            let interface = link.name;
            return Error::new(&self.name, ErrorKind::AddressInUse { address, interface });
        }
        let about = format!("{}: {}", self.name, placed.address);
        Error::new(about, io::Error::from(refusal))
    }

    /// Lets the interface speak for the addresses on it.
    fn open(&mut self, access: &mut Access) -> Result<()> {
        match self.ground {
            Ground::Own => {
                let requests = vec![
                    self.filter(&egress::normal()),
                    interface::protodown(self.index, false),
                ];
                access.connection.all(requests).about(&self.name)?;
            }
            Ground::Shared => self.unveil(access),
        }
        self.quiet = false;
        Ok(())
    }

    fn unveil(&mut self, access: &mut Access) {
        if !self.quiet {
            return;
        }
        let connection = &mut access.connection;
        self.try_all(connection, vec![egress::remove(self.index, self.handle())]);
        self.quiet = false;
    }

    fn filter(&self, program: &egress::Program) -> Request {
        egress::set(self.index, self.handle(), program)
    }

    /// Several virtual hosts may have a filter on one carpdev.
    fn handle(&self) -> u16 {
        self.vhid.get().into()
    }

    /// Does things that are good enough if they were so before.
    fn try_all(&self, connection: &mut Connection, requests: Vec<Request>) {
        if requests.is_empty() {
            return;
        }
        let done = match connection.each(requests) {
            Ok(verdicts) => verdicts.into_iter().find(|verdict| {
                let harmless = |refusal: &Refusal| HARMLESS.iter().any(|errno| refusal.is(*errno));
                verdict.as_ref().is_err_and(|refusal| !harmless(refusal))
            }),
            Err(error) => Some(Err(error)),
        };
        self.warn("incomplete", done.unwrap_or(Ok(())));
    }

    fn warn(&self, what: &str, done: Result<(), Refusal>) {
        if let Err(error) = done {
            tracing::warn!(interface = self.name, %error, "{what}");
        }
    }
}

/// What says that something is gone, or there, already.
const HARMLESS: [i32; 5] = [
    libc::EADDRNOTAVAIL,
    libc::EEXIST,
    libc::ENODEV,
    libc::ENOENT,
    libc::ESRCH,
];

fn ground_of(setup: &Setup) -> Ground {
    if setup.lladdr == Lladdr::Carpdev {
        Ground::Shared
    } else {
        Ground::Own
    }
}

/// Makes a carp interface that will not say a word: it is down, without carrier and filtered.
fn make_interface(connection: &mut Connection, setup: &Setup, carpdev: u32) -> Result<u32> {
    let name = &setup.interface;
    let index = interface::create(connection, name, carpdev, setup.vhid.virtual_mac())
        .map_err(|refusal| explain(connection, name, carpdev, refusal))?;
    let made = guard(connection, setup, index);
    if made.is_err() {
        drop(connection.all(vec![interface::delete(index)]));
    }
    made.map(|()| index)
}

/// Does everything that must be so before the interface comes up for the first time.
fn guard(connection: &mut Connection, setup: &Setup, index: u32) -> Result<()> {
    let name = &setup.interface;
    let handle = setup.vhid.get().into();
    connection
        .all(vec![
            egress::add_clsact(index),
            egress::set(index, handle, &egress::closed()),
        ])
        .about(format_args!("{name}: egress filter (sch_ingress, cls_bpf)"))?;
    connection
        .all(vec![
            interface::protodown(index, true),
            settings::set(index, &settings::OF_CARP),
        ])
        .about(name)?;
    match connection.all(vec![settings::no_address_generation(index)]) {
        Ok(()) => settings::set_inet6(name, &settings::OF_CARP_INET6),
        Err(refusal) if refusal.is(libc::EAFNOSUPPORT) => {}
        Err(refusal) => return Err(refusal).about(format_args!("{name}: addrgenmode")),
    }
    Ok(())
}

/// Says what to do: names the bridge where a macvlan is refused because the carpdev is one of its
/// ports, or the privilege that is lacking.
fn explain(connection: &mut Connection, name: &str, carpdev: u32, refusal: Refusal) -> Error {
    if refusal.is(libc::EBUSY)
        && let Ok(Some(port)) = interface::get(connection, carpdev)
        && let Some(master) = port.master
        && let Ok(Some(bridge)) = interface::get(connection, master)
    {
        let bridge = bridge.name;
        return Error::new(port.name, ErrorKind::BridgePort { bridge });
    }
    let lacks_privilege = refusal.is(libc::EPERM);
    let about = if lacks_privilege {
        " (needs CAP_NET_ADMIN)"
    } else {
        ""
    };
    Error::new(format!("{name}{about}"), io::Error::from(refusal))
}
