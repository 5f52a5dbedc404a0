//! Adverts as they leave, and what becomes of them: three send errors in a row demote the node,
//! three successes undo it (`docs/carp-protocol.md §4.7`).

use core::net::IpAddr;
use core::time::Duration;

use carp_proto::{Advertisement, ChecksumForm, Family};

use super::Host;
use super::role::Surroundings;
use crate::{Action, Interval, Timestamp};

/// Send errors in a row that demote, and successes in a row that undo it
/// (`docs/carp-protocol.md §4.7`).
const SEND_ERRORS: u8 = 3;

/// How long a node that cannot send, and so has yielded and does not try, takes it for lasting
/// (ours: a kernel demotes such a node until its operator helps).
const LASTING: Duration = Duration::from_secs(300);

/// Runs of send errors and successes over one family.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct SendRecord {
    failures: u8,
    successes: u8,
    demoting: bool,
    /// When a send last failed.
    #[cfg_attr(feature = "serde", serde(default))]
    failed: Option<Timestamp>,
}

/// What became of an advert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It left from this address.
    Sent(IpAddr),
    /// The network refused it.
    Failed,
    /// There was no room for it.
    NoMemory,
}

impl Host {
    /// Sends an advert over each family, to the group or to each unicast peer: under the address
    /// lists before a change that still count, and under that of now.
    pub(super) fn send(&mut self, around: &mut Surroundings<'_>, interval: Interval) {
        self.forget_old_lists(around.now);
        let dialect = self.config.dialect();
        // §10, rule 3: the counter is drawn once, whatever the dialect (ours): nothing checks that
        // it grows, and it is how a reflected advert is known for certain.
        let advert = Advertisement::new(
            self.config.vhid(),
            interval.advbase(),
            interval.advskew(),
            self.config.demotion_form().byte_4(around.demotion),
            self.run.cookie,
        );
        for family in Family::ALL {
            let mut said = None;
            for signature in self.signatures(around.now, family) {
                let signed = advert.signed(signature, dialect.digest_form());
                // Lists that differ in link-local addresses only may be the same to peers.
                if said.replace(signed.digest) == Some(signed.digest) {
                    continue;
                }
                let payload = signed.with_checksum(ChecksumForm::Plain).encode();
                for to in self.config.destinations(family) {
                    around.actions.push_back(Action::Send {
                        id: self.id,
                        link: self.link,
                        to,
                        payload,
                        checksum: dialect.checksum_cover(family),
                        traffic_class: dialect.traffic_class(family),
                    });
                }
            }
        }
    }

    /// Where its adverts over `family` leave from, as far as is known.
    pub(super) fn source(&self, family: Family) -> Option<IpAddr> {
        let [inet, inet6] = self.run.sources;
        match family {
            Family::Inet => inet,
            Family::Inet6 => inet6,
        }
    }

    /// Takes note of what became of an advert over `family`. Returns whether a demotion begins
    /// (`true`) or ends (`false`) with it (§4.7).
    pub(crate) fn sent(
        &mut self,
        now: Timestamp,
        family: Family,
        outcome: Outcome,
    ) -> Option<bool> {
        self.run.counters.sent(family, outcome);
        if let Outcome::Sent(source) = outcome {
            let [inet, inet6] = &mut self.run.sources;
            match family {
                Family::Inet => *inet = Some(source),
                Family::Inet6 => *inet6 = Some(source),
            }
        }
        let well = matches!(outcome, Outcome::Sent(_));
        let record = self.record(family);
        if well {
            record.failures = 0;
            record.successes = record.successes.saturating_add(1);
            if record.demoting && record.successes >= SEND_ERRORS {
                record.demoting = false;
                return Some(false);
            }
        } else {
            record.successes = 0;
            record.failed = Some(now);
            record.failures = record.failures.saturating_add(1);
            if !record.demoting && record.failures >= SEND_ERRORS {
                record.demoting = true;
                return Some(true);
            }
        }
        None
    }

    fn record(&mut self, family: Family) -> &mut SendRecord {
        let [inet, inet6] = &mut self.run.sending;
        match family {
            Family::Inet => inet,
            Family::Inet6 => inet6,
        }
    }

    /// Forgets the errors over a family that it does not send over any more, or has not for a while.
    /// Says whether a demotion ends with that: else it would last, because nothing is sent that could
    /// succeed.
    pub(crate) fn forget_send_errors(&mut self, now: Timestamp, family: Family) -> bool {
        let sends = !self.is_at_rest() && self.expects(now, family);
        let record = self.record(family);
        let lasts = record.failed.is_some_and(|last| now - last < LASTING);
        let ends = record.demoting && !(sends && lasts);
        if ends {
            *record = SendRecord::default();
        }
        ends
    }
}
