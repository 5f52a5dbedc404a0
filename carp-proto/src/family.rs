//! The two address families and their multicast groups.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::MacAddress;

/// The group that hears IPv4 advertisements, `224.0.0.18`.
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// The group that hears IPv6 advertisements, `ff02::12`.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);

/// The Ethernet address of [`GROUP_V4`], `01:00:5e:00:00:12`.
pub const GROUP_MAC_V4: MacAddress = MacAddress([0x01, 0x00, 0x5e, 0x00, 0x00, 0x12]);

/// The Ethernet address of [`GROUP_V6`], `33:33:00:00:00:12`.
pub const GROUP_MAC_V6: MacAddress = MacAddress([0x33, 0x33, 0x00, 0x00, 0x00, 0x12]);

/// An address family; a virtual host speaks and listens in each that it has addresses of.
///
/// # Examples
///
/// ```
/// use carp_proto::{Family, GROUP_MAC_V6, GROUP_V6};
///
/// let family = Family::of("2001:db8::10".parse()?);
/// assert_eq!(family, Family::Inet6);
/// assert_eq!(family.to_string(), "inet6");
/// assert_eq!(family.group(), GROUP_V6);
/// assert_eq!(family.group_mac(), GROUP_MAC_V6);
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(
    clippy::exhaustive_enums,
    reason = "CARP is carried by IPv4 and IPv6, and by nothing else"
)]
pub enum Family {
    /// IPv4.
    Inet,
    /// IPv6.
    Inet6,
}

impl Family {
    /// Both families, IPv4 first: the order in which a new master advertises.
    pub const ALL: [Self; 2] = [Self::Inet, Self::Inet6];

    /// Returns the family of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Inet,
            IpAddr::V6(_) => Self::Inet6,
        }
    }

    /// Returns the group that advertisements of this family are sent to
    /// (`docs/carp-protocol.md §1.3`).
    pub const fn group(self) -> IpAddr {
        match self {
            Self::Inet => IpAddr::V4(GROUP_V4),
            Self::Inet6 => IpAddr::V6(GROUP_V6),
        }
    }

    /// Returns the Ethernet address of [`group`](Self::group) (`docs/carp-protocol.md §1.4`).
    pub const fn group_mac(self) -> MacAddress {
        match self {
            Self::Inet => GROUP_MAC_V4,
            Self::Inet6 => GROUP_MAC_V6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Inet => "inet",
            Self::Inet6 => "inet6",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Family;

    #[test]
    fn families_have_the_words_of_ifconfig() {
        let [inet, inet6] = Family::ALL;
        assert_eq!(format!("{inet:<6}|{inet6}"), "inet  |inet6");
    }
}
