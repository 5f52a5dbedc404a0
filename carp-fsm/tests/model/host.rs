//! One virtual host: what its state, its timers and its adverts do under each input (§4.1–§4.7).

use carp_proto::Family;

use super::counter::Following;
use super::inputs::{Config, Heard, Input, Link, Output, PerFamily, State, Wait};
use super::lists::Lists;
use super::rules::Row;
use super::sending::Sending;
use super::timers::{Timer, Timers};

mod acting;
mod hearing;

/// A virtual host as the reference says it is.
#[derive(Debug, Clone)]
pub struct Model {
    config: Config,
    state: State,
    up: bool,
    link: Link,
    held_back: bool,
    answered: Option<u64>,
    /// The last master that was followed or yielded to, and when it was heard.
    followed: PerFamily<Option<(Heard, u64)>>,
    lists: Lists,
    timers: Timers,
    counter: Following,
    sending: PerFamily<Sending>,
    now: u64,
    row: Option<Row>,
    done: Vec<Output>,
}

impl Model {
    /// A host that is `down`, at time 0.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            state: State::Init,
            up: false,
            link: Link::Up,
            held_back: false,
            answered: None,
            followed: PerFamily::default(),
            lists: Lists::default(),
            timers: Timers::default(),
            counter: Following::default(),
            sending: PerFamily {
                inet: Sending::NEW,
                inet6: Sending::NEW,
            },
            now: 0,
            row: None,
            done: Vec::new(),
        }
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// The timer that fires next and when, in microseconds.
    pub fn deadline(&self) -> Option<(Timer, u64)> {
        self.timers.next()
    }

    /// The row of §4.3 that the last input fell under, if it was an advert and was heard.
    pub fn row(&self) -> Option<Row> {
        self.row
    }

    /// The time that a wait ends at.
    pub fn time_after(&self, wait: Wait) -> u64 {
        match (wait, self.deadline()) {
            (Wait::Micros(micros), _) => self.now + micros,
            (Wait::Timer(beside), Some((_, at))) => at.saturating_add_signed(beside).max(self.now),
            (Wait::Timer(_), None) => self.now,
        }
    }

    /// Lets time pass to `at`, timers due at that time included, then has `input` happen; returns
    /// what the host did meanwhile, in order.
    pub fn input(&mut self, at: u64, input: Input) -> Vec<Output> {
        assert!(self.now <= at, "time goes from {} to {at}", self.now);
        self.pass(at);
        self.row = None;
        match input {
            Input::Pass => {}
            Input::Hear(heard) => self.hear(heard),
            Input::Up => {
                self.up = true;
                self.held_back = false;
                self.run_if_possible();
                self.forget_failures();
            }
            Input::Down => {
                self.bow_out();
                self.up = false;
                self.run_if_possible();
                self.forget_failures();
            }
            Input::Link(link) => {
                let changes = (link == Link::Down) != (self.link == Link::Down);
                self.link = link;
                self.run_if_possible();
                if changes {
                    self.forget_failures();
                }
            }
            Input::StateMaster => {
                self.become_master();
                self.forget_failures();
            }
            Input::StateBackup => {
                self.stand_back();
                self.forget_failures();
            }
            Input::Demotion(total) => self.demote(total),
            Input::AddressAdded(family) => {
                let more = *self.config.addresses.get(family) + 1;
                self.change_addresses(family, more);
            }
            Input::AddressRemoved(family) => {
                if let Some(left) = self.config.addresses.get(family).checked_sub(1) {
                    self.change_addresses(family, left);
                }
            }
            Input::SendError(family) => self.count_sending(family, false),
            Input::SendSuccess(family) => self.count_sending(family, true),
            Input::Preempt(preempt) => self.config.preempt = preempt,
        }
        std::mem::take(&mut self.done)
    }

    /// After a tie (ours 5), takes over from the engine when its random waiting ends. Returns
    /// whether that lies between the end of the waiting without a tie and a quarter of an advert
    /// interval after it, both included.
    pub fn settle_tie(&mut self, deadline: u64) -> bool {
        let soonest = self.deadline().map_or(self.now, |(_, at)| at);
        let latest = soonest + self.advert_interval() / 4;
        self.timers.move_to(deadline);
        self.row == Some(Row::MasterTies) && (soonest..=latest).contains(&deadline)
    }

    /// Everything due on the way to `at`, in time order (§4.4).
    fn pass(&mut self, at: u64) {
        while let Some((timer, due)) = self.deadline().filter(|(_, due)| *due <= at) {
            self.now = due;
            match timer {
                Timer::Advert => self.advertise(),
                // §4.4.2: either family falling silent is enough.
                Timer::MasterDown(_) => self.become_master(),
            }
        }
        self.now = at;
    }

    /// §4.7, `state backup`, and ours 1 and 6.
    fn stand_back(&mut self) {
        if self.state != State::Init {
            self.bow_out();
            self.held_back = true;
            self.become_backup();
        }
    }

    /// §4.7, "demotion raised", and ours 9.
    fn demote(&mut self, total: i32) {
        let raised = total > self.config.demotion;
        self.config.demotion = total;
        if raised && self.state == State::Master {
            self.advertise();
        }
    }

    /// Ours 4.
    fn change_addresses(&mut self, family: Family, to: u32) {
        let (before, mut after) = (self.config.addresses, self.config.addresses);
        *after.get_mut(family) = to;
        if (before == PerFamily::default()) != (after == PerFamily::default()) {
            self.bow_out();
            self.go(State::Init);
        }
        self.lists.change(self.now, before, after);
        self.config.addresses = after;
        match self.state {
            State::Init => self.run_if_possible(),
            State::Backup => self.become_backup(),
            State::Master => self.advertise(),
        }
        self.forget_failures();
    }

    /// §4.7, send errors and successes.
    fn count_sending(&mut self, family: Family, sent: bool) {
        if let Some(fails) = self.sending.get_mut(family).outcome(self.now, sent) {
            self.done.push(Output::Sending(self.now, family, fails));
        }
    }

    /// Ours 13.
    fn forget_failures(&mut self) {
        for family in Family::ALL {
            let sends = self.state != State::Init && self.expects(family);
            if self.sending.get_mut(family).forget(self.now, sends) {
                self.done.push(Output::Sending(self.now, family, false));
            }
        }
    }

    /// §4.1: leaves INIT for BACKUP, or goes back there.
    fn run_if_possible(&mut self) {
        match (self.can_run(), self.state) {
            (true, State::Init) => self.become_backup(),
            (false, _) => self.go(State::Init),
            (true, State::Backup | State::Master) => {}
        }
    }

    fn can_run(&self) -> bool {
        self.up && self.link != Link::Down
    }

    /// Ours 10.
    fn speaks(&self, family: Family) -> bool {
        let addresses = self.config.addresses;
        *addresses.get(family) > 0 || (addresses == PerFamily::default() && family == Family::Inet)
    }

    /// Ours 12.
    fn expects(&self, family: Family) -> bool {
        self.speaks(family) || self.lists.have(self.now, family)
    }
}
