//! Captured frames: which of them are adverts, and what the others are.

use crate::link::LinkHeader;
use crate::packet::{Fragment, IpPacket};
use crate::vlan::VlanTags;
use crate::{Advertisement, Envelope, LinkType, MacAddress, PacketError, vrrp};

/// Takes all headers off a captured frame that carries IP protocol 112.
///
/// The way down to the packet is any depth of VLAN tags, options of IPv4, and the hop-by-hop,
/// routing, destination and fragment headers of IPv6. Nothing that a receiver would refuse keeps a
/// frame from being decoded: whether it is an advert is said by [`DecodedFrame::advert`], and what
/// is odd about it by the other methods. Nothing is allocated.
///
/// # Errors
///
/// A [`FrameError`] says what the frame carries instead. None of them is about an advert, unless
/// the frame was cut off.
///
/// # Examples
///
/// ```
/// use carp_proto::{AdvertHeaders, Advertisement, LinkType, Vhid, advert_frame, decode_frame};
///
/// let vhid = Vhid::new(7)?;
/// let advert = Advertisement::new(vhid, 1, 50, 0, 9);
/// let headers = AdvertHeaders::to_group(vhid.virtual_mac(), "192.0.2.2".parse()?);
/// let frame = advert_frame(&headers, &advert.encode());
///
/// let decoded = decode_frame(LinkType::Ethernet, &frame)?;
/// assert_eq!(decoded.source_mac(), Some(vhid.virtual_mac()));
/// assert!(decoded.envelope().is_to_group());
/// assert_eq!(decoded.advert()?, advert);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode_frame(link_type: LinkType, bytes: &[u8]) -> Result<DecodedFrame<'_>, FrameError> {
    let (link, packet) = LinkHeader::split(link_type, bytes)?;
    let packet = IpPacket::read(packet)?;
    Ok(DecodedFrame { link, packet })
}

/// A frame that carries a packet of protocol 112, CARP's and VRRP's.
///
/// # Examples
///
/// ```
/// use carp_proto::{AdvertError, LinkType, decode_frame};
///
/// // VRRP, version 3, without the bytes that follow.
/// let packet = [
///     0x45, 0, 0, 28, 0, 0, 0x40, 0, 255, 112, 0, 0, 192, 0, 2, 2, 224, 0, 0, 18, //
///     0x31, 1, 100, 1, 0, 100, 0, 0,
/// ];
/// let decoded = decode_frame(LinkType::Ip, &packet)?;
/// assert_eq!(decoded.advert(), Err(AdvertError::Vrrp { version: 3 }));
/// assert_eq!(decoded.envelope().hop_limit, 255);
/// assert!(!decoded.header_checksum_is_valid());
/// # Ok::<(), carp_proto::FrameError>(())
/// ```
#[derive(Debug, Clone)]
pub struct DecodedFrame<'a> {
    link: LinkHeader<'a>,
    packet: IpPacket<'a>,
}

impl<'a> DecodedFrame<'a> {
    /// Returns the link-layer address of the sender, as far as the capture has it.
    pub const fn source_mac(&self) -> Option<MacAddress> {
        self.link.source
    }

    /// Returns the link-layer address that the frame was sent to; only Ethernet has it.
    pub const fn destination_mac(&self) -> Option<MacAddress> {
        self.link.destination
    }

    /// Returns the VLAN tags, the outermost one first.
    pub fn vlan_tags(&self) -> VlanTags<'a> {
        self.link.vlan_tags.clone()
    }

    /// Returns what the IP header says.
    pub const fn envelope(&self) -> &Envelope {
        &self.packet.envelope
    }

    /// Returns whether the checksum of the IPv4 header is right; IPv6 has none, so it always is.
    ///
    /// No receiver takes a packet with a wrong one. A capture made on the sending machine may show
    /// it wrong where the network card is to fill it in.
    pub const fn header_checksum_is_valid(&self) -> bool {
        self.packet.header_checksum_is_valid
    }

    /// Returns whether this is only a part of a packet. The first part may hold a whole advert.
    pub const fn is_fragment(&self) -> bool {
        self.packet.fragment.is_some()
    }

    /// Returns whether the frame ends before the packet does. A whole advert may be there yet.
    pub fn is_truncated(&self) -> bool {
        let length = self.packet.payload_len;
        length.is_some_and(|length| self.packet.payload.len() < length)
    }

    /// Returns what there is of the payload of the packet.
    ///
    /// It has more than the 36 bytes of an advert where the sender put more behind them, and fewer
    /// where it is none, or was cut off.
    pub const fn payload(&self) -> &'a [u8] {
        self.packet.payload
    }

    /// Reads the advertisement.
    ///
    /// Nothing in it is checked: see [`ChecksumForm::of`](crate::ChecksumForm::of) and
    /// [`Authenticator::verify`](crate::Authenticator::verify).
    ///
    /// # Errors
    ///
    /// An [`AdvertError`] if the packet is of VRRP, by the rules of `docs/carp-protocol.md §1.5`,
    /// or holds no whole advert.
    pub fn advert(&self) -> Result<Advertisement, AdvertError> {
        let IpPacket {
            payload,
            payload_len,
            fragment,
            ..
        } = self.packet;
        if let Some(Fragment { offset: 1.. }) = fragment {
            return Err(AdvertError::Fragment);
        }
        let length = payload_len.ok_or(AdvertError::ImpossibleLength)?;
        if let Some(version) = vrrp::version(payload, length) {
            return Err(AdvertError::Vrrp { version });
        }
        // Of a packet that was cut off nothing is said for certain: it may be of VRRP yet.
        if length < Advertisement::LEN && !self.is_truncated() {
            return Err(AdvertError::TooShort { length });
        }
        Advertisement::decode(payload).map_err(|_| AdvertError::Truncated {
            length: payload.len(),
        })
    }
}

/// What a frame is that carries no packet of protocol 112.
///
/// # Examples
///
/// ```
/// use carp_proto::{FrameError, LinkType, decode_frame};
///
/// let mut arp = [0; 42];
/// arp[12..14].copy_from_slice(&[0x08, 0x06]);
/// let error = decode_frame(LinkType::Ethernet, &arp).unwrap_err();
/// assert_eq!(error, FrameError::NotIp { ethertype: 0x0806 });
/// assert_eq!(error.to_string(), "ethertype 0x0806 is not that of IP");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The frame ends among the headers in front of the packet.
    #[error("the frame is truncated")]
    Truncated,
    /// It carries something else than IPv4 or IPv6.
    #[error("ethertype {ethertype:#06x} is not that of IP")]
    NotIp {
        /// What it carries; below 1536 it is no ethertype, but the length of an 802.3 frame, and 0
        /// if a loopback header names another address family.
        ethertype: u16,
    },
    /// The packet in it is not for CARP, or it ends before that can be seen.
    #[error(transparent)]
    Packet(#[from] PacketError),
}

/// Why a packet of protocol 112 holds no advert.
///
/// # Examples
///
/// ```
/// use carp_proto::AdvertError;
///
/// let error = AdvertError::TooShort { length: 20 };
/// assert_eq!(error.to_string(), "20 bytes are too few for an advertisement of 36");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AdvertError {
    /// It is a packet of VRRP (`docs/carp-protocol.md §1.5`).
    #[error("VRRP, version {version}")]
    Vrrp {
        /// The version of VRRP, 2 or 3.
        version: u8,
    },
    /// It is a part of a packet, and not the first one.
    #[error("a fragment that does not begin with an advertisement")]
    Fragment,
    /// The lengths in the IPv4 header contradict each other.
    #[error("the lengths in the IPv4 header are impossible")]
    ImpossibleLength,
    /// The sender put too little into the packet.
    #[error("{length} bytes are too few for an advertisement of 36")]
    TooShort {
        /// The length of the payload, in bytes.
        length: usize,
    },
    /// The frame ends before the packet does, and before the end of an advert.
    #[error("the frame ends after {length} of the 36 bytes of an advertisement")]
    Truncated {
        /// What there is of the payload, in bytes.
        length: usize,
    },
}
