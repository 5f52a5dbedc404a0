//! A witness of the machine itself: whether it ran at all while something was measured.
//!
//! A virtual machine stands still while others run on its cores, and so does everything measured on
//! it, whatever priority it has.

use std::os::fd::AsFd as _;
use std::time::Duration;

use carp_fsm::Timestamp;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Result;
use crate::error::About as _;
use crate::linux::precedence::Precedence;

use super::clock;
use super::worker::{Metronome, Stop, Worker, wait};

/// Threads that come before all programs, one on each core, and notice when they are late.
#[derive(Debug)]
#[must_use = "it stops when it is dropped"]
pub struct Witness {
    workers: Vec<Worker<Result<Vec<Stall>>>>,
}

impl Witness {
    /// Begins to watch the cores that the calling thread may run on.
    ///
    /// # Errors
    ///
    /// Where threads cannot be bound to cores. Where they may not come before others they see less.
    pub fn start() -> Result<Self> {
        let allowed = sched_getaffinity(None).about("cores")?;
        let cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let start = |core| Worker::start("witness", move |stop| watch(core, &stop));
        let workers = cores.map(start).collect::<Result<_>>()?;
        Ok(Self { workers })
    }

    /// Ends it; returns when a core stood still for more than a millisecond, by time.
    ///
    /// # Errors
    ///
    /// Where the kernel could not wait.
    pub fn stop(self) -> Result<Vec<Stall>> {
        let mut stalls = Vec::new();
        for worker in self.workers {
            stalls.append(&mut worker.stop()??);
        }
        stalls.sort_by_key(|stall| stall.from);
        Ok(stalls)
    }
}

/// A time in which a core did not run what it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stall {
    /// Which core, by number.
    pub core: usize,
    /// Since when; it may have begun up to five milliseconds before.
    pub from: Timestamp,
    /// How long from then on.
    pub length: Duration,
}

fn watch(core: usize, stop: &Stop) -> Result<Vec<Stall>> {
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).about("cores")?;
    Precedence::Witness.take();
    let metronome = Metronome::new(EACH)?;
    let mut stalls = Vec::new();
    let mut due = clock::now() + EACH;
    loop {
        let [stopped, beat] = wait([stop.as_fd(), metronome.as_fd()], None)?;
        if beat {
            let strokes = u32::try_from(metronome.strokes()).unwrap_or(u32::MAX);
            let length = clock::now() - due;
            if length > NOTICED {
                let from = due;
                stalls.push(Stall { core, from, length });
            }
            due = due + EACH * strokes;
        }
        if stopped {
            return Ok(stalls);
        }
    }
}

/// Seldom enough not to keep a core awake.
const EACH: Duration = Duration::from_millis(5);
const NOTICED: Duration = Duration::from_millis(1);
