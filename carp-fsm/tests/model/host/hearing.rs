//! A virtual host hears an advert: what follows from the row of §4.3 that it falls under.

use carp_proto::Family;

use super::super::inputs::{Config, Heard, State};
use super::super::rules::{Row, heard_by_backup, heard_by_master, loses_tie};
use super::Model;

/// The shortest time between two answers to worse masters (ours 3).
const BETWEEN_ANSWERS: u64 = 1_000_000;

impl Model {
    /// §4.3.
    pub(super) fn hear(&mut self, heard: Heard) {
        let family = Family::of(heard.source);
        let dialect = self.config.dialect;
        if dialect.wants_address_of_family() && !self.expects(family) {
            return;
        }
        let own = self.claim();
        let rcv = dialect.claim_heard(heard.interval, heard.demote);
        let row = match self.state {
            State::Init => Row::Ignored,
            State::Backup if self.leaves_to_master(heard) => Row::LeavesToMaster,
            State::Backup => self.row_of(heard),
            State::Master => {
                let source = *self.config.sources.get(family);
                heard_by_master(dialect, own, rcv, loses_tie(source, heard.source))
            }
        };
        self.row = Some(row);
        if row != Row::Ignored {
            self.counter.adopt(heard.counter);
        }
        match row {
            Row::Ignored | Row::MasterHearsBowOut | Row::LeavesToMaster => {}
            Row::MasterYields | Row::MasterTies => {
                self.yield_to_better();
                self.follow(heard);
            }
            Row::MasterStays => self.answer(),
            Row::Preempts | Row::ReplacesDemoted | Row::ReplacesSlow => self.become_master(),
            Row::Waits => {
                self.follow(heard);
                self.restart_master_down(family);
            }
        }
        // Who is down hears nothing.
        if self.up {
            self.forget_failures();
        }
    }

    /// §4.3, BACKUP a to d.
    fn row_of(&self, heard: Heard) -> Row {
        let Config {
            dialect, preempt, ..
        } = self.config;
        let rcv = dialect.claim_heard(heard.interval, heard.demote);
        heard_by_backup(dialect, self.claim(), rcv, preempt, self.held_back)
    }

    /// Ours 11.
    fn leaves_to_master(&self, heard: Heard) -> bool {
        let family = Family::of(heard.source);
        let lasts = |at| self.now < at + self.master_down();
        let followed = *self.followed.get(family);
        self.row_of(heard) != Row::Waits
            && self.expects(family)
            && followed.is_some_and(|(master, at)| {
                master.source != heard.source && lasts(at) && self.row_of(master) == Row::Waits
            })
    }

    fn follow(&mut self, heard: Heard) {
        let now = self.now;
        *self.followed.get_mut(Family::of(heard.source)) = Some((heard, now));
    }

    /// §4.3, MASTER: in [U] with one last advert.
    fn yield_to_better(&mut self) {
        if self.config.dialect.breaks_ties() {
            self.advertise();
        }
        self.become_backup();
    }

    /// Ours 3.
    fn answer(&mut self) {
        let due = self
            .answered
            .is_none_or(|last| last + BETWEEN_ANSWERS <= self.now);
        if due {
            self.answered = Some(self.now);
            self.advertise();
        }
    }
}
