//! When an engine is taken for stuck, and when it is given up.

use std::collections::VecDeque;
use std::time::Duration;

use carp_fsm::Timestamp;

/// How patient a supervisor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How long an engine may take from its start to its first beat. After that each beat says
    /// itself when the next one is due.
    pub start: Duration,
    /// How long an engine that was started anew at its own wish must have gone on before the
    /// supervisor is renewed too. If it crashes sooner, it is the old supervisor that replaces
    /// it, which knows everything.
    pub trial: Duration,
    /// With this many crashes within [`window`](Self::window) the engine is started once more
    /// and told to end.
    pub crashes: usize,
    /// The time over which crashes are counted.
    pub window: Duration,
}

impl Default for Limits {
    /// 10 s to start, 5 s on trial, 4 crashes in 60 s.
    fn default() -> Self {
        Self {
            start: Duration::from_secs(10),
            trial: Duration::from_secs(5),
            crashes: 4,
            window: Duration::from_secs(60),
        }
    }
}

/// Whether an engine makes progress, as far as a supervisor can tell that is not always awake
/// itself.
#[derive(Debug)]
pub(super) struct Progress {
    /// How long the engine may take from one beat to the next.
    period: Duration,
    /// When the next beat is due.
    due: Timestamp,
    /// When the supervisor meant to look again.
    planned: Timestamp,
}

/// What a look at an engine says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    /// It should have said that it is alive, this long ago.
    Stuck,
    /// The supervisor itself was kept from running for this long, and so was the engine, perhaps.
    Asleep(Duration),
}

impl Progress {
    /// An engine that has until `period` from `now` to say something.
    pub(super) fn new(now: Timestamp, period: Duration) -> Self {
        let period = period.max(SHORTEST);
        Self {
            period,
            due: now + period,
            planned: now,
        }
    }

    /// The engine said at `now` that it makes progress and when it will say so again.
    pub(super) fn beat(&mut self, now: Timestamp, within: Duration) {
        self.period = within.max(SHORTEST);
        self.due = now + self.period;
    }

    /// When to look again. Sooner than the beat is due, because only a short wait that took long
    /// tells of a freeze: after a long one both could have been frozen for all of it but the end.
    /// Later than half of the time, so that an engine which beats twice in it is not looked at in
    /// between; a freeze that is too short to be told leaves it a quarter of the time.
    pub(super) fn plan(&mut self, now: Timestamp) -> Timestamp {
        self.planned = self.due.min(now + self.period * 5 / 8);
        self.planned
    }

    /// Looks at `now`, after everything the engine said has been taken in.
    pub(super) fn look(&mut self, now: Timestamp) -> Verdict {
        let late = now - self.planned;
        if late > self.period / 8 {
            self.due = self.due.max(now + self.period);
            return Verdict::Asleep(late);
        }
        if now < self.due {
            Verdict::Fine
        } else {
            Verdict::Stuck
        }
    }
}

/// When an engine crashed, as far back as it counts.
#[derive(Debug, Default)]
pub(super) struct Crashes(VecDeque<Timestamp>);

impl Crashes {
    /// Counts one at `now`; says whether there are too many.
    pub(super) fn add(&mut self, now: Timestamp, limits: &Limits) -> bool {
        self.0.push_back(now);
        while self.0.len() > limits.crashes {
            self.0.pop_front();
        }
        let oldest = self.0.front().copied().unwrap_or(now);
        self.0.len() >= limits.crashes && now - oldest <= limits.window
    }
}

/// No engine is asked for more than a beat in this time.
const SHORTEST: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> Timestamp {
        moment(millis * 1_000)
    }

    const fn moment(micros: u64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    /// An engine that beat last at 0 and is due at 1,000 ms, watched as a supervisor does.
    fn watched_until(millis: u64) -> Progress {
        let mut progress = Progress::new(at(0), SECOND);
        let mut now = at(0);
        while now < at(millis) {
            now = progress.plan(now).min(at(millis));
            assert_eq!(progress.look(now), Verdict::Fine);
        }
        progress
    }

    #[test]
    fn engine_that_misses_its_beat_is_stuck() {
        let mut progress = watched_until(999);
        assert_eq!(progress.plan(at(999)), at(1_000));
        assert_eq!(progress.look(at(1_001)), Verdict::Stuck);
    }

    #[test]
    fn beat_gives_the_time_it_names() {
        let mut progress = watched_until(999);
        progress.beat(at(999), SECOND / 10);
        assert_eq!(progress.plan(at(999)), moment(1_061_500));
        assert_eq!(progress.look(moment(1_061_500)), Verdict::Fine);
        progress.plan(at(1_098));
        assert_eq!(progress.look(at(1_100)), Verdict::Stuck);
    }

    #[test]
    fn supervisor_that_was_frozen_blames_nobody() {
        let mut progress = watched_until(100);
        progress.plan(at(100));
        assert_eq!(
            progress.look(at(10_000)),
            Verdict::Asleep(Duration::from_millis(9_275))
        );
        // A whole new period, and only one.
        assert_eq!(progress.plan(at(10_000)), at(10_625));
        assert_eq!(progress.look(at(10_625)), Verdict::Fine);
        assert_eq!(progress.plan(at(10_625)), at(11_000));
        assert_eq!(progress.look(at(11_000)), Verdict::Stuck);
    }

    /// Both frozen from shortly after a look on, until just after the beat was due.
    #[test]
    fn freeze_that_ends_when_the_beat_is_due_is_a_freeze() {
        let mut progress = Progress::new(at(0), SECOND);
        assert_eq!(progress.plan(at(0)), at(625));
        assert_eq!(
            progress.look(at(1_001)),
            Verdict::Asleep(Duration::from_millis(376))
        );
    }

    #[test]
    fn an_engine_that_beats_twice_in_its_time_is_not_looked_at_in_between() {
        let mut progress = Progress::new(at(0), SECOND);
        for beat in [500, 1_000, 1_500] {
            assert!(progress.plan(at(beat - 500)) > at(beat));
            assert_eq!(progress.look(at(beat)), Verdict::Fine);
            progress.beat(at(beat), SECOND);
        }
    }

    #[test]
    fn crashes_count_within_the_window_only() {
        let limits = Limits::default();
        let mut crashes = Crashes::default();
        for second in [0, 30, 50] {
            assert!(!crashes.add(at(second * 1_000), &limits));
        }
        assert!(!crashes.add(at(61_000), &limits), "the first is too old");
        assert!(crashes.add(at(62_000), &limits));
    }
}
