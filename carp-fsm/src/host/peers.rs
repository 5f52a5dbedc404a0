//! Who is heard: the other nodes of a virtual host, each with what it last said and its counters.
//!
//! Only a node that has sent an authentic advert is in the list, and the list is bounded, so that
//! nobody can make it grow. What is refused from one that is in it counts there too, although
//! anybody may have sent that.

use core::net::IpAddr;

use carp_proto::Family;

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

    /// Takes note of an authentic advert. A new peer takes the place of the one that was not heard
    /// for the longest time where there are too many.
    pub(crate) fn note_peer(&mut self, heard: Heard, now: Timestamp) {
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
    pub(crate) fn note_refusal(&mut self, source: IpAddr, refusal: Refusal) {
        refusal.count(&mut self.run.counters);
        let peer = self.run.peers.iter_mut().find(|peer| peer.source == source);
        if let Some(peer) = peer {
            peer.counters.received(Family::of(source));
            refusal.count(&mut peer.counters);
        }
    }
}

/// More nodes than a cluster has.
const MOST_PEERS: usize = 16;
