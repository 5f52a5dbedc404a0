//! Who sits where: the nodes by number, and the virtual hosts that they share.

use std::net::{IpAddr, Ipv4Addr};

use carp_benches::{FAMILIES, shared_address};

/// The number of a node: ours first, then `ucarp`.
pub(crate) type Seat = usize;

/// How many run the service.
pub(crate) const OURS: usize = 4;
/// Where `ucarp` is.
pub(crate) const PEER: Seat = OURS;
/// The node of ours whose processes nothing ends, so that what they take can be compared over the
/// whole time: those of the others are new every other minute.
pub(crate) const SPARED: Seat = 0;

/// A virtual host that nodes share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// carp0, of our nodes alone, with an address of each family.
    Ours,
    /// carp1, of our nodes and `ucarp`, which can have one IPv4 address.
    Mixed,
}

/// All of them.
pub(crate) const GROUPS: [Group; 2] = [Group::Ours, Group::Mixed];

/// What there is one of for each group.
pub(crate) type Each<T> = [T; GROUPS.len()];

impl Group {
    pub(crate) const fn interface(self) -> &'static str {
        match self {
            Self::Ours => "carp0",
            Self::Mixed => "carp1",
        }
    }

    pub(crate) const fn vhid(self) -> u8 {
        match self {
            Self::Ours => 99,
            Self::Mixed => 98,
        }
    }

    pub(crate) fn addresses(self) -> Vec<IpAddr> {
        match self {
            Self::Ours => FAMILIES.map(shared_address).to_vec(),
            Self::Mixed => vec![IpAddr::V4(MIXED)],
        }
    }

    /// Its place in what is counted by groups.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Ours => 0,
            Self::Mixed => 1,
        }
    }

    /// Who shares it.
    pub(crate) const fn size(self) -> usize {
        match self {
            Self::Ours => OURS,
            Self::Mixed => OURS + 1,
        }
    }

    /// What a node is told of it, but for `advskew`.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Ours => "192.0.2.10/24 2001:db8::10/64",
            Self::Mixed => "peers ucarp 192.0.2.11/24",
        }
    }
}

/// What `ucarp` shares with our nodes.
pub(crate) const MIXED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 11);
