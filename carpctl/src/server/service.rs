//! The service: one loop over the network, the clients and the signals, in which nothing waits
//! for anything but the kernel.

mod budget;
mod client;
mod clients;
mod control;
mod feed;
mod keeper;
#[cfg(test)]
mod live;
mod output;
mod records;
mod scrapes;
mod socket;
mod timer;

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::time::Duration;

use carp_net::Backend;
use carp_net::carp_fsm::Timestamp;
use carp_net::linux::Linux;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::SIGHUP;
use signal_hook_mio::v1_0::Signals;

use crate::server::notify::{Condition, Phase};
use crate::vocabulary::protocol::Reply;
use crate::vocabulary::settings::Settings;
use budget::Budget;
use clients::Clients;
pub(crate) use clients::NOT_ROOT;
pub(crate) use control::{Control, NO_SUCH_INTERFACE, Ticket, commands, no_such_group};
use keeper::Verdict;
pub(crate) use keeper::{CONDITION, Keeper};
pub(crate) use records::Legacy;
pub(crate) use scrapes::Door;
use scrapes::Scrapes;
pub(crate) use socket::{ClaimError, Listener};
use timer::Timer;

/// A backend that a service can wait for.
pub(crate) trait Platform: Backend + AsFd {
    /// What a successor goes on with, by name.
    fn descriptors(&self) -> Vec<(String, BorrowedFd<'_>)>;

    /// How long to leave it alone during a flood of packets.
    fn nap(&self) -> Option<Duration> {
        None
    }
}

impl Platform for Linux {
    fn descriptors(&self) -> Vec<(String, BorrowedFd<'_>)> {
        Self::descriptors(self)
    }

    fn nap(&self) -> Option<Duration> {
        Self::nap(self)
    }
}

/// A running service.
pub(crate) struct Service<B> {
    control: Control<B>,
    clients: Clients,
    scrapes: Scrapes,
    admission: Budget,
    budget: Budget,
    listener: Listener,
    keeper: Keeper,
    poll: Poll,
    timer: Timer,
    signals: Signals,
    /// What the service manager was told.
    told: Option<Condition>,
    /// Whether it ends when there is nothing left to serve.
    on_demand: bool,
    /// Whether it ends when its terminal does.
    has_terminal: bool,
    started: Timestamp,
    /// When it ends even if not everything is taken down, once it was told to stop.
    give_up: Option<Timestamp>,
}

impl<B: Platform> Service<B> {
    /// A service that listens on `listener`, has `keeper` keep it running, and stops on any of
    /// `signals`.
    pub(crate) fn new(
        control: Control<B>,
        mut listener: Listener,
        keeper: Keeper,
        signals: &[i32],
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = Timer::new()?;
        let mut signals = Signals::new(signals)?;
        let registry = poll.registry();
        let driver_fd = control.as_fd().as_raw_fd();
        registry.register(&mut SourceFd(&driver_fd), DRIVER, Interest::READABLE)?;
        registry.register(&mut SourceFd(&timer.raw()), TIMER, Interest::READABLE)?;
        registry.register(&mut signals, SIGNALS, Interest::READABLE)?;
        registry.register(listener.source(), ARRIVALS, Interest::READABLE)?;
        if let Some(supervisor) = keeper.raw() {
            registry.register(&mut SourceFd(&supervisor), SUPERVISOR, Interest::READABLE)?;
        }
        let started = control.now();
        let on_demand = control.is_on_demand();
        Ok(Self {
            control,
            clients: Clients::new(FIRST_CLIENT),
            scrapes: Scrapes::new(FIRST_SCRAPER),
            admission: Budget::of_admission(),
            budget: Budget::of_service(),
            listener,
            keeper,
            poll,
            timer,
            signals,
            told: None,
            on_demand,
            has_terminal: false,
            started,
            give_up: None,
        })
    }

    /// Ends with the terminal that it runs at, too.
    #[must_use]
    pub(crate) const fn at_terminal(mut self, has_terminal: bool) -> Self {
        self.has_terminal = has_terminal;
        self
    }

    /// Serves metrics to whoever comes through `door`, too.
    pub(crate) fn scraped_through(mut self, door: Door) -> io::Result<Self> {
        let registry = self.poll.registry();
        self.scrapes.open(door, registry, SCRAPERS)?;
        Ok(self)
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
                    SIGNALS => self.take_signals(),
                    ARRIVALS => self.clients.arrive(),
                    SUPERVISOR => self.take_messages(),
                    SCRAPERS => self.scrapes.arrive(),
                    DRIVER | TIMER => {}
                    scraper if scraper.0 >= FIRST_SCRAPER => self.scrapes.wake(scraper),
                    client => self.clients.wake(client),
                }
            }
            self.serve_clients();
            self.tell_manager();
            // What was answered just now is written when the loop comes round again.
            self.save();
            let now = self.control.now();
            if self.keeper.beat_if_due(now, || self.control.pace()) {
                self.keeper
                    .keep_all(now, &self.control.backend().descriptors());
            }
            if self.is_replaced() {
                return Ok(());
            }
            if self.is_over() {
                // The kernel may take its time to take everything back.
                self.keeper.beat(FAREWELL);
                self.clients.publish(&mut self.control);
                self.clients.dismiss(&self.listener, self.control.now());
                return Ok(());
            }
        }
    }

    /// Serves them as long as they have not taken too much of the time.
    fn serve_clients(&mut self) {
        let began = self.control.now();
        self.clients.give_up_late(began);
        self.scrapes.give_up_late(began);
        if self.clients.may_arrive() && self.admission.exhausted_until(began).is_none() {
            self.clients
                .admit(&self.listener, self.poll.registry(), began);
            self.admission.spend(began, self.control.now());
        }
        let began = self.control.now();
        if self.budget.exhausted_until(began).is_none() {
            self.clients.serve(&mut self.control);
            self.scrapes.admit(self.poll.registry(), began);
            self.scrapes.serve(&mut self.control, self.clients.len());
            self.budget.spend(began, self.control.now());
        }
        self.clients.take_replies(&mut self.control);
        self.clients.publish(&mut self.control);
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let now = self.control.now();
        let later = self.budget.exhausted_until(now);
        let admits_later = self.admission.exhausted_until(now);
        let deadlines = [
            later,
            admits_later,
            self.control.deadline(),
            self.clients.deadline(),
            self.scrapes.deadline(),
            self.give_up.filter(|_| !self.control.is_stopped()),
            self.control.waits_for_hooks().filter(|until| *until > now),
            self.idle_deadline().filter(|until| *until > now),
            self.keeper.deadline(now),
            self.keeper.restart_deadline(),
        ];
        let next = deadlines.into_iter().flatten().min();
        let has_work = self.clients.have_work() || self.scrapes.have_work();
        let admits = self.clients.may_arrive() && admits_later.is_none();
        let has_work = admits || (has_work && later.is_none());
        let is_idle = !has_work && !self.control.has_replies();
        if let Some(nap) = self.control.backend().nap().filter(|_| is_idle) {
            let left = next.map_or(nap, |next| next - now);
            std::thread::sleep(nap.min(left));
        }
        let nothing_to_do = is_idle && self.timer.set(next, now)?;
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
            if signal == SIGHUP && !self.has_terminal {
                tracing::info!("{HANGUP}");
                continue;
            }
            tracing::debug!(signal, "told to stop");
            self.stop();
        }
    }

    fn take_messages(&mut self) {
        if self.keeper.take_messages() {
            tracing::debug!("told to stop by the supervisor");
            self.stop();
        }
    }

    fn stop(&mut self) {
        if self.give_up.is_none() {
            tracing::info!("stopping");
            self.give_up = Some(self.control.now() + STOP_TIME);
            self.control.stop();
        }
    }

    /// Tells the service manager, where there is one, how the service is.
    fn tell_manager(&mut self) {
        if !self.keeper.is_managed() {
            return;
        }
        let phase = if self.give_up.is_some() {
            Phase::Stopping
        } else if self.control.is_reloading() {
            Phase::Reloading
        } else {
            Phase::Ready
        };
        let is_same = |told: &Condition| told.phase == phase && !self.control.has_changed();
        if self.told.as_ref().is_some_and(is_same) {
            return;
        }
        let status = self.control.status();
        let condition = Condition { phase, status };
        if self.told.as_ref() != Some(&condition) {
            self.keeper.tell(&condition);
            self.told = Some(condition);
        }
    }

    /// Leaves to the supervisor what has changed.
    fn save(&mut self) {
        if !self.keeper.is_there() {
            return;
        }
        let all = self.control.len() + 1;
        let due = self.keeper.refreshes(self.control.now(), all);
        self.control.touch_next(due);
        let keeper = &mut self.keeper;
        self.control
            .save_interfaces(|name, record| keeper.save_interface(name, record));
        if let Some(record) = self.control.save_service(self.listener.identity()) {
            keeper.save_service(&record);
        }
    }

    /// Where somebody asked for a successor, and nothing stands in the way, leaves everything to
    /// that one.
    fn is_replaced(&mut self) -> bool {
        if !self.control.wants_restart() {
            return false;
        }
        let refused = match self.keeper.restart(self.control.now()) {
            Verdict::Wait => return false,
            // Whoever waits for an answer gets it first.
            Verdict::Go if self.control.is_busy() => return false,
            Verdict::Go => self.leave_to_successor().err(),
            Verdict::Refuse(reason) => Some(reason),
        };
        let reply = match refused {
            None => Reply::Done { notes: Vec::new() },
            Some(reason) => Reply::Refused {
                reason: reason.to_owned(),
            },
        };
        self.control.answer_restart(&reply);
        if refused.is_none() {
            self.clients.publish(&mut self.control);
            self.clients.part(&mut self.control);
        }
        refused.is_none()
    }

    fn leave_to_successor(&mut self) -> Result<(), &'static str> {
        // In this order: what is saved after the last beat is exact.
        self.keeper.beat(FAREWELL);
        self.control.process();
        self.control.touch_all();
        self.save();
        let descriptors = self.control.backend().descriptors();
        self.keeper.keep_all(self.control.now(), &descriptors);
        self.keeper.again()?;
        tracing::info!("leaving everything to a new process");
        self.control.leave_in_place();
        self.listener.leave();
        self.scrapes.leave();
        Ok(())
    }

    fn is_over(&self) -> bool {
        let now = self.control.now();
        if let Some(give_up) = self.give_up {
            if now >= give_up && !self.control.is_stopped() {
                tracing::warn!("not everything was taken down in time");
                return true;
            }
            return self.control.is_stopped() && !self.waits_for_hooks();
        }
        if !self.on_demand || !self.control.is_empty() || self.clients.are_served() {
            return false;
        }
        if self.waits_for_hooks() {
            return false;
        }
        if self.control.is_demoted_by_name() {
            return false; // it is there to be taken back, and counts for interfaces to come
        }
        let unset = self.control.settings() == Settings::default();
        let nobody_comes = self.idle_deadline().is_none_or(|deadline| now >= deadline);
        self.control.destroyed_last() || (unset && self.clients.is_empty() && nobody_comes)
    }

    /// Whether hooks of what has been taken down are still to end, and may take that long.
    fn waits_for_hooks(&self) -> bool {
        let until = self.control.waits_for_hooks();
        let waits = until.is_some_and(|until| self.control.now() < until);
        if until.is_some() && !waits {
            tracing::warn!("not all hooks have ended in time");
        }
        waits
    }

    /// Until when a service that was started on demand waits for whoever started it. Once that is
    /// over there is nothing to be woken for.
    fn idle_deadline(&self) -> Option<Timestamp> {
        let waits = self.on_demand && !self.clients.were_any();
        waits.then(|| self.started + STOP_TIME)
    }
}

const DRIVER: Token = Token(0);
const TIMER: Token = Token(1);
const SIGNALS: Token = Token(2);
const ARRIVALS: Token = Token(3);
const SUPERVISOR: Token = Token(4);
const SCRAPERS: Token = Token(5);
const FIRST_CLIENT: usize = 16;
const FIRST_SCRAPER: usize = usize::MAX / 2;

/// How long the end of a process may take in which it says nothing.
const FAREWELL: Duration = Duration::from_secs(30);

/// What is said of a hangup where it does not end a process.
pub(crate) const HANGUP: &str = "SIGHUP changes nothing: `carpctl netstart' configures anew";

/// The name by which the supervisor keeps the listening socket.
pub(crate) const LISTENER: &str = "listener";

/// The same of the socket for scrapers.
pub(crate) const DOOR: &str = "metrics";

/// How long taking everything down may take; also how long a service waits for its first client.
const STOP_TIME: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
