//! The place where the addresses of a virtual host go, and the recipes: hold, renew, release, take
//! away, here; how it is made in `make`, how it speaks and falls silent in `voice`.
//!
//! Each is as it was measured. The order of the steps decides whether echoes are lost, and whether
//! a frame with the virtual MAC address leaves a node that is no master.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use carp_fsm::Timestamp;
use carp_fsm::carp_proto::{MacAddress, Vhid, VirtualAddress};

use super::addresses::{self, Ground, MARK};
use super::check::check_mtu;
use super::egress::Speech;
use super::kernel::Access;
use super::netlink::{Connection, Refusal, Request};
use super::{clock, egress, interface, ready, routes, settings};
use crate::error::About as _;
use crate::{Error, ErrorKind, Result, Setup};

mod leftover;
mod make;
mod mend;
mod stand_in;
mod voice;
pub(super) use mend::{Condition, is_altered};
use stand_in::StandIn;

/// An interface that carries the addresses of a virtual host.
#[derive(Debug)]
pub(super) struct Place {
    /// The name of the carp interface.
    name: String,
    vhid: Vhid,
    ground: Ground,
    /// The link-layer address that the carp interface has; none on a carpdev.
    mac: Option<MacAddress>,
    carpdev: u32,
    /// The interface: the carp interface, or the carpdev.
    index: u32,
    held: Vec<Placed>,
    /// Until when that stays; none: without end.
    until: Option<Timestamp>,
    /// Whether it does not speak for its addresses.
    quiet: bool,
    /// What ends its speech before the addresses go, once it has spoken; none on a carpdev, and where
    /// the kernel does not let us.
    speech: Option<Speech>,
}

/// An address that is in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Placed {
    address: VirtualAddress,
    /// Whether it has brought a route to its network.
    routed: bool,
}

impl Place {
    /// Whether it does for `setup` on the carpdev with this index, up or down apart.
    pub(super) fn suits(&self, setup: &Setup, carpdev: u32) -> bool {
        self.name == setup.interface
            && self.vhid == setup.vhid
            && self.mac == setup.interface_mac()
            && self.carpdev == carpdev
    }

    /// The index of the interface that carries the addresses: of its own, or of the carpdev.
    pub(super) const fn index(&self) -> u32 {
        self.index
    }

    pub(super) fn holds(&self, ip: IpAddr) -> bool {
        self.held.iter().any(|placed| placed.address.ip() == ip)
    }

    /// Whether an address that is held has brought a route to this network.
    pub(super) fn is_routed(&self, network: VirtualAddress) -> bool {
        self.held.iter().any(|placed| {
            let address = placed.address;
            placed.routed
                && address.prefix_len() == network.prefix_len()
                && address.network() == network.ip()
        })
    }

    /// Until when what is held stays; none: without end.
    pub(super) const fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// What ends its speech, where there is such a thing.
    pub(super) const fn speech(&self) -> Option<&Speech> {
        self.speech.as_ref()
    }

    /// Whether its interface forwards IPv6; none where it has gone.
    pub(super) fn look(&self, connection: &mut Connection) -> Option<bool> {
        settings::forwards_inet6(connection, self.index).ok()
    }

    /// Makes packets through a carp interface as large as `mtu`, or as large as the carpdev takes;
    /// returns what there is to say where that is less. A carpdev is the host's own affair.
    pub(super) fn set_mtu(&self, access: &mut Access, mtu: Option<u32>) -> Result<Option<Error>> {
        if self.ground == Ground::Shared {
            return Ok(None);
        }
        let connection = &mut access.connection;
        let mut found = |index| interface::get(connection, index).about(&self.name);
        let (Some(carpdev), Some(there)) = (found(self.carpdev)?, found(self.index)?) else {
            return Ok(None);
        };
        let wanted = carpdev.mtu_on_it(mtu);
        if there.mtu != wanted {
            connection
                .all(vec![interface::set_mtu(self.index, wanted)])
                .about(format_args!("{}: mtu {wanted}", self.name))?;
        }
        if there.mtu < INET6_MTU && wanted >= INET6_MTU {
            self.quieten_inet6(connection);
        }
        Ok(check_mtu(&self.name, mtu, &carpdev).err())
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

    /// Holds exactly `addresses`: they are there and answered for when this returns, and stay as
    /// long as `lease` says. Where it fails, what was held before is held still. What was held
    /// before and is held after answers all the time.
    pub(super) fn hold(
        &mut self,
        access: &mut Access,
        addresses: &[VirtualAddress],
        own: &[VirtualAddress],
        lease: Option<Duration>,
    ) -> Result<()> {
        let stand_ins = StandIn::all(self.ground, &self.held, addresses);
        let bring = stand_ins.iter().map(|it| it.bring(self.index));
        self.try_all(&mut access.connection, bring.collect());
        let held = self.exchange(access, addresses, own, lease);
        let take_away = stand_ins.iter().map(|it| it.take_away(self.index));
        self.try_all(&mut access.connection, take_away.collect());
        held
    }

    /// The same, with a gap for those of which the prefix changes.
    fn exchange(
        &mut self,
        access: &mut Access,
        addresses: &[VirtualAddress],
        own: &[VirtualAddress],
        lease: Option<Duration>,
    ) -> Result<()> {
        let now = clock::now();
        let until = lease.map(|lease| now + lease);
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
        let added = self.add(connection, &wanted, addresses::lifetime(until, now))?;
        if !wanted.is_empty()
            && let Err(error) = self.open(access, now, until)
        {
            self.remove(&mut access.connection, &added);
            return Err(error);
        }
        if self.until.is_none() && until.is_some() {
            // The kernel does not give a route an end that it has been without.
            self.remove_inet6_routes(&mut access.connection);
        }
        self.until = until;
        self.set_routes(&mut access.connection, wanted);
        if !addresses.is_empty() {
            // The advert that follows must not bring packets that would be lost.
            let connection = &mut access.connection;
            match ready::wait(connection, self.index, addresses) {
                Ok(true) => {}
                Ok(false) => tracing::warn!(interface = self.name, "the kernel is slow"),
                Err(error) => self.warn("not known whether it is ready", Err(error)),
            }
        }
        Ok(())
    }

    /// What makes everything that is held stay until then. Where that is over nothing does: a
    /// renewal that comes so late must not bring back what has gone.
    pub(super) fn renew(&mut self, until: Timestamp, now: Timestamp) -> Vec<Request> {
        if until <= now {
            return Vec::new();
        }
        self.until = Some(until);
        let lifetime = addresses::lifetime(self.until, now);
        let (index, ground) = (self.index, self.ground);
        let renew = |placed: &Placed| {
            let route = || routes::add(index, placed.address, lifetime);
            [
                Some(addresses::set(index, ground, placed.address, lifetime)),
                (placed.routed && placed.address.ip().is_ipv6()).then(route),
            ]
        };
        self.held.iter().flat_map(renew).flatten().collect()
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
        let lifetime = addresses::lifetime(self.until, clock::now());
        let requests = wanted.iter().filter_map(|placed| {
            if placed.routed {
                // Even where it was so: another virtual host may have taken it along.
                Some(routes::add(self.index, placed.address, lifetime))
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

    fn remove_inet6_routes(&self, connection: &mut Connection) {
        let inet6 = |placed: &&Placed| placed.routed && placed.address.ip().is_ipv6();
        let remove = |placed: &Placed| routes::remove(self.index, placed.address);
        let requests = self.held.iter().filter(inet6).map(remove).collect();
        self.try_all(connection, requests);
    }

    /// Gives the addresses their routes again, which another virtual host on the same carpdev may
    /// have taken along: IPv6 knows but one route to a network through an interface.
    pub(super) fn restore_routes(&mut self, access: &mut Access) {
        self.set_routes(&mut access.connection, self.held.clone());
    }

    /// Takes all away that is on it. Returns the index of its own interface, if there is still one
    /// to be deleted.
    pub(super) fn clear(mut self, access: &mut Access) -> Option<u32> {
        self.release(access);
        match self.ground {
            Ground::Shared => {
                let (connection, journal) = (&mut access.connection, &mut access.journal);
                let given_back = access.clsacts.give_back(connection, journal, self.index);
                self.warn("clsact not removed", given_back);
                None
            }
            // Only if it is still the one that was made: an index can come again.
            Ground::Own => match interface::find(&mut access.connection, &self.name) {
                Ok(link) => link
                    .filter(|link| link.index == self.index && link.is_carp())
                    .map(|link| link.index),
                Err(error) => {
                    self.warn("not found", Err(error));
                    None
                }
            },
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

    /// Adds the addresses that are not there, and has all stay for `lifetime` seconds; returns
    /// those that were added.
    fn add(
        &self,
        connection: &mut Connection,
        wanted: &[Placed],
        lifetime: u32,
    ) -> Result<Vec<Placed>> {
        let (index, ground) = (self.index, self.ground);
        let request = |placed: &Placed| {
            // Whatever is on a carp interface is ours, on a carpdev only what was put there.
            if ground == Ground::Own || self.holds(placed.address.ip()) {
                addresses::set(index, ground, placed.address, lifetime)
            } else {
                addresses::add(index, ground, placed.address, lifetime)
            }
        };
        let verdicts = connection
            .each(wanted.iter().map(request).collect())
            .about(&self.name)?;
        let mut added = Vec::new();
        let mut refused = None;
        for (placed, verdict) in wanted.iter().zip(verdicts) {
            let verdict = match verdict {
                Err(refusal) if refusal.is(libc::EEXIST) => {
                    self.take_marked(connection, placed, lifetime, refusal)
                }
                Err(refusal) if refusal.is(libc::EACCES) && ground == Ground::Own => {
                    self.enable_inet6(connection);
                    connection.all(vec![request(placed)])
                }
                verdict => verdict,
            };
            match verdict {
                Ok(()) if self.holds(placed.address.ip()) => {}
                Ok(()) => added.push(*placed),
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

/// With less the kernel takes IPv6 away from an interface.
const INET6_MTU: u32 = 1280;

/// What says that something is gone, or there, already.
const HARMLESS: [i32; 5] = [
    libc::EADDRNOTAVAIL,
    libc::EEXIST,
    libc::ENODEV,
    libc::ENOENT,
    libc::ESRCH,
];
