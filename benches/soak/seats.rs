//! Who sits where: the nodes by number, and the virtual hosts that they share.

use std::net::{IpAddr, Ipv4Addr};

use carp_benches::{CARPDEV, FAMILIES, shared, shared_address};

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
    /// carp2, of our nodes alone, with the carpdev's own MAC address and adverts to each of the others.
    Plain,
}

/// All of them.
pub(crate) const GROUPS: [Group; 3] = [Group::Ours, Group::Mixed, Group::Plain];

/// What there is one of for each group.
pub(crate) type Each<T> = [T; GROUPS.len()];

impl Group {
    pub(crate) const fn interface(self) -> &'static str {
        match self {
            Self::Ours => "carp0",
            Self::Mixed => "carp1",
            Self::Plain => "carp2",
        }
    }

    /// Where its addresses are.
    pub(crate) const fn device(self) -> &'static str {
        match self {
            Self::Ours | Self::Mixed => self.interface(),
            Self::Plain => CARPDEV,
        }
    }

    pub(crate) const fn vhid(self) -> u8 {
        match self {
            Self::Ours => 99,
            Self::Mixed => 98,
            Self::Plain => 97,
        }
    }

    pub(crate) fn addresses(self) -> Vec<IpAddr> {
        match self {
            Self::Ours => FAMILIES.map(shared_address).to_vec(),
            Self::Mixed => vec![IpAddr::V4(MIXED)],
            Self::Plain => vec![IpAddr::V4(PLAIN)],
        }
    }

    /// The same, with the lengths of their networks.
    fn prefixes(self) -> Vec<String> {
        match self {
            Self::Ours => FAMILIES.map(|family| shared(family).to_owned()).to_vec(),
            Self::Mixed => vec![format!("{MIXED}/24")],
            Self::Plain => vec![format!("{PLAIN}/24")],
        }
    }

    /// The same, as they are on their interface: the carpdev is in their network already.
    pub(crate) fn installed(self) -> Vec<String> {
        match self {
            Self::Ours | Self::Mixed => self.prefixes(),
            Self::Plain => vec![format!("{PLAIN}/32")],
        }
    }

    /// Its place in what is counted by groups.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Ours => 0,
            Self::Mixed => 1,
            Self::Plain => 2,
        }
    }

    /// Who shares it.
    pub(crate) const fn size(self) -> usize {
        match self {
            Self::Ours | Self::Plain => OURS,
            Self::Mixed => OURS + 1,
        }
    }

    /// What a node is told of it, but for `advskew`.
    pub(crate) fn words(self, seat: Seat) -> String {
        let mut words = match self {
            Self::Ours => String::new(),
            Self::Mixed => "peers ucarp ".to_owned(),
            Self::Plain => {
                let others = (0..OURS).filter(|other| *other != seat);
                let others = others.map(|other| format!("carppeer 192.0.2.{} ", other + 1));
                others.collect::<String>() + "lladdr carpdev "
            }
        };
        words += &self.prefixes().join(" ");
        words
    }
}

/// What `ucarp` shares with our nodes.
pub(crate) const MIXED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 11);
/// What is on the carpdev itself.
const PLAIN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 13);
