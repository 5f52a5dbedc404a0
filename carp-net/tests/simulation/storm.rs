//! Random clusters: anything may happen, several things at once; what must hold then still holds,
//! and when it is over the right node is master.
//!
//! `CARP_SIM_SEEDS=1000000 cargo test --release -p carp-net --test simulation random_clusters` runs a
//! million; with `CARP_SIM_FROM=N` beside it from seed N on. What fails is made as small as it can be
//! and written as a file for `carpctl sim`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::simulation::Incident;

use crate::case::{Case, UNDER_WAY};
use crate::cluster::{Cluster, Line};
use crate::faults::CARPDEV;
use crate::setting::name;
use crate::{for_each_seed, number, shrink, written};

/// How many clusters are run where nothing else is said.
const CLUSTERS: u64 = 10_000;

/// Of so many one is run again, to see that it is the same, and once more with forged packets.
const EACH: u64 = 16;

/// Seeds that are written down.
const WRITTEN: [u64; 4] = [2, 11, 29, 100];

/// Seeds that have found something once; they come first.
const KEPT: &str = include_str!("seeds.txt");

/// What became of a case.
#[derive(PartialEq, Eq)]
struct Run {
    told: Vec<Line>,
    /// Who held which address from when until when, a line each.
    held: String,
}

/// Runs a case, with everything checked; `disturb` may add to it.
fn run(case: &Case, disturb: impl FnOnce(&mut Cluster)) -> Result<Run, String> {
    let mut cluster = Cluster::new(case.seed, case.setting.clone());
    for (at, fault) in case.all() {
        cluster.after(at, fault);
    }
    disturb(&mut cluster);
    cluster.try_run(case.over + UNDER_WAY)?;
    // From now on nothing is lost or late.
    cluster.is_lossy = false;
    cluster.disturbed();
    let left = Timestamp::ZERO + case.end() - cluster.now();
    cluster.try_run(left)?;
    let masters = (0..case.setting.size).filter(|node| cluster.is_master(*node));
    let masters: Vec<usize> = masters.collect();
    // What was destroyed nobody has made again.
    let is_left = (0..case.setting.size).any(|node| cluster.view(node).is_some());
    if masters.len() != usize::from(is_left) {
        return Err(format!("I3: in the end masters are {masters:?}"));
    }
    Ok(Run {
        told: cluster.told_since(Timestamp::ZERO).cloned().collect(),
        held: held(&cluster),
    })
}

fn held(cluster: &Cluster) -> String {
    let mut text = String::new();
    let tenures = cluster.sim.tenures();
    for address in tenures.addresses() {
        let all = tenures.of(address);
        let ends = all.iter().skip(1).map(|next| next.since);
        for (tenure, until) in all.iter().zip(ends.chain([cluster.now()])) {
            let holders = tenure
                .holders
                .iter()
                .map(|node| format!(" {}", name(*node)));
            let (from, until) = (tenure.since.as_micros(), until.as_micros());
            let holders: String = holders.collect();
            text.push_str(&format!("{address} {from} {until}{holders}\n"));
        }
    }
    text
}

/// What is wrong with a case.
fn verdict(case: &Case) -> Result<(), String> {
    let judged = catch_unwind(AssertUnwindSafe(|| {
        let first = run(case, |_| {})?;
        if case.seed.is_multiple_of(EACH) {
            same(
                &first,
                &run(case, |_| {})?,
                "I7: another run of the same seed",
            )?;
        }
        if case.seed % EACH == 1 {
            let forged = run(case, |cluster| {
                for (at, envelope, bytes) in case.forgeries() {
                    let carpdev = CARPDEV.to_owned();
                    let forged = Incident::Forged {
                        carpdev,
                        envelope,
                        bytes,
                    };
                    cluster.after(at, forged);
                }
            })?;
            same(&first, &forged, "I4: a run with forged adverts")?;
        }
        Ok(())
    }));
    judged.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let said = panic.downcast_ref::<String>().map(String::as_str).or(text);
        Err(format!("I5: {}", said.unwrap_or("a panic without a word")))
    })
}

fn same(one: &Run, other: &Run, what: &str) -> Result<(), String> {
    if one == other {
        return Ok(());
    }
    let pairs = one.told.iter().zip(&other.told);
    let first = pairs.into_iter().find(|(one, other)| one != other);
    Err(format!("{what} is another: {first:?}"))
}

#[test]
fn random_clusters_keep_what_is_promised() {
    if let Some(seed) = number("CARP_SIM_SEED") {
        return judge(seed);
    }
    let kept = KEPT
        .lines()
        .filter_map(|line| line.split('#').next()?.trim().parse().ok());
    for seed in kept {
        judge(seed);
    }
    let from = number("CARP_SIM_FROM").unwrap_or(0);
    let end = from + number("CARP_SIM_SEEDS").unwrap_or(CLUSTERS).max(1);
    let next = AtomicU64::new(from);
    let failed = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    if let Err(wrong) = verdict(&Case::drawn(seed)) {
                        next.store(end, Ordering::Relaxed);
                        failed.lock().unwrap().get_or_insert((seed, wrong));
                    }
                }
            });
        }
    });
    if let Some((seed, wrong)) = failed.into_inner().unwrap() {
        judge(seed);
        panic!("seed {seed}: {wrong}; but not in another run of it, against I7");
    }
}

/// Runs one seed, and says how it fails in as few words as can be.
fn judge(seed: u64) {
    let case = Case::drawn(seed);
    let Err(wrong) = verdict(&case) else {
        return;
    };
    let (small, still) = shrink::smallest(case, wrong, verdict);
    panic!(
        "seed {seed}: {still}\nCARP_SIM_SEED={seed} runs it again; `carpctl sim FILE --seed {seed}' \
         shows it with this file:\n\n{}",
        written::file(&small)
    );
}

/// `carpctl` has a test that makes the same of these files. `CARP_SIM_RENEW=1` writes them anew.
#[test]
fn cases_can_be_written_down() {
    for seed in WRITTEN {
        let case = Case::drawn(seed);
        let run = run(&case, |_| {}).map(|run| run.held);
        let both = [("toml", written::file(&case)), ("held", run.unwrap())];
        for (kind, now) in both {
            let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulation/written");
            let path = format!("{here}/{seed}.{kind}");
            if number("CARP_SIM_RENEW").is_some() {
                std::fs::write(&path, &now).unwrap();
            }
            let before = std::fs::read_to_string(&path).unwrap();
            assert_eq!(before, now, "{path}: CARP_SIM_RENEW=1 writes it anew");
        }
    }
}

#[test]
fn a_cluster_left_alone_keeps_its_master() {
    for_each_seed(|seed| {
        let mut cluster = Cluster::settled(seed, |setting| setting.usual_timers());
        let begin = cluster.now();
        cluster.run(Duration::from_secs(90));
        let moved = cluster.told_since(begin).any(|told| told.is_transition);
        cluster.require(!moved, || "somebody changed its state".to_owned());
        cluster
    });
}
