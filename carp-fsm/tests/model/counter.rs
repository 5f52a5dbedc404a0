//! The counter of adverts (§2.4), as far as it can be foretold.

/// What stands in the counter of an advert sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// The number drawn for this virtual host once.
    Constant,
    /// A number drawn for this advert alone.
    Random,
    /// This number.
    Exact(u64),
}

/// The counter of a dialect that follows what it hears.
#[derive(Debug, Clone, Copy, Default)]
pub struct Following(Option<u64>);

impl Following {
    /// A valid advert makes its counter the own one.
    pub fn adopt(&mut self, received: u64) {
        self.0 = Some(received);
    }

    /// Every advert sent, of either family, takes the next number.
    pub fn next(&mut self) -> Counter {
        self.0 = self.0.map(|last| last.wrapping_add(1));
        self.0.map_or(Counter::Random, Counter::Exact)
    }
}
