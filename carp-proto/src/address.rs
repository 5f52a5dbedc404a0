//! Virtual addresses.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use crate::{Family, OutOfRange};

/// An address that the master holds, with the length of its network's prefix.
///
/// # Examples
///
/// ```
/// use carp_proto::{Family, VirtualAddress};
///
/// let address: VirtualAddress = "192.0.2.10/24".parse()?;
/// assert_eq!(address.family(), Family::Inet);
/// assert_eq!(address.prefix_len(), 24);
/// assert_eq!(address.network().to_string(), "192.0.2.0");
/// assert_eq!(address.broadcast(), Some("192.0.2.255".parse()?));
/// assert!(address.contains("192.0.2.77".parse()?));
///
/// // Without a prefix length it is an address alone.
/// let address: VirtualAddress = "2001:db8::10".parse()?;
/// assert_eq!(address.to_string(), "2001:db8::10/128");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualAddress {
    ip: IpAddr,
    prefix_len: u8,
    /// Only if it was set; never with IPv6.
    broadcast: Option<Ipv4Addr>,
}

impl VirtualAddress {
    /// Makes a virtual address of an address and the length of its prefix in bits.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`] if the prefix length is above 32 for IPv4, or 128 for IPv6.
    pub fn new(ip: IpAddr, prefix_len: u8) -> Result<Self, OutOfRange> {
        let prefix_len = OutOfRange::check("prefix length", prefix_len, 0..=bits(ip))?;
        Ok(Self {
            ip,
            prefix_len,
            broadcast: None,
        })
    }

    /// Sets an IPv4 broadcast address in place of the one that follows from the prefix.
    ///
    /// IPv6 has none: there this does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use carp_proto::VirtualAddress;
    ///
    /// let address: VirtualAddress = "192.0.2.10/24".parse()?;
    /// let address = address.with_broadcast("192.0.2.0".parse()?);
    /// assert_eq!(address.broadcast(), Some("192.0.2.0".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn with_broadcast(self, broadcast: Ipv4Addr) -> Self {
        match self.ip {
            IpAddr::V4(_) => Self {
                broadcast: Some(broadcast),
                ..self
            },
            IpAddr::V6(_) => self,
        }
    }

    /// Returns the address.
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Returns the length of the prefix in bits.
    pub const fn prefix_len(&self) -> u8 {
        self.prefix_len
    }

    /// Returns the family of the address.
    pub const fn family(&self) -> Family {
        Family::of(self.ip)
    }

    /// Returns the first address of the network.
    pub fn network(&self) -> IpAddr {
        masked(self.ip, self.prefix_len)
    }

    /// Returns the netmask of an IPv4 address, `None` for IPv6.
    pub fn netmask(&self) -> Option<Ipv4Addr> {
        match self.ip {
            IpAddr::V4(_) => Some(mask_v4(self.prefix_len)),
            IpAddr::V6(_) => None,
        }
    }

    /// Returns the broadcast address: the one set, else the last address of the IPv4 network.
    ///
    /// A /31 and a /32 have none of their own (RFC 3021), nor has IPv6.
    pub fn broadcast(&self) -> Option<Ipv4Addr> {
        match self.ip {
            IpAddr::V4(ip) if self.prefix_len < 31 => Some(
                self.broadcast
                    .unwrap_or_else(|| ip | !mask_v4(self.prefix_len)),
            ),
            IpAddr::V4(_) | IpAddr::V6(_) => self.broadcast,
        }
    }

    /// Returns whether this is an IPv6 link-local address, one of `fe80::/10`.
    ///
    /// Digests come with and without these (see [`DigestForm`](crate::DigestForm)).
    pub const fn is_link_local(&self) -> bool {
        match self.ip {
            IpAddr::V4(_) => false,
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        }
    }

    /// Returns whether `ip` is an address of the same network.
    pub fn contains(&self, ip: IpAddr) -> bool {
        Family::of(ip) == self.family() && masked(ip, self.prefix_len) == self.network()
    }
}

impl FromStr for VirtualAddress {
    type Err = AddressError;

    /// Parses an address, optionally followed by a slash and the length of its prefix.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (ip, prefix_len) = match text.split_once('/') {
            Some((ip, prefix_len)) => (ip, Some(prefix_len)),
            None => (text, None),
        };
        let ip = ip.parse().map_err(|_| AddressError::NotAnAddress)?;
        let Some(prefix_len) = prefix_len else {
            return Ok(Self::new(ip, bits(ip))?);
        };

        // `parse` alone would take a plus sign too.
        if !prefix_len.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(AddressError::NotAPrefixLength);
        }
        let number: u32 = prefix_len
            .parse()
            .map_err(|_| AddressError::NotAPrefixLength)?;
        OutOfRange::check("prefix length", number, 0..=bits(ip).into())?;
        let prefix_len = u8::try_from(number).map_err(|_| AddressError::NotAPrefixLength)?;
        Ok(Self::new(ip, prefix_len)?)
    }
}

impl fmt::Display for VirtualAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix_len)
    }
}

/// Why a text is no virtual address.
///
/// # Examples
///
/// ```
/// use carp_proto::{AddressError, VirtualAddress};
///
/// let error = "192.0.2.1000/24".parse::<VirtualAddress>().unwrap_err();
/// assert_eq!(error, AddressError::NotAnAddress);
///
/// let error = "192.0.2.10/33".parse::<VirtualAddress>().unwrap_err();
/// assert_eq!(error.to_string(), "prefix length 33 is out of range (0 to 32)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// What should be the address is none.
    #[error("not an IPv4 or IPv6 address")]
    NotAnAddress,
    /// What follows the slash is not a number.
    #[error("the prefix length is not a number")]
    NotAPrefixLength,
    /// The prefix is longer than the address.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
}

/// Returns the number of bits of an address.
const fn bits(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn masked(ip: IpAddr, prefix_len: u8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => (ip & mask_v4(prefix_len)).into(),
        IpAddr::V6(ip) => (ip & mask_v6(prefix_len)).into(),
    }
}

/// A shift by the whole width, for prefix length 0, leaves no bit.
fn mask_v4(prefix_len: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(!u32::MAX.checked_shr(prefix_len.into()).unwrap_or(0))
}

fn mask_v6(prefix_len: u8) -> Ipv6Addr {
    Ipv6Addr::from_bits(!u128::MAX.checked_shr(prefix_len.into()).unwrap_or(0))
}

#[cfg(test)]
mod tests;
