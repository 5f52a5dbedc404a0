//! How much of the time clients may take. The service runs before programs that only compute, and
//! anybody on the machine may ask it: without a limit whoever asks all the time would keep a
//! processor from everybody else.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

/// The time that clients have taken, against what they may.
#[derive(Debug)]
pub(crate) struct Budget {
    /// One part in so many of the time.
    share: u32,
    /// When all that was taken is paid for.
    paid: Timestamp,
}

impl Budget {
    /// That of serving clients. Nothing was taken yet.
    pub(crate) const fn of_service() -> Self {
        Self::of(10)
    }

    /// That of admitting them, apart: those who ask for much, or again and again, are not to keep
    /// others waiting at the door.
    pub(crate) const fn of_admission() -> Self {
        Self::of(20)
    }

    const fn of(share: u32) -> Self {
        Self {
            share,
            paid: Timestamp::ZERO,
        }
    }

    /// Takes note that clients were served from `began` to `ended`.
    pub(crate) fn spend(&mut self, began: Timestamp, ended: Timestamp) {
        self.paid = self.paid.max(began) + (ended - began) * self.share;
    }

    /// Until when clients have to wait; `None` where they need not.
    pub(crate) fn exhausted_until(&self, now: Timestamp) -> Option<Timestamp> {
        let left = self.paid - now;
        (left > BURST).then(|| now + (left - BURST))
    }
}

/// What they may be ahead: a hundredth of a second at once is more than a command needs.
const BURST: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }

    #[test]
    fn who_asks_now_and_then_never_waits() {
        let mut budget = Budget::of_service();
        for second in 1..100 {
            let began = at(second * 1_000);
            assert_eq!(budget.exhausted_until(began), None);
            budget.spend(began, began + Duration::from_millis(10));
        }
    }

    #[test]
    fn who_asks_all_the_time_has_a_tenth_of_it() {
        let mut budget = Budget::of_service();
        let (mut now, mut taken) = (at(5_000), Duration::ZERO);
        let step = Duration::from_micros(300);
        while now < at(15_000) {
            match budget.exhausted_until(now) {
                Some(later) => {
                    assert!(later > now);
                    now = later;
                }
                None => {
                    budget.spend(now, now + step);
                    now = now + step;
                    taken += step;
                }
            }
        }
        let expected = Duration::from_millis(1_000)..Duration::from_millis(1_030);
        assert!(expected.contains(&taken), "{taken:?}");
    }
}
