//! From moments to figures: how late adverts and take-overs were.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

/// How late the latest of these adverts was, by the interval since the one before it.
pub(crate) fn latest(adverts: &[Timestamp], interval: Duration) -> Duration {
    let pairs = adverts.iter().zip(adverts.iter().skip(1));
    let late = pairs.map(|(before, after)| (*after - *before).saturating_sub(interval));
    late.max().unwrap_or_default()
}

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
