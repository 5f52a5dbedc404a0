//! Laying out bytes and summing them: what every format here is made with.

/// Lays `parts` one behind the other into an array.
///
/// The parts must fill it. Every caller's parts have lengths known to the compiler, and every
/// format has a test with expected bytes.
pub(crate) fn join<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    let length = fill(&mut bytes, parts);
    debug_assert_eq!(length, N);
    bytes
}

/// Lays `parts` one behind the other into the front of a buffer, and returns their length.
pub(crate) fn fill(buffer: &mut [u8], parts: &[&[u8]]) -> usize {
    let mut rest = buffer;
    let mut length = 0;
    for part in parts {
        let Some((slot, tail)) = rest.split_at_mut_checked(part.len()) else {
            debug_assert!(false, "the parts do not fit");
            break;
        };
        slot.copy_from_slice(part);
        rest = tail;
        length += part.len();
    }
    length
}

/// The Internet checksum of RFC 1071, over any number of parts.
#[derive(Clone, Copy, Default)]
pub(crate) struct Checksum(u32);

impl Checksum {
    /// Adds bytes as 16-bit words, high byte first; an odd byte at the end counts as a high one.
    ///
    /// 65,537 words fit into the sum, more than any packet has.
    pub(crate) fn add(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<2>();
        let odd = rest
            .first()
            .map_or(0, |&byte| u16::from_be_bytes([byte, 0]));
        Self(words.iter().fold(self.0 + u32::from(odd), |sum, &word| {
            sum + u32::from(u16::from_be_bytes(word))
        }))
    }

    /// Returns the checksum, which is 0 over bytes that hold their own right one.
    pub(crate) const fn finish(self) -> u16 {
        // Twice, because the first fold can carry once more.
        let folded = (self.0 & 0xffff) + (self.0 >> 16);
        let [_, _, high, low] = (folded + (folded >> 16)).to_be_bytes();
        !u16::from_be_bytes([high, low])
    }
}

#[cfg(test)]
mod tests {
    use super::{Checksum, fill, join};

    #[test]
    fn parts_are_joined_in_order() {
        assert_eq!(join(&[&[1], &[], &[2, 3]]), [1, 2, 3]);
    }

    #[test]
    fn fill_leaves_the_rest_of_the_buffer_alone() {
        let mut buffer = [0xa5; 4];
        assert_eq!(fill(&mut buffer, &[&[1], &[2, 3]]), 3);
        assert_eq!(buffer, [1, 2, 3, 0xa5]);
    }

    /// The example of RFC 1071 §3.
    #[test]
    fn checksum_of_the_rfc() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Checksum::default().add(&bytes).finish(), !0xddf2);
    }

    #[test]
    fn odd_byte_is_padded_with_a_zero() {
        let sum = |bytes| Checksum::default().add(bytes).finish();
        assert_eq!(sum(&[0x12, 0x34, 0x56]), sum(&[0x12, 0x34, 0x56, 0x00]));
    }

    #[test]
    fn carries_are_added_until_none_is_left() {
        let sum = |bytes| Checksum::default().add(bytes).finish();
        assert_eq!(sum(&[0xff; 1280]), 0);
        assert_eq!(sum(&[0xff, 0xff, 0x00, 0x01]), 0xfffe);
        // 0x1_ffff folds to 0x1_0000, which has to be folded once more.
        assert_eq!(sum(&[0xff, 0xff, 0xff, 0xff, 0x00, 0x01]), 0xfffe);
    }
}
