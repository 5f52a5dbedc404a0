//! Metrics over HTTP, for Prometheus: served in the loop, in the time that clients may take.
//!
//! The little of HTTP that is needed is written here, over the parser `httparse`: a server from a
//! library brings a runtime with threads or tasks of its own, and this process has one loop, which
//! decides what comes first. Whatever a scraper does or leaves undone costs one of a few places, and
//! that only until another one wants it.

mod door;
mod request;
mod scraper;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use carp_net::Backend;
use carp_net::carp_fsm::Timestamp;
use mio::{Interest, Registry, Token};

use super::clients::is_passing;
use super::control::Control;
pub(crate) use door::Door;
use scraper::{Scraper, Step};

/// The scrapers, by their tokens, which grow and are never used twice.
#[derive(Debug)]
pub(super) struct Scrapes {
    /// `None` where metrics are not served.
    door: Option<Door>,
    scrapers: BTreeMap<usize, Scraper>,
    next_token: usize,
    /// Those that may be able to go on, each once.
    ready: VecDeque<usize>,
    /// Whether somebody may wait to be admitted.
    arrivals: bool,
}

impl Scrapes {
    /// Nobody can come; whoever does later has a token from `first_token` on.
    pub(super) const fn new(first_token: usize) -> Self {
        Self {
            door: None,
            scrapers: BTreeMap::new(),
            next_token: first_token,
            ready: VecDeque::new(),
            arrivals: false,
        }
    }

    /// Admits who comes through `door`, which says so with `token`.
    pub(super) fn open(
        &mut self,
        mut door: Door,
        registry: &Registry,
        token: Token,
    ) -> io::Result<()> {
        registry.register(door.source(), token, Interest::READABLE)?;
        self.door = Some(door);
        self.arrivals = true;
        Ok(())
    }

    /// Takes note that somebody waits to be admitted.
    pub(super) const fn arrive(&mut self) {
        self.arrivals = true;
    }

    /// Takes note that a scraper may be able to go on.
    pub(super) fn wake(&mut self, token: Token) {
        self.enqueue(token.0);
    }

    /// Whether there is something to do without waiting.
    pub(super) fn have_work(&self) -> bool {
        self.arrivals || !self.ready.is_empty()
    }

    /// When the first scraper is to be given up.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.scrapers.values().map(Scraper::deadline).min()
    }

    /// Gives up those whose time is over.
    pub(super) fn give_up_late(&mut self, now: Timestamp) {
        self.scrapers.retain(|_, scraper| now < scraper.deadline());
    }

    /// The file of the socket stays, for a successor.
    pub(super) const fn leave(&mut self) {
        if let Some(door) = &mut self.door {
            door.leave();
        }
    }

    /// Admits some of those who wait.
    pub(super) fn admit(&mut self, registry: &Registry, now: Timestamp) {
        for _ in 0..PLACES {
            let Some(door) = self.door.as_ref().filter(|_| self.arrivals) else {
                return;
            };
            match door.accept() {
                Ok(Some(stream)) => {
                    let scraper = Scraper::new(stream, now);
                    if self.make_room(now) {
                        self.insert(scraper, registry);
                    } else {
                        scraper.turn_away(now);
                    }
                }
                Ok(None) => self.arrivals = false,
                Err(error) if is_passing(&error) => {}
                Err(error) => {
                    // Too many open files, for example; the next arrival tries again.
                    tracing::debug!(%error, "scraper not admitted");
                    self.arrivals = false;
                }
            }
        }
    }

    /// Gives each of those who are ready one turn; `clients` are connected to the control socket.
    pub(super) fn serve<B: Backend>(&mut self, control: &mut Control<B>, clients: usize) {
        for _ in 0..self.ready.len() {
            let Some(token) = self.ready.pop_front() else {
                return;
            };
            let Some(scraper) = self.scrapers.get_mut(&token) else {
                continue;
            };
            match scraper.step(control, clients, control.now()) {
                Step::Wait => {}
                Step::Again => self.enqueue(token),
                Step::Close => {
                    self.scrapers.remove(&token);
                }
            }
        }
    }

    fn enqueue(&mut self, token: usize) {
        if !self.ready.contains(&token) {
            self.ready.push_back(token);
        }
    }

    fn insert(&mut self, mut scraper: Scraper, registry: &Registry) {
        let token = self.next_token;
        self.next_token += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        match registry.register(scraper.source(), Token(token), interest) {
            Ok(()) => {
                self.scrapers.insert(token, scraper);
                self.enqueue(token);
            }
            Err(error) => tracing::debug!(%error, "scraper not admitted"),
        }
    }

    /// Makes room for one more, where all places are taken at the expense of the oldest one that is
    /// not being served, or else of the one that has taken nothing for the longest time. So who
    /// asks and reads is not kept out by those who do not.
    fn make_room(&mut self, now: Timestamp) -> bool {
        if self.scrapers.len() < PLACES {
            return true;
        }
        let idle = self.scrapers.iter().find(|(_, it)| !it.is_served());
        let slowest = || {
            let slow = self.scrapers.iter().min_by_key(|(_, it)| it.progress());
            slow.filter(|(_, it)| now - it.progress() >= SLOW)
        };
        let Some(token) = idle.or_else(slowest).map(|(token, _)| *token) else {
            return false;
        };
        self.scrapers.remove(&token);
        true
    }
}

/// How many scrapers there can be: a pair of servers, and somebody who looks.
const PLACES: usize = 4;

/// Who takes nothing for so long gives its place to another.
const SLOW: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
