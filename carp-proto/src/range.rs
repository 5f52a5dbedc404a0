//! The error of a configuration value outside its range.

use core::ops::RangeInclusive;

/// A value lies outside the range of what it was given for.
///
/// # Examples
///
/// ```
/// use carp_proto::Vhid;
///
/// let error = Vhid::new(0).unwrap_err();
/// assert_eq!(error.to_string(), "vhid 0 is out of range (1 to 255)");
/// assert_eq!((error.what(), error.value()), ("vhid", 0));
/// assert_eq!((error.min(), error.max()), (1, 255));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{what} {value} is out of range ({min} to {max})")]
pub struct OutOfRange {
    what: &'static str,
    value: u32,
    min: u32,
    max: u32,
}

impl OutOfRange {
    /// Returns `value` if the range has it.
    pub(crate) fn check<T>(
        what: &'static str,
        value: T,
        range: RangeInclusive<T>,
    ) -> Result<T, Self>
    where
        T: Copy + PartialOrd + Into<u32>,
    {
        if range.contains(&value) {
            return Ok(value);
        }
        let (min, max) = range.into_inner();
        Err(Self {
            what,
            value: value.into(),
            min: min.into(),
            max: max.into(),
        })
    }

    /// Returns the name of the quantity: `vhid`, `advbase`, `advskew` or `prefix length`.
    pub const fn what(&self) -> &'static str {
        self.what
    }

    /// Returns the value that was refused.
    pub const fn value(&self) -> u32 {
        self.value
    }

    /// Returns the smallest value allowed.
    pub const fn min(&self) -> u32 {
        self.min
    }

    /// Returns the largest value allowed.
    pub const fn max(&self) -> u32 {
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::OutOfRange;

    #[test]
    fn both_bounds_are_in_range() {
        for value in [3_u8, 7] {
            assert_eq!(OutOfRange::check("it", value, 3..=7), Ok(value));
        }
    }

    #[test]
    fn error_says_what_is_wrong() {
        for value in [2_u8, 8] {
            let error = OutOfRange::check("it", value, 3..=7).unwrap_err();
            assert_eq!((error.what(), error.value()), ("it", value.into()));
            assert_eq!((error.min(), error.max()), (3, 7));
            assert_eq!(
                error.to_string(),
                format!("it {value} is out of range (3 to 7)")
            );
        }
    }
}
