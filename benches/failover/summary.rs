//! The runs of one cell of the table, put together and held against the limits.

use std::time::Duration;

use carp_benches::Figures;
use carp_net::carp_fsm::carp_proto::Family;

use crate::fault::{Lost, Phase};
use crate::record::Sample;
use crate::rounds::Outcome;

/// What stands in the table for one phase, one family and one contender.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    pub(crate) lost: String,
    pub(crate) both: String,
    /// What else was looked at, and in how many runs it was as it should be.
    pub(crate) seen: String,
    /// What is not as the limit wants it; empty where all is.
    pub(crate) misses: Vec<String>,
}

impl Summary {
    /// Of all runs of a fault, for its phase with this number.
    pub(crate) fn of(
        runs: &[Result<Outcome, String>],
        family: Family,
        number: usize,
        phase: &Phase,
    ) -> Self {
        let mut summary = Self::default();
        let failures: Vec<&String> = runs.iter().filter_map(|run| run.as_ref().err()).collect();
        if let Some(first) = failures.first() {
            let count = failures.len();
            let line = first.lines().last().unwrap_or_default().replace('|', "/");
            summary
                .misses
                .push(format!("{count} of {} runs failed: {line}", runs.len()));
        }
        let samples: Vec<Sample> = runs
            .iter()
            .filter_map(|run| {
                let of_family = run.as_ref().ok()?.samples.iter();
                let (_, samples) = of_family.into_iter().find(|(found, _)| *found == family)?;
                samples.get(number).copied()
            })
            .collect();
        summary.take_lost(&samples, phase);
        summary.take_both(&samples, phase);
        if number == 0 {
            summary.take_checks(runs);
        }
        summary
    }

    fn take_lost(&mut self, samples: &[Sample], phase: &Phase) {
        let Some(lost) = Figures::of(samples.iter().map(|sample| sample.lost)) else {
            self.lost = "failed".to_owned();
            return;
        };
        self.lost = if samples.iter().any(|sample| sample.lost_at_end) {
            // There would have been more.
            format!("> {}", thousands(lost.worst))
        } else {
            format!("{} ({})", thousands(lost.median), thousands(lost.worst))
        };
        match phase.lost {
            Lost::Echoes { median, worst } => {
                if lost.median > median || lost.worst > worst {
                    self.misses.push(format!("{} lost", self.lost));
                }
            }
            Lost::MasterDownAnd(limit) => {
                let late = samples.iter().filter_map(|sample| sample.late);
                let unknown = samples.len() - late.clone().count();
                if unknown > 0 {
                    self.misses
                        .push(format!("in {unknown} runs not known how late"));
                }
                let Some(late) = Figures::of(late) else {
                    return;
                };
                let text = format!("late {:.0} ({:.0}) ms", late.median, late.worst);
                self.lost = format!("{}, {text}", self.lost);
                if late.worst > limit.as_secs_f64() * 1e3 {
                    self.misses.push(text);
                }
            }
        }
    }

    fn take_both(&mut self, samples: &[Sample], phase: &Phase) {
        let both = Figures::of(samples.iter().map(|sample| sample.both.length));
        let (Some(both), Some(limit)) = (both, phase.both) else {
            self.both = "–".to_owned();
            return;
        };
        self.both = if both.worst.is_zero() {
            "never".to_owned()
        } else if samples.iter().any(|sample| sample.both.open) {
            // It would have gone on.
            format!("> {} ms", thousands(whole_ms(both.worst)))
        } else {
            let (median, worst) = (whole_ms(both.median), whole_ms(both.worst));
            format!("{} ({}) ms", thousands(median), thousands(worst))
        };
        if !both.worst.is_zero() && both.worst >= limit {
            self.misses.push(format!("both hold {}", self.both));
        }
    }

    fn take_checks(&mut self, runs: &[Result<Outcome, String>]) {
        let played: Vec<&Outcome> = runs.iter().filter_map(|run| run.as_ref().ok()).collect();
        let names = played.first().map(|first| first.checks.iter());
        let mut seen = Vec::new();
        for (name, _) in names.into_iter().flatten() {
            let checks = played.iter().flat_map(|run| &run.checks);
            let met = checks.filter(|(found, met)| found == name && *met).count();
            seen.push(format!("{name} {met}/{}", played.len()));
            if met < played.len() {
                self.misses
                    .push(format!("“{name}” in {met} of {}", played.len()));
            }
        }
        self.seen = seen.join(", ");
    }
}

/// The limits, as they stand in the table.
pub(crate) fn limit(phase: &Phase) -> String {
    let lost = match phase.lost {
        Lost::Echoes { median, worst } => format!("{median} ({worst})"),
        Lost::MasterDownAnd(more) => format!("late {} ms", more.as_millis()),
    };
    match phase.both {
        None => format!("{lost} / –"),
        Some(Duration::ZERO) => format!("{lost} / never"),
        Some(both) => format!("{lost} / {} ms", thousands(whole_ms(both))),
    }
}

/// In milliseconds, rounded up: what is not zero does not look like it.
fn whole_ms(span: Duration) -> u64 {
    u64::try_from(span.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}

fn thousands(number: u64) -> String {
    let (high, low) = (number / 1_000, number % 1_000);
    if high > 0 {
        format!("{high},{low:03}")
    } else {
        low.to_string()
    }
}
