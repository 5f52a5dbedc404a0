//! The two numbers that decide everything: how often a node advertises, and how long it waits.
//!
//! Source: `docs/carp-protocol.md §4`, §4.4.

use core::fmt;
use core::time::Duration;

use carp_proto::{AdvBase, AdvSkew, Advertisement};

/// An advertisement interval as CARP compares it: seconds first, then the skew.
///
/// The order is that of `docs/carp-protocol.md §4`: *smaller is better*. A skew counts
/// `skew * 1_000_000 / 256` microseconds, rounded down. The raw octets of a packet are kept, so a
/// bow-out (255/255) is larger than every configurable interval.
///
/// ```
/// use carp_fsm::Interval;
///
/// assert!(Interval::from_octets(1, 0) < Interval::from_octets(1, 100));
/// assert!(Interval::from_octets(1, 254) < Interval::from_octets(2, 0));
/// assert_eq!(Interval::from_octets(1, 100).to_string(), "1/100");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Interval {
    advbase: u8,
    advskew: u8,
}

impl Interval {
    /// The interval of a host configured with `advbase` and `advskew`.
    pub const fn new(advbase: AdvBase, advskew: AdvSkew) -> Self {
        Self::from_octets(advbase.get(), advskew.get())
    }

    /// The interval that an advertisement claims.
    pub const fn of(advert: &Advertisement) -> Self {
        Self::from_octets(advert.advbase, advert.advskew)
    }

    /// The interval of two octets as they stand in a packet.
    pub const fn from_octets(advbase: u8, advskew: u8) -> Self {
        Self { advbase, advskew }
    }

    /// Seconds of the interval (0–255).
    pub const fn advbase(self) -> u8 {
        self.advbase
    }

    /// 256ths of a second of the interval (0–255).
    pub const fn advskew(self) -> u8 {
        self.advskew
    }

    /// Whether this is the interval of a bow-out, 255/255 (`docs/carp-protocol.md §4.7`).
    pub const fn is_bow_out(self) -> bool {
        self.advbase == u8::MAX && self.advskew == u8::MAX
    }

    /// Time between two adverts of a master: advbase + advskew/256 s, and 1/256 s for 0/0
    /// (`docs/carp-protocol.md §4.4`).
    ///
    /// ```
    /// use carp_fsm::Interval;
    /// assert_eq!(Interval::from_octets(1, 100).advert().as_micros(), 1_390_625);
    /// assert_eq!(Interval::from_octets(0, 0).advert().as_micros(), 3_906);
    /// ```
    pub const fn advert(self) -> Duration {
        Duration::from_micros(self.advert_micros())
    }

    const fn advert_micros(self) -> u64 {
        match (self.advbase, self.advskew) {
            (0, 0) => skew_micros(1),
            (base, skew) => base as u64 * 1_000_000 + skew_micros(skew),
        }
    }

    /// Time without a master after which a backup takes over: 3 * advbase + advskew/256 s; with
    /// advbase 0 three times the skew, and 3/256 s for 0/0.
    ///
    /// This is the formula of every kernel but the newest OpenBSD (`docs/carp-protocol.md §4.4`):
    /// see [`Dialect::master_down`](crate::Dialect::master_down).
    ///
    /// ```
    /// use carp_fsm::Interval;
    /// assert_eq!(Interval::from_octets(1, 100).master_down().as_micros(), 3_390_625);
    /// assert_eq!(Interval::from_octets(0, 0).master_down().as_micros(), 11_718);
    /// ```
    pub const fn master_down(self) -> Duration {
        Duration::from_micros(match self.advbase {
            0 => 3 * self.advert_micros(),
            base => 3_000_000 * base as u64 + skew_micros(self.advskew),
        })
    }

    /// A quarter of the time between two adverts, in microseconds, at least 1: what a tie is
    /// broken by.
    pub(crate) fn quarter_micros(self) -> u64 {
        (self.advert_micros() / 4).max(1)
    }

    /// Whether `heard` is slower than this interval with its seconds tripled: its sender is going
    /// away (`docs/carp-protocol.md §4.3`, BACKUP c).
    pub(crate) fn is_tripled_still_faster_than(self, heard: Self) -> bool {
        (u16::from(self.advbase) * 3, self.advskew) < (u16::from(heard.advbase), heard.advskew)
    }
}

/// `advskew` in microseconds, rounded down (`docs/carp-protocol.md §4`).
const fn skew_micros(advskew: u8) -> u64 {
    advskew as u64 * 1_000_000 / 256
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.advbase, self.advskew)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_255_255_is_a_bow_out() {
        let bow_out = |advbase, advskew| Interval::from_octets(advbase, advskew).is_bow_out();
        assert!(bow_out(255, 255));
        assert!(!bow_out(255, 254) && !bow_out(254, 255));
    }

    #[test]
    fn master_down_time_has_each_second_of_advbase_three_times() {
        let wait = Interval::from_octets(2, 100).master_down();
        assert_eq!(wait, Duration::from_micros(6_390_625));
    }
}
