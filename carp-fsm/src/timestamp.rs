//! Time as the state machine sees it: a number somebody else read from a clock.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A moment, in microseconds since an origin of the caller's choosing.
///
/// All timestamps given to one [`Node`](crate::Node) count from the same origin. The clock behind
/// them should be monotonic; an earlier moment than the last one is taken as the last one.
///
/// ```
/// use carp_fsm::Timestamp;
/// use core::time::Duration;
///
/// let start = Timestamp::from_micros(5);
/// assert_eq!((start + Duration::from_millis(1)).as_micros(), 1_005);
/// assert_eq!(start - Timestamp::from_micros(9), Duration::ZERO);
/// assert_eq!(Timestamp::from_micros(72_000_005).to_string(), "72.000005");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Timestamp(u64);

impl Timestamp {
    /// The origin.
    pub const ZERO: Self = Self(0);

    /// Returns the moment `micros` microseconds after the origin.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Returns the microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates at the largest moment, 584,000 years after the origin.
    fn add(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    /// The time from `earlier` to `self`; zero where `earlier` is the later one.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}
