//! How much there is to do: virtual hosts with an address each, on one carpdev or on several.

use std::fmt;
use std::net::Ipv4Addr;

/// The same number of virtual hosts on each of some links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Work {
    /// How many links.
    pub links: u8,
    /// On each of them.
    pub vhids: u8,
}

/// One virtual host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualHost {
    /// The number of its link, from 0.
    pub link: u8,
    /// Of VRRP: the virtual router identifier.
    pub vhid: u8,
}

impl Work {
    /// How many virtual hosts there are in all.
    pub fn count(self) -> usize {
        usize::from(self.links) * usize::from(self.vhids)
    }

    /// All of them, one link after another.
    pub fn hosts(self) -> impl Iterator<Item = VirtualHost> {
        let of_link = move |link| (1..=self.vhids).map(move |vhid| VirtualHost { link, vhid });
        (0..self.links).flat_map(of_link)
    }
}

impl VirtualHost {
    /// Its number among all, from 0.
    pub fn number(self) -> usize {
        usize::from(self.link) * 255 + usize::from(self.vhid) - 1
    }

    /// The interface of a node that its link is.
    pub fn carpdev(self) -> String {
        carpdev(self.link)
    }

    /// What it is to hold, with the length of its prefix.
    pub const fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(10, self.link, 0, self.vhid)
    }

    /// Whose address this is.
    pub const fn of_address(address: Ipv4Addr) -> Option<Self> {
        match address.octets() {
            [10, link, 0, vhid] if vhid != 0 => Some(Self { link, vhid }),
            _ => None,
        }
    }
}

/// The interface of a node that a link is.
pub(super) fn carpdev(link: u8) -> String {
    format!("vmx{link}")
}

/// The own address of a node on a link.
pub(super) const fn own(link: u8, node: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, link, 1, node)
}

/// The same, with the length of its network.
pub(super) fn own_address(link: u8, node: u8) -> String {
    format!("{}/{PREFIX}", own(link, node))
}

/// How long the networks are.
pub(super) const PREFIX: u8 = 16;

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.links {
            1 => write!(f, "{}", self.vhids),
            links => write!(f, "{links} × {}", self.vhids),
        }
    }
}
