//! What masters compare: how often one advertises, and how much of its node is broken (§4.3).

/// An advert interval as it stands in configuration and packet. Intervals compare as pairs of
/// seconds and microseconds (§4), and the microseconds grow with the skew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// Seconds.
    pub base: u8,
    /// Parts of a second in 1/256.
    pub skew: u8,
}

impl Interval {
    /// What stands in the last advert of a master that goes (§4.7).
    pub const BOW_OUT: Self = Self::new(255, 255);

    pub const fn new(base: u8, skew: u8) -> Self {
        Self { base, skew }
    }

    pub const fn with_skew(self, skew: u8) -> Self {
        Self::new(self.base, skew)
    }

    /// The interval as time, the skew rounded down to a microsecond (§4).
    pub fn micros(self) -> u64 {
        u64::from(self.base) * 1_000_000 + u64::from(self.skew) * 1_000_000 / 256
    }
}

/// The two things compared between masters; less is better in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub interval: Interval,
    /// `D_own` or `D_rcv`; 0 in the dialects whose adverts carry no demotion of their own (§4.2).
    pub demotion: u8,
}
