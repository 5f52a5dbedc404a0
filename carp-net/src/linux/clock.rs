//! The clock that timestamps of this backend count on.
//!
//! `CLOCK_BOOTTIME` goes on while the machine sleeps, so that whoever compares it with what was
//! planned notices a sleep.

use std::time::Duration;

use carp_fsm::Timestamp;
use rustix::event::Timespec;
use rustix::time::{ClockId, clock_gettime};

/// The moment it is.
pub(super) fn now() -> Timestamp {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(now.tv_nsec).unwrap_or_default();
    let since_boot = Duration::new(seconds, nanos);
    Timestamp::ZERO + since_boot
}

/// `moment` as the kernel wants it, rounded to no time at all: microseconds fit.
pub(super) fn timespec(moment: Timestamp) -> Timespec {
    let micros = moment.as_micros();
    Timespec {
        tv_sec: i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(micros % 1_000_000 * 1_000).unwrap_or_default(),
    }
}
