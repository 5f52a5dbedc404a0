//! The tests of the soak's arithmetic and of its table: a bench without the harness has none itself.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

#[path = "excuses.rs"]
mod excuses;
#[expect(dead_code, reason = "the bench uses the rest")]
#[path = "fault.rs"]
mod fault;
#[expect(dead_code, reason = "the bench uses the rest")]
#[path = "ledger.rs"]
mod ledger;
#[expect(dead_code, reason = "the bench uses the rest")]
#[path = "plan.rs"]
mod plan;
#[path = "schedule.rs"]
mod schedule;
#[expect(dead_code, reason = "the bench uses the rest")]
#[path = "seats.rs"]
mod seats;
#[path = "spans.rs"]
mod spans;
#[expect(dead_code, reason = "the bench uses the rest")]
#[path = "vitals.rs"]
mod vitals;

use excuses::{AT_LEAST, Excuses, SHARE};
use fault::{Cost, Scope, TABLE};
use ledger::{Allowed, Finding, Moment, explain};
use plan::{Plan, Rankings};
use schedule::{Deck, Random};
use seats::{GROUPS, Group, SPARED};
use spans::Spans;
use vitals::{Course, DESCRIPTORS, MEMORY, Vitals};

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

/// Times in which something was the matter that nobody answers for.
fn spans<const N: usize>(spans: [(u64, u64); N]) -> Spans {
    Spans::of(spans.map(|(from, until)| (at(from), at(until))))
}

fn judge(moments: &[Moment], losses: &[Timestamp]) -> Vec<bool> {
    let findings = explain(moments, 0, losses, &spans([]));
    findings.iter().map(Finding::is_explained).collect()
}

#[test]
fn nothing_lost_needs_no_explanation() {
    assert!(explain(&[moment(100, 0, None)], 0, &[], &spans([])).is_empty());
}

#[test]
fn what_is_lost_before_anything_happens_is_unexplained() {
    let findings = explain(&[moment(1_000, 500, None)], 0, &lost(900, 901), &spans([]));
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
fn an_outage_counts_from_what_is_lost_first() {
    let mut slow = moment(1_000, 100, Some(100));
    slow.took = ms(50);
    assert_eq!(judge(&[slow.clone()], &lost(1_000, 1_100)), [true]);
    assert_eq!(judge(&[slow.clone()], &lost(1_030, 1_130)), [true]);
    // How long it took to do is no part of it.
    assert_eq!(judge(&[slow.clone()], &lost(1_000, 1_101)), [false]);
    assert_eq!(judge(&[slow.clone()], &lost(1_090, 1_150)), [true]);
    assert_eq!(judge(&[slow.clone()], &lost(1_090, 1_152)), [false]);
    let apart = [lost(1_000, 1_002), lost(1_110, 1_112)].concat();
    assert_eq!(judge(&[slow.clone()], &apart), [false]);
    slow.allowed = vec![Allowed::default()];
    assert_eq!(judge(&[slow], &lost(1_000, 1_001)), [false]);
}

#[test]
fn only_what_is_under_way_while_a_machine_stands_still_is_excused() {
    let moments = [moment(1_000, 0, None)];
    let judge = |losses: &[_]| explain(&moments, 0, losses, &spans([(1_100, 1_130)])).remove(0);
    assert!(judge(&lost(1_090, 1_131)).is_explained());
    assert!(judge(&lost(1_090, 1_131)).needs_excuse());
    for (from, until) in [(1_089, 1_090), (1_131, 1_132), (1_050, 1_110)] {
        assert!(!judge(&lost(from, until)).is_explained(), "{from}");
    }
    let finding = judge(&lost(1_120, 1_140));
    assert_eq!((finding.lost, finding.excused), (20, 11));
}

#[test]
fn a_machine_that_stands_still_excuses_nothing_else_of_an_outage() {
    let moments = [moment(1_000, 100, Some(100))];
    let judge = |from, until, losses: &[_]| {
        let finding = explain(&moments, 0, losses, &spans([(from, until)])).remove(0);
        (finding.is_explained(), finding.needs_excuse())
    };
    // Within the outage it is of no use, and at its end of as much as it lasts.
    assert_eq!(judge(1_020, 1_060, &lost(1_000, 1_100)), (true, false));
    assert_eq!(judge(1_020, 1_060, &lost(1_000, 1_102)), (false, true));
    assert_eq!(judge(1_090, 1_130, &lost(1_000, 1_131)), (true, true));
    assert_eq!(judge(1_090, 1_130, &lost(1_000, 1_140)), (false, true));
    // Nor does an outage begin with it.
    let losses = [lost(1_000, 1_010), lost(1_050, 1_140)].concat();
    let mut slow = moments.clone();
    slow[0].took = ms(50);
    let finding = |spans: &Spans| explain(&slow, 0, &losses, spans).remove(0);
    assert!(!finding(&spans([])).is_explained());
    assert!(finding(&spans([(1_000, 1_010)])).is_explained());
}

#[test]
fn what_the_fault_alone_would_explain_needs_no_excuse() {
    let moments = [moment(1_000, 100, Some(100))];
    let only_excused = |from, until, losses: &[_]| {
        explain(&moments, 0, losses, &spans([(from, until)]))[0].only_excused()
    };
    assert_eq!(only_excused(1_020, 1_060, &lost(1_000, 1_100)), 0);
    assert_eq!(only_excused(1_090, 1_130, &lost(1_000, 1_131)), 31);
    // What is late and not excused is another matter.
    assert_eq!(only_excused(1_090, 1_130, &lost(1_000, 1_140)), 31);
    let nothing = [moment(1_000, 0, None)];
    let finding = &explain(&nothing, 0, &lost(1_120, 1_140), &spans([(1_100, 1_130)]))[0];
    assert_eq!(finding.only_excused(), 11);
}

#[test]
fn who_excuses_too_much_has_seen_too_little() {
    let misses = |echoes, lost, held_up: &[(u64, u64)]| {
        let mut excuses = Excuses::default();
        excuses.take(echoes, &spans([]));
        for span in held_up {
            excuses.take(0, &spans([*span]));
        }
        excuses.misses(lost, at(0), at(100_000)).len()
    };
    assert_eq!(misses(AT_LEAST, 0, &[]), 0);
    assert_eq!(misses(AT_LEAST + 1, 0, &[]), 1);
    let lost = 2 * SHARE * AT_LEAST;
    assert_eq!(misses(2 * AT_LEAST, lost, &[]), 0);
    assert_eq!(misses(2 * AT_LEAST + 1, lost, &[]), 1);
    // Seen twice it was once.
    assert_eq!(misses(0, 0, &[(500, 5_500), (500, 5_400)]), 0);
    assert_eq!(misses(0, 0, &[(500, 5_500), (5_450, 5_501)]), 1);
}

#[test]
fn what_overlaps_counts_once() {
    let both = spans([(30, 50), (10, 20), (15, 18), (20, 25)]);
    assert_eq!(both, spans([(10, 25), (30, 50)]));
    assert_eq!(both.within(at(0), at(100)), ms(35));
    assert_eq!(both.within(at(20), at(40)), ms(15));
    assert_eq!(both.within(at(26), at(29)), Duration::ZERO);
    assert!(both.meet(at(25), at(26)) && both.meet(at(0), at(10)));
    assert!(!both.meet(at(26), at(29)) && !both.meet(at(51), at(90)));
    // Two that are short are not one that is long.
    let short = [(10, 25), (20, 35), (50, 70)].map(|(from, until)| (at(from), at(until)));
    assert_eq!(Spans::lasting(ms(20), short), spans([(50, 70)]));
    // The same on two cores, or while a lock is held.
    assert_eq!(both.and(&spans([(12, 35)])), spans([(10, 50)]));
    assert_eq!(both.and(&spans([])), both);
}

/// Plans of each fault, with the nodes in every order of chance.
fn plans() -> Vec<(Rankings, Plan)> {
    let mut random = Random::new(3);
    let mut plans = Vec::new();
    for _ in 0..400 {
        let rankings = Rankings(GROUPS.map(|group| {
            let mut seats: Vec<_> = (0..group.size()).collect();
            random.shuffle(&mut seats);
            seats
        }));
        for row in &TABLE {
            let plan = Plan::choose(&rankings, &mut random, row.fault, |_| true);
            plans.push((rankings.clone(), plan.expect("there is somebody")));
        }
    }
    plans
}

#[test]
fn nothing_ends_the_processes_of_who_is_spared() {
    for (_, plan) in plans() {
        let ends = plan.fault.ends_processes();
        assert!(!ends || !plan.seats.contains(&SPARED), "{plan:?}");
        assert_ne!(plan.crash, Some(SPARED), "{plan:?}");
    }
}

#[test]
fn what_has_no_interface_of_its_own_has_none_that_others_can_change() {
    for (_, plan) in plans() {
        let changed = plan.fault.row().scope == Scope::Macvlan;
        assert!(!changed || !plan.groups.contains(&Group::Plain), "{plan:?}");
    }
}

#[test]
fn who_is_spared_is_not_spared_the_rest() {
    let plans = plans();
    let befalls = |fault| {
        let mut plans = plans.iter();
        plans.any(|(_, plan)| plan.fault == fault && plan.seats.contains(&SPARED))
    };
    for row in TABLE.iter().filter(|row| row.scope != Scope::Peer) {
        assert_ne!(befalls(row.fault), row.fault.ends_processes(), "{row:?}");
    }
}

#[test]
fn faults_befall_the_master_more_often_than_not() {
    let plans = plans();
    for row in &TABLE {
        let plans = plans.iter();
        let of_it: Vec<_> = plans.filter(|(_, it)| it.fault == row.fault).collect();
        let to_master = of_it.iter().filter(|(Rankings(orders), plan)| {
            let mut masters = orders.iter().filter_map(|order| order.first());
            masters.any(|master| plan.seats.contains(master))
        });
        let least = match row.scope {
            // `ucarp` is that of one group once in five times.
            Scope::Peer => of_it.len() / 8,
            Scope::Node
            | Scope::Interface
            | Scope::Macvlan
            | Scope::Carp0
            | Scope::Two
            | Scope::Everybody => of_it.len() / 2,
        };
        assert!(to_master.count() > least, "{row:?}");
    }
}

#[test]
fn who_is_spared_keeps_its_processes_and_little_more_memory() {
    let vitals = |process: u32, descriptors, memory| Vitals {
        processes: vec![7, process],
        descriptors,
        memory,
    };
    let course = |is_spared, last| {
        let mut course = Course::new("one", is_spared, vitals(8, 80, 8_000));
        course.take(vitals(8, 99, 99_000));
        course.take(last);
        (course.misses().len(), course.most.memory)
    };
    let most = vitals(8, 80 + DESCRIPTORS, 8_000 + MEMORY);
    assert_eq!(course(true, most), (0, 99_000));
    assert_eq!(course(true, vitals(9, 80, 8_000)).0, 1);
    assert_eq!(course(true, vitals(8, 81 + DESCRIPTORS, 8_000)).0, 1);
    assert_eq!(course(true, vitals(8, 80, 8_001 + MEMORY)).0, 1);
    assert_eq!(course(false, vitals(9, 80, 9_000 + MEMORY)).0, 0);
    assert_eq!(course(false, vitals(9, 83, 9_001 + MEMORY)).0, 2);
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
fn what_could_not_happen_does_so_before_any_comes_again() {
    let (mut deck, mut random) = (Deck::default(), Random::new(1));
    let refused = deck.draw(&mut random, &[]).unwrap();
    deck.put_back(refused);
    let drawn: Vec<_> = (0..TABLE.len())
        .filter_map(|_| deck.draw(&mut random, &[]))
        .collect();
    assert_eq!(drawn.last(), Some(&refused));
    let kinds: std::collections::BTreeSet<_> = drawn.into_iter().collect();
    assert_eq!(kinds.len(), schedule::all_of(&[]).len());
    assert_eq!(schedule::all_of(&[refused, refused]), [refused]);
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
