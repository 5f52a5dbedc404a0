//! How late adverts were, by the moments at which they were seen.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

/// How late the latest of these adverts was, by the interval since the one before it.
pub fn latest(adverts: &[Timestamp], interval: Duration) -> Duration {
    let pairs = adverts.iter().zip(adverts.iter().skip(1));
    let late = pairs.map(|(before, after)| (*after - *before).saturating_sub(interval));
    late.max().unwrap_or_default()
}
