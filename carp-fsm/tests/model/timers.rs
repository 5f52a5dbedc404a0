//! When a host acts by itself: the formulas of §4.4 and the timers armed with them.

use std::collections::BTreeMap;

use carp_proto::Family;

use super::claim::Interval;
use super::dialect::Dialect;

/// What 0/0 means instead of no time at all, 1/256 s (§4.4).
const SHORTEST: Interval = Interval::new(0, 1);

/// §4.4, advert interval (MASTER).
pub fn advert_interval(dialect: Dialect, configured: Interval, demotion: i32) -> u64 {
    let skew = dialect.effective_skew(configured.skew, demotion);
    configured.with_skew(skew).max(SHORTEST).micros()
}

/// §4.4, advert interval, the very first after the change of state.
pub fn first_advert_interval(dialect: Dialect, configured: Interval, demotion: i32) -> u64 {
    if dialect.begins_undemoted() {
        configured.max(SHORTEST).micros()
    } else {
        advert_interval(dialect, configured, demotion)
    }
}

/// §4.4, master-down (BACKUP): the configured interval in every dialect.
pub fn master_down(dialect: Dialect, configured: Interval) -> u64 {
    let interval = configured.max(SHORTEST);
    if dialect.triples_skew() || interval.base == 0 {
        3 * interval.micros()
    } else {
        2 * interval.with_skew(0).micros() + interval.micros()
    }
}

/// The timers of a virtual host, in the order in which they fire when due at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    Advert,
    MasterDown(Family),
}

/// Absolute deadlines, in microseconds.
#[derive(Debug, Clone, Default)]
pub struct Timers(BTreeMap<Timer, u64>);

impl Timers {
    pub fn arm(&mut self, timer: Timer, at: u64) {
        self.0.insert(timer, at);
    }

    pub fn stop_all(&mut self) {
        self.0.clear();
    }

    pub fn stop(&mut self, timer: Timer) {
        self.0.remove(&timer);
    }

    /// Moves all of them, so that the next one fires at `at`.
    pub fn move_to(&mut self, at: u64) {
        let soonest = self.next().map_or(at, |(_, soonest)| soonest);
        for deadline in self.0.values_mut() {
            *deadline = *deadline - soonest + at;
        }
    }

    /// The timer that fires next: of several due at once the first.
    pub fn next(&self) -> Option<(Timer, u64)> {
        self.0
            .iter()
            .map(|(timer, at)| (*timer, *at))
            .min_by_key(|(_, at)| *at)
    }
}
