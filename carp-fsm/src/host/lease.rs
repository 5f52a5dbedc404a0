//! The lease: addresses are held for a while after each advert, and no longer.
//!
//! When nothing speaks for an address any more, because the process is dead or frozen or its
//! adverts do not leave, the platform takes it away by itself at about the time the other nodes
//! take over.

use core::time::Duration;

use super::Host;
use super::role::{Role, Surroundings};
use crate::{Action, Heard, Reason, Timestamp};

/// What is added to the time the others wait: they wait up to a second longer than three times
/// their advbase, by their advskew (`docs/carp-protocol.md §4.4`).
const MARGIN: u64 = 1;

/// A lease is not renewed more often, however often adverts leave: it is at least four times as long.
const RENEW_EVERY: Duration = Duration::from_millis(250);

impl Host {
    /// How long the addresses are held after an advert: as long as a node with the largest advbase
    /// heard, or with the own one, may wait before it takes over.
    pub(crate) fn lease(&self) -> Duration {
        let advbase = self.config.interval().advbase().max(self.slowest_peer);
        Duration::from_secs(3 * u64::from(advbase) + MARGIN)
    }

    /// Takes note of how slow other nodes are.
    pub(crate) fn note_pace(&mut self, heard: Heard) {
        if !heard.claim.interval.is_bow_out() {
            self.slowest_peer = self.slowest_peer.max(heard.claim.interval.advbase());
        }
    }

    /// After an advert has left.
    pub(crate) fn renew(&mut self, around: &mut Surroundings<'_>) {
        let recently = |last: Timestamp| around.now - last < RENEW_EVERY;
        if around.lease
            && self.role == Role::Master
            && self.has_addresses(around)
            && !self.renewed.is_some_and(recently)
        {
            self.renewed = Some(around.now);
            around.actions.push_back(Action::Renew {
                id: self.id,
                lease: self.lease(),
            });
        }
    }

    /// The addresses have gone: no advert has left for a whole lease, and other nodes have taken
    /// over by now, or will.
    pub(super) fn lapse(&mut self, around: &mut Surroundings<'_>) {
        self.let_go(around);
        self.enter_backup(around, Reason::Lapsed);
    }
}
