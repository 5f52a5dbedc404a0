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
        self.arm_master_down(self.now + master_down(self.config.dialect, self.config.interval));
    }

    /// Changes the state; no timer of one state runs on in another.
    pub(super) fn go(&mut self, to: State) {
        self.timers.stop_all();
        if self.state != to {
            self.done.push(Output::Went(self.now, self.state, to));
            self.state = to;
        }
    }

    /// §4.4.2: one timer for each family that the host has addresses of.
    pub(super) fn arm_master_down(&mut self, at: u64) {
        for family in Family::ALL {
            if self.speaks(family) {
                self.timers.arm(Timer::MasterDown(family), at);
            }
        }
    }

    /// §4.3, BACKUP d: the timer of the advert's family alone.
    pub(super) fn restart_master_down(&mut self, family: Family) {
        if self.speaks(family) {
            let wait = master_down(self.config.dialect, self.config.interval);
            self.timers.arm(Timer::MasterDown(family), self.now + wait);
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
