//! Those whose packets are all refused: a list that anybody can write into, as often as the network
//! carries packets, so that a new entry costs no more than the last one, wherever it goes.

use alloc::collections::VecDeque;
use core::net::IpAddr;

use crate::Timestamp;
use crate::counters::Refusal;

/// Somebody whose packets were all refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stranger {
    /// Where the packets say that they come from.
    pub source: IpAddr,
    /// Why the last one was refused.
    pub refusal: Refusal,
    /// When that was.
    pub last_heard: Timestamp,
    /// How many were refused.
    pub refused: u64,
}

/// Those that were heard last, oldest first. Nothing is allocated after the beginning.
#[derive(Clone, Debug)]
pub(crate) struct Strangers {
    all: VecDeque<Stranger>,
    /// A byte of each source, in the same order: most that are not in the list are not compared
    /// with those that are, which lie far apart.
    tags: [u8; MOST],
}

impl Strangers {
    pub(super) fn new() -> Self {
        Self {
            all: VecDeque::with_capacity(MOST),
            tags: [0; MOST],
        }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Stranger> + use<'_> {
        self.all.iter()
    }

    /// Takes note of a packet of `source` that was refused.
    pub(super) fn note(&mut self, now: Timestamp, source: IpAddr, refusal: Refusal) {
        let known = self.position(source);
        let goes = known.or_else(|| (self.all.len() >= MOST).then_some(0));
        let before = goes.and_then(|at| self.remove(at));
        let refused = before.filter(|_| known.is_some());
        if let Some(tag) = self.tags.get_mut(self.all.len()) {
            *tag = tag_of(source);
        }
        self.all.push_back(Stranger {
            source,
            refusal,
            last_heard: now,
            refused: refused.map_or(0, |before| before.refused) + 1,
        });
    }

    /// Forgets one that is a peer now.
    pub(super) fn forget(&mut self, source: IpAddr) {
        if let Some(at) = self.position(source) {
            self.remove(at);
        }
    }

    fn position(&self, source: IpAddr) -> Option<usize> {
        let tag = tag_of(source);
        let is_it = |(at, its): (usize, &u8)| {
            *its == tag && self.all.get(at).is_some_and(|it| it.source == source)
        };
        self.tags.iter().enumerate().position(is_it)
    }

    fn remove(&mut self, at: usize) -> Option<Stranger> {
        if let Some(from_here) = self.tags.get_mut(at..) {
            from_here.rotate_left(1);
        }
        self.all.remove(at)
    }
}

fn tag_of(source: IpAddr) -> u8 {
    let fold = |tag: u8, byte: &u8| tag.rotate_left(3) ^ byte;
    match source {
        IpAddr::V4(source) => source.octets().iter().fold(4, fold),
        IpAddr::V6(source) => source.octets().iter().fold(6, fold),
    }
}

/// More than send what is refused, where nobody forges sources.
const MOST: usize = 16;
