//! How late adverts were, by the moments at which they were seen.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

/// How late the latest of these adverts was, by the interval since the one before it; one that did
/// not come `until` the end of the recording is late too. `None` where there was none at all.
pub fn latest(adverts: &[Timestamp], interval: Duration, until: Timestamp) -> Option<Duration> {
    let last = *adverts.last()?;
    let ends = adverts.iter().skip(1).copied().chain([until.max(last)]);
    let pairs = adverts.iter().zip(ends);
    let late = pairs.map(|(before, after)| (after - *before).saturating_sub(interval));
    late.max()
}
