//! The tests of the compare bench's arithmetic: a bench without the harness has none itself.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

#[path = "figures.rs"]
mod figures;
#[path = "plot.rs"]
mod plot;

use figures::{Standing, late, median, minute, ratio, steps};
use plot::{Curve, Panel, svg};

fn is(value: f64, expected: f64) {
    assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
}

fn ms(all: &[u64]) -> Vec<Duration> {
    all.iter().map(|ms| Duration::from_millis(*ms)).collect()
}

#[test]
fn a_rate_is_what_a_minute_of_it_would_be() {
    is(minute(100.0, Duration::from_secs(12)), 500.0);
    is(minute(0.0, Duration::from_secs(12)), 0.0);
}

#[test]
fn an_answer_is_late_by_what_is_over_the_master_down_time() {
    let at = |ms: u64| Timestamp::from_micros(ms * 1_000);
    let master_down = Duration::from_millis(3_000);
    assert_eq!(late(at(4_015), at(1_000), master_down), ms(&[15])[0]);
    assert_eq!(late(at(3_900), at(1_000), master_down), Duration::ZERO);
}

#[test]
fn a_round_that_failed_is_worse_than_any_other() {
    is(median(&[Some(3.0), None, Some(1.0)]).unwrap(), 3.0);
    assert_eq!(median(&[None, Some(1.0), None]), None);
    assert_eq!(median(&[None, None]), None);
    assert_eq!(median(&[]), None);
}

#[test]
fn a_ratio_is_taken_within_each_round() {
    // The machine was twice as slow in the second round: the ratio is the same.
    let ours = [Some(1.0), Some(2.0), Some(1.0)];
    let theirs = [Some(3.0), Some(6.0), Some(3.0)];
    is(ratio(&ours, &theirs).unwrap(), 3.0);
    let theirs = [None, Some(8.0), None];
    is(ratio(&ours, &theirs).unwrap(), 4.0);
    assert_eq!(ratio(&ours, &[None; 3]), None);
    assert_eq!(ratio(&[Some(0.0)], &[Some(1.0)]), None);
}

#[test]
fn less_is_ahead_and_nearly_the_same_is_level() {
    assert_eq!(Standing::of(1.0, 1.1, 0.0), Standing::Ahead);
    assert_eq!(Standing::of(1.1, 1.0, 0.0), Standing::Behind);
    assert_eq!(Standing::of(100.0, 101.0, 0.0), Standing::Level);
    assert_eq!(Standing::of(0.0, 0.0, 0.0), Standing::Level);
    assert_eq!(Standing::of(9.0, 1.0, 10.0), Standing::Level);
    assert_eq!(Standing::of(12.0, 1.0, 10.0), Standing::Behind);
}

#[test]
fn who_has_no_figure_is_behind() {
    let standing = |ours, theirs| Standing::of_both(ours, theirs, 10.0);
    assert_eq!(standing(Some(2.0), Some(1.0)), Some(Standing::Level));
    assert_eq!(standing(None, Some(1.0)), Some(Standing::Behind));
    assert_eq!(standing(Some(1.0), None), Some(Standing::Ahead));
    assert_eq!(standing(None, None), None);
}

#[test]
fn shares_grow_with_each_value_and_end_below_one_where_some_are_missing() {
    let values = ms(&[2_000, 1_000, 1_004, 3_000]);
    let from = Duration::from_secs(1);
    let found = steps(&values, 5, from, Duration::from_millis(10));
    assert_eq!(found.len(), 3);
    for (found, expected) in found.iter().zip([(0, 0.4), (100, 0.6), (200, 0.8)]) {
        assert_eq!(found.0, expected.0);
        is(found.1, expected.1);
    }
    assert!(steps(&[], 0, from, from).is_empty());
}

#[test]
fn a_picture_has_a_curve_for_each_contender_that_ends_at_its_share() {
    let curve = |name, answered: &[u64], count| Curve {
        name,
        answered: ms(answered),
        count,
    };
    let panel = |title: &str, curves| Panel {
        title: title.to_owned(),
        curves,
    };
    let picture = svg(&[
        panel("few", vec![curve("a", &[2_500], 1), curve("b", &[], 1)]),
        panel("many", vec![curve("b", &[2_000, 4_000], 4)]),
    ]);
    // Two seconds, 2 to 4, and one more, over 680 columns.
    assert!(
        picture.contains("class=\"c0\" d=\"M60 184H173V64.0H740\""),
        "{picture}"
    );
    assert!(
        picture.contains("class=\"c1\" d=\"M60 184H740\""),
        "{picture}"
    );
    assert!(
        picture.contains("class=\"c1\" d=\"M60 364H60V334.0H513V304.0H740\""),
        "{picture}"
    );
    assert_eq!(picture.matches(">b</text>").count(), 1);
    assert!(!picture.contains("NaN"));
}

#[test]
fn nothing_measured_is_an_empty_picture() {
    let picture = svg(&[]);
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
}
