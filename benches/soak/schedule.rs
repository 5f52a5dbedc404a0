//! What happens when, all of it from one number: whoever has that has the run.

use crate::fault::{Fault, TABLE};

/// A generator of random numbers that is the same everywhere: splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number less than `bound`; 0 where that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        usize::try_from(self.next() % bound).unwrap_or_default()
    }

    /// Whether something happens that does so once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of some.
    pub(crate) fn one_of<T: Copy>(&mut self, values: &[T]) -> Option<T> {
        values.get(self.below(values.len())).copied()
    }

    pub(crate) fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last + 1));
        }
    }
}

/// Faults in an order of chance; all of them before any comes again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deck(Vec<Fault>);

impl Deck {
    /// The next one, of those that are `wanted`.
    pub(crate) fn draw(&mut self, random: &mut Random, wanted: &[Fault]) -> Option<Fault> {
        if self.0.is_empty() {
            self.0 = all_of(wanted);
            random.shuffle(&mut self.0);
        }
        self.0.pop()
    }

    /// Has one that could not happen now wait until the others have.
    pub(crate) fn put_back(&mut self, fault: Fault) {
        self.0.insert(0, fault);
    }
}

/// Those that are `wanted`: all where none is named.
pub(crate) fn all_of(wanted: &[Fault]) -> Vec<Fault> {
    let all = TABLE.iter().map(|row| row.fault);
    all.filter(|fault| wanted.is_empty() || wanted.contains(fault))
        .collect()
}
