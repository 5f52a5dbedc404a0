//! Waiting: which of the backend's sources have something, and a bell that other threads ring.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use carp_fsm::Timestamp;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, epoll, eventfd};
use rustix::io::{Errno, retry_on_intr};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use super::clock;

/// An epoll set of the sources, level triggered: it is readable as long as any of them is.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: OwnedFd,
    /// Not in the set, so that the set is readable only where something can be read.
    timer: OwnedFd,
    bell: Bell,
}

/// What can have something to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Source {
    /// The bell.
    Bell,
    /// The monitor of links and addresses.
    News,
    /// The raw IPv4 socket.
    Inet,
    /// The raw IPv6 socket.
    Inet6,
}

impl Source {
    const ALL: [Self; 4] = [Self::Bell, Self::News, Self::Inet, Self::Inet6];
}

impl Poller {
    /// A poller that knows of its bell only.
    pub(super) fn new() -> io::Result<Self> {
        let poller = Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            timer: timerfd_create(
                TimerfdClockId::Boottime,
                TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
            )?,
            bell: Bell::new()?,
        };
        poller.add(Source::Bell, poller.bell.0.as_fd())?;
        Ok(poller)
    }

    pub(super) fn add(&self, source: Source, fd: impl AsFd) -> io::Result<()> {
        let data = epoll::EventData::new_u64(source as u64);
        epoll::add(&self.epoll, fd, data, epoll::EventFlags::IN)?;
        Ok(())
    }

    pub(super) fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        epoll::delete(&self.epoll, fd)?;
        Ok(())
    }

    /// What a ring of makes this poller readable.
    pub(super) const fn bell(&self) -> &Bell {
        &self.bell
    }

    /// The sources that have something now.
    pub(super) fn ready(&self) -> io::Result<impl Iterator<Item = Source> + use<>> {
        let mut events = [const {
            epoll::Event {
                flags: epoll::EventFlags::empty(),
                data: epoll::EventData::new_u64(u64::MAX),
            }
        }; Source::ALL.len()];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        retry_on_intr(|| epoll::wait(&self.epoll, &mut events, Some(&at_once)))?;
        let is_ready = move |source: &Source| {
            events
                .iter()
                .any(|event| event.data.u64() == *source as u64)
        };
        Ok(Source::ALL.into_iter().filter(is_ready))
    }

    /// Waits until a source has something, or until `deadline`; a signal ends it as well.
    pub(super) fn wait(&self, deadline: Option<Timestamp>) -> io::Result<()> {
        // A timer of the kernel, because a timeout would not go on while the machine sleeps.
        // All zero would disarm it.
        const SOONEST: Timestamp = Timestamp::from_micros(1);
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let setting = Itimerspec {
            it_interval: zero,
            it_value: deadline.map_or(zero, |moment| clock::timespec(moment.max(SOONEST))),
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &setting)?;
        let mut fds = [
            PollFd::new(&self.epoll, PollFlags::IN),
            PollFd::new(&self.timer, PollFlags::IN),
        ];
        match rustix::event::poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

/// Makes its [`Poller`] readable, from any thread, until it is silenced.
#[derive(Clone, Debug)]
pub(super) struct Bell(Arc<OwnedFd>);

impl Bell {
    fn new() -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(fd)))
    }

    pub(super) fn ring(&self) {
        let rung = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        debug_assert!(
            matches!(rung, Ok(_) | Err(Errno::AGAIN)),
            "it rings already"
        );
    }

    pub(super) fn silence(&self) {
        let silenced = rustix::io::read(&self.0, &mut [0; 8]);
        debug_assert!(
            matches!(silenced, Ok(_) | Err(Errno::AGAIN)),
            "it is silent"
        );
    }
}
