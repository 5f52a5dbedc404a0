//! Median and worst of a few runs.

/// The median (of an even number the worse one of the middle two) and the worst, which is the
/// largest.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Figures<T> {
    /// As many are worse as are better.
    pub median: T,
    /// None is worse.
    pub worst: T,
}

impl<T: Copy + PartialOrd> Figures<T> {
    /// Of these values; `None` where there are none.
    pub fn of(values: impl IntoIterator<Item = T>) -> Option<Self> {
        let mut values: Vec<T> = values.into_iter().collect();
        values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        Some(Self {
            median: *values.get(values.len() / 2)?,
            worst: *values.last()?,
        })
    }
}
