//! The IP addresses of a packet on its way out.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Family, GROUP_V4, GROUP_V6};

/// Where a packet comes from and where it goes, both of one family.
///
/// # Examples
///
/// ```
/// use carp_proto::{Endpoints, Family};
///
/// let group = Endpoints::to_group("192.0.2.2".parse()?);
/// assert_eq!(group.destination(), Family::Inet.group());
///
/// assert!(Endpoints::new("192.0.2.2".parse()?, "192.0.2.3".parse()?).is_ok());
/// assert!(Endpoints::new("192.0.2.2".parse()?, "2001:db8::3".parse()?).is_err());
/// # Ok::<(), core::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "CARP is carried by IPv4 and IPv6, and by nothing else"
)]
pub enum Endpoints {
    /// IPv4.
    Inet {
        /// The sender.
        source: Ipv4Addr,
        /// The group or the peer.
        destination: Ipv4Addr,
    },
    /// IPv6.
    Inet6 {
        /// The sender.
        source: Ipv6Addr,
        /// The group or the peer.
        destination: Ipv6Addr,
    },
}

impl Endpoints {
    /// Pairs two addresses.
    ///
    /// # Errors
    ///
    /// [`MixedFamilies`] if one is IPv4 and the other IPv6.
    pub const fn new(source: IpAddr, destination: IpAddr) -> Result<Self, MixedFamilies> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Ok(Self::Inet {
                source,
                destination,
            }),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Ok(Self::Inet6 {
                source,
                destination,
            }),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => Err(MixedFamilies),
        }
    }

    /// Pairs an address with the CARP group of its family.
    pub const fn to_group(source: IpAddr) -> Self {
        match source {
            IpAddr::V4(source) => Self::Inet {
                source,
                destination: GROUP_V4,
            },
            IpAddr::V6(source) => Self::Inet6 {
                source,
                destination: GROUP_V6,
            },
        }
    }

    /// Returns the sender.
    pub const fn source(&self) -> IpAddr {
        match *self {
            Self::Inet { source, .. } => IpAddr::V4(source),
            Self::Inet6 { source, .. } => IpAddr::V6(source),
        }
    }

    /// Returns the group or the peer.
    pub const fn destination(&self) -> IpAddr {
        match *self {
            Self::Inet { destination, .. } => IpAddr::V4(destination),
            Self::Inet6 { destination, .. } => IpAddr::V6(destination),
        }
    }

    /// Returns the family of both.
    pub const fn family(&self) -> Family {
        match self {
            Self::Inet { .. } => Family::Inet,
            Self::Inet6 { .. } => Family::Inet6,
        }
    }
}

/// One address is IPv4 and the other IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("source and destination are of different address families")]
#[non_exhaustive]
pub struct MixedFamilies;
