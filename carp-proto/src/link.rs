//! What stands in front of the IP packet in captured frames.

use crate::vlan::VlanTags;
use crate::{FrameError, MacAddress};

/// The kind of header that captured frames begin with.
///
/// A capture file names it by a number of libpcap's registry, its `LINKTYPE_` values.
///
/// # Examples
///
/// ```
/// use carp_proto::LinkType;
///
/// assert_eq!(LinkType::from_number(1), Some(LinkType::Ethernet));
/// assert_eq!(LinkType::from_number(276), Some(LinkType::LinuxCookedV2));
/// // IEEE 802.11, which nobody runs CARP on.
/// assert_eq!(LinkType::from_number(105), None);
/// assert_eq!(LinkType::LinuxCookedV2.to_string(), "Linux cooked v2");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkType {
    /// `NULL` and `LOOP`: an address family of the capturing machine, in either order of bytes.
    Loopback,
    /// `ETHERNET`: with any number of VLAN tags, with or without frame check sequence.
    Ethernet,
    /// `RAW`, `IPV4` and `IPV6`: nothing; the packet says which of the two it is.
    Ip,
    /// `LINUX_SLL`: 16 bytes that Linux makes for `tcpdump -i any`.
    LinuxCooked,
    /// `LINUX_SLL2`: the same in 20 bytes, with the interface.
    LinuxCookedV2,
}

impl LinkType {
    /// All kinds.
    pub const ALL: &'static [Self] = &[
        Self::Loopback,
        Self::Ethernet,
        Self::Ip,
        Self::LinuxCooked,
        Self::LinuxCookedV2,
    ];

    /// Returns the kind that has a number in libpcap's registry, `None` for all others.
    pub const fn from_number(number: u16) -> Option<Self> {
        Some(match number {
            0 | 108 => Self::Loopback,
            1 => Self::Ethernet,
            101 | 228 | 229 => Self::Ip,
            113 => Self::LinuxCooked,
            276 => Self::LinuxCookedV2,
            _ => return None,
        })
    }
}

impl core::fmt::Display for LinkType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(match self {
            Self::Loopback => "loopback",
            Self::Ethernet => "Ethernet",
            Self::Ip => "raw IP",
            Self::LinuxCooked => "Linux cooked",
            Self::LinuxCookedV2 => "Linux cooked v2",
        })
    }
}

/// What a header in front of the IP packet says.
#[derive(Debug, Clone)]
pub(crate) struct LinkHeader<'a> {
    pub(crate) source: Option<MacAddress>,
    pub(crate) destination: Option<MacAddress>,
    pub(crate) vlan_tags: VlanTags<'a>,
}

impl<'a> LinkHeader<'a> {
    const NONE: Self = Self {
        source: None,
        destination: None,
        vlan_tags: VlanTags::NONE,
    };

    /// Takes the header off, and returns the IP packet behind it.
    pub(crate) fn split(
        link_type: LinkType,
        bytes: &'a [u8],
    ) -> Result<(Self, &'a [u8]), FrameError> {
        match link_type {
            LinkType::Ip => Ok((Self::NONE, bytes)),
            LinkType::Loopback => loopback(bytes),
            LinkType::Ethernet => ethernet(bytes),
            LinkType::LinuxCooked => linux_cooked(bytes),
            LinkType::LinuxCookedV2 => linux_cooked_v2(bytes),
        }
    }

    /// Takes the VLAN tags off, behind which there must be IP.
    fn untagged(self, ethertype: u16, bytes: &'a [u8]) -> Result<(Self, &'a [u8]), FrameError> {
        let (vlan_tags, ethertype, packet) =
            VlanTags::split(ethertype, bytes).ok_or(FrameError::Truncated)?;
        match ethertype {
            0x0800 | 0x86dd => Ok((Self { vlan_tags, ..self }, packet)),
            _ => Err(FrameError::NotIp { ethertype }),
        }
    }
}

fn loopback(bytes: &[u8]) -> Result<(LinkHeader<'_>, &[u8]), FrameError> {
    let (family, packet) = bytes.split_first_chunk().ok_or(FrameError::Truncated)?;
    match u32::from_be_bytes(*family).min(u32::from_le_bytes(*family)) {
        // AF_INET everywhere; AF_INET6 of Linux, of NetBSD and OpenBSD, of FreeBSD, of macOS.
        2 | 10 | 24 | 28 | 30 => Ok((LinkHeader::NONE, packet)),
        _ => Err(FrameError::NotIp { ethertype: 0 }),
    }
}

fn ethernet(bytes: &[u8]) -> Result<(LinkHeader<'_>, &[u8]), FrameError> {
    let (destination, rest) = bytes.split_first_chunk().ok_or(FrameError::Truncated)?;
    let (source, rest) = rest.split_first_chunk().ok_or(FrameError::Truncated)?;
    let (ethertype, rest) = rest.split_first_chunk().ok_or(FrameError::Truncated)?;
    let header = LinkHeader {
        source: Some(MacAddress(*source)),
        destination: Some(MacAddress(*destination)),
        ..LinkHeader::NONE
    };
    header.untagged(u16::from_be_bytes(*ethertype), rest)
}

/// Type of packet, type of hardware, length of the address, address, ethertype.
fn linux_cooked(bytes: &[u8]) -> Result<(LinkHeader<'_>, &[u8]), FrameError> {
    let (header, rest) = bytes
        .split_first_chunk::<16>()
        .ok_or(FrameError::Truncated)?;
    let [_, _, _, _, length @ .., _, _, e0, e1] = *header;
    let [l0, l1, address @ ..] = length;
    cooked(u16::from_be_bytes([l0, l1]), address).untagged(u16::from_be_bytes([e0, e1]), rest)
}

/// Ethertype, reserved, interface, type of hardware, type of packet, length of the address,
/// address.
fn linux_cooked_v2(bytes: &[u8]) -> Result<(LinkHeader<'_>, &[u8]), FrameError> {
    let (header, rest) = bytes
        .split_first_chunk::<20>()
        .ok_or(FrameError::Truncated)?;
    let [
        e0,
        e1,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        length,
        address @ ..,
        _,
        _,
    ] = *header;
    cooked(length.into(), address).untagged(u16::from_be_bytes([e0, e1]), rest)
}

/// A cooked header has the address of the sender alone, of whatever length.
fn cooked(length: u16, address: [u8; 6]) -> LinkHeader<'static> {
    LinkHeader {
        source: (length == 6).then_some(MacAddress(address)),
        ..LinkHeader::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::LinkType;

    /// The numbers of libpcap's registry.
    #[test]
    fn kinds_have_their_numbers() {
        let numbers = [0, 1, 101, 113, 276].map(LinkType::from_number);
        assert!(
            numbers
                .into_iter()
                .eq(LinkType::ALL.iter().copied().map(Some))
        );
        assert_eq!(LinkType::from_number(2), None);
    }

    #[test]
    fn kinds_have_names() {
        let names: Vec<String> = LinkType::ALL
            .iter()
            .map(|kind| format!("{kind:>8}"))
            .collect();
        let expected = [
            "loopback",
            "Ethernet",
            "  raw IP",
            "Linux cooked",
            "Linux cooked v2",
        ];
        assert_eq!(names, expected);
    }
}
