//! Address lists that still count after a change.
//!
//! The digest covers the address list, so that nodes whose lists differ do not believe each other,
//! and an operator can change but one node at a time. For a while after a change a node therefore
//! speaks and listens under the lists before it too (*ours*; with a BSD kernel as the peer it is
//! no worse than two of them): whichever of two nodes is changed first, there is always a list that
//! both know.

use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use carp_proto::{Advertisement, Authenticator, DigestForm, Family, VirtualAddress};

use super::Host;
use crate::{LinkId, Timestamp, VirtualHost};

/// How long lists before the last change still count: time for an operator to change the other
/// nodes.
pub(super) const OLD_LIST: Duration = Duration::from_secs(300);

/// How many of them do at once: more than anybody changes in that time.
const MOST_LISTS: usize = 32;

/// Under how many of them adverts leave, the oldest one included: each is another advert an interval.
const MOST_SPOKEN: usize = 4;

/// An address list before a change.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Previous {
    list: Vec<IpAddr>,
    until: Timestamp,
}

impl Previous {
    fn has(&self, family: Family) -> bool {
        self.list
            .iter()
            .any(|address| Family::of(*address) == family)
    }

    pub(super) fn authenticator(&self, config: &VirtualHost) -> Authenticator {
        config.authenticator_of(self.list.iter().copied())
    }
}

impl Host {
    /// Becomes what `config` says, on `link`. The caller steps with `Drop` before and `Start`
    /// after where the election has to begin anew, else with `Refresh` after.
    pub(crate) fn become_configured(&mut self, now: Timestamp, link: LinkId, config: VirtualHost) {
        if !self.config.has_same_digest_as(&config) {
            let before = core::mem::replace(&mut self.authenticator, config.authenticator());
            if self.config.belongs_with(&config) {
                self.remember_list(now, before, &config);
            } else {
                self.run.previous.clear();
                self.authenticators_before.clear();
            }
        }
        self.link = link;
        self.config = config;
    }

    /// Each list once: what is changed back and forth is still two lists.
    fn remember_list(&mut self, now: Timestamp, before: Authenticator, config: &VirtualHost) {
        self.forget_old_lists(now);
        let (list, next) = (list_of(&self.config), list_of(config));
        for at in (0..self.run.previous.len()).rev() {
            let is_met_again = |known: &Previous| known.list == list || known.list == next;
            if self.run.previous.get(at).is_some_and(is_met_again) {
                self.run.previous.remove(at);
                self.authenticators_before.remove(at);
            }
        }
        if list.is_empty() {
            return;
        }
        if self.run.previous.len() == MOST_LISTS {
            // Not the oldest, which is the one that a node has that was not changed yet.
            self.run.previous.remove(1);
            self.authenticators_before.remove(1);
        }
        let until = now + OLD_LIST;
        self.run.previous.push(Previous { list, until });
        // Several changes in a row are one: a node that was not changed yet has the oldest list.
        for previous in &mut self.run.previous {
            previous.until = until;
        }
        self.authenticators_before.push(before);
    }

    /// They end all at once.
    pub(super) fn forget_old_lists(&mut self, now: Timestamp) {
        if self.counting(now).next().is_none() {
            self.run.previous.clear();
            self.authenticators_before.clear();
        }
    }

    /// The form of a digest that was made with this key and the address list of now or, for a while
    /// after a change, one before; `None` of any other.
    pub(crate) fn verifies(&self, now: Timestamp, advert: &Advertisement) -> Option<DigestForm> {
        let verify = |with: &Authenticator| with.verify(advert.counter, &advert.digest);
        let before = || self.counting(now).find_map(|(_, with)| verify(with));
        verify(&self.authenticator).or_else(before)
    }

    /// The lists before the last changes that still count, oldest first.
    fn counting(&self, now: Timestamp) -> impl Iterator<Item = (&Previous, &Authenticator)> {
        self.run
            .previous
            .iter()
            .zip(&self.authenticators_before)
            .filter(move |(previous, _)| now < previous.until)
    }

    /// What adverts over `family` are signed with, that of the list of now last: the oldest list
    /// that counts, which all nodes had, and the newest ones, over the families that any of them has
    /// addresses of. A peer whose list is an older one may wait for a family that is not needed any
    /// more, and for one that it has heard under that list while it was.
    pub(super) fn signatures(
        &self,
        now: Timestamp,
        family: Family,
    ) -> impl Iterator<Item = &Authenticator> {
        let (speaks, expects) = (self.config.speaks(family), self.expects(now, family));
        let too_many = self.counting(now).count().saturating_sub(MOST_SPOKEN);
        let is_spoken = move |place: usize| place == 0 || place > too_many;
        let before = self.counting(now).enumerate();
        before
            .filter(move |(place, _)| expects && is_spoken(*place))
            .map(|(_, (_, with))| with)
            .chain(speaks.then_some(&self.authenticator))
    }

    /// Whether a master may send adverts over `family` under a list that counts.
    pub(super) fn expects(&self, now: Timestamp, family: Family) -> bool {
        self.config.speaks(family) || self.counting(now).any(|(previous, _)| previous.has(family))
    }

    /// How much longer than its master-down time a backup waits for adverts over `family`: until
    /// no list counts that has no address of it, because a master with such a list sends none.
    pub(super) fn patience(&self, now: Timestamp, family: Family) -> Duration {
        if !self.config.speaks(family) {
            return Duration::ZERO;
        }
        let lacking = self
            .counting(now)
            .filter(|(previous, _)| !previous.has(family));
        let until = lacking.map(|(previous, _)| previous.until).max();
        until.map_or(Duration::ZERO, |until| until - now)
    }
}

/// The addresses of a virtual host, sorted as the digest has them.
fn list_of(host: &VirtualHost) -> Vec<IpAddr> {
    let mut list: Vec<IpAddr> = host.addresses().iter().map(VirtualAddress::ip).collect();
    list.sort_unstable();
    list
}
