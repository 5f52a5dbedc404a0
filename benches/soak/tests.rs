//! The tests of the soak's arithmetic and of its table: a bench without the harness has none itself.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

#[expect(dead_code, reason = "the bench uses the rest")]
#[path = "fault.rs"]
mod fault;
#[expect(dead_code, reason = "the bench uses the rest")]
#[path = "ledger.rs"]
mod ledger;
#[expect(dead_code, reason = "the bench uses the rest")]
#[path = "schedule.rs"]
mod schedule;

use fault::{Cost, TABLE};
use ledger::{Allowed, Finding, Moment, explain};
use schedule::{Deck, Random};

/// The moment some milliseconds after the origin.
fn at(ms: u64) -> Timestamp {
    Timestamp::from_micros(ms * 1_000)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A moment from which on the only stream may lose so much.
fn moment(from: u64, echoes: u64, within: Option<u64>) -> Moment {
    Moment {
        title: "happens",
        from: at(from),
        took: Duration::ZERO,
        allowed: vec![Allowed {
            echoes,
            within: within.map(ms),
        }],
    }
}

/// Each echo of a millisecond.
fn lost(from: u64, until: u64) -> Vec<Timestamp> {
    (from..until).map(at).collect()
}

fn calm(_: Timestamp, _: Timestamp) -> Duration {
    Duration::ZERO
}

fn judge(moments: &[Moment], losses: &[Timestamp]) -> Vec<bool> {
    let findings = explain(moments, 0, losses, calm);
    findings.iter().map(Finding::is_explained).collect()
}

#[test]
fn nothing_lost_needs_no_explanation() {
    assert!(explain(&[moment(100, 0, None)], 0, &[], calm).is_empty());
}

#[test]
fn what_is_lost_before_anything_happens_is_unexplained() {
    let findings = explain(&[moment(1_000, 500, None)], 0, &lost(900, 901), calm);
    assert_eq!(findings[0].moment, None);
    assert!(!findings[0].is_explained());
}

#[test]
fn an_echo_under_way_is_put_down_to_the_fault() {
    assert_eq!(judge(&[moment(1_000, 5, None)], &lost(995, 1_000)), [true]);
}

#[test]
fn an_outage_may_last_until_just_before_it_is_mended() {
    let moments = [moment(1_000, 500, Some(500)), moment(1_400, 0, None)];
    assert_eq!(judge(&moments, &lost(1_000, 1_399)), [true]);
    assert_eq!(judge(&moments, &lost(1_000, 1_401)), [true, false]);
}

#[test]
fn one_more_than_may_be_is_unexplained() {
    let moments = [moment(1_000, 5, None)];
    assert_eq!(judge(&moments, &lost(1_000, 1_005)), [true]);
    assert_eq!(judge(&moments, &lost(1_000, 1_006)), [false]);
}

#[test]
fn each_moment_answers_for_its_own() {
    let moments = [moment(1_000, 500, None), moment(2_000, 0, None)];
    let losses = [lost(1_000, 1_400), lost(2_100, 2_101)].concat();
    assert_eq!(judge(&moments, &losses), [true, false]);
}

#[test]
fn an_outage_that_is_over_explains_nothing_later() {
    let moments = [moment(1_000, 3_500, Some(3_500))];
    assert_eq!(judge(&moments, &lost(1_000, 4_400)), [true]);
    let losses = [lost(1_000, 4_400), lost(6_000, 6_001)].concat();
    assert_eq!(judge(&moments, &losses), [false]);
}

#[test]
fn how_long_it_took_to_do_is_part_of_an_outage() {
    let mut slow = moment(1_000, 100, Some(100));
    slow.took = ms(50);
    assert_eq!(judge(&[slow.clone()], &lost(1_000, 1_150)), [true]);
    // Where nothing may be lost it does not matter how long that takes.
    slow.allowed = vec![Allowed::default()];
    assert_eq!(judge(&[slow], &lost(1_000, 1_001)), [false]);
}

#[test]
fn a_machine_that_stood_still_explains_as_much() {
    let stood_still = |_, _| ms(30);
    let moments = [moment(1_000, 0, None)];
    let judge = |losses: &[_]| explain(&moments, 0, losses, stood_still)[0].is_explained();
    assert!(judge(&lost(1_000, 1_030)));
    assert!(!judge(&lost(1_000, 1_031)));
    let finding = |losses: &[_]| explain(&moments, 0, losses, stood_still).remove(0);
    assert!(finding(&lost(1_000, 1_001)).needs_excuse());
    let moments = [moment(1_000, 100, Some(100))];
    let judge = |losses: &[_]| explain(&moments, 0, losses, stood_still)[0].is_explained();
    assert!(judge(&lost(1_050, 1_130)));
    assert!(!judge(&lost(1_050, 1_140)));
}

#[test]
fn the_same_seed_makes_the_same_schedule() {
    let draw = |seed| {
        let (mut deck, mut random) = (Deck::default(), Random::new(seed));
        (0..2 * TABLE.len())
            .filter_map(|_| deck.draw(&mut random, &[]))
            .collect::<Vec<_>>()
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}

#[test]
fn every_fault_happens_before_any_comes_again() {
    let (mut deck, mut random) = (Deck::default(), Random::new(1));
    let mut drawn: Vec<_> = (0..TABLE.len())
        .filter_map(|_| deck.draw(&mut random, &[]))
        .collect();
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), TABLE.len());
    assert!(drawn.into_iter().all(|fault| fault.row().fault == fault));
}

#[test]
fn the_table_quotes_the_documents() {
    let documents = concat!(
        include_str!("../../README.md"),
        include_str!("../../ARCHITECTURE.md")
    );
    for row in &TABLE {
        assert!(documents.contains(row.readme), "not said: {}", row.readme);
    }
}

/// Where the document says that nothing is lost, nothing may be.
#[test]
fn what_is_planned_costs_nothing() {
    let planned = TABLE.iter().filter(|row| row.readme.starts_with("`down`"));
    assert!(planned.clone().count() >= 4);
    assert!(
        planned
            .into_iter()
            .all(|row| row.costs == [Cost::Nothing; 2])
    );
}
