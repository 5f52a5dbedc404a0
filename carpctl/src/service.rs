//! The service: one loop over the network, the clients and the signals, in which nothing waits
//! for anything but the kernel.

mod client;
mod clients;
mod control;
#[cfg(test)]
mod live;
mod socket;
mod timer;

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::{Backend, Driver};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use signal_hook_mio::v1_0::Signals;

use crate::settings::Settings;
use clients::Clients;
pub(crate) use clients::NOT_ROOT;
use control::Control;
pub(crate) use control::NO_SUCH_INTERFACE;
pub(crate) use socket::{ClaimError, Listener};
use timer::Timer;

/// A running service.
pub(crate) struct Service<B> {
    control: Control<B>,
    clients: Clients,
    listener: Listener,
    poll: Poll,
    timer: Timer,
    signals: Signals,
    /// Whether it ends when there is nothing left to serve.
    on_demand: bool,
    started: Timestamp,
    /// When it ends even if not everything is taken down, once it was told to stop.
    give_up: Option<Timestamp>,
}

impl<B: Backend + AsFd> Service<B> {
    /// A service of `driver` that listens on `listener` and stops on any of `signals`.
    pub(crate) fn new(
        driver: Driver<B>,
        mut listener: Listener,
        signals: &[i32],
        on_demand: bool,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = Timer::new()?;
        let mut signals = Signals::new(signals)?;
        let registry = poll.registry();
        let driver_fd = driver.as_fd().as_raw_fd();
        registry.register(&mut SourceFd(&driver_fd), DRIVER, Interest::READABLE)?;
        registry.register(&mut SourceFd(&timer.raw()), TIMER, Interest::READABLE)?;
        registry.register(&mut signals, SIGNALS, Interest::READABLE)?;
        registry.register(listener.source(), LISTENER, Interest::READABLE)?;
        let started = driver.now();
        Ok(Self {
            control: Control::new(driver, on_demand),
            clients: Clients::new(FIRST_CLIENT),
            listener,
            poll,
            timer,
            signals,
            on_demand,
            started,
            give_up: None,
        })
    }

    /// Runs until it is told to stop or, on demand, until there is nothing left to serve.
    ///
    /// # Errors
    ///
    /// Where the kernel does not let it wait or listen any more.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(64);
        loop {
            self.wait(&mut events)?;
            // The election first: it is what cannot wait.
            self.control.process();
            for event in &events {
                match event.token() {
                    TIMER => self.timer.went_off()?,
                    SIGNALS => self.take_signals(),
                    LISTENER => self.clients.arrive(),
                    DRIVER => {}
                    client => self.clients.wake(client),
                }
            }
            let now = self.control.now();
            self.clients
                .admit(&self.listener, self.poll.registry(), now);
            self.clients.serve(&mut self.control);
            if self.is_over() {
                self.clients.dismiss(&self.listener, self.control.now());
                return Ok(());
            }
        }
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let now = self.control.now();
        let deadlines = [
            self.control.deadline(),
            self.clients.deadline(),
            self.give_up,
            self.idle_deadline(),
        ];
        let next = deadlines.into_iter().flatten().min();
        let nothing_to_do = !self.clients.have_work() && self.timer.set(next, now)?;
        let timeout = (!nothing_to_do).then_some(Duration::ZERO);
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            waited => waited,
        }
    }

    fn take_signals(&mut self) {
        for signal in self.signals.pending() {
            if self.give_up.is_none() {
                tracing::info!(signal, "stopping");
                self.give_up = Some(self.control.now() + STOP_TIME);
                self.control.stop();
            }
        }
    }

    fn is_over(&self) -> bool {
        let now = self.control.now();
        if let Some(give_up) = self.give_up {
            if now >= give_up {
                tracing::warn!("not everything was taken down in time");
            }
            return now >= give_up || self.control.is_stopped();
        }
        if !self.on_demand || !self.control.is_empty() || self.clients.are_served() {
            return false;
        }
        let unset = self.control.settings() == Settings::default();
        let nobody_comes = self.idle_deadline().is_none_or(|deadline| now >= deadline);
        self.control.destroyed_last() || (unset && self.clients.is_empty() && nobody_comes)
    }

    /// Until when a service that was started on demand waits for whoever started it.
    fn idle_deadline(&self) -> Option<Timestamp> {
        let waits = self.on_demand && !self.clients.were_any();
        waits.then(|| self.started + STOP_TIME)
    }
}

const DRIVER: Token = Token(0);
const TIMER: Token = Token(1);
const SIGNALS: Token = Token(2);
const LISTENER: Token = Token(3);
const FIRST_CLIENT: usize = 16;

/// How long taking everything down may take; also how long a service waits for its first client.
const STOP_TIME: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
