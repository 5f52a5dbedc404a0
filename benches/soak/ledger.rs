//! What was lost, and what explains it: each lost echo is put down to a moment of the fault, and must
//! be within what that may cost.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

/// A moment of a fault from which on so much may be lost, until the next one.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) title: &'static str,
    pub(crate) from: Timestamp,
    /// How long it took to do: what is done happens at some time in between.
    pub(crate) took: Duration,
    /// What each stream of echoes may lose.
    pub(crate) allowed: Vec<Allowed>,
}

impl Moment {
    fn allowance(&self, stream: usize) -> Allowed {
        self.allowed.get(stream).copied().unwrap_or_default()
    }

    /// By when all must be lost that may be.
    fn due(&self, stream: usize) -> Option<Timestamp> {
        let within = self.allowance(stream).within?;
        Some(self.from + within + self.took)
    }
}

/// What one stream may lose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) echoes: u64,
    /// No later than this after the moment; `None`: until the next one.
    pub(crate) within: Option<Duration>,
}

/// What one stream has lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Which moment it is put down to; `None`: it was before the first.
    pub(crate) moment: Option<usize>,
    pub(crate) lost: u64,
    pub(crate) allowed: u64,
    /// How many were lost later than may be.
    pub(crate) late: u64,
    /// How much of what is allowed is excused by what else happened.
    pub(crate) excused: u64,
    /// When the first and when the last one were sent.
    pub(crate) span: (Timestamp, Timestamp),
}

impl Finding {
    pub(crate) const fn is_explained(&self) -> bool {
        self.lost <= self.allowed && self.late <= self.excused
    }

    /// Whether the fault alone does not explain it.
    pub(crate) const fn needs_excuse(&self) -> bool {
        self.late > 0 || self.lost > self.allowed - self.excused
    }
}

/// Puts what a stream has lost down to moments, which are in order. `excused` says how long the machine
/// itself stood still in a span of time, or others did what nobody answers for: an echo a millisecond.
pub(crate) fn explain(
    moments: &[Moment],
    stream: usize,
    losses: &[Timestamp],
    excused: impl Fn(Timestamp, Timestamp) -> Duration,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for &sent in losses {
        let before = moments.iter().rposition(|moment| moment.from <= sent);
        let under_way = moments
            .iter()
            .rposition(|moment| moment.from <= sent + IN_FLIGHT);
        // What was under way when something happened is put down to that, unless it may be the end of
        // what was lost anyway.
        let is_open = |number: usize| {
            let lost = findings.iter().find(|it| it.moment == Some(number));
            let lost = lost.map_or(0, |finding| finding.lost);
            let allowed = moments.get(number).map(|moment| moment.allowance(stream));
            allowed.is_some_and(|allowed| lost < allowed.echoes)
        };
        let number = before.filter(|number| is_open(*number)).or(under_way);
        let moment = number.and_then(|number| moments.get(number));
        let allowed = moment.map(|moment| moment.allowance(stream));
        let due = moment.and_then(|moment| moment.due(stream));
        let late = u64::from(due.is_some_and(|due| sent > due));
        match findings.iter_mut().find(|it| it.moment == number) {
            Some(finding) => {
                finding.lost += 1;
                finding.late += late;
                finding.span.1 = sent;
            }
            None => findings.push(Finding {
                moment: number,
                lost: 1,
                allowed: allowed.unwrap_or_default().echoes,
                late,
                excused: 0,
                span: (sent, sent),
            }),
        }
    }
    for finding in &mut findings {
        let (first, last) = finding.span;
        let moment = finding.moment.and_then(|number| moments.get(number));
        // Of an outage, which lasts as long as it takes to make it and then some.
        let took = moment.filter(|_| finding.allowed > 0);
        let took = took.map_or(Duration::ZERO, |moment| moment.took);
        finding.excused = millis(excused(first, last));
        finding.allowed += millis(took) + finding.excused;
    }
    findings
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How long an echo and its answer may be under way.
const IN_FLIGHT: Duration = Duration::from_millis(10);
