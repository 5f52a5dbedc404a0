//! Who is heard: the other nodes of a virtual host, each with what it last said and its counters.
//!
//! Only whom an authentic advert says to come from is in the list, and the list is bounded, so that
//! nobody can make it grow. The digest does not cover the source: who repeats an advert can give it
//! any. What is refused from a source in the list counts there too, whoever has sent that.

use core::net::IpAddr;

use carp_proto::{Envelope, Family};

use super::Host;
use crate::counters::{Counters, Refusal};
use crate::{Claim, Heard, Timestamp};

/// Another node, as a virtual host has heard it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Peer {
    source: IpAddr,
    claim: Claim,
    last_heard: Timestamp,
    counters: Counters,
}

impl Peer {
    /// Where its adverts come from. A node that sends over both families is in the list twice.
    pub const fn source(&self) -> IpAddr {
        self.source
    }

    /// What its last authentic advert claimed.
    pub const fn claim(&self) -> Claim {
        self.claim
    }

    /// When its last authentic advert was heard.
    pub const fn last_heard(&self) -> Timestamp {
        self.last_heard
    }

    /// What was received and refused from this source since it was first heard; only the counters
    /// of what is received grow.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }
}

impl Host {
    pub(crate) fn peers(&self) -> &[Peer] {
        &self.run.peers
    }

    /// Takes note of an authentic advert, and of how slow its sender is.
    pub(crate) fn note_advert(&mut self, heard: Heard, now: Timestamp) {
        self.run.counters.received(Family::of(heard.source));
        self.note_pace(heard);
        self.note_peer(heard, now);
    }

    /// A new peer takes the place of the one that was not heard for the longest time where there
    /// are too many.
    fn note_peer(&mut self, heard: Heard, now: Timestamp) {
        let peers = &mut self.run.peers;
        let known = peers.iter().position(|peer| peer.source == heard.source);
        let mut peer = Peer {
            source: heard.source,
            claim: heard.claim,
            last_heard: now,
            counters: known
                .and_then(|at| peers.get(at))
                .map_or_else(Counters::default, |peer| peer.counters),
        };
        peer.counters.received(Family::of(heard.source));
        let at = known.or_else(|| {
            let last_heard = |(_, peer): &(usize, &Peer)| peer.last_heard;
            let oldest = peers.iter().enumerate().min_by_key(last_heard);
            oldest
                .map(|(at, _)| at)
                .filter(|_| peers.len() >= MOST_PEERS)
        });
        match at.and_then(|at| peers.get_mut(at)) {
            Some(slot) => *slot = peer,
            None => peers.push(peer),
        }
    }

    /// Counts what was refused, for the host and for whom it says it is from.
    pub(crate) fn note_refusal(&mut self, envelope: &Envelope, refusal: Refusal) {
        let (family, source) = (envelope.family(), envelope.source);
        let peer = self.run.peers.iter_mut().find(|peer| peer.source == source);
        let of_peer = peer.map(|peer| &mut peer.counters);
        for counters in of_peer.into_iter().chain([&mut self.run.counters]) {
            counters.received(family);
            refusal.count(counters);
        }
    }
}

/// More nodes than a cluster has.
const MOST_PEERS: usize = 16;
