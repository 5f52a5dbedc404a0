//! Laying out bytes and summing them: what every format here is made with.

/// Lays `parts` one behind the other.
///
/// The parts must fill the array. Every caller's parts have lengths known to the compiler, and
/// every format has a test with expected bytes.
pub(crate) fn join<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    debug_assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), N);
    let mut bytes = [0; N];
    let mut rest = bytes.as_mut_slice();
    for part in parts {
        let Some((slot, tail)) = rest.split_at_mut_checked(part.len()) else {
            break;
        };
        slot.copy_from_slice(part);
        rest = tail;
    }
    bytes
}

/// The Internet checksum of RFC 1071, over parts of even length.
#[derive(Clone, Copy, Default)]
pub(crate) struct Checksum(u32);

impl Checksum {
    /// Adds bytes as 16-bit words, high byte first; an odd last byte counts as a high one.
    ///
    /// Up to 65,537 words fit into the sum: more than any packet has.
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
