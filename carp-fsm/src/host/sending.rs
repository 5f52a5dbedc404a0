//! Send errors: three in a row demote the node, three successes undo it
//! (`docs/carp-protocol.md §4.7`).

use carp_proto::Family;

use super::Host;

/// Send errors in a row that demote, and successes in a row that undo it
/// (`docs/carp-protocol.md §4.7`).
const SEND_ERRORS: u8 = 3;

/// Runs of send errors and successes over one family.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct SendRecord {
    failures: u8,
    successes: u8,
    demoting: bool,
}

impl Host {
    /// Counts a send over `family`. Returns whether its demotion begins (`true`) or ends
    /// (`false`) with it (§4.7).
    pub(crate) fn sent(&mut self, family: Family, well: bool) -> Option<bool> {
        if well {
            self.run.counters.sent(family);
        } else {
            self.run.counters.oerrors += 1;
        }
        let [inet, inet6] = &mut self.run.sending;
        let record = match family {
            Family::Inet => inet,
            Family::Inet6 => inet6,
        };
        if well {
            record.failures = 0;
            record.successes = record.successes.saturating_add(1);
            if record.demoting && record.successes >= SEND_ERRORS {
                record.demoting = false;
                return Some(false);
            }
        } else {
            record.successes = 0;
            record.failures = record.failures.saturating_add(1);
            if !record.demoting && record.failures >= SEND_ERRORS {
                record.demoting = true;
                return Some(true);
            }
        }
        None
    }
}
