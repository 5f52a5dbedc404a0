//! What a virtual host does: its changes of state, the timers that go with them (§4.4), and the
//! adverts it sends.

use carp_proto::Family;

use super::super::claim::{Claim, Interval};
use super::super::counter::Counter;
use super::super::inputs::{Advert, Config, Output, State};
use super::super::timers::{Timer, advert_interval, first_advert_interval, master_down};
use super::Model;

impl Model {
    /// §4.5.
    pub(super) fn become_master(&mut self) {
        if self.state != State::Backup {
            return;
        }
        self.go(State::Master);
        self.held_back = false;
        self.advertise();
        let Config {
            dialect, interval, ..
        } = self.config;
        let first = first_advert_interval(dialect, interval, self.config.demotion);
        self.timers.arm(Timer::Advert, self.now + first);
    }

    /// From wherever it was, with a full master-down time to wait (§4.1, §4.3).
    pub(super) fn become_backup(&mut self) {
        self.go(State::Backup);
        self.arm_master_down();
    }

    /// Changes the state; no timer of one state runs on in another.
    pub(super) fn go(&mut self, to: State) {
        self.timers.stop_all();
        if self.state != to {
            self.done.push(Output::Went(self.now, self.state, to));
            self.state = to;
        }
    }

    pub(super) fn master_down(&self) -> u64 {
        master_down(self.config.dialect, self.config.interval)
    }

    /// §4.4.2: one timer for each family that the host has addresses of; ours 12.
    fn arm_master_down(&mut self) {
        let lacked_until = |family| self.lists.lack_until(self.now, family);
        let is_sure = |family| self.speaks(family) && lacked_until(family).is_none();
        let one_is_sure = Family::ALL.into_iter().any(is_sure);
        for family in Family::ALL {
            let from = if self.speaks(family) {
                self.lists.lack_until(self.now, family)
            } else if one_is_sure || !self.expects(family) {
                continue;
            } else {
                None
            };
            let at = from.unwrap_or(self.now) + self.master_down();
            self.timers.arm(Timer::MasterDown(family), at);
        }
    }

    /// §4.3, BACKUP d: the timer of the advert's family alone; ours 12.
    pub(super) fn restart_master_down(&mut self, family: Family) {
        let timer = Timer::MasterDown(family);
        if self.expects(family) {
            let at = self.now + self.master_down();
            self.timers.arm(timer, at);
        } else {
            self.timers.stop(timer);
        }
        for other in Family::ALL.into_iter().filter(|other| *other != family) {
            let lacked = self.lists.lack_until(self.now, other);
            if let Some(until) = lacked.filter(|_| self.speaks(other)) {
                let at = until + self.master_down();
                self.timers.arm(Timer::MasterDown(other), at);
            }
        }
        if self.speaks(family) {
            for other in Family::ALL {
                if !self.speaks(other) {
                    self.timers.stop(Timer::MasterDown(other));
                }
            }
        }
    }

    /// One advert for each family, and the next after an interval (§4.4).
    pub(super) fn advertise(&mut self) {
        self.send(self.claim().interval);
        let next = self.now + self.advert_interval();
        self.timers.arm(Timer::Advert, next);
    }

    /// §4.7: one last advert of a master, with the demotion it has.
    pub(super) fn bow_out(&mut self) {
        if self.state == State::Master {
            self.send(Interval::BOW_OUT);
        }
    }

    /// IPv4 first (§4.5).
    pub(super) fn send(&mut self, interval: Interval) {
        let demote = self.claim().demotion;
        for family in Family::ALL {
            if self.speaks(family) {
                let counter = if self.config.dialect.keeps_counter() {
                    Counter::Constant
                } else {
                    self.counter.next()
                };
                let advert = Advert {
                    family,
                    interval,
                    demote,
                    counter,
                };
                self.done.push(Output::Sent(self.now, advert));
            }
        }
    }

    pub(super) fn claim(&self) -> Claim {
        self.config
            .dialect
            .claim(self.config.interval, self.config.demotion)
    }

    pub(super) fn advert_interval(&self) -> u64 {
        advert_interval(
            self.config.dialect,
            self.config.interval,
            self.config.demotion,
        )
    }
}
