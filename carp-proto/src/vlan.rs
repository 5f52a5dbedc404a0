//! The tags that put an Ethernet frame into a virtual LAN (IEEE 802.1Q).

/// One tag of a frame.
///
/// # Examples
///
/// ```
/// use carp_proto::VlanTag;
///
/// let tag = VlanTag { tpid: 0x8100, tci: 0xa005 };
/// assert_eq!((tag.id(), tag.priority(), tag.is_drop_eligible()), (5, 5, false));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VlanTag {
    /// What kind of tag it is: 0x8100 of 802.1Q, 0x88a8 of 802.1ad, or 0x9100, 0x9200 or 0x9300 as
    /// it was before that.
    pub tpid: u16,
    /// Priority, drop eligibility and id as they are on the wire.
    pub tci: u16,
}

impl VlanTag {
    /// Returns the id of the virtual LAN, 0 to 4095; 0 if the tag carries nothing but a priority.
    pub const fn id(self) -> u16 {
        self.tci & 0x0fff
    }

    /// Returns the priority, 0 to 7.
    pub const fn priority(self) -> u8 {
        let [high, _] = self.tci.to_be_bytes();
        high >> 5
    }

    /// Returns whether the frame may be dropped before others.
    pub const fn is_drop_eligible(self) -> bool {
        self.tci & 0x1000 != 0
    }
}

/// The tags of a frame, the outermost one first.
///
/// # Examples
///
/// ```
/// use carp_proto::{AdvertHeaders, Advertisement, LinkType, Vhid, advert_frame, decode_frame};
///
/// let vhid = Vhid::new(1)?;
/// let headers = AdvertHeaders::to_group(vhid.virtual_mac(), "192.0.2.2".parse()?);
/// let frame = advert_frame(&headers, &Advertisement::new(vhid, 1, 0, 0, 0).encode());
/// let (macs, rest) = frame.split_at(12);
/// let tagged = [macs, &[0x88, 0xa8, 0x00, 0x64], &[0x81, 0x00, 0x00, 0x05], rest].concat();
///
/// let decoded = decode_frame(LinkType::Ethernet, &tagged)?;
/// let ids: Vec<u16> = decoded.vlan_tags().map(|tag| tag.id()).collect();
/// assert_eq!(ids, [100, 5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct VlanTags<'a> {
    /// The kind of the next tag, where there is one.
    tpid: u16,
    /// The rest of each tag, and the kind of what follows it.
    rest: &'a [[u8; 4]],
}

impl<'a> VlanTags<'a> {
    /// A frame without tags.
    pub(crate) const NONE: Self = Self { tpid: 0, rest: &[] };

    /// Takes the tags off: returns them, the ethertype behind them and what it is of. `None` if
    /// the frame ends among them.
    pub(crate) fn split(ethertype: u16, bytes: &'a [u8]) -> Option<(Self, u16, &'a [u8])> {
        let (pairs, _) = bytes.as_chunks();
        let mut inner = ethertype;
        let mut depth = 0;
        while is_tpid(inner) {
            let &[_, _, high, low] = pairs.get(depth)?;
            inner = u16::from_be_bytes([high, low]);
            depth += 1;
        }
        let tags = Self {
            tpid: ethertype,
            rest: pairs.get(..depth)?,
        };
        Some((tags, inner, bytes.get(depth * 4..)?))
    }
}

impl Iterator for VlanTags<'_> {
    type Item = VlanTag;

    fn next(&mut self) -> Option<VlanTag> {
        let (&[t0, t1, n0, n1], rest) = self.rest.split_first()?;
        let tag = VlanTag {
            tpid: self.tpid,
            tci: u16::from_be_bytes([t0, t1]),
        };
        self.tpid = u16::from_be_bytes([n0, n1]);
        self.rest = rest;
        Some(tag)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rest.len(), Some(self.rest.len()))
    }
}

impl ExactSizeIterator for VlanTags<'_> {}

const fn is_tpid(ethertype: u16) -> bool {
    matches!(ethertype, 0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300)
}

#[cfg(test)]
mod tests {
    use super::{VlanTag, VlanTags};

    #[test]
    fn tags_are_taken_off_from_the_outside() {
        let bytes = [0x00, 0x64, 0x81, 0x00, 0xb0, 0x05, 0x08, 0x00, 0x45];
        let (tags, ethertype, rest) = VlanTags::split(0x88a8, &bytes).unwrap();

        assert_eq!((ethertype, rest), (0x0800, &[0x45][..]));
        assert_eq!(tags.len(), 2);
        let (outer, inner) = (
            VlanTag {
                tpid: 0x88a8,
                tci: 100,
            },
            VlanTag {
                tpid: 0x8100,
                tci: 0xb005,
            },
        );
        assert!(tags.eq([outer, inner]));
        assert_eq!(
            (inner.id(), inner.priority(), inner.is_drop_eligible()),
            (5, 5, true)
        );
        let all_but_one = VlanTag {
            tpid: 0x8100,
            tci: 0xefff,
        };
        assert!(!all_but_one.is_drop_eligible());
    }

    #[test]
    fn frame_without_tags_is_left_alone() {
        let (tags, ethertype, rest) = VlanTags::split(0x86dd, &[1, 2, 3]).unwrap();
        assert_eq!((tags.count(), ethertype, rest), (0, 0x86dd, &[1, 2, 3][..]));
        assert_eq!(VlanTags::NONE.count(), 0);
    }

    #[test]
    fn frame_that_ends_among_its_tags_is_noticed() {
        let bytes = [0x00, 0x64, 0x81, 0x00, 0x00, 0x05, 0x08, 0x00];
        for length in 0..bytes.len() {
            assert!(VlanTags::split(0x88a8, &bytes[..length]).is_none());
        }
    }
}
