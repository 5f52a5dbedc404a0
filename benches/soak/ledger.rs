//! What was lost, and what explains it: each lost echo is put down to a moment of the fault, and must
//! be within what that may cost, unless it was lost while the machine itself did not run.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

use crate::spans::Spans;

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

    /// By when all must be lost that may be, where `first` was the first: what happens shows at once, and
    /// has happened when all is done.
    fn due(&self, stream: usize, first: Timestamp) -> Option<Timestamp> {
        let within = self.allowance(stream).within?;
        let began = first.max(self.from).min(self.from + self.took);
        Some(began + within)
    }
}

/// What one stream may lose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) echoes: u64,
    /// No later than this after the first of them; `None`: until the next moment.
    pub(crate) within: Option<Duration>,
}

/// What one stream has lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Which moment it is put down to; `None`: it was before the first.
    pub(crate) moment: Option<usize>,
    pub(crate) lost: u64,
    pub(crate) allowed: u64,
    /// How many were lost while something was the matter that nobody answers for.
    pub(crate) excused: u64,
    /// How many of the others were lost later than may be.
    pub(crate) late: u64,
    /// How many of those that are excused would be too late.
    late_but_excused: u64,
    /// When the first and when the last one were sent.
    pub(crate) span: (Timestamp, Timestamp),
    /// When the first one was sent that is not excused.
    first: Option<Timestamp>,
}

impl Finding {
    fn new(moment: Option<usize>, allowed: u64, sent: Timestamp) -> Self {
        Self {
            moment,
            lost: 0,
            allowed,
            excused: 0,
            late: 0,
            late_but_excused: 0,
            span: (sent, sent),
            first: None,
        }
    }

    /// How many the fault answers for.
    const fn charged(&self) -> u64 {
        self.lost - self.excused
    }

    pub(crate) const fn is_explained(&self) -> bool {
        self.charged() <= self.allowed && self.late == 0
    }

    /// Whether the fault alone does not explain it.
    pub(crate) const fn needs_excuse(&self) -> bool {
        self.lost > self.allowed || self.late + self.late_but_excused > 0
    }

    /// How many only an excuse explains: they would be too late, or more than may be.
    pub(crate) fn only_excused(&self) -> u64 {
        let in_time = self.lost - self.late - self.late_but_excused;
        let needed = self.late_but_excused + in_time.saturating_sub(self.allowed);
        needed.min(self.excused)
    }
}

/// Puts what a stream has lost down to moments, which are in order. `excuses` says when the machine
/// itself stood still, or others did what nobody answers for: whatever was under way meanwhile is
/// excused, and nothing else.
pub(crate) fn explain(
    moments: &[Moment],
    stream: usize,
    losses: &[Timestamp],
    excuses: &Spans,
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
            let found = findings.iter().find(|it| it.moment == Some(number));
            let charged = found.map_or(0, Finding::charged);
            let allowed = moments.get(number).map(|moment| moment.allowance(stream));
            allowed.is_some_and(|allowed| charged < allowed.echoes)
        };
        let number = before.filter(|number| is_open(*number)).or(under_way);
        let moment = number.and_then(|number| moments.get(number));
        let known = findings.iter().position(|it| it.moment == number);
        let place = known.unwrap_or(findings.len());
        if known.is_none() {
            let allowed = moment.map(|moment| moment.allowance(stream).echoes);
            findings.push(Finding::new(number, allowed.unwrap_or_default(), sent));
        }
        let Some(finding) = findings.get_mut(place) else {
            continue;
        };
        finding.lost += 1;
        finding.span.1 = sent;
        let is_excused = excuses.meet(sent, sent + IN_FLIGHT);
        let first = finding.first.unwrap_or(sent);
        let due = moment.and_then(|moment| moment.due(stream, first));
        let late = u64::from(due.is_some_and(|due| sent > due));
        if is_excused {
            finding.excused += 1;
            finding.late_but_excused += late;
        } else {
            finding.first = Some(first);
            finding.late += late;
        }
    }
    findings
}

/// How long an echo and its answer may be under way.
const IN_FLIGHT: Duration = Duration::from_millis(10);
