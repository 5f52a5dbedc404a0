//! A virtual host hears an advert: what follows from the row of §4.3 that it falls under.

use carp_proto::Family;

use super::super::inputs::{Heard, State};
use super::super::rules::{Row, heard_by_backup, heard_by_master, loses_tie};
use super::Model;

/// The shortest time between two answers to worse masters (ours 3).
const BETWEEN_ANSWERS: u64 = 1_000_000;

impl Model {
    /// §4.3.
    pub(super) fn hear(&mut self, heard: Heard) {
        let family = Family::of(heard.source);
        let dialect = self.config.dialect;
        if dialect.wants_address_of_family() && !self.speaks(family) {
            return;
        }
        let own = self.claim();
        let rcv = dialect.claim_heard(heard.interval, heard.demote);
        let row = match self.state {
            State::Init => Row::Ignored,
            State::Backup => {
                heard_by_backup(dialect, own, rcv, self.config.preempt, self.held_back)
            }
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
            Row::Ignored | Row::MasterHearsBowOut => {}
            Row::MasterYields | Row::MasterTies => self.yield_to_better(),
            Row::MasterStays => self.answer(),
            Row::Preempts | Row::ReplacesDemoted | Row::ReplacesSlow => self.become_master(),
            Row::Waits => self.restart_master_down(family),
        }
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
