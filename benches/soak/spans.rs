//! Spans of time, of which what overlaps counts once.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

/// Times in which something was so, in order, none of which touches the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans(Vec<(Timestamp, Timestamp)>);

impl Spans {
    /// The union of those of these that last at least so long.
    pub(crate) fn lasting(
        least: Duration,
        spans: impl IntoIterator<Item = (Timestamp, Timestamp)>,
    ) -> Self {
        let spans = spans.into_iter();
        Self::of(spans.filter(|(from, until)| *until - *from >= least))
    }

    /// The union of these, each from its first moment until its last one.
    pub(crate) fn of(spans: impl IntoIterator<Item = (Timestamp, Timestamp)>) -> Self {
        let mut spans: Vec<_> = spans.into_iter().collect();
        spans.sort_unstable();
        let mut union: Vec<(Timestamp, Timestamp)> = Vec::new();
        for (from, until) in spans {
            match union.last_mut().filter(|(_, end)| from <= *end) {
                Some((_, end)) => *end = until.max(*end),
                None => union.push((from, until)),
            }
        }
        Self(union)
    }

    /// These and others.
    pub(crate) fn and(&self, others: &Self) -> Self {
        Self::of(self.0.iter().chain(&others.0).copied())
    }

    /// Whether any of `from` to `until` is in one of them.
    pub(crate) fn meet(&self, from: Timestamp, until: Timestamp) -> bool {
        let mut spans = self.0.iter();
        spans.any(|(begin, end)| *begin <= until && from <= *end)
    }

    /// How much of `from` to `until` is in them.
    pub(crate) fn within(&self, from: Timestamp, until: Timestamp) -> Duration {
        let spans = self.0.iter();
        // Where they do not meet the difference is none.
        spans
            .map(|(begin, end)| until.min(*end) - from.max(*begin))
            .sum()
    }
}
