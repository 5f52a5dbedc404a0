//! HMAC-SHA1 (RFC 2104) of messages that begin alike and end in a counter.
//!
//! Built on the compression function alone, because that is nearly all that an advertisement then
//! costs: the state after the key and after each full block is kept, and what is left of the
//! message is kept as the padded blocks that it ends in, with a gap for the counter. The general
//! implementation, which the tests compare this one with, spends as much again on copying and
//! padding.

use sha1::block_api::compress;
use zeroize::Zeroize as _;

use crate::Key;

/// An HMAC that has seen its key and the beginning of a message.
#[derive(Clone)]
pub(crate) struct Beginning {
    inner: State,
    outer: State,
    /// What came after the last full block.
    block: Block,
    /// How much of it.
    used: u8,
    /// Of the message so far, in bytes, and with the block of the key.
    length: u64,
}

impl Beginning {
    /// An HMAC that has seen its key.
    pub(crate) fn new(key: &Key) -> Self {
        Self {
            inner: keyed(key, INNER_PAD),
            outer: keyed(key, OUTER_PAD),
            block: [0; BLOCK],
            used: 0,
            length: BLOCK as u64,
        }
    }

    /// Goes on with `bytes`.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(slot) = self.block.get_mut(usize::from(self.used)) {
                *slot = *byte;
            }
            self.used += 1;
            if usize::from(self.used) == BLOCK {
                compress(&mut self.inner, &[self.block]);
                self.used = 0;
            }
        }
        self.length += bytes.len() as u64;
    }

    /// The HMAC of messages that begin like this and end in a counter.
    pub(crate) fn then_counter(&self) -> OfCounter {
        let gap = usize::from(self.used);
        let mut end = [[0; BLOCK]; 2];
        let [first, second] = &mut end;
        for (slot, byte) in first.iter_mut().zip(self.block).take(gap) {
            *slot = byte;
        }
        // The counter, the mark, and the length.
        let is_short = gap + COUNTER + 1 + LENGTH <= BLOCK;
        let last = if is_short { first } else { second };
        if let Some(slot) = last.last_chunk_mut() {
            let bytes = self.length + COUNTER as u64;
            *slot = (bytes * 8).to_be_bytes();
        }
        if let Some(slot) = end.as_flattened_mut().get_mut(gap + COUNTER) {
            *slot = END_MARK;
        }
        OfCounter {
            inner: self.inner,
            outer: self.outer,
            end,
            is_short,
            word: u32::from(self.used) / 4,
            shift: 32 - u32::from(self.used) % 4 * 8,
        }
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// The HMAC of a message of which only the counter at its end is not known yet.
#[derive(Clone)]
pub(crate) struct OfCounter {
    inner: State,
    outer: State,
    end: [Block; 2],
    /// Whether the message ends in the first of the two blocks.
    is_short: bool,
    /// In which word of the two blocks the counter begins.
    word: u32,
    /// How many of the 32 bits of that word it leaves to what comes before, taken from 32.
    shift: u32,
}

impl OfCounter {
    /// The words of the HMAC with this counter: one compression, or two, and one more.
    pub(crate) fn finish(&self, counter: u64) -> [u32; 5] {
        let mut inner = self.inner;
        let [mut first, mut second] = self.end;
        self.fill(&mut first, 0, counter);
        if self.is_short {
            compress(&mut inner, &[first]);
        } else {
            self.fill(&mut second, 16, counter);
            compress(&mut inner, &[first, second]);
        }

        let mut last = OUTER_BLOCK;
        let (slots, _) = last.as_chunks_mut();
        for (slot, word) in slots.iter_mut().zip(inner) {
            *slot = word.to_be_bytes();
        }
        let mut outer = self.outer;
        compress(&mut outer, &[last]);
        outer
    }

    /// Puts what belongs there of the counter into a block that begins with the word `number`.
    ///
    /// Every word is written, and all in the same way, so that the compiler writes as many at a
    /// time as are read afterwards: a processor that has to gather what it reads from several
    /// writes waits for them, half as long as a compression takes.
    #[inline(always)]
    fn fill(&self, block: &mut Block, number: u32, counter: u64) {
        let wide = u128::from(counter) << self.shift;
        let [_, _, _, _, a, b, c, d, e, f, g, h, i, j, k, l] = wide.to_be_bytes();
        let parts = [[a, b, c, d], [e, f, g, h], [i, j, k, l]];
        let [one, two, three] = parts.map(u32::from_ne_bytes);
        let (slots, _) = block.as_chunks_mut();
        for (slot, at) in slots.iter_mut().zip(number..) {
            let mut word = u32::from_ne_bytes(*slot);
            word |= if at == self.word { one } else { 0 };
            word |= if at == self.word + 1 { two } else { 0 };
            word |= if at == self.word + 2 { three } else { 0 };
            *slot = word.to_ne_bytes();
        }
    }
}

impl Drop for OfCounter {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

/// The state of SHA-1 after a block of the key and `pad`.
fn keyed(key: &Key, pad: u8) -> State {
    let mut block = [pad; BLOCK];
    for (slot, byte) in block.iter_mut().zip(key.expose()) {
        *slot ^= byte;
    }
    let mut state = INITIAL;
    compress(&mut state, &[block]);
    block.zeroize();
    state
}

type State = [u32; 5];
type Block = [u8; BLOCK];

const BLOCK: usize = 64;
const DIGEST: usize = 20;
const COUNTER: usize = size_of::<u64>();
const LENGTH: usize = size_of::<u64>();

/// The length of each outer message: the block of the key and an inner digest.
const OUTER_BITS: u16 = (64 + 20) * 8;

/// RFC 2104 §2.
const INNER_PAD: u8 = 0x36;
const OUTER_PAD: u8 = 0x5c;

/// FIPS 180-4 §5.1.1: what follows a message, before zeros and its length.
const END_MARK: u8 = 0x80;

/// FIPS 180-4 §5.3.1.
const INITIAL: State = [
    0x6745_2301,
    0xefcd_ab89,
    0x98ba_dcfe,
    0x1032_5476,
    0xc3d2_e1f0,
];

/// The second and last block of the outer message: an inner digest, which is not there yet, mark
/// and length.
const OUTER_BLOCK: Block = {
    let mut block = [0; BLOCK];
    block[DIGEST] = END_MARK;
    let [high, low] = OUTER_BITS.to_be_bytes();
    block[BLOCK - 2] = high;
    block[BLOCK - 1] = low;
    block
};

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use sha1::Sha1;

    use super::Beginning;
    use crate::Key;

    /// Where the message ends in its last block decides how it is padded.
    #[test]
    fn beginning_of_any_length_gives_the_hmac_of_the_whole() {
        let key = Key::from_password("mekmitasdigoat");
        let message: Vec<u8> = (0..200_u8).collect();
        for length in 0..message.len() {
            let beginning = &message[..length];
            for counter in [0, 0x0123_4567_89ab_cdef, u64::MAX] {
                let mut ours = Beginning::new(&key);
                ours.update(beginning);

                let theirs = Hmac::<Sha1>::new_from_slice(key.expose())
                    .unwrap()
                    .chain_update(beginning)
                    .chain_update(counter.to_be_bytes())
                    .finalize();
                let ours = ours.then_counter().finish(counter).map(u32::to_be_bytes);
                assert_eq!(
                    ours.as_flattened(),
                    &theirs.into_bytes()[..],
                    "{length} bytes"
                );
            }
        }
    }

    #[test]
    fn beginning_goes_on_after_a_copy() {
        let mut one = Beginning::new(&Key::none());
        one.update(&[1; 70]);
        let mut other = one.clone();
        one.update(&[2; 70]);
        other.update(&[2; 30]);
        other.update(&[2; 40]);

        assert_eq!(one.then_counter().finish(9), other.then_counter().finish(9));
    }
}
