//! What takes packets for an address in while it is taken off and put on again with another prefix
//! or broadcast address.
//!
//! The kernel changes neither for an address that is there, and without the address it would drop
//! what comes for it: a millisecond or more, because an IPv4 address that was the last one takes the
//! routes along, and an IPv6 one is the host's own only some time after it has come. An IPv4 address
//! can be there twice, with different prefixes. An IPv6 one cannot; a local route does instead.

use carp_fsm::carp_proto::VirtualAddress;

use super::super::netlink::Request;
use super::super::{addresses, routes};
use super::{Ground, Placed};

/// The stand-in for one address.
#[derive(Clone, Copy, Debug)]
pub(super) enum StandIn {
    /// The same address, with a prefix that it has neither before nor after.
    Address(VirtualAddress),
    /// A route that says that the address is the host's own.
    Route(VirtualAddress),
}

impl StandIn {
    /// Those for all that is `held` and `wanted`, but not in the same way.
    pub(super) fn all(ground: Ground, held: &[Placed], wanted: &[VirtualAddress]) -> Vec<Self> {
        let is_exchanged = |old: &&Placed| !wanted.contains(&old.address);
        let exchanged = held.iter().filter(is_exchanged);
        let stand_in = |old: &Placed| {
            let ip = old.address.ip();
            let new = wanted.iter().find(|new| new.ip() == ip)?;
            if ip.is_ipv6() {
                return Some(Self::Route(*new));
            }
            let taken = [old.address, *new].map(|it| addresses::prefix_len(ground, it));
            let free = (30..=32).rev().find(|length| !taken.contains(length))?;
            VirtualAddress::new(ip, free).ok().map(Self::Address)
        };
        exchanged.filter_map(stand_in).collect()
    }

    /// Asks for it to be there, on the interface with this index; it goes by itself where nobody
    /// takes it away.
    pub(super) fn bring(self, index: u32) -> Request {
        match self {
            Self::Address(address) => addresses::set(index, Ground::Own, address, SECONDS),
            Self::Route(address) => routes::add_local(index, address.ip(), SECONDS),
        }
    }

    /// Asks for it to go.
    pub(super) fn take_away(self, index: u32) -> Request {
        match self {
            Self::Address(address) => addresses::remove(index, Ground::Own, address),
            Self::Route(address) => routes::remove_local(index, address.ip()),
        }
    }
}

/// How long it stays at most: longer than anything takes while it is needed.
const SECONDS: u32 = 5;
