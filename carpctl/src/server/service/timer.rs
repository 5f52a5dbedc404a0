//! A timer that wakes the loop to the microsecond; `Poll` alone counts in milliseconds.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// A timer with a file descriptor that becomes readable.
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

    /// Has the timer go off at `deadline`, `now` being the moment it is. Says whether that is
    /// still to come; if not, there is nothing to wait for.
    pub(crate) fn set(&mut self, deadline: Option<Timestamp>, now: Timestamp) -> io::Result<bool> {
        let span = deadline.map(|deadline| deadline - now);
        if span == Some(Duration::ZERO) {
            return Ok(false);
        }
        if self.armed != deadline {
            let spec = Itimerspec {
                it_interval: Timespec::default(),
                // All zero stops the timer.
                it_value: timespec(span.unwrap_or_default()),
            };
            timerfd_settime(self.descriptor.as_fd(), TimerfdTimerFlags::empty(), &spec)?;
            self.armed = deadline;
        }
        Ok(true)
    }

    /// Takes note that the timer went off.
    pub(crate) fn went_off(&mut self) -> io::Result<()> {
        self.armed = None;
        match rustix::io::read(&self.descriptor, &mut [0; 8]) {
            Ok(_) | Err(rustix::io::Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn timespec(span: Duration) -> Timespec {
    Timespec {
        tv_sec: span.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: span.subsec_nanos().into(),
    }
}
