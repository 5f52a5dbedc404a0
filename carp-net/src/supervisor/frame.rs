//! What supervisor and engine say to each other: one frame in each message of the socket.
//!
//! ```text
//!  0         1         2             3          3+n
//! +---------+---------+-------------+----------+-------------------+
//! | version |  kind   | n = length  | name (n) | value (the rest)  |
//! |    1    |         | of the name |  UTF-8   |                   |
//! +---------+---------+-------------+----------+-------------------+
//! ```
//!
//! Numbers are big endian. The two may be of different ages after an upgrade: a frame of another
//! version or of an unknown kind is skipped.

use std::fmt;
use std::time::Duration;

use carp_fsm::Timestamp;
use zeroize::Zeroizing;

/// The longest name, in bytes.
pub const MAX_NAME: usize = 255;

/// The longest record, in bytes.
pub const MAX_RECORD: usize = 64 * 1024;

/// One thing that is said. A descriptor comes beside its frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// Keep this record, in place of any of the same name.
    Record { name: &'a str, value: &'a [u8] },
    /// Forget the record of this name.
    NoRecord { name: &'a str },
    /// Keep the descriptor that comes with this, in place of any of the same name.
    Descriptor { name: &'a str },
    /// Forget the descriptor of this name.
    NoDescriptor { name: &'a str },
    /// That was everything; and when the engine, or from the supervisor the former one, last said
    /// that it makes progress.
    All { last_alive: Option<Timestamp> },
    /// The engine makes progress, and will say so again within this time.
    Beat { at: Timestamp, within: Duration },
    /// The engine wants to be started anew.
    Ask,
    /// The supervisor is there and would start it anew.
    Granted,
    /// The engine ends to be started anew.
    Again,
    /// The engine is to end in good order.
    Stop,
    /// The engine is to send everything there is to keep, and then `All`.
    SendAll,
}

impl<'a> Frame<'a> {
    /// How much room the longest frame takes, in bytes.
    pub(super) const MAX: usize = HEADER + MAX_NAME + MAX_RECORD;

    /// Writes it. The bytes are wiped when dropped.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let (kind, name, value) = match *self {
            Self::Record { name, value } => (RECORD, name, value),
            Self::NoRecord { name } => (NO_RECORD, name, NOTHING),
            Self::Descriptor { name } => (DESCRIPTOR, name, NOTHING),
            Self::NoDescriptor { name } => (NO_DESCRIPTOR, name, NOTHING),
            Self::All { last_alive: None } => (ALL, "", NOTHING),
            Self::All {
                last_alive: Some(at),
            } => return encode(ALL, "", &at.as_micros().to_be_bytes()),
            Self::Beat { at, within } => {
                let within = u64::try_from(within.as_micros()).unwrap_or(u64::MAX);
                let mut value = [0; 16];
                let (first, second) = value.split_at_mut(8);
                first.copy_from_slice(&at.as_micros().to_be_bytes());
                second.copy_from_slice(&within.to_be_bytes());
                return encode(BEAT, "", &value);
            }
            Self::Ask => (ASK, "", NOTHING),
            Self::Granted => (GRANTED, "", NOTHING),
            Self::Again => (AGAIN, "", NOTHING),
            Self::Stop => (STOP, "", NOTHING),
            Self::SendAll => (SEND_ALL, "", NOTHING),
        };
        encode(kind, name, value)
    }

    /// Reads one; `None` where it is of another version, of an unknown kind, or broken.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (&[version, kind, length], rest) = bytes.split_first_chunk::<HEADER>()?;
        let (name, value) = rest.split_at_checked(length.into())?;
        let name = std::str::from_utf8(name).ok()?;
        if version != VERSION || value.len() > MAX_RECORD {
            return None;
        }
        Some(match kind {
            RECORD => Self::Record { name, value },
            NO_RECORD => Self::NoRecord { name },
            DESCRIPTOR => Self::Descriptor { name },
            NO_DESCRIPTOR => Self::NoDescriptor { name },
            ALL => Self::All {
                last_alive: number(value).map(|(at, _)| Timestamp::from_micros(at)),
            },
            BEAT => {
                let (at, rest) = number(value)?;
                let (within, _) = number(rest)?;
                Self::Beat {
                    at: Timestamp::from_micros(at),
                    within: Duration::from_micros(within),
                }
            }
            ASK => Self::Ask,
            GRANTED => Self::Granted,
            AGAIN => Self::Again,
            STOP => Self::Stop,
            SEND_ALL => Self::SendAll,
            _ => return None,
        })
    }
}

impl fmt::Debug for Frame<'_> {
    /// Nothing of what a record says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match self {
            Self::Record { name, .. } => ("Record", *name),
            Self::NoRecord { name } => ("NoRecord", *name),
            Self::Descriptor { name } => ("Descriptor", *name),
            Self::NoDescriptor { name } => ("NoDescriptor", *name),
            Self::All { .. } => ("All", ""),
            Self::Beat { .. } => ("Beat", ""),
            Self::Ask => ("Ask", ""),
            Self::Granted => ("Granted", ""),
            Self::Again => ("Again", ""),
            Self::Stop => ("Stop", ""),
            Self::SendAll => ("SendAll", ""),
        };
        write!(f, "{kind} {name}")
    }
}

/// Whoever makes up a name sees to it that it is not too long.
fn encode(kind: u8, name: &str, value: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    // Long enough from the start, so that no half of it is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(HEADER + name.len() + value.len()));
    bytes.extend_from_slice(&[VERSION, kind, length]);
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(value);
    bytes
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), rest))
}

const VERSION: u8 = 1;
const HEADER: usize = 3;
const NOTHING: &[u8] = &[];

const RECORD: u8 = 1;
const NO_RECORD: u8 = 2;
const DESCRIPTOR: u8 = 3;
const NO_DESCRIPTOR: u8 = 4;
const ALL: u8 = 5;
const BEAT: u8 = 6;
const ASK: u8 = 7;
const GRANTED: u8 = 8;
const AGAIN: u8 = 9;
const STOP: u8 = 10;
const SEND_ALL: u8 = 11;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn examples() -> Vec<Frame<'static>> {
        let at = Timestamp::from_micros(7_000_001);
        let within = Duration::from_millis(250);
        vec![
            Frame::Record {
                name: "carp0",
                value: b"\0secret",
            },
            Frame::NoRecord { name: "carp0" },
            Frame::Descriptor { name: "listener" },
            Frame::NoDescriptor { name: "listener" },
            Frame::All { last_alive: None },
            Frame::All {
                last_alive: Some(at),
            },
            Frame::Beat { at, within },
            Frame::Ask,
            Frame::Granted,
            Frame::Again,
            Frame::Stop,
            Frame::SendAll,
        ]
    }

    #[test]
    fn every_frame_is_read_as_it_was_written() {
        for frame in examples() {
            assert!(Frame::decode(&frame.encode()) == Some(frame));
        }
    }

    #[test]
    fn the_longest_record_fits_and_a_longer_one_is_not_read() {
        let name = "n".repeat(MAX_NAME);
        let value = vec![1; MAX_RECORD + 1];
        let fits = Frame::Record {
            name: &name,
            value: &value[1..],
        };
        let bytes = fits.encode();
        assert_eq!(bytes.len(), Frame::MAX);
        assert!(Frame::decode(&bytes) == Some(fits));
        let long = Frame::Record {
            name: "n",
            value: &value,
        };
        assert!(Frame::decode(&long.encode()).is_none());
    }

    #[test]
    fn other_versions_and_kinds_are_skipped() {
        let mut bytes = Frame::Stop.encode();
        bytes[0] = 2;
        assert!(Frame::decode(&bytes).is_none());
        bytes[0] = VERSION;
        bytes[1] = 200;
        assert!(Frame::decode(&bytes).is_none());
    }

    #[test]
    fn truncated_at_every_length() {
        for frame in examples() {
            let bytes = frame.encode();
            for length in 0..bytes.len() {
                assert!(Frame::decode(&bytes[..length]) != Some(frame));
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_skipped(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(frame) = Frame::decode(&bytes) {
                prop_assert!(Frame::decode(&frame.encode()) == Some(frame));
            }
        }
    }
}
