//! The tests of the subsecond bench's arithmetic: a bench without the harness has none itself.

use std::time::Duration;

#[path = "distribution.rs"]
mod distribution;

use distribution::{Distribution, deviations, millis};

fn micros(values: impl IntoIterator<Item = u64>) -> Distribution {
    Distribution::of(values.into_iter().map(Duration::from_micros))
}

#[test]
fn quantiles_are_values_that_were_measured() {
    let hundred = micros((1..=100).rev());
    let at = |thousandths| hundred.quantile(thousandths).unwrap().as_micros();
    assert_eq!([at(500), at(900), at(990), at(999)], [50, 90, 99, 100]);
    assert_eq!(hundred.max(), Some(Duration::from_micros(100)));
    assert_eq!(hundred.count(), 100);
}

#[test]
fn one_in_a_hundred_may_be_large_but_not_two() {
    let one = micros((0..99).map(|_| 5).chain([70]));
    assert_eq!(one.quantile(990), Some(Duration::from_micros(5)));
    let two = micros((0..98).map(|_| 5).chain([70, 80]));
    assert_eq!(two.quantile(990), Some(Duration::from_micros(70)));
}

#[test]
fn nothing_measured_is_no_figure() {
    assert_eq!(micros([]).quantile(500), None);
    assert_eq!(micros([]).max(), None);
    assert_eq!(micros([7]).quantile(1), Some(Duration::from_micros(7)));
}

#[test]
fn each_value_is_in_one_class() {
    let bounds = [10, 20].map(Duration::from_micros);
    assert_eq!(micros([0, 9, 10, 19, 20, 5_000]).counts(&bounds), [2, 2, 2]);
    assert_eq!(micros([]).counts(&bounds), [0, 0, 0]);
}

#[test]
fn histogram_shows_the_least_there_is() {
    let values = (0..1_000).map(|_| 3).chain([50]);
    let bounds = [10, 20].map(Duration::from_micros);
    let picture = micros(values).histogram(&bounds);
    let lines: Vec<&str> = picture.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].trim_start().starts_with("< 0.01 ms     1000 ██"));
    assert!(!lines[1].contains('█'));
    assert_eq!(lines[2].trim_start(), "≥ 0.02 ms        1 █");
}

#[test]
fn early_and_late_are_both_off() {
    let expected = [0, 100, 100, 15_625].map(Duration::from_micros);
    let moments = [0, 15_625, 31_350, 46_875, 78_125];
    assert_eq!(deviations(&moments, 15_625), expected);
    assert!(deviations(&[5], 1).is_empty());
}

#[test]
fn milliseconds_are_as_short_as_they_can_be() {
    let of = |micros| millis(Duration::from_micros(micros));
    assert_eq!(
        [of(0), of(15_625), of(10), of(60_000)],
        ["0", "15.625", "0.01", "60"]
    );
}
