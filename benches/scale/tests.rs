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
    let moments = all.iter().map(|ms| Timestamp::from_micros(ms * 1_000));
    moments.collect()
}

#[test]
fn an_advert_is_late_by_what_its_interval_was_too_long() {
    assert_eq!(latest(&at(&[]), SECOND), Duration::ZERO);
    assert_eq!(latest(&at(&[5]), SECOND), Duration::ZERO);
    let late = latest(&at(&[0, 1_000, 2_030, 3_000, 4_010]), SECOND);
    assert_eq!(late, Duration::from_millis(30));
}

#[test]
fn an_early_advert_makes_none_early() {
    assert_eq!(latest(&at(&[0, 300, 1_300]), SECOND), Duration::ZERO);
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
