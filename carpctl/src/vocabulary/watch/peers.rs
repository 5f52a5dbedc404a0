//! Who is heard, and of whom everything was refused.

use std::net::IpAddr;

use carp_net::carp_fsm::{self, Speaker};
use serde::{Deserialize, Serialize};

use super::cause::{Claim, micros};

/// Whom an interface hears.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Peers {
    pub(crate) name: String,
    pub(crate) peers: Vec<Peer>,
    /// Those of whom every packet was refused.
    pub(crate) refused: Vec<Stranger>,
}

/// Another node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub(crate) source: IpAddr,
    /// What it may be: all that its adverts do not rule out.
    pub(crate) dialects: Vec<String>,
    #[serde(flatten)]
    pub(crate) claim: Claim,
    /// Whether it advertises.
    pub(crate) heard: bool,
    /// When its last advert was heard.
    pub(crate) ago_us: u64,
    /// The time between two of its adverts, as measured.
    pub(crate) interval_us: Option<u64>,
    /// How many adverts of it were received, the refused ones included.
    pub(crate) received: u64,
    pub(crate) refused: u64,
    /// The last of those refused, if it was since the service was started.
    pub(crate) last_refused: Option<LastRefused>,
}

/// A packet that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastRefused {
    pub(crate) reason: String,
    pub(crate) ago_us: u64,
}

/// Somebody of whom every packet was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stranger {
    /// Where the packets say that they come from.
    pub(crate) source: IpAddr,
    pub(crate) refused: u64,
    /// Why the last one was.
    pub(crate) reason: String,
    pub(crate) ago_us: u64,
}

impl Peer {
    pub(crate) fn new(now: carp_fsm::Timestamp, peer: &carp_fsm::Peer) -> Self {
        let counters = peer.counters();
        let names = peer.speakers().iter().map(Speaker::name);
        Self {
            source: peer.source(),
            dialects: names.map(str::to_owned).collect(),
            claim: peer.claim().into(),
            heard: peer.is_heard(),
            ago_us: micros(now - peer.last_heard()),
            interval_us: peer.interval().map(micros),
            received: counters.ipackets + counters.ipackets6,
            refused: counters.refused(),
            last_refused: peer.last_refusal().map(|(refusal, at)| LastRefused {
                reason: refusal.to_string(),
                ago_us: micros(now - at),
            }),
        }
    }

    /// Whether nothing is known of what it is.
    pub(crate) fn may_be_anything(&self) -> bool {
        self.dialects.len() == Speaker::ALL.len()
    }
}

impl Stranger {
    pub(crate) fn new(now: carp_fsm::Timestamp, stranger: &carp_fsm::Stranger) -> Self {
        Self {
            source: stranger.source,
            refused: stranger.refused,
            reason: stranger.refusal.to_string(),
            ago_us: micros(now - stranger.last_heard),
        }
    }
}
