//! From what was recorded to figures: how long both held an address, how late a backup was.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

/// How long two nodes held an address at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overlap {
    pub(crate) length: Duration,
    /// They still did at the end of the recording.
    pub(crate) open: bool,
}

/// How long both held it between `from` and `until`, in all, by the moments at which each of them
/// came to hold it or ceased to.
pub(crate) fn overlap(
    one: &[(Timestamp, bool)],
    two: &[(Timestamp, bool)],
    from: Timestamp,
    until: Timestamp,
) -> Overlap {
    let mut moments: Vec<Timestamp> = one.iter().chain(two).map(|(time, _)| *time).collect();
    moments.retain(|time| *time > from && *time < until);
    moments.extend([from, until]);
    moments.sort();
    let both = |at| held_at(one, at) && held_at(two, at);
    let pairs = moments.iter().zip(moments.iter().skip(1));
    let length = pairs
        .filter(|(start, _)| both(**start))
        .map(|(start, end)| *end - *start)
        .sum();
    Overlap {
        length,
        open: both(until),
    }
}

/// Whether it was held at a moment.
pub(crate) fn held_at(changes: &[(Timestamp, bool)], at: Timestamp) -> bool {
    let last = changes.iter().rev().find(|(time, _)| *time <= at);
    last.is_some_and(|(_, held)| *held)
}

/// Whether it was held at any moment between `from` and `until`.
pub(crate) fn held_within(
    changes: &[(Timestamp, bool)],
    from: Timestamp,
    until: Timestamp,
) -> bool {
    let came = |(time, held): &(Timestamp, bool)| *held && *time > from && *time <= until;
    held_at(changes, from) || changes.iter().any(came)
}

/// How many milliseconds after its master-down timer ran out a backup answered: the timer counts
/// from the last advert that it heard. Less than zero where it did not wait for the timer.
pub(crate) fn late_by(answered: Timestamp, heard: Timestamp, master_down: Duration) -> f64 {
    let due = heard + master_down;
    let (late, early) = (answered - due, due - answered);
    (late.as_secs_f64() - early.as_secs_f64()) * 1e3
}
