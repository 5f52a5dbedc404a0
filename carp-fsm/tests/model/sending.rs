//! Whether adverts of a family get out: §4.7, "send error ×3 in a row" and the row below it.

/// How many outcomes in a row change the mind.
const ENOUGH: u8 = 3;

/// What the last sends of one family came to.
#[derive(Debug, Clone, Copy)]
pub enum Sending {
    Works { errors: u8 },
    Fails { successes: u8 },
}

impl Sending {
    pub const NEW: Self = Self::Works { errors: 0 };

    /// Counts one outcome; returns whether sending fails from here on, if that has changed.
    pub fn outcome(&mut self, sent: bool) -> Option<bool> {
        let (next, changed) = match (*self, sent) {
            (Self::Works { errors }, false) if errors + 1 == ENOUGH => {
                (Self::Fails { successes: 0 }, Some(true))
            }
            (Self::Works { errors }, false) => (Self::Works { errors: errors + 1 }, None),
            (Self::Works { .. }, true) => (Self::NEW, None),
            (Self::Fails { successes }, true) if successes + 1 == ENOUGH => {
                (Self::NEW, Some(false))
            }
            (Self::Fails { successes }, true) => {
                let successes = successes + 1;
                (Self::Fails { successes }, None)
            }
            (Self::Fails { .. }, false) => (Self::Fails { successes: 0 }, None),
        };
        *self = next;
        changed
    }
}
