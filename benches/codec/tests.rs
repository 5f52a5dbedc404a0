//! The tests of the codec bench's arithmetic: a bench without the harness has none itself.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

#[path = "rounds.rs"]
#[expect(dead_code, reason = "the report uses the rest")]
mod rounds;

use rounds::{Cost, Subject, measure, quantile};

fn cost(rounds: &[f64]) -> Cost {
    Cost {
        name: String::new(),
        rounds: rounds.to_vec(),
    }
}

#[test]
fn quantiles_are_values_that_were_measured() {
    let hundred = || (1..=100).rev().map(f64::from);
    assert_eq!(quantile(hundred(), 50).to_bits(), 50_f64.to_bits());
    assert_eq!(quantile(hundred(), 90).to_bits(), 90_f64.to_bits());
    assert!(quantile([], 50).is_nan());
}

#[test]
fn ratio_is_that_of_most_rounds() {
    // The machine was three times as slow in one round, and disturbed in another.
    let one = cost(&[20.0, 60.0, 20.0, 900.0, 20.0]);
    let other = cost(&[10.0, 30.0, 10.0, 10.0, 10.0]);
    assert_eq!(one.over(&other).to_bits(), 2_f64.to_bits());
}

#[test]
fn each_is_measured_once_a_round() {
    let (mut one, mut two) = (0_u64, 0_u64);
    let mut subjects = [
        Subject::new("one", || one += 1),
        Subject::new("two", || two += 1),
    ];
    let costs = measure(&mut subjects, 7).unwrap();
    drop(subjects);
    assert!(costs.iter().all(|cost| cost.rounds.len() == 7));
    assert_eq!(costs[1].name, "two");
    assert!(one > 7 && two > 7);
}

#[test]
fn what_is_not_done_is_not_measured() {
    let done = Cell::new(0_u64);
    let all_but_one = |which| {
        done.set(0);
        let act = || {
            thread::sleep(Duration::from_micros(30));
            done.set(done.get() + 1);
            done.get() != which
        };
        measure(&mut [Subject::checked("it", act).going_on(2)], 3)
    };
    assert!(all_but_one(0).is_ok());
    // To learn how long it takes, before it is measured, and when it is.
    for which in [1, 3, 10] {
        let error = all_but_one(which).unwrap_err().to_string();
        assert!(error.starts_with("it: 1 times of "), "{error}");
    }
    assert!(all_but_one(11).is_ok());
}

#[test]
fn what_goes_on_does_so_before_it_is_measured() {
    let done = Cell::new(0_u64);
    let slow = || thread::sleep(Duration::from_micros(30));
    let act = || {
        slow();
        done.set(done.get() + 1);
    };
    let costs = measure(&mut [Subject::new("slow", act).going_on(10)], 3).unwrap();
    // Once to learn that it takes as long as a batch, and then ten times before each of three.
    assert_eq!(done.get(), 1 + 3 * 11);
    assert!(costs[0].rounds.iter().all(|cost| *cost >= 30_000.0));
}
