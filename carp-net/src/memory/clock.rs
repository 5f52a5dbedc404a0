//! The clock of a machine, which may run too fast or too slow.

use carp_fsm::Timestamp;

/// A clock and how it relates to the time of the LAN.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// When its rate last changed, and what it showed then.
    set: Timestamp,
    showed: Timestamp,
    /// How many of a million microseconds it gains.
    gain: i32,
}

impl Clock {
    /// What it shows when it is `now` on the LAN.
    pub(super) fn shows(&self, now: Timestamp) -> Timestamp {
        let passed = since(now, self.set) * self.rate() / MILLION;
        later(self.showed, passed)
    }

    /// When it first shows `shown`, on the LAN.
    pub(super) fn when(&self, shown: Timestamp) -> Timestamp {
        let passes = (since(shown, self.showed) * MILLION).div_ceil(self.rate());
        later(self.set, passes)
    }

    /// Changes its rate from `now` on, on the LAN.
    pub(super) fn set_gain(&mut self, now: Timestamp, gain: i32) {
        let showed = self.shows(now);
        *self = Self {
            set: now,
            showed,
            gain: gain.clamp(-MOST, MOST),
        };
    }

    /// How far it goes in a second of the LAN, in microseconds.
    fn rate(&self) -> u128 {
        u128::from(1_000_000_u32.saturating_add_signed(self.gain))
    }
}

fn since(now: Timestamp, then: Timestamp) -> u128 {
    u128::from(now.as_micros().saturating_sub(then.as_micros()))
}

fn later(then: Timestamp, micros: u128) -> Timestamp {
    let micros = u64::try_from(micros).unwrap_or(u64::MAX);
    Timestamp::from_micros(then.as_micros().saturating_add(micros))
}

const MILLION: u128 = 1_000_000;

/// Half as fast again, or half as fast.
const MOST: i32 = 500_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_reached_when_the_lan_says_so_and_not_before() {
        let at = Timestamp::from_micros;
        for gain in [0, 1, -1, 50, -333, 499_999, -500_000, 900_000] {
            let mut clock = Clock::default();
            clock.set_gain(at(1_234_567), gain);
            for shown in [1_234_568, 1_234_569, 2_000_000, 3_600_000_000] {
                let when = clock.when(at(shown));
                assert!(clock.shows(when) >= at(shown), "{gain} {shown}");
                let before = at(when.as_micros() - 1);
                assert!(clock.shows(before) < at(shown), "{gain} {shown}");
            }
        }
    }

    #[test]
    fn a_clock_that_is_right_shows_the_time() {
        let now = Timestamp::from_micros(7);
        assert_eq!(Clock::default().shows(now), now);
        assert_eq!(Clock::default().when(now), now);
    }
}
