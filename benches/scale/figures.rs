//! From moments to figures: how late take-overs were.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

/// How long after the master-down time a node spoke for the first time, counted from the last
/// advert of the master before it; `None` where it never did.
pub(crate) fn taken_over(
    master: &[Timestamp],
    successor: &[Timestamp],
    master_down: Duration,
) -> Option<Duration> {
    let last = *master.last()?;
    let first = *successor.iter().find(|moment| **moment > last)?;
    Some((first - last).saturating_sub(master_down))
}
