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
    /// Of the message so far, without the block of the key.
    length: usize,
}

impl Beginning {
    /// An HMAC that has seen its key.
    pub(crate) fn new(key: &Key) -> Self {
        Self {
            inner: keyed(key, INNER_PAD),
            outer: keyed(key, OUTER_PAD),
            block: [0; BLOCK],
            length: 0,
        }
    }

    /// Goes on with `bytes`.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let at = self.length % BLOCK;
            if let Some(slot) = self.block.get_mut(at) {
                *slot = *byte;
            }
            self.length += 1;
            if self.length.is_multiple_of(BLOCK) {
                compress(&mut self.inner, &[self.block]);
            }
        }
    }

    /// The HMAC of messages that begin like this and end in a counter.
    pub(crate) fn then_counter(&self) -> OfCounter {
        let gap = self.length % BLOCK;
        let length = BLOCK + self.length + COUNTER;
        let mut end = [[0; BLOCK]; 2];
        let bytes = end.as_flattened_mut().iter_mut().enumerate();
        for ((at, slot), byte) in bytes.zip(self.block) {
            // What is left of the block before does not belong to the message.
            *slot = if at < gap { byte } else { 0 };
        }
        let behind = gap + COUNTER;
        if let Some(mark) = end.as_flattened_mut().get_mut(behind) {
            *mark = END_MARK;
        }
        // Mark and length need 9 bytes more.
        let fits = behind + 9 <= BLOCK;
        let last = if fits { &mut end[0] } else { &mut end[1] };
        put_length(last, length);
        OfCounter {
            inner: self.inner,
            outer: self.outer,
            end,
            is_short: fits,
            gap,
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
    /// Where in the two blocks the counter belongs.
    gap: usize,
}

impl OfCounter {
    /// The HMAC with this counter: one compression, or two, and one more.
    pub(crate) fn finish(&self, counter: u64) -> [u8; DIGEST] {
        let mut end = self.end;
        let gap = end.as_flattened_mut().get_mut(self.gap..);
        if let Some(gap) = gap.and_then(<[u8]>::first_chunk_mut) {
            *gap = counter.to_be_bytes();
        }
        let mut inner = self.inner;
        let [first, _] = &end;
        let blocks = if self.is_short {
            core::slice::from_ref(first)
        } else {
            &end[..]
        };
        compress(&mut inner, blocks);

        let mut block = OUTER_BLOCK;
        put(&mut block, &inner);
        let mut outer = self.outer;
        compress(&mut outer, &[block]);
        let mut digest = [0; DIGEST];
        put(&mut digest, &outer);
        digest
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

/// Writes the words of a state to the front of `bytes`.
fn put(bytes: &mut [u8], state: &State) {
    let (slots, _) = bytes.as_chunks_mut::<4>();
    for (slot, word) in slots.iter_mut().zip(state) {
        *slot = word.to_be_bytes();
    }
}

/// Writes the length of a message, in bits, where its last block ends.
fn put_length(block: &mut Block, bytes: usize) {
    if let Some(slot) = block.last_chunk_mut() {
        *slot = (bytes as u64 * 8).to_be_bytes();
    }
}

type State = [u32; 5];
type Block = [u8; BLOCK];

const BLOCK: usize = 64;
const DIGEST: usize = 20;
const COUNTER: usize = size_of::<u64>();

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
                assert_eq!(
                    ours.then_counter().finish(counter)[..],
                    theirs.into_bytes()[..],
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
