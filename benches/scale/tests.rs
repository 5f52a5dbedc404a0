//! The tests of the scale bench's arithmetic: a bench without the harness has none itself.

use std::time::Duration;

use carp_benches::latest;
use carp_net::carp_fsm::Timestamp;

#[path = "figures.rs"]
mod figures;

use figures::taken_over;

const SECOND: Duration = Duration::from_secs(1);

/// The moments these many milliseconds after the origin.
fn at(all: &[u64]) -> Vec<Timestamp> {
    all.iter().copied().map(moment).collect()
}

fn moment(millis: u64) -> Timestamp {
    Timestamp::from_micros(millis * 1_000)
}

#[test]
fn an_advert_is_late_by_what_its_interval_was_too_long() {
    let adverts = at(&[0, 1_000, 2_030, 3_000, 4_010]);
    let late = latest(&adverts, SECOND, moment(4_500));
    assert_eq!(late, Some(Duration::from_millis(30)));
}

#[test]
fn an_advert_that_does_not_come_is_late() {
    let late = |adverts, until| latest(&at(adverts), SECOND, moment(until));
    assert_eq!(late(&[], 9_000), None);
    assert_eq!(late(&[5], 905), Some(Duration::ZERO));
    assert_eq!(late(&[0, 1_000], 3_500), Some(Duration::from_millis(1_500)));
    // What the recording took in after its end was looked up.
    assert_eq!(late(&[0, 1_000], 999), Some(Duration::ZERO));
}

#[test]
fn an_early_advert_makes_none_early() {
    let late = latest(&at(&[0, 300, 1_300]), SECOND, moment(1_400));
    assert_eq!(late, Some(Duration::ZERO));
}

#[test]
fn a_take_over_counts_from_the_last_advert_of_the_master() {
    let late = taken_over(&at(&[0, 1_000]), &at(&[4_050, 5_000]), SECOND * 3);
    assert_eq!(late, Some(Duration::from_millis(50)));
    assert_eq!(
        taken_over(&at(&[1_000]), &at(&[4_000]), SECOND * 3),
        Some(Duration::ZERO)
    );
}

#[test]
fn what_a_backup_said_before_is_no_take_over() {
    let late = taken_over(&at(&[1_000]), &at(&[500, 4_001]), SECOND * 3);
    assert_eq!(late, Some(Duration::from_millis(1)));
    assert_eq!(taken_over(&at(&[1_000]), &at(&[500]), SECOND * 3), None);
    assert_eq!(taken_over(&at(&[]), &at(&[500]), SECOND * 3), None);
}
