//! A backend for tests: the simulated LAN of `carp-net`, in real time and with a descriptor.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use carp_net::carp_fsm::carp_proto::VirtualAddress;
use carp_net::carp_fsm::{HostId, LinkId, LinkState, Timestamp};
use carp_net::memory::{Lan, Memory};
use carp_net::{Backend, Error, ErrorKind, Inspection, Outgoing, Report, Result, Setup, Waker};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

/// A node of a simulated LAN whose time is that of the machine.
#[derive(Debug)]
pub(crate) struct Live {
    memory: Memory,
    started: Timespec,
    /// Readable a moment after something was begun, when the LAN has an answer.
    descriptor: OwnedFd,
    wishes: Wishes,
    refused: VecDeque<Report>,
    /// What was begun and is not to be answered yet.
    held_up: Vec<(HostId, Setup)>,
    last: Option<(HostId, Setup)>,
}

/// What a test wants to happen, shared with the backend.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes(Arc<Mutex<Wished>>);

#[derive(Debug, Default)]
struct Wished {
    refuse_configuring: bool,
    hold_up_configuring: bool,
    refuse_holding: bool,
    fail_late: bool,
}

impl Wishes {
    /// Whether making an interface fails.
    pub(crate) fn refuse_configuring(&self, refuse: bool) {
        self.0.lock().unwrap().refuse_configuring = refuse;
    }

    /// Making the interface that was made last turns out not to have worked.
    pub(crate) fn fail_late(&self) {
        self.0.lock().unwrap().fail_late = true;
    }

    /// Whether putting addresses in place fails.
    pub(crate) fn refuse_holding(&self, refuse: bool) {
        self.0.lock().unwrap().refuse_holding = refuse;
    }

    /// Whether making an interface takes until this is taken back.
    pub(crate) fn hold_up_configuring(&self, hold_up: bool) {
        self.0.lock().unwrap().hold_up_configuring = hold_up;
    }
}

impl Live {
    /// The first node of `lan`, on which there is no link called `absent0`.
    pub(crate) fn new(lan: &Lan, wishes: &Wishes) -> Self {
        let memory = lan.node();
        lan.set_link(memory.index(), "absent0", LinkState::Absent);
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Self {
            memory,
            started: clock_gettime(ClockId::Boottime),
            descriptor: timerfd_create(TimerfdClockId::Boottime, flags).unwrap(),
            wishes: wishes.clone(),
            refused: VecDeque::new(),
            held_up: Vec::new(),
            last: None,
        }
    }

    /// Has the descriptor become readable in a millisecond, and then again and again.
    fn soon(&self) {
        let millisecond = Timespec {
            tv_sec: 0,
            tv_nsec: 1_000_000,
        };
        let spec = Itimerspec {
            it_interval: millisecond,
            it_value: millisecond,
        };
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &spec).unwrap();
    }
}

impl Backend for Live {
    fn now(&self) -> Timestamp {
        let now = clock_gettime(ClockId::Boottime);
        let micros = |time: Timespec| time.tv_sec * 1_000_000 + time.tv_nsec / 1_000;
        let since = micros(now) - micros(self.started);
        Timestamp::from_micros(since.try_into().unwrap_or_default())
    }

    fn seed(&mut self) -> u64 {
        self.memory.seed()
    }

    fn watch(&mut self, link: LinkId, name: &str) -> Result<()> {
        self.memory.watch(link, name)
    }

    fn unwatch(&mut self, link: LinkId) {
        self.memory.unwatch(link);
    }

    fn link_state(&mut self, link: &str) -> LinkState {
        self.memory.link_state(link)
    }

    fn networks(&mut self, link: &str) -> Vec<VirtualAddress> {
        self.memory.networks(link)
    }

    fn check(&mut self, carpdev: &str, setup: &Setup, addresses: &[VirtualAddress]) -> Result<()> {
        self.memory.check(carpdev, setup, addresses)
    }

    fn configure(&mut self, id: HostId, setup: &Setup) {
        self.last = Some((id, setup.clone()));
        let wished = self.wishes.0.lock().unwrap();
        if wished.refuse_configuring {
            let error = Error::new(setup.interface.clone(), ErrorKind::NameTaken);
            self.refused.push_back(Report::ConfigureFailed(id, error));
        } else if wished.hold_up_configuring {
            self.held_up.push((id, setup.clone()));
        } else {
            self.memory.configure(id, setup);
        }
        drop(wished);
        self.soon();
    }

    fn tear_down(&mut self, id: HostId) {
        self.memory.tear_down(id);
        self.soon();
    }

    fn send(&mut self, id: HostId, advert: &Outgoing) -> Result<IpAddr> {
        self.memory.send(id, advert)
    }

    fn adopt(&mut self, id: HostId, addresses: &[VirtualAddress]) {
        self.memory.adopt(id, addresses);
        self.soon();
    }

    fn renew(&mut self, id: HostId, lease: Duration) {
        self.memory.renew(id, lease);
    }

    fn leave_in_place(&mut self) {
        self.memory.leave_in_place();
    }

    fn hold(&mut self, id: HostId, addresses: &[VirtualAddress], lease: Option<Duration>) {
        if self.wishes.0.lock().unwrap().refuse_holding {
            let error = Error::new("192.0.2.10", std::io::Error::from_raw_os_error(13));
            self.refused.push_back(Report::HoldFailed(id, error));
        } else {
            self.memory.hold(id, addresses, lease);
        }
        self.soon();
    }

    fn hand_over(&mut self, id: HostId) {
        self.memory.hand_over(id);
        self.soon();
    }

    fn release(&mut self, id: HostId) {
        self.memory.release(id);
    }

    fn announce(&mut self, id: HostId, address: IpAddr) {
        self.memory.announce(id, address);
    }

    fn poll(&mut self) -> Option<Report> {
        if !self.wishes.0.lock().unwrap().hold_up_configuring {
            for (id, setup) in std::mem::take(&mut self.held_up) {
                self.memory.configure(id, &setup);
            }
        }
        if std::mem::take(&mut self.wishes.0.lock().unwrap().fail_late)
            && let Some((id, setup)) = &self.last
        {
            let error = Error::new(setup.interface.clone(), ErrorKind::NameTaken);
            self.refused.push_back(Report::ConfigureFailed(*id, error));
        }
        let now = self.now();
        loop {
            let next = self.refused.pop_front().or_else(|| self.memory.poll());
            if next.is_some() || self.memory.now() >= now {
                return next;
            }
            self.memory.wait(Some(now)).unwrap();
        }
    }

    fn wait(&mut self, deadline: Option<Timestamp>) -> Result<()> {
        self.memory.wait(deadline)
    }

    fn waker(&self) -> Waker {
        self.memory.waker()
    }

    fn inspect(&self, id: HostId) -> Inspection {
        self.memory.inspect(id)
    }
}

impl AsFd for Live {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl super::Platform for Live {
    fn descriptors(&self) -> Vec<(String, BorrowedFd<'_>)> {
        Vec::new()
    }
}
