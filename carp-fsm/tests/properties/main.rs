//! What holds after every input, whatever the inputs are: random sequences of packets, commands,
//! link changes, answers and time, with the invariants checked after each step.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod steps;
mod watched;

use std::time::Duration;

use carp_fsm::{Ailment, Demotion, Input, Owner};
use proptest::prelude::*;

use steps::step;
use watched::Watched;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_after_every_input(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut watched = Watched::new(seed);
        for step in &steps {
            watched.apply(step);
        }
    }

    /// I7: the same inputs give the same outputs.
    #[test]
    fn a_run_replays_bit_for_bit(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let run = || {
            let mut watched = Watched::new(seed);
            for step in &steps {
                watched.apply(step);
            }
            watched.trace
        };
        prop_assert_eq!(run(), run());
    }

    /// I7 across a resume: a successor that was left everything exactly does what its predecessor
    /// would have done.
    #[test]
    fn a_restart_changes_nothing(
        seed in any::<u64>(),
        before in prop::collection::vec(step(), 0..60),
        after in prop::collection::vec(step(), 0..60),
    ) {
        let mut one = Watched::new(seed);
        for step in &before {
            one.apply(step);
        }
        one.settle();
        // A successor tries anew to put in place what could not be, and to mend what is not.
        let ails = |entry: Demotion<'_>| {
            matches!(
                entry.owner,
                Owner::Host(_, Ailment::Hold | Ailment::Damage(carp_fsm::Damage::LinkAddress))
            )
        };
        prop_assume!(!one.node.demotions().any(ails));
        let mut other = one.clone();
        other.resume(one.save(), Duration::ZERO);
        other.settle();
        let begins = (one.trace.len(), other.trace.len());
        for step in &after {
            one.apply(step);
            other.apply(step);
        }
        prop_assert_eq!(one.done_since(begins.0), other.done_since(begins.1));
        prop_assert_eq!(one.node.deadline(), other.node.deadline());
        prop_assert_eq!(one.node.demotion("carp"), other.node.demotion("carp"));
        prop_assert_eq!(one.node.counters(), other.node.counters());
    }

    /// A successor that was left what was saved at the last event, and begins some time after a
    /// crash, keeps every promise too.
    #[test]
    fn invariants_hold_after_a_crash(
        seed in any::<u64>(),
        before in prop::collection::vec(step(), 0..60),
        gone in 0..10_000_000u64,
        after in prop::collection::vec(step(), 0..60),
    ) {
        let mut watched = Watched::new(seed);
        for step in &before {
            watched.apply(step);
        }
        let record = watched.record.clone();
        watched.resume(record, Duration::from_micros(gone));
        for step in &after {
            watched.apply(step);
        }
    }

    /// However it came about, after `Stop` every address is let go of within the limits of a
    /// hand-over.
    #[test]
    fn stop_always_ends(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut watched = Watched::new(seed);
        for step in &steps {
            watched.apply(step);
        }
        watched.input(Input::Stop);
        watched.check();
        let limit = watched.now + Duration::from_millis(2_250);
        while !watched.node.is_stopped() {
            let deadline = watched.node.deadline().unwrap();
            watched.now = watched.now.max(deadline.at);
            watched.node.handle_timeout(watched.now);
            watched.check();
        }
        prop_assert!(watched.now <= limit);
        prop_assert!(!watched.in_place);
    }
}
