//! Who is heard: the other nodes of a virtual host, each with what it last said and its counters.
//!
//! Only whom an authentic advert says to come from is in the list, and the list is bounded, so that
//! nobody can make it grow. The digest does not cover the source: who repeats an advert can give it
//! any. What is refused from a source in the list counts there too, whoever has sent that. Sources
//! of which everything was refused have a list of their own: it is as short, nothing depends on it,
//! and a successor does not get it.

use core::net::IpAddr;
use core::time::Duration;

use carp_proto::{Envelope, Family};

use super::Host;
use super::role::Surroundings;
use super::strangers::Strangers;
use crate::counters::{Counters, Refusal};
use crate::speaker::Speakers;
use crate::{Claim, Event, Heard, LastHeard, Timer, Timestamp};

/// Another node, as a virtual host has heard it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Peer {
    source: IpAddr,
    claim: Claim,
    last_heard: Timestamp,
    counters: Counters,
    /// Whether it advertises, as far as is known.
    #[cfg_attr(feature = "serde", serde(default))]
    is_heard: bool,
    /// Of its adverts while it is heard.
    #[cfg_attr(feature = "serde", serde(default))]
    interval: Option<Duration>,
    /// Who it may be by each of its adverts, and by the last two.
    #[cfg_attr(feature = "serde", serde(default))]
    speakers: (Speakers, Speakers),
    /// Counter and identification of the last one.
    #[cfg_attr(feature = "serde", serde(default))]
    marks: Option<(u64, Option<u16>)>,
    /// Whether the last two counted on or stayed the same: some begin with random ones.
    #[cfg_attr(feature = "serde", serde(default))]
    is_counting: bool,
    /// Of the last packet that was refused. A successor learns it from the next one.
    #[cfg_attr(feature = "serde", serde(skip))]
    last_refusal: Option<(Refusal, Timestamp)>,
}

/// What is to be kept of an authentic advert.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admitted {
    pub(crate) heard: Heard,
    pub(crate) speakers: Speakers,
    pub(crate) counter: u64,
    pub(crate) identification: Option<u16>,
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

    /// Whether it advertises: it was heard within three of its intervals, as
    /// [`NodeConfig::tell_peers`](crate::NodeConfig::tell_peers) has it told, and has not bowed out
    /// since.
    pub const fn is_heard(&self) -> bool {
        self.is_heard
    }

    /// The time between two of its adverts, as measured: a mean in which the last eight weigh most.
    pub const fn interval(&self) -> Option<Duration> {
        self.interval
    }

    /// Which implementations its adverts may come from.
    pub fn speakers(&self) -> Speakers {
        let (each, last_two) = self.speakers;
        each.and(last_two)
    }

    /// Why and when the last packet of those refused was. A successor does not know it.
    pub const fn last_refusal(&self) -> Option<(Refusal, Timestamp)> {
        self.last_refusal
    }

    const fn last(&self) -> LastHeard {
        let (source, claim) = (self.source, self.claim);
        LastHeard {
            heard: Heard { source, claim },
            at: self.last_heard,
        }
    }

    /// When it is missed by a host that has listened since `listens_since`.
    fn is_missed_at(&self, listens_since: Timestamp) -> Timestamp {
        let patience = self.claim.interval.advert() * MISSED_ADVERTS;
        self.last_heard.max(listens_since) + patience
    }

    /// Takes note of an advert at `now`.
    fn note(&mut self, advert: &Admitted, now: Timestamp) {
        let (each, last_two) = &mut self.speakers;
        *each = each.and(advert.speakers);
        if let Some((counter, identification)) = self.marks {
            let identifications = [identification, advert.identification];
            *last_two = Speakers::of_pair([counter, advert.counter], identifications);
            self.is_counting = are_near(counter, advert.counter);
        }
        self.marks = Some((advert.counter, advert.identification));
        let gap = now - self.last_heard;
        self.interval = match self.interval {
            _ if !self.is_heard => None,
            None => Some(gap),
            Some(mean) => Some((mean * 7 + gap) / 8),
        };
        self.claim = advert.heard.claim;
        self.last_heard = now;
        self.is_heard = !advert.heard.claim.interval.is_bow_out();
        self.counters.received(Family::of(self.source));
    }
}

impl Host {
    pub(crate) fn peers(&self) -> &[Peer] {
        &self.run.peers
    }

    pub(crate) const fn strangers(&self) -> &Strangers {
        &self.strangers
    }

    /// Takes note of an authentic advert, and of how slow its sender is.
    pub(crate) fn note_advert(&mut self, around: &mut Surroundings<'_>, advert: &Admitted) {
        let source = advert.heard.source;
        self.run.counters.received(Family::of(source));
        self.note_pace(around, advert.heard);
        self.strangers.forget(source);
        let at = self.place_of(around, source);
        let Some(peer) = self.run.peers.get_mut(at) else {
            return;
        };
        let was_heard = peer.is_heard;
        peer.note(advert, around.now);
        if was_heard && !peer.is_heard {
            let last = peer.last();
            self.lose(around, last);
        } else if !was_heard && peer.is_heard && around.tell_peers {
            let (id, heard) = (self.id, advert.heard);
            around.events.push_back(Event::PeerHeard { id, heard });
        }
        self.look_for_missing(around);
    }

    /// Where the peer with this source is in the list; a new one takes the place of the one that was
    /// not heard for the longest time where there are too many.
    fn place_of(&mut self, around: &mut Surroundings<'_>, source: IpAddr) -> usize {
        let peers = &mut self.run.peers;
        if let Some(known) = peers.iter().position(|peer| peer.source == source) {
            return known;
        }
        let new = Peer::new(source, around.now);
        if peers.len() < MOST_PEERS {
            peers.push(new);
            return peers.len() - 1;
        }
        let last_heard = |(_, peer): &(usize, &mut Peer)| peer.last_heard;
        let Some((at, oldest)) = peers.iter_mut().enumerate().min_by_key(last_heard) else {
            return 0;
        };
        let oldest = core::mem::replace(oldest, new);
        if oldest.is_heard {
            self.lose(around, oldest.last());
        }
        at
    }

    /// Whether `speaker`, who was just heard, may be the node that `other` is an address of. A node has
    /// one address of each family, and counts on from one family to the other, or not at all. Before
    /// it has heard anybody it may draw each counter anew, and then nothing is known of it
    /// (`docs/carp-protocol.md §2.4`).
    pub(super) fn may_be_one(&self, speaker: IpAddr, other: IpAddr) -> bool {
        if Family::of(speaker) == Family::of(other) {
            return speaker == other;
        }
        let find = |source| self.run.peers.iter().find(|peer| peer.source == source);
        let (Some(speaker), Some(other)) = (find(speaker), find(other)) else {
            return true;
        };
        match (speaker.marks, other.marks) {
            (Some((its, _)), Some((others, _))) => !speaker.is_counting || are_near(its, others),
            (None, _) | (_, None) => true,
        }
    }

    fn lose(&self, around: &mut Surroundings<'_>, last: LastHeard) {
        if around.tell_peers {
            around
                .events
                .push_back(Event::PeerLost { id: self.id, last });
        }
    }

    /// Counts what was refused, for the host and for whom it says it is from.
    pub(crate) fn note_refusal(&mut self, now: Timestamp, envelope: &Envelope, refusal: Refusal) {
        let (family, source) = (envelope.family(), envelope.source);
        let peer = self.run.peers.iter_mut().find(|peer| peer.source == source);
        if let Some(peer) = peer {
            peer.last_refusal = Some((refusal, now));
            peer.counters.received(family);
            refusal.count(&mut peer.counters);
        } else {
            self.strangers.note(now, source, refusal);
        }
        self.run.counters.received(family);
        refusal.count(&mut self.run.counters);
    }

    // ---- who is missing ----

    /// Those that are overdue are not heard any more. Who takes no part does not listen.
    pub(crate) fn miss_peers(&mut self, around: &mut Surroundings<'_>) {
        let since = self.run.listens_since;
        let listens = !self.is_at_rest();
        for peer in &mut self.run.peers {
            if listens && peer.is_heard && peer.is_missed_at(since) <= around.now {
                peer.is_heard = false;
                let last = peer.last();
                around
                    .events
                    .push_back(Event::PeerLost { id: self.id, last });
            }
        }
        self.look_for_missing(around);
    }

    /// Nobody was listened to until now, so that nobody is missed for what came before.
    pub(crate) fn listen_anew(&mut self, around: &mut Surroundings<'_>) {
        self.run.listens_since = around.now;
        self.look_for_missing(around);
    }

    /// Waits for the next peer to be missed.
    pub(crate) fn look_for_missing(&mut self, around: &mut Surroundings<'_>) {
        let since = self.run.listens_since;
        let heard = self.run.peers.iter().filter(|peer| peer.is_heard);
        let next = heard.map(|peer| peer.is_missed_at(since)).min();
        // At rest one that is overdue already would be so for ever.
        let next = next.filter(|at| around.tell_peers && (!self.is_at_rest() || *at > around.now));
        around
            .queue
            .set(&mut self.run.timers, self.id, Timer::Peer, next);
    }
}

impl Peer {
    /// One that was not heard before `now`.
    fn new(source: IpAddr, now: Timestamp) -> Self {
        Self {
            source,
            claim: Claim {
                interval: crate::Interval::from_octets(0, 0),
                demotion: 0,
            },
            last_heard: now,
            counters: Counters::default(),
            is_heard: false,
            interval: None,
            speakers: (Speakers::ALL, Speakers::ALL),
            marks: None,
            is_counting: false,
            last_refusal: None,
        }
    }
}

/// Whether a node that counts may have sent both.
fn are_near(one: u64, other: u64) -> bool {
    one.wrapping_sub(other).min(other.wrapping_sub(one)) < FAR
}

/// From how many packets on two counters are not of one node that counts: of those between, all would
/// have been lost.
const FAR: u64 = 256;

/// More nodes than a cluster has.
const MOST_PEERS: usize = 16;

/// How many adverts of its own pace a peer may miss.
const MISSED_ADVERTS: u32 = 3;
