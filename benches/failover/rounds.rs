//! All runs, several at a time: each lane has a network of its own.
//!
//! Pairs are made together, measured together and taken away together, because making and removing
//! interfaces holds a lock of the kernel's that a take-over in another lane would wait for.

use std::collections::BTreeMap;
use std::thread;

use carp_net::carp_fsm::carp_proto::Family;

use crate::contender::Contender;
use crate::fault::Fault;
use crate::record::Sample;
use crate::scenario::{Checks, Scenario};
use carp_benches::Disturbance;
use carp_benches::Network;
use carp_benches::Result;

/// One run that is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) fault: Fault,
    /// Which contender, by number.
    pub(crate) contender: usize,
    pub(crate) number: u32,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// For each family the figures of each phase.
    pub(crate) samples: Vec<(Family, Vec<Sample>)>,
    pub(crate) checks: Checks,
    pub(crate) disturbance: Disturbance,
}

/// What came of the runs of each fault and contender; a run that was none says why.
pub(crate) type Outcomes = BTreeMap<(Fault, usize), Vec<std::result::Result<Outcome, String>>>;

/// All runs, those of one fault side by side.
pub(crate) fn jobs(faults: &[Fault], contenders: &[Box<dyn Contender>], runs: u32) -> Vec<Job> {
    let mut jobs = Vec::new();
    for &fault in faults {
        for number in 1..=runs {
            for (contender, it) in contenders.iter().enumerate() {
                if it.knows(fault) {
                    jobs.push(Job {
                        fault,
                        contender,
                        number,
                    });
                }
            }
        }
    }
    jobs
}

/// Plays all of them; `tell` is told of each.
pub(crate) fn play(
    lanes: &[Network],
    contenders: &[Box<dyn Contender>],
    jobs: &[Job],
    mut tell: impl FnMut(&Job, &std::result::Result<Outcome, String>),
) -> Result<Outcomes> {
    let mut outcomes = Outcomes::new();
    for round in jobs.chunks(lanes.len()) {
        let pairs: Vec<_> = lanes.iter().zip(round).collect();
        let prepared = at_once(pairs.clone(), |(net, job)| {
            let contender = contenders.get(job.contender).ok_or("no such contender")?;
            Scenario::prepare(net, contender.as_ref(), job.fault)
        });
        let played = at_once(prepared, |scenario| {
            let record = scenario?.play()?;
            let streams = record.streams.iter();
            let samples = streams.map(|stream| (stream.family, record.samples(stream.family)));
            Ok(Outcome {
                samples: samples.collect(),
                checks: record.checks.clone(),
                disturbance: record.disturbance,
            })
        });
        // Wanted or not: what was interrupted is not a figure.
        carp_benches::pause(std::time::Duration::ZERO)?;
        for reset in at_once(pairs, |(net, _)| net.reset()) {
            reset?;
        }
        for (job, outcome) in round.iter().zip(played) {
            let outcome = outcome.map_err(|error| error.to_string());
            tell(job, &outcome);
            let all = outcomes.entry((job.fault, job.contender)).or_default();
            all.push(outcome);
        }
    }
    Ok(outcomes)
}

/// Does the same with each of some values, on as many threads.
pub(crate) fn at_once<T: Send, R: Send>(
    values: Vec<T>,
    work: impl Fn(T) -> Result<R> + Sync,
) -> Vec<Result<R>> {
    let work = &work;
    thread::scope(|scope| {
        let threads = values
            .into_iter()
            .map(|value| scope.spawn(move || work(value)));
        let threads: Vec<_> = threads.collect();
        threads
            .into_iter()
            .map(|thread| {
                let panicked = |_| Err("a thread of the bench panicked".into());
                thread.join().unwrap_or_else(panicked)
            })
            .collect()
    })
}
