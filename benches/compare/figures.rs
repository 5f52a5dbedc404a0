//! From what was measured to figures: rates, ratios within a round, who is ahead, shares.

use std::time::Duration;

use carp_benches::Figures;
use carp_net::carp_fsm::Timestamp;

/// How much an amount of `span` is in a minute.
pub(crate) fn minute(amount: f64, span: Duration) -> f64 {
    amount * 60.0 / span.as_secs_f64()
}

/// How much later an address was answered than the other node had to wait for its master, whose
/// last advert it heard at `heard`.
pub(crate) fn late(answered: Timestamp, heard: Timestamp, master_down: Duration) -> Duration {
    (answered - heard).saturating_sub(master_down)
}

/// The median of what was measured in some rounds, where what is missing is worse than anything;
/// `None` where the median is missing.
pub(crate) fn median(rounds: &[Option<f64>]) -> Option<f64> {
    let values = rounds.iter().map(|value| value.unwrap_or(f64::INFINITY));
    let figures = Figures::of(values)?;
    Some(figures.median).filter(|median| median.is_finite())
}

/// How many times as much as `ours` is `theirs`: the median of what it is in each round.
pub(crate) fn ratio(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Option<f64> {
    let rounds = ours.iter().zip(theirs);
    let ratios = rounds.filter_map(|(ours, theirs)| {
        let ours = (*ours).filter(|ours| *ours > 0.0)?;
        Some((*theirs)? / ours)
    });
    Figures::of(ratios).map(|figures| figures.median)
}

/// Where one stands beside another in something of which less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Ahead,
    Level,
    Behind,
}

impl Standing {
    /// By their medians: level where they differ by less than two in a hundred, or than `finest`.
    pub(crate) fn of(ours: f64, theirs: f64, finest: f64) -> Self {
        let tolerance = (ours.max(theirs) * 0.02).max(finest);
        if (ours - theirs).abs() < tolerance || ours == theirs {
            Self::Level
        } else if ours < theirs {
            Self::Ahead
        } else {
            Self::Behind
        }
    }

    /// The same where one of them may have no figure, which is worse than any; `None` where both
    /// have none.
    pub(crate) fn of_both(ours: Option<f64>, theirs: Option<f64>, finest: f64) -> Option<Self> {
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => Some(Self::of(ours, theirs, finest)),
            (Some(_), None) => Some(Self::Ahead),
            (None, Some(_)) => Some(Self::Behind),
            (None, None) => None,
        }
    }
}

/// The columns in which the share of the values that have been reached grows, each with the share
/// from there on, out of `count` in all. A column is `width` wide; the first begins at `from`.
pub(crate) fn steps(
    values: &[Duration],
    count: usize,
    from: Duration,
    width: Duration,
) -> Vec<(u32, f64)> {
    let mut values = values.to_vec();
    values.sort();
    let mut steps: Vec<(u32, f64)> = Vec::new();
    for (number, value) in (1_u32..).zip(&values) {
        let columns = value.saturating_sub(from).as_nanos() / width.as_nanos().max(1);
        let column = u32::try_from(columns).unwrap_or(u32::MAX);
        let share = f64::from(number) / count.max(1) as f64;
        match steps.last_mut() {
            Some((last, reached)) if *last == column => *reached = share,
            _ => steps.push((column, share)),
        }
    }
    steps
}
