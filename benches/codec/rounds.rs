//! Measuring several things in turn, so that whatever else the machine does meets all of them.
//!
//! A round does a batch of each; a figure is the median over the rounds, and a ratio is the median
//! of the ratios within a round.

use std::hint::black_box;
use std::time::Duration;

use carp_benches::Result;
use rustix::time::{ClockId, clock_gettime};

/// One of the things that are measured.
pub(crate) struct Subject<'a> {
    pub(crate) name: String,
    /// Does it so many times, and says how often that went wrong.
    act: Box<dyn FnMut(u32) -> u32 + 'a>,
    /// How often it is done each time before it is measured.
    before: u32,
}

impl<'a> Subject<'a> {
    /// Something that cannot go wrong.
    pub(crate) fn new<R>(name: impl Into<String>, mut act: impl FnMut() -> R + 'a) -> Self {
        Self::checked(name, move || {
            black_box(act());
            true
        })
    }

    /// Something that says each time whether it did what it is to do.
    pub(crate) fn checked(name: impl Into<String>, mut act: impl FnMut() -> bool + 'a) -> Self {
        let act = Box::new(move |times| {
            let mut wrong = 0;
            for _ in 0..times {
                wrong += u32::from(!black_box(act()));
            }
            wrong
        });
        let name = name.into();
        Self {
            name,
            act,
            before: 0,
        }
    }

    /// Has it go on for so many times before each batch, so that what it needs of memory is as near as it
    /// comes while nothing else is done.
    pub(crate) fn going_on(mut self, times: u32) -> Self {
        self.before = times;
        self
    }

    /// How many of it take about a [`BATCH`].
    fn repetitions(&mut self) -> Result<u32> {
        let mut times = 1;
        while self.batch(times)? < BATCH && times < u32::MAX / 2 {
            times *= 2;
        }
        Ok(times)
    }

    fn batch(&mut self, times: u32) -> Result<Duration> {
        let begin = now();
        let wrong = (self.act)(times);
        let took = now().saturating_sub(begin);
        self.must_be_none(wrong, times)?;
        Ok(took)
    }

    /// What did not happen cost nothing that could be told.
    fn must_be_none(&self, wrong: u32, times: u32) -> Result<()> {
        if wrong == 0 {
            return Ok(());
        }
        let name = &self.name;
        Err(format!("{name}: {wrong} times of {times} it did not do that").into())
    }
}

/// What one of them cost: nanoseconds for each time, by round.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    pub(crate) name: String,
    pub(crate) rounds: Vec<f64>,
}

impl Cost {
    pub(crate) fn median(&self) -> f64 {
        quantile(self.rounds.iter().copied(), 50)
    }

    /// What nine rounds of ten were below.
    pub(crate) fn most(&self) -> f64 {
        quantile(self.rounds.iter().copied(), 90)
    }

    /// How many times as much as another one.
    pub(crate) fn over(&self, other: &Self) -> f64 {
        let pairs = self.rounds.iter().zip(&other.rounds);
        quantile(pairs.map(|(own, other)| own / other), 50)
    }
}

/// Measures each of them in so many rounds.
///
/// # Errors
///
/// Where one did not do once what it is to do.
pub(crate) fn measure(subjects: &mut [Subject<'_>], rounds: u32) -> Result<Vec<Cost>> {
    let times = subjects.iter_mut().map(Subject::repetitions);
    let times = times.collect::<Result<Vec<u32>>>()?;
    let mut costs: Vec<Cost> = subjects
        .iter()
        .map(|subject| Cost {
            name: subject.name.clone(),
            rounds: Vec::new(),
        })
        .collect();
    for _ in 0..rounds {
        for ((subject, cost), times) in subjects.iter_mut().zip(&mut costs).zip(&times) {
            let wrong = (subject.act)(subject.before);
            subject.must_be_none(wrong, subject.before)?;
            let took = subject.batch(*times)?;
            let each = took.as_secs_f64() * 1e9 / f64::from(*times);
            cost.rounds.push(each);
        }
    }
    Ok(costs)
}

/// The value that so many of a hundred are not above; NaN where there is none.
pub(crate) fn quantile(values: impl IntoIterator<Item = f64>, hundredths: usize) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * hundredths).div_ceil(100);
    let at = rank.saturating_sub(1);
    values.get(at).copied().unwrap_or(f64::NAN)
}

fn now() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    let (secs, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(secs.unwrap_or(0), nanos.unwrap_or(0))
}

/// Long beside reading the clock, short beside the time between two disturbances.
const BATCH: Duration = Duration::from_micros(20);
