//! Clusters on the memory backend, under faults, in virtual time.
//!
//! Each case is one seed, which decides what the cluster is like and when things happen. A failing
//! seed is printed with its timeline; `CARP_SIM_SEED=N` runs that one alone, `CARP_SIM_SEEDS=N` runs
//! so many of each test.
//!
//! After everything that happens on the LAN `watch` checks what can be seen from outside (I1, I2, I6),
//! and `cluster` whether the election is over when it must be (I3, C1) and why nodes take over (C2).
//! The tests of `table` are the fault table of the documentation; that of `storm` lets anything happen,
//! at once, as `case` has drawn it, and has `shrink` and `written` make a file of what fails; those of
//! `change` have an operator change the addresses.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop where it is"
)]
#![expect(clippy::print_stderr, reason = "a failing case says its seed")]

mod case;
mod change;
mod cluster;
mod engine;
mod faults;
mod setting;
mod shrink;
mod storm;
mod table;
mod watch;
mod written;

use cluster::Cluster;

/// How many seeds each test runs where nothing else is said.
const SEEDS: u64 = 2_000;

/// The same of those that take minutes of virtual time.
const SOME_SEEDS: u64 = 300;

/// Runs `case` for each seed, telling the seed of one that fails.
fn for_each_seed(case: impl Fn(u64) -> Cluster) {
    for_seeds(SEEDS, case);
}

fn for_some_seeds(case: impl Fn(u64) -> Cluster) {
    for_seeds(SOME_SEEDS, case);
}

/// A number in the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

fn for_seeds(seeds: u64, case: impl Fn(u64) -> Cluster) {
    if let Some(seed) = number("CARP_SIM_SEED") {
        eprintln!("{}", case(seed).timeline());
        return;
    }
    for seed in 0..number("CARP_SIM_SEEDS").unwrap_or(seeds) {
        let run = std::panic::AssertUnwindSafe(|| case(seed));
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("this was seed {seed}: CARP_SIM_SEED={seed} runs it alone");
            std::panic::resume_unwind(panic);
        }
    }
}
