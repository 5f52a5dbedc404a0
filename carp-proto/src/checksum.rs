//! The checksum of an advertisement (`docs/carp-protocol.md §1.2`).

use core::net::{IpAddr, Ipv6Addr};

use crate::wire::Checksum;
use crate::{Advertisement, Envelope, PROTOCOL};

/// What the checksum of an advertisement is taken over.
///
/// # Examples
///
/// ```
/// use carp_proto::{Advertisement, ChecksumForm, GROUP_V6, Vhid};
///
/// let advert = Advertisement::new(Vhid::new(1)?, 1, 0, 0, 7);
/// let for_netbsd = ChecksumForm::PseudoHeader {
///     source: "fe80::1".parse()?,
///     destination: GROUP_V6,
/// };
/// assert_ne!(
///     advert.with_checksum(for_netbsd).checksum,
///     advert.with_checksum(ChecksumForm::Plain).checksum,
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a further form would be another protocol"
)]
pub enum ChecksumForm {
    /// The 36 bytes alone: IPv4 everywhere, IPv6 of OpenBSD and FreeBSD.
    Plain,
    /// The IPv6 pseudo-header too: IPv6 of NetBSD since about 2023.
    PseudoHeader {
        /// The source of the packet, as it is on the wire.
        source: Ipv6Addr,
        /// The destination of the packet, as it is on the wire.
        destination: Ipv6Addr,
    },
}

impl ChecksumForm {
    /// Returns which form the checksum of an advertisement has in the packet it came in, `None` if
    /// it is wrong in each.
    ///
    /// Exactly 36 bytes are summed; bytes after them, which peers ignore too, do not count. Over
    /// IPv6 nothing in the packet says which of the two its sender uses, so either will do. Fewer
    /// than 36 bytes are never right.
    ///
    /// # Examples
    ///
    /// ```
    /// use carp_proto::{Advertisement, ChecksumForm, Envelope, Family, HOP_LIMIT, Vhid};
    ///
    /// let envelope = Envelope {
    ///     source: "fe80::1".parse()?,
    ///     destination: Family::Inet6.group(),
    ///     hop_limit: HOP_LIMIT,
    ///     traffic_class: None,
    ///     identification: None,
    /// };
    /// let advert = Advertisement::new(Vhid::new(1)?, 1, 0, 0, 7);
    /// let bytes = advert.with_checksum(ChecksumForm::Plain).encode();
    /// assert_eq!(ChecksumForm::of(&bytes, &envelope), Some(ChecksumForm::Plain));
    /// assert_eq!(ChecksumForm::of(&advert.encode(), &envelope), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of(bytes: &[u8], envelope: &Envelope) -> Option<Self> {
        let advert = bytes.first_chunk()?;
        let is_valid = |form: &Self| form.sum(advert) == 0;
        let pseudo_header = match (envelope.source, envelope.destination) {
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Self::PseudoHeader {
                source,
                destination,
            }),
            _ => None,
        };
        [Some(Self::Plain), pseudo_header]
            .into_iter()
            .flatten()
            .find(is_valid)
    }

    /// Returns the checksum that comes before the advertisement's own bytes.
    fn start(self) -> Checksum {
        match self {
            Self::Plain => Checksum::default(),
            Self::PseudoHeader {
                source,
                destination,
            } => pseudo_header(
                source,
                destination,
                Advertisement::WIRE_LEN.into(),
                PROTOCOL,
            ),
        }
    }

    /// Returns the checksum of the bytes: 0 if they hold the right one.
    pub(crate) fn sum(self, advert: &[u8; Advertisement::LEN]) -> u16 {
        self.start().add(advert).finish()
    }
}

/// Returns whether an advertisement's checksum is right for the packet it came in.
///
/// It may have either form: see [`ChecksumForm::of`].
///
/// # Examples
///
/// ```
/// use carp_proto::{Advertisement, ChecksumForm, Envelope, Vhid, checksum_is_valid};
///
/// let envelope = Envelope {
///     source: "192.0.2.2".parse()?,
///     destination: "224.0.0.18".parse()?,
///     hop_limit: 255,
///     traffic_class: None,
///     identification: None,
/// };
/// let advert = Advertisement::new(Vhid::new(1)?, 1, 0, 0, 7).with_checksum(ChecksumForm::Plain);
/// let mut bytes = advert.encode();
/// assert!(checksum_is_valid(&bytes, &envelope));
/// bytes[5] ^= 1;
/// assert!(!checksum_is_valid(&bytes, &envelope));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn checksum_is_valid(bytes: &[u8], envelope: &Envelope) -> bool {
    ChecksumForm::of(bytes, envelope).is_some()
}

/// Returns the sum of an IPv6 pseudo-header (RFC 8200 §8.1).
pub(crate) fn pseudo_header(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    length: u32,
    next_header: u8,
) -> Checksum {
    Checksum::default()
        .add(&source.octets())
        .add(&destination.octets())
        .add(&length.to_be_bytes())
        .add(&[0, 0, 0, next_header])
}
