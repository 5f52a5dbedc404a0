//! The tests of the failover bench's arithmetic: a bench without the harness has none itself.

use std::time::Duration;

use carp_benches::Figures;
use carp_net::carp_fsm::Timestamp;

#[path = "measure.rs"]
mod measure;

use measure::{Overlap, held_at, held_within, late_by, overlap};

/// The moment some milliseconds after the origin.
fn at(ms: u64) -> Timestamp {
    Timestamp::from_micros(ms * 1_000)
}

#[test]
fn median_and_worst() {
    assert_eq!(Figures::<u64>::of([]), None);
    let of = |values: &[u64]| Figures::of(values.iter().copied()).unwrap();
    let figures = |median, worst| Figures { median, worst };
    assert_eq!(of(&[7]), figures(7, 7));
    assert_eq!(of(&[9, 1, 5]), figures(5, 9));
    assert_eq!(of(&[1, 2, 3, 4]), figures(3, 4));
    let worst: f64 = Figures::of([-2.5, 0.5]).unwrap().worst;
    assert!((worst - 0.5).abs() < f64::EPSILON);
}

#[test]
fn both_hold_from_when_the_later_one_begins_until_the_earlier_one_ends() {
    let one = [(at(0), true), (at(500), false)];
    let two = [(at(0), false), (at(380), true)];
    let expected = Overlap {
        length: Duration::from_millis(120),
        open: false,
    };
    assert_eq!(overlap(&one, &two, at(100), at(2_000)), expected);
    assert_eq!(overlap(&two, &one, at(100), at(2_000)), expected);
}

#[test]
fn only_what_is_between_the_marks_counts() {
    let both = [(at(0), true), (at(500), false)];
    let expected = Overlap {
        length: Duration::from_millis(100),
        open: true,
    };
    assert_eq!(overlap(&both, &both, at(300), at(400)), expected);
    assert_eq!(overlap(&both, &both, at(600), at(900)), Overlap::default());
}

#[test]
fn several_times_are_added_up() {
    let one = [(at(0), true), (at(10), false), (at(20), true)];
    let two = [(at(5), true)];
    let expected = Overlap {
        length: Duration::from_millis(15),
        open: true,
    };
    assert_eq!(overlap(&one, &two, at(0), at(30)), expected);
}

#[test]
fn nobody_holds_before_it_is_known() {
    assert!(!held_at(&[], at(1)));
    assert!(!held_at(&[(at(2), true)], at(1)));
    assert!(held_at(&[(at(2), true)], at(2)));
}

#[test]
fn an_instant_is_enough_to_have_held() {
    let changes = [(at(5), true), (at(5), false)];
    assert!(!held_at(&changes, at(5)));
    assert!(held_within(&changes, at(1), at(9)));
    assert!(!held_within(&changes, at(5), at(9)));
    assert!(held_within(&[(at(0), true)], at(5), at(9)));
}

#[test]
fn late_by_counts_from_the_last_advert() {
    let master_down = Duration::from_millis(3_390);
    let late = |answered, heard| late_by(at(answered), at(heard), master_down);
    assert!((late(3_395, 0) - 5.0).abs() < 1e-6);
    assert!((late(4_000, 1_000) + 390.0).abs() < 1e-6);
}
