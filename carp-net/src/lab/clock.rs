//! The clock of the lab: CLOCK_BOOTTIME, which the Linux backend counts on too.

use std::time::Duration;

use carp_fsm::Timestamp;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// The moment it is, on the clock that everything in the lab is measured on.
pub fn now() -> Timestamp {
    Timestamp::ZERO + since_boot()
}

/// The same moment, to the nanosecond.
pub(super) fn since_boot() -> Duration {
    duration(clock_gettime(ClockId::Boottime))
}

/// How far the wall clock is ahead: what the kernel stamps frames with, and what people read.
pub(super) fn wall_offset() -> Duration {
    let samples = (0..SAMPLES).map(|_| {
        let before = since_boot();
        let wall = duration(clock_gettime(ClockId::Realtime));
        let after = since_boot();
        (after.saturating_sub(before), wall.saturating_sub(before))
    });
    // The one that was interrupted least.
    let (_, offset) = samples.min().unwrap_or_default();
    offset
}

/// Puts the kernel's stamps on the lab's clock, in their order.
#[derive(Debug)]
pub(super) struct Stamps {
    offset: Duration,
}

impl Stamps {
    pub(super) fn new() -> Self {
        Self {
            offset: wall_offset(),
        }
    }

    /// Takes notice where somebody has set the wall clock, and of nothing less.
    pub(super) fn refresh(&mut self) {
        let offset = wall_offset();
        if offset.abs_diff(self.offset) > SET {
            self.offset = offset;
        }
    }

    pub(super) fn time(&self, stamp: Duration) -> Timestamp {
        Timestamp::ZERO + stamp.saturating_sub(self.offset)
    }
}

fn duration(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}

const SAMPLES: usize = 3;

/// More than it takes to read two clocks one after the other.
const SET: Duration = Duration::from_millis(1);
