//! From many measured values to a few figures and a picture.

use std::fmt::Write as _;
use std::time::Duration;

/// Values in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Distribution(Vec<Duration>);

impl Distribution {
    pub(crate) fn of(values: impl IntoIterator<Item = Duration>) -> Self {
        let mut values: Vec<Duration> = values.into_iter().collect();
        values.sort();
        Self(values)
    }

    pub(crate) const fn count(&self) -> usize {
        self.0.len()
    }

    /// The smallest value that so many thousandths of all values do not exceed; `None` where there
    /// are no values.
    pub(crate) fn quantile(&self, thousandths: usize) -> Option<Duration> {
        let rank = (self.0.len() * thousandths).div_ceil(1_000).max(1);
        self.0.get(rank - 1).copied()
    }

    /// The largest value.
    pub(crate) fn max(&self) -> Option<Duration> {
        self.0.last().copied()
    }

    /// How many values there are below each of these bounds and not below the one before; at last
    /// how many more there are.
    pub(crate) fn counts(&self, bounds: &[Duration]) -> Vec<usize> {
        let below = |bound: &Duration| self.0.partition_point(|value| value < bound);
        let mut counts = Vec::new();
        let mut counted = 0;
        for bound in bounds {
            counts.push(below(bound) - counted);
            counted = below(bound);
        }
        counts.push(self.0.len() - counted);
        counts
    }

    /// A picture: a line for each class of values, with a bar and the share of the values in it.
    pub(crate) fn histogram(&self, bounds: &[Duration]) -> String {
        let counts = self.counts(bounds);
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        let mut text = String::new();
        for (number, count) in counts.iter().enumerate() {
            let class = match bounds.get(number) {
                Some(bound) => format!("< {}", millis(*bound)),
                None => format!(
                    "≥ {}",
                    bounds.last().map_or_else(String::new, |it| millis(*it))
                ),
            };
            // What is there is seen, however little it is.
            let bar = "█".repeat((count * WIDTH).div_ceil(most));
            // Writing to a string cannot fail.
            let _infallible = writeln!(text, "{class:>10} ms {count:>8} {bar}");
        }
        text
    }
}

/// In milliseconds, to the microsecond or as short as it can be said.
pub(crate) fn millis(span: Duration) -> String {
    let text = format!("{:.3}", span.as_secs_f64() * 1e3);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How far each interval between neighbours is from what it should be.
pub(crate) fn deviations(moments: &[u64], nominal: u64) -> Vec<Duration> {
    let pairs = moments.iter().zip(moments.iter().skip(1));
    pairs
        .map(|(earlier, later)| Duration::from_micros((later - earlier).abs_diff(nominal)))
        .collect()
}

/// How wide the longest bar is.
const WIDTH: usize = 50;
