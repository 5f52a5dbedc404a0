//! A thread that works until it is told to stop, woken by descriptors and by a steady beat.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use crate::error::About as _;
use crate::{Error, Result};

use super::clock;

/// A thread and the way to end it; ends it when dropped.
#[derive(Debug)]
pub(super) struct Worker<R> {
    stop: Stop,
    thread: Option<JoinHandle<R>>,
}

impl<R: Send + 'static> Worker<R> {
    pub(super) fn start(name: &str, work: impl FnOnce(Stop) -> R + Send + 'static) -> Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let stop = Stop(Arc::new(eventfd(0, flags).about("eventfd")?));
        let theirs = stop.clone();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(theirs))
            .about("starting a thread")?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Tells the thread to stop and waits for what it returns.
    pub(super) fn stop(mut self) -> Result<R> {
        self.stop.raise();
        let ended = self.thread.take().and_then(|thread| thread.join().ok());
        ended.ok_or_else(|| Error::new("lab", io::Error::other("a thread of it panicked")))
    }
}

impl<R> Drop for Worker<R> {
    fn drop(&mut self) {
        self.stop.raise();
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed; there is nobody left to hand it to.
            drop(thread.join());
        }
    }
}

/// A flag that can be waited for together with descriptors.
#[derive(Clone, Debug)]
pub(super) struct Stop(Arc<OwnedFd>);

impl Stop {
    fn raise(&self) {
        let raised = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        debug_assert!(raised.is_ok(), "it holds 2^64 - 2 of these: {raised:?}");
    }

    pub(super) fn is_raised(&self) -> bool {
        matches!(wait([self.as_fd()], Some(Duration::ZERO)), Ok([true]))
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A steady beat: its strokes are at fixed moments, however late they are taken.
#[derive(Debug)]
pub(super) struct Metronome(OwnedFd);

impl Metronome {
    pub(super) fn new(interval: Duration) -> Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Boottime, flags).about("timer")?;
        let setting = Itimerspec {
            it_interval: timespec(interval),
            it_value: timespec(clock::since_boot() + interval),
        };
        timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &setting).about("timer")?;
        Ok(Self(timer))
    }

    /// How many strokes there were since the last call.
    pub(super) fn strokes(&self) -> u64 {
        let mut count = [0; 8];
        match rustix::io::read(&self.0, &mut count) {
            Ok(_) => u64::from_ne_bytes(count),
            // None: the read would have waited.
            Err(_) => 0,
        }
    }
}

impl AsFd for Metronome {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Waits until one of `fds` can be read or has an error, at most `patience` long, and says which.
pub(super) fn wait<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    patience: Option<Duration>,
) -> Result<[bool; N]> {
    let mut polled = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    match poll(&mut polled, patience.map(timespec).as_ref()) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok([false; N]),
        Err(errno) => return Err(Error::new("poll", io::Error::from(errno))),
    }
    Ok(polled.map(|fd| !fd.revents().is_empty()))
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
