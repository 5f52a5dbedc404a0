//! What lives have met, so that a comparison of nothing does not pass.

use std::collections::BTreeMap;

use crate::model::{Dialect, Output, Row, State};

/// How often what was met.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    rows: BTreeMap<Row, u64>,
    changes: BTreeMap<(State, State), u64>,
    adverts: u64,
    send_demotions: u64,
}

impl Coverage {
    pub(crate) fn note(&mut self, done: &[Output], row: Option<Row>) {
        if let Some(row) = row {
            *self.rows.entry(row).or_default() += 1;
        }
        for output in done {
            match output {
                Output::Sent(..) => self.adverts += 1,
                Output::Went(_, from, to) => *self.changes.entry((*from, *to)).or_default() += 1,
                Output::Sending(..) => self.send_demotions += 1,
            }
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (row, times) in &other.rows {
            *self.rows.entry(*row).or_default() += times;
        }
        for (change, times) in &other.changes {
            *self.changes.entry(*change).or_default() += times;
        }
        self.adverts += other.adverts;
        self.send_demotions += other.send_demotions;
    }

    /// Every row that the dialect has was met again and again, and so was every change of state.
    pub(crate) fn assert_enough(&self, dialect: Dialect, lives: u64) {
        let some = lives / 200;
        for row in Row::ALL {
            let is_there = (row != Row::MasterTies || dialect != Dialect::Ucarp)
                && (row != Row::ReplacesDemoted || dialect.has_demote_byte());
            let met = self.rows.get(&row).copied().unwrap_or_default();
            assert_eq!(met > some, is_there, "{dialect:?} met {row:?} {met} times");
        }
        use State::{Backup, Init, Master};
        for change in [
            (Init, Backup),
            (Backup, Init),
            (Backup, Master),
            (Master, Backup),
            (Master, Init),
        ] {
            let met = self.changes.get(&change).copied().unwrap_or_default();
            assert!(met > some, "{dialect:?} met {change:?} {met} times");
        }
        assert!(self.adverts > lives, "{dialect:?}: {self:?}");
        assert!(self.send_demotions > some, "{dialect:?}: {self:?}");
    }
}
