//! The two parts of the advertisement interval, as an operator configures them.
//!
//! The interval is `advbase + advskew / 256` seconds. On the wire both may also be 255, the
//! bow-out, which no configuration can hold (`docs/carp-protocol.md §1.1`).

use core::fmt;

use crate::OutOfRange;

/// The base of the advertisement interval, 0 to 254 seconds; 1 by default.
///
/// # Examples
///
/// ```
/// use carp_proto::AdvBase;
///
/// assert_eq!(AdvBase::default().get(), 1);
/// assert_eq!(AdvBase::new(20)?.get(), 20);
/// assert!(AdvBase::new(255).is_err());
/// # Ok::<(), carp_proto::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdvBase(u8);

impl AdvBase {
    /// The smallest base, 0 seconds: the skew alone makes the interval.
    pub const MIN: Self = Self(0);
    /// The largest base, 254 seconds.
    pub const MAX: Self = Self(254);

    /// Makes a base of a number of seconds from 0 to 254.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`] if `seconds` is 255.
    pub fn new(seconds: u8) -> Result<Self, OutOfRange> {
        OutOfRange::check("advbase", seconds, Self::MIN.0..=Self::MAX.0).map(Self)
    }

    /// Returns the number of seconds, 0 to 254.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for AdvBase {
    fn default() -> Self {
        Self(1)
    }
}

impl TryFrom<u8> for AdvBase {
    type Error = OutOfRange;

    fn try_from(value: u8) -> Result<Self, OutOfRange> {
        Self::new(value)
    }
}

impl From<AdvBase> for u8 {
    fn from(advbase: AdvBase) -> Self {
        advbase.get()
    }
}

impl fmt::Display for AdvBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The skew of the advertisement interval, 0 to 254 parts of 1/256 second; 0 by default.
///
/// The smaller it is, the better the node's claim to be master.
///
/// # Examples
///
/// ```
/// use carp_proto::AdvSkew;
///
/// assert_eq!(AdvSkew::default().get(), 0);
/// assert_eq!(AdvSkew::new(100)?.get(), 100);
/// assert!(AdvSkew::new(255).is_err());
/// # Ok::<(), carp_proto::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdvSkew(u8);

impl AdvSkew {
    /// The smallest skew, 0.
    pub const MIN: Self = Self(0);
    /// The largest skew, 254/256 second.
    pub const MAX: Self = Self(254);

    /// Makes a skew of a number of 1/256 seconds from 0 to 254.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`] if `parts` is 255.
    pub fn new(parts: u8) -> Result<Self, OutOfRange> {
        OutOfRange::check("advskew", parts, Self::MIN.0..=Self::MAX.0).map(Self)
    }

    /// Returns the number of 1/256 seconds, 0 to 254.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for AdvSkew {
    type Error = OutOfRange;

    fn try_from(value: u8) -> Result<Self, OutOfRange> {
        Self::new(value)
    }
}

impl From<AdvSkew> for u8 {
    fn from(advskew: AdvSkew) -> Self {
        advskew.get()
    }
}

impl fmt::Display for AdvSkew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{AdvBase, AdvSkew};

    #[test]
    fn only_the_value_of_a_bow_out_is_refused() {
        for value in 0..=254 {
            assert_eq!(AdvBase::new(value).map(AdvBase::get), Ok(value));
            assert_eq!(AdvSkew::new(value).map(AdvSkew::get), Ok(value));
        }
        let error = AdvBase::new(255).unwrap_err();
        assert_eq!(error.to_string(), "advbase 255 is out of range (0 to 254)");
        let error = AdvSkew::new(255).unwrap_err();
        assert_eq!(error.to_string(), "advskew 255 is out of range (0 to 254)");
    }

    #[test]
    fn numbers_go_in_and_out() {
        let (advbase, advskew) = (AdvBase::try_from(7), AdvSkew::try_from(9));
        assert_eq!((advbase, advskew), (AdvBase::new(7), AdvSkew::new(9)));
        let (advbase, advskew) = (advbase.unwrap(), advskew.unwrap());
        assert_eq!((u8::from(advbase), u8::from(advskew)), (7, 9));
        assert_eq!(format!("{advbase:>3}{advskew:>3}"), "  7  9");
    }

    #[test]
    fn default_is_once_a_second() {
        assert_eq!((AdvBase::default().get(), AdvSkew::default().get()), (1, 0));
    }
}
