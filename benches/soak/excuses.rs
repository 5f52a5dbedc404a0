//! How much was excused in a run: who excuses much has seen little.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

use crate::spans::Spans;

/// What only excuses explain, and for how long there was one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Excuses {
    /// Echoes.
    pub(crate) echoes: u64,
    /// When the machine was held up.
    held_up: Spans,
}

impl Excuses {
    /// Takes note of so many echoes, and of when the machine was held up: once, where two have seen it.
    pub(crate) fn take(&mut self, echoes: u64, held_up: &Spans) {
        self.echoes += echoes;
        self.held_up = self.held_up.and(held_up);
    }

    /// How long it was held up in a run.
    pub(crate) fn time(&self, from: Timestamp, until: Timestamp) -> Duration {
        self.held_up.within(from, until)
    }

    /// What is too much, of so many lost echoes in a run.
    pub(crate) fn misses(&self, lost: u64, from: Timestamp, until: Timestamp) -> Vec<String> {
        let mut misses = Vec::new();
        let most = most_echoes(lost);
        if self.echoes > most {
            misses.push(format!(
                "only excuses explain {} lost echoes, which may be {most}",
                self.echoes
            ));
        }
        let (time, span) = (self.time(from, until), until - from);
        if time > span / MOST_TIME {
            misses.push(format!(
                "the machine was held up for {:.1} s of {:.0} s, which may be {:.1} s",
                time.as_secs_f64(),
                span.as_secs_f64(),
                (span / MOST_TIME).as_secs_f64()
            ));
        }
        misses
    }
}

/// How many of so many lost echoes only excuses may explain.
fn most_echoes(lost: u64) -> u64 {
    (lost / SHARE).max(AT_LEAST)
}

/// One in so many of those lost. An hour in which `ucarp` alone needed excuses, which gave the address up
/// too late some sixty times, had one in 400.
pub(crate) const SHARE: u64 = 200;
/// But that many in each run: a short one may meet a pause of the machine, half a second in which none
/// of the four addresses is answered.
pub(crate) const AT_LEAST: u64 = 2_000;
/// The machine may be held up for one part in so many of the time: one that is shared is, now and then.
pub(crate) const MOST_TIME: u32 = 20;
