//! Ethernet frames: the buffer, and the headers that more than one kind of frame has.

use core::fmt;
use core::net::Ipv6Addr;
use core::ops::Deref;

use crate::wire::{fill, join};
use crate::{Advertisement, HOP_LIMIT, MacAddress};

/// An Ethernet frame without its frame check sequence, ready for a packet socket.
///
/// It is held in place, so building one allocates nothing.
///
/// # Examples
///
/// ```
/// use carp_proto::{ArpForm, Vhid, arp_announcement};
///
/// let mac = Vhid::new(1)?.virtual_mac();
/// let frame = arp_announcement(mac, "192.0.2.10".parse()?, ArpForm::Request);
/// assert_eq!(frame.len(), 42);
/// assert_eq!(frame[..6], [0xff; 6]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Frame {
    bytes: [u8; Self::MAX_LEN],
    length: usize,
}

impl Frame {
    /// The length of the longest frame: an advertisement over IPv6.
    pub const MAX_LEN: usize = ETHERNET_LEN + IPV6_LEN + Advertisement::LEN;

    /// Puts the Ethernet header in front of another header and its payload.
    pub(crate) fn new(
        destination: MacAddress,
        source: MacAddress,
        ethertype: u16,
        header: &[u8],
        payload: &[u8],
    ) -> Self {
        let mut bytes = [0; Self::MAX_LEN];
        let length = fill(
            &mut bytes,
            &[
                &destination.octets(),
                &source.octets(),
                &ethertype.to_be_bytes(),
                header,
                payload,
            ],
        );
        Self { bytes, length }
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Frame {}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({:02x?})", &**self)
    }
}

/// Builds an IPv6 header with hop limit 255.
pub(crate) fn ipv6_header(
    traffic_class: u8,
    payload_length: u16,
    next_header: u8,
    source: Ipv6Addr,
    destination: Ipv6Addr,
) -> [u8; IPV6_LEN] {
    join(&[
        &((6 << 28) | (u32::from(traffic_class) << 20)).to_be_bytes(),
        &payload_length.to_be_bytes(),
        &[next_header, HOP_LIMIT],
        &source.octets(),
        &destination.octets(),
    ])
}

const ETHERNET_LEN: usize = 14;
const IPV6_LEN: usize = 40;
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;
