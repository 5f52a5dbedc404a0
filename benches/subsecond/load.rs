//! Keeps cores busy, as a program would that computes and never waits.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use carp_benches::Result;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How many cores are kept busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Busy {
    /// One of them, the last one.
    One,
    /// Each of them.
    All,
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "one",
            Self::All => "every",
        })
    }
}

/// Threads that compute, each on a core of its own, until this is dropped.
#[derive(Debug)]
pub(crate) struct Load {
    enough: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(busy: Busy) -> Result<Self> {
        let mut load = Self {
            enough: Arc::default(),
            threads: Vec::new(),
        };
        let allowed = sched_getaffinity(None)?;
        let mut cores: Vec<usize> = (0..CpuSet::MAX_CPU)
            .filter(|core| allowed.is_set(*core))
            .collect();
        if busy == Busy::One {
            cores = cores.split_off(cores.len().saturating_sub(1));
        }
        for core in cores {
            let enough = Arc::clone(&load.enough);
            let name = format!("busy-{core}");
            // A thread starts where it may run.
            let (tell, told) = std::sync::mpsc::channel();
            let work = move || {
                let mut only = CpuSet::new();
                only.set(core);
                let pinned = sched_setaffinity(None, &only);
                let is_pinned = pinned.is_ok();
                if tell.send(pinned).is_ok() && is_pinned {
                    compute(&enough);
                }
            };
            load.threads
                .push(thread::Builder::new().name(name).spawn(work)?);
            told.recv()??;
        }
        Ok(load)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic in it has been printed.
            drop(thread.join());
        }
    }
}

fn compute(enough: &AtomicBool) {
    let mut number = 1_u64;
    while !enough.load(Ordering::Relaxed) {
        for _ in 0..1_000 {
            // No pause instruction, which a hypervisor takes for waiting.
            number = black_box(
                number
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1),
            );
        }
    }
}
