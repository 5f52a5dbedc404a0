//! The lease: addresses are held for a while after each advert, and no longer. Where a slower node is
//! heard the while becomes longer at once.
//!
//! When nothing speaks for an address any more, because the process is dead or frozen or its
//! adverts do not leave, the platform takes it away by itself at about the time the other nodes
//! take over.

use core::time::Duration;

use super::Host;
use super::role::{Role, Surroundings};
use crate::{Action, Dialect, Heard, Interval, Reason, Timestamp};

/// What is added to the time the others wait: they wait up to a second longer than three times
/// their advbase, by their advskew (`docs/carp-protocol.md §4.4`).
const MARGIN: u64 = 1;

/// Where adverts leave more often, a lease is not renewed with each of them: it is at least four times
/// as long.
const RENEW_EVERY: Duration = Duration::from_millis(250);

/// What leaves within this time is one renewal where adverts are slower: adverts of both families, and
/// the first one after the addresses were asked for.
const TOGETHER: Duration = Duration::from_millis(20);

/// How many seconds the addresses of a master are held after its last advert, so that a node with
/// this interval has taken over by then. With advbase 0 the last renewal may be older than that.
fn lease_for(dialect: Dialect, interval: Interval) -> u64 {
    let whole = |waits: Duration| waits.as_secs() + u64::from(waits.subsec_nanos() > 0);
    let waits = dialect.master_down(interval);
    match u64::from(interval.advbase()) {
        0 => whole(waits + RENEW_EVERY),
        advbase => whole(waits).max(3 * advbase + MARGIN),
    }
}

/// How much older than the last advert the last renewal may be, where one leaves after each `advert`.
/// Where they are slow also one that leaves out of turn renews: the next comes a whole interval later.
fn renewals_apart(advert: Duration) -> Duration {
    if advert < RENEW_EVERY {
        RENEW_EVERY
    } else {
        TOGETHER
    }
}

impl Host {
    /// How long the addresses are held after an advert: until the slowest node heard, or one like
    /// this, must have taken over.
    pub(crate) fn lease(&self) -> Duration {
        let own = lease_for(self.config.dialect(), self.config.interval());
        Duration::from_secs(own.max(self.run.lease_for_peers))
    }

    /// How late a timer must be for others to have taken this host for dead (§4.4), or for what it
    /// holds to have gone.
    pub(crate) fn freeze_limit(&self, leases: bool) -> Duration {
        self.freezes_after(leases, self.config.master_down())
    }

    /// The same for a process that ended, counted from when it was last alive. Its last advert may
    /// be a whole interval older.
    pub(crate) fn resume_limit(&self, leases: bool) -> Duration {
        let limit = self.config.master_down();
        self.freezes_after(leases, limit.saturating_sub(self.slowest_advert()))
    }

    fn freezes_after(&self, leases: bool, limit: Duration) -> Duration {
        let advert = self.slowest_advert();
        let renewed = advert + renewals_apart(advert);
        if leases {
            limit.min(self.lease().saturating_sub(renewed))
        } else {
            limit
        }
    }

    /// Time between two adverts where demotion makes them slower (`docs/carp-protocol.md §4.2`).
    fn slowest_advert(&self) -> Duration {
        self.config.claim(i32::MAX).interval.advert()
    }

    /// Takes note of how slow other nodes are. A slower one than all before must not find the
    /// addresses gone before it takes over.
    pub(super) fn note_pace(&mut self, around: &mut Surroundings<'_>, heard: Heard) {
        if !heard.claim.interval.is_bow_out() {
            self.run.lease_for_peers = self
                .run
                .lease_for_peers
                .max(lease_for(self.config.dialect(), heard.claim.interval));
        }
        self.prolong(around);
    }

    /// Asks for what a lease has become longer by since it was given, once, and only while adverts
    /// leave: it still counts from then on.
    fn prolong(&mut self, around: &mut Surroundings<'_>) {
        let lease = self.lease();
        let is_shorter = self.leased.is_some_and(|leased| leased < lease);
        let given = self.renewed.map(|last| around.now - last);
        if let Some(ago) = given.filter(|ago| *ago <= self.slowest_advert())
            && is_shorter
            && self.may_renew(around)
        {
            self.leased = Some(lease);
            let (id, lease) = (self.id, lease.saturating_sub(ago));
            around.actions.push_back(Action::Renew { id, lease });
        }
    }

    fn may_renew(&self, around: &Surroundings<'_>) -> bool {
        around.lease && self.run.role == Role::Master && self.has_addresses(around)
    }

    /// Takes note that the addresses are asked for, for a whole lease from `now` on.
    pub(super) fn ask_for_lease(&mut self, now: Timestamp) {
        self.renewed = Some(now);
        self.leased = Some(self.lease());
    }

    /// After an advert has left.
    pub(crate) fn renew(&mut self, around: &mut Surroundings<'_>) {
        let apart = renewals_apart(self.claim(around.demotion).interval.advert());
        let lease = self.lease();
        let recently = |last: Timestamp| around.now - last < apart && self.leased == Some(lease);
        if self.may_renew(around) && !self.renewed.is_some_and(recently) {
            self.ask_for_lease(around.now);
            around
                .actions
                .push_back(Action::Renew { id: self.id, lease });
        }
    }

    /// The addresses have gone: no advert has left for a whole lease, and other nodes have taken
    /// over by now, or will.
    pub(super) fn lapse(&mut self, around: &mut Surroundings<'_>) {
        self.let_go(around);
        self.enter_backup(around, Reason::Lapsed);
    }
}
