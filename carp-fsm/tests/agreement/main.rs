//! The engine and the second model, told the same things at the same times, do the same things.
//!
//! Random lives ([`model::Plan`]) in every dialect. After each event both must be in the same
//! state, wait for the same timer, and have changed state and advertised at the same times, with
//! the same words; three send errors must demote the node by what the dialect says.
//!
//! A life that they disagree on is printed, without the events that do not matter.
//! `CARP_AGREEMENT_SEED=N` lives that one alone, and tells it whole with `--nocapture`;
//! `CARP_AGREEMENT_SEEDS=N` lives that many in each dialect.

#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test tells what it is asked for, and stops where it cannot go on"
)]

#[path = "../model/mod.rs"]
mod model;

mod coverage;
mod engine;
mod life;
mod shrink;
mod signatures;

use coverage::Coverage;
use engine::Engine;
use life::Life;
use model::{Dialect, Plan};
use signatures::Signatures;

/// In each of six dialects: more than 100,000 lives in all.
const SEEDS: u64 = 17_000;

#[test]
fn portable() {
    agree(Dialect::Portable);
}

#[test]
fn openbsd() {
    agree(Dialect::OpenBsd);
}

#[test]
fn openbsd_old() {
    agree(Dialect::OpenBsdOld);
}

#[test]
fn freebsd() {
    agree(Dialect::FreeBsd);
}

#[test]
fn netbsd() {
    agree(Dialect::NetBsd);
}

#[test]
fn ucarp() {
    agree(Dialect::Ucarp);
}

fn agree(dialect: Dialect) {
    let mut signatures = Signatures::default();
    if let Some(seed) = number("CARP_AGREEMENT_SEED") {
        let plan = Plan::random(dialect, seed);
        judge(&plan, dialect, seed, &mut signatures);
        let told = shrink::told(&plan, dialect, &mut signatures);
        eprintln!("{dialect:?}: engine and model agree\n{told}");
        return;
    }
    let seeds = number("CARP_AGREEMENT_SEEDS").unwrap_or(SEEDS);
    let mut met = Coverage::default();
    for seed in 0..seeds {
        let plan = Plan::random(dialect, seed);
        let mut life = Life::new(&plan.config, dialect, &mut signatures);
        let agreed = plan.steps.iter().try_for_each(|step| life.go_on(step));
        met.add(&life.coverage);
        if agreed.is_err() {
            judge(&plan, dialect, seed, &mut signatures);
        }
    }
    met.assert_enough(dialect, seeds);
}

fn judge(plan: &Plan, dialect: Dialect, seed: u64, signatures: &mut Signatures) {
    if let Some(smallest) = shrink::smallest(plan, dialect, signatures) {
        panic!(
            "{dialect:?}: engine and model disagree; CARP_AGREEMENT_SEED={seed} lives this again\n{}",
            shrink::told(&smallest, dialect, signatures)
        );
    }
}

/// The comparison can fail: an engine that speaks another dialect than the model is found out, by
/// few events.
#[test]
fn a_dialect_taken_for_another_is_found_out() {
    let mut signatures = Signatures::default();
    for dialect in Dialect::ALL {
        for other in Dialect::ALL.into_iter().filter(|other| *other != dialect) {
            let mut lives = (0..2_000).map(|seed| Plan::random(dialect, seed));
            let found = lives.find_map(|plan| shrink::smallest(&plan, other, &mut signatures));
            match found {
                Some(plan) => assert!(plan.steps.len() <= 8, "{dialect:?} {other:?} {plan:?}"),
                None => assert!(are_alike(dialect, other), "{dialect:?} {other:?}"),
            }
        }
    }
}

/// What `portable` takes from OpenBSD and what from the others is how OpenBSD was before 2022.
fn are_alike(one: Dialect, other: Dialect) -> bool {
    let alike = [Dialect::Portable, Dialect::OpenBsdOld];
    alike.contains(&one) && alike.contains(&other)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
