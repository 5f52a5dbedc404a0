//! Whether adverts of a family get out: §4.7, "send error ×3 in a row" and the row below it.

/// How long a failure lasts without another one.
const LASTS: u64 = 300_000_000;

/// How many outcomes in a row change the mind.
const ENOUGH: u8 = 3;

/// What the last sends of one family came to.
#[derive(Debug, Clone, Copy)]
pub enum Sending {
    Works { errors: u8 },
    Fails { successes: u8, last_error: u64 },
}

impl Sending {
    pub const NEW: Self = Self::Works { errors: 0 };

    /// Counts one outcome at `now`; returns whether sending fails from here on, if that has changed.
    pub fn outcome(&mut self, now: u64, sent: bool) -> Option<bool> {
        let just_failed = Self::Fails {
            successes: 0,
            last_error: now,
        };
        let (next, changed) = match (*self, sent) {
            (Self::Works { errors }, false) if errors + 1 == ENOUGH => (just_failed, Some(true)),
            (Self::Works { errors }, false) => (Self::Works { errors: errors + 1 }, None),
            (Self::Works { .. }, true) => (Self::NEW, None),
            (Self::Fails { successes, .. }, true) if successes + 1 == ENOUGH => {
                (Self::NEW, Some(false))
            }
            (
                Self::Fails {
                    successes,
                    last_error,
                },
                true,
            ) => {
                let successes = successes + 1;
                let next = Self::Fails {
                    successes,
                    last_error,
                };
                (next, None)
            }
            (Self::Fails { .. }, false) => (just_failed, None),
        };
        *self = next;
        changed
    }

    /// Ours 13: a failure is over at `now` if it is old, or if nothing is sent that could succeed.
    pub fn forget(&mut self, now: u64, sends: bool) -> bool {
        let Self::Fails { last_error, .. } = *self else {
            return false;
        };
        let is_over = !sends || last_error + LASTS <= now;
        if is_over {
            *self = Self::NEW;
        }
        is_over
    }
}
