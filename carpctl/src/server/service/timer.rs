//! A timer that wakes the loop to the microsecond; `Poll` alone counts in milliseconds.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// A timer with a file descriptor that becomes readable. It need not be read: who waits for
/// edges, as `Poll` does, is told once each time that it goes off.
#[derive(Debug)]
pub(crate) struct Timer {
    descriptor: OwnedFd,
    armed: Option<Timestamp>,
}

impl Timer {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self {
            descriptor: timerfd_create(TimerfdClockId::Boottime, flags)?,
            armed: None,
        })
    }

    /// The descriptor to wait on.
    pub(crate) fn raw(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }

    /// Has the timer go off at `deadline` or before it, `now` being the moment it is. Says whether
    /// that is still to come; if not, there is nothing to wait for.
    ///
    /// A deadline that is put off, as each advert that is heard does with one, leaves the timer as it
    /// is: one wake-up for nothing costs less than a call for each of them.
    pub(crate) fn set(&mut self, deadline: Option<Timestamp>, now: Timestamp) -> io::Result<bool> {
        let Some(deadline) = deadline else {
            return Ok(true);
        };
        if deadline <= now {
            return Ok(false);
        }
        let is_in_time = |armed: Timestamp| armed > now && armed <= deadline;
        if !self.armed.is_some_and(is_in_time) {
            let spec = Itimerspec {
                it_interval: Timespec::default(),
                it_value: timespec(deadline - now),
            };
            timerfd_settime(self.descriptor.as_fd(), TimerfdTimerFlags::empty(), &spec)?;
            self.armed = Some(deadline);
        }
        Ok(true)
    }
}

fn timespec(span: Duration) -> Timespec {
    Timespec {
        tv_sec: span.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: span.subsec_nanos().into(),
    }
}
