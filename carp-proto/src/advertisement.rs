//! The advertisement: the one packet of the protocol.

use crate::{Authenticator, ChecksumForm, DigestForm, Vhid, wire};

/// The 36 bytes behind the IP header, field by field (`docs/carp-protocol.md §1.1`).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------+-------+---------------+---------------+---------------+
/// |version| type  |     vhid      |    advskew    |    authlen    |
/// +-------+-------+---------------+---------------+---------------+
/// |   demotion    |    advbase    |           checksum            |
/// +---------------+---------------+-------------------------------+
/// |                                                               |
/// +                            counter                            +
/// |                                                               |
/// +---------------------------------------------------------------+
/// |                                                               |
/// +                                                               +
/// |                                                               |
/// +                                                               +
/// |                            digest                             |
/// +                                                               +
/// |                                                               |
/// +                                                               +
/// |                                                               |
/// +---------------------------------------------------------------+
/// ```
///
/// The fields keep what is on the wire, values that no configuration can hold included: a
/// bow-out is 255/255, and a packet of another version or type can still be shown.
///
/// The digest covers the vhid, the addresses and the counter; advbase, advskew and demotion are
/// protected by nothing but the checksum (`docs/carp-protocol.md §2.2`).
///
/// # Examples
///
/// ```
/// use carp_proto::Advertisement;
///
/// let mut bytes = [0; Advertisement::LEN];
/// bytes[..8].copy_from_slice(&[0x21, 42, 0, 7, 0, 1, 0x93, 0xaf]);
///
/// let advert = Advertisement::decode(&bytes)?;
/// assert_eq!((advert.vhid, advert.advbase, advert.advskew), (42, 1, 0));
/// assert_eq!(advert.checksum, 0x93af);
/// assert_eq!(advert.encode(), bytes);
/// # Ok::<(), carp_proto::DecodeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Advertisement {
    /// The version of the protocol, 4 bits: [`VERSION`](Self::VERSION).
    pub version: u8,
    /// The type of the packet, 4 bits: [`TYPE`](Self::TYPE), which no receiver checks.
    pub kind: u8,
    /// The virtual host id.
    pub vhid: u8,
    /// The skew of the sender's interval in 1/256 second; 255 in a bow-out.
    pub advskew: u8,
    /// The length of counter and digest in 32-bit words: [`AUTHLEN`](Self::AUTHLEN), which no
    /// receiver checks.
    pub authlen: u8,
    /// The demotion of the sender. Only OpenBSD sends and reads it; the others send 0.
    pub demotion: u8,
    /// The base of the sender's interval in seconds; 255 in a bow-out.
    pub advbase: u8,
    /// The checksum, as it was received or as [`with_checksum`](Self::with_checksum) set it.
    pub checksum: u16,
    /// The counter that the digest covers. It need not grow (`docs/carp-protocol.md §2.4`).
    pub counter: u64,
    /// The HMAC-SHA1 of vhid, addresses and counter.
    pub digest: [u8; 20],
}

impl Advertisement {
    /// The length in bytes.
    pub const LEN: usize = Self::WIRE_LEN as usize;
    /// The same, for the length fields of the headers in front.
    pub(crate) const WIRE_LEN: u16 = 36;
    /// The version of CARP.
    pub const VERSION: u8 = 2;
    /// The type of an advertisement.
    pub const TYPE: u8 = 1;
    /// The length of counter and digest in 32-bit words.
    pub const AUTHLEN: u8 = 7;
    /// The advbase and the advskew of a bow-out.
    pub const BOW_OUT: u8 = 255;

    /// Makes an advertisement that is neither signed nor summed yet.
    ///
    /// `advbase` is in seconds, `advskew` in 1/256 second; both are
    /// [`BOW_OUT`](Self::BOW_OUT) when the sender goes away.
    ///
    /// # Examples
    ///
    /// ```
    /// use carp_proto::{Advertisement, Authenticator, ChecksumForm, DigestForm, Key, Vhid};
    ///
    /// let vhid = Vhid::new(7)?;
    /// let authenticator = Authenticator::new(&Key::none(), vhid, []);
    /// let advert = Advertisement::new(vhid, 1, 50, 0, 1)
    ///     .signed(&authenticator, DigestForm::WithoutLinkLocal)
    ///     .with_checksum(ChecksumForm::Plain);
    /// assert_eq!(advert.encode()[..6], [0x21, 7, 50, 7, 0, 1]);
    /// # Ok::<(), carp_proto::OutOfRange>(())
    /// ```
    pub const fn new(vhid: Vhid, advbase: u8, advskew: u8, demotion: u8, counter: u64) -> Self {
        Self {
            version: Self::VERSION,
            kind: Self::TYPE,
            vhid: vhid.get(),
            advskew,
            authlen: Self::AUTHLEN,
            demotion,
            advbase,
            checksum: 0,
            counter,
            digest: [0; 20],
        }
    }

    /// Fills in the digest of the counter. The checksum covers the digest: set it afterwards.
    #[must_use]
    pub fn signed(self, authenticator: &Authenticator, form: DigestForm) -> Self {
        Self {
            digest: authenticator.sign(self.counter, form),
            ..self
        }
    }

    /// Fills in the checksum of all the other fields.
    #[must_use]
    pub fn with_checksum(self, form: ChecksumForm) -> Self {
        let unsummed = Self {
            checksum: 0,
            ..self
        };
        Self {
            checksum: form.sum(&unsummed.encode()),
            ..self
        }
    }

    /// Reads an advertisement from the payload of an IP packet.
    ///
    /// Nothing is checked but the length: see [`checksum_is_valid`](crate::checksum_is_valid)
    /// and [`Authenticator::verify`]. Bytes after the 36 are ignored, as peers ignore them.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TooShort`] if there are fewer than 36 bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let chunk: &[u8; Self::LEN] = bytes.first_chunk().ok_or(DecodeError::TooShort {
            length: bytes.len(),
        })?;
        let [
            version_and_kind,
            vhid,
            advskew,
            authlen,
            demotion,
            advbase,
            rest @ ..,
        ] = *chunk;
        let [s0, s1, c0, c1, c2, c3, c4, c5, c6, c7, digest @ ..] = rest;
        Ok(Self {
            version: version_and_kind >> 4,
            kind: version_and_kind & 0x0f,
            vhid,
            advskew,
            authlen,
            demotion,
            advbase,
            checksum: u16::from_be_bytes([s0, s1]),
            counter: u64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7]),
            digest,
        })
    }

    /// Returns the bytes, with the checksum as the field has it.
    ///
    /// Of version and type the lower four bits are sent.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let version_and_kind = self.version << 4 | self.kind & 0x0f;
        wire::join(&[
            &[version_and_kind, self.vhid, self.advskew, self.authlen],
            &[self.demotion, self.advbase],
            &self.checksum.to_be_bytes(),
            &self.counter.to_be_bytes(),
            &self.digest,
        ])
    }

    /// Writes the bytes of [`encode`](Self::encode) to a buffer.
    ///
    /// # Panics
    ///
    /// As every [`BufMut`](bytes::BufMut) does, if the buffer has no room for 36 bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use carp_proto::{Advertisement, Vhid};
    ///
    /// let advert = Advertisement::new(Vhid::new(1)?, 1, 0, 0, 0);
    /// let mut buffer = Vec::new();
    /// advert.encode_into(&mut buffer);
    /// assert_eq!(buffer, advert.encode());
    /// # Ok::<(), carp_proto::OutOfRange>(())
    /// ```
    #[cfg(feature = "bytes")]
    pub fn encode_into(&self, buffer: &mut impl bytes::BufMut) {
        buffer.put_slice(&self.encode());
    }

    /// Returns whether the sender says goodbye: advbase and advskew are both 255.
    ///
    /// # Examples
    ///
    /// ```
    /// use carp_proto::{Advertisement, Vhid};
    ///
    /// let goodbye = Advertisement::new(Vhid::new(1)?, 255, 255, 0, 0);
    /// assert!(goodbye.is_bow_out());
    /// # Ok::<(), carp_proto::OutOfRange>(())
    /// ```
    pub const fn is_bow_out(&self) -> bool {
        self.advbase == Self::BOW_OUT && self.advskew == Self::BOW_OUT
    }
}

/// Why bytes are no advertisement.
///
/// # Examples
///
/// ```
/// use carp_proto::{Advertisement, DecodeError};
///
/// let error = Advertisement::decode(&[0x21; 35]).unwrap_err();
/// assert_eq!(error, DecodeError::TooShort { length: 35 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are fewer than 36 bytes.
    #[error("{length} bytes are too few for an advertisement of 36")]
    TooShort {
        /// How many there are.
        length: usize,
    },
}
