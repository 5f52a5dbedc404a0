//! What processes take: time of the processors and memory, as the kernel counts them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use carp_net::lab::{self, Process};

use crate::{Result, pause};

/// The time that these processes have run so far, all threads together. What the kernel does on
/// their behalf is in it: the delivery of what they send, to whoever is on the same machine.
pub fn cpu_time(processes: &[Process]) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for process in processes {
        for thread in fs::read_dir(format!("/proc/{}/task", process.pid()))? {
            // In nanoseconds, where `stat` counts hundredths of a second.
            let counted = fs::read_to_string(thread?.path().join("schedstat"))?;
            let first = counted.split_whitespace().next().unwrap_or_default();
            sum += Duration::from_nanos(first.parse()?);
        }
    }
    Ok(sum)
}

/// What a node takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// The share of one core.
    pub cpu: f64,
    /// What it has at the end.
    pub memory: Memory,
}

impl Load {
    /// What some nodes take in this `window`, each by its processes.
    ///
    /// # Errors
    ///
    /// Where a process ends meanwhile.
    pub fn of<const N: usize>(nodes: &[Vec<Process>; N], window: Duration) -> Result<[Self; N]> {
        let mut before = [Duration::ZERO; N];
        for (before, processes) in before.iter_mut().zip(nodes) {
            *before = cpu_time(processes)?;
        }
        let since = lab::now();
        pause(window)?;
        let span = lab::now() - since;
        let mut loads = [Self::default(); N];
        for ((load, before), processes) in loads.iter_mut().zip(before).zip(nodes) {
            let spent = cpu_time(processes)? - before;
            load.cpu = spent.as_secs_f64() / span.as_secs_f64();
        }
        // Not before all are counted: it takes a while for many processes.
        for (load, processes) in loads.iter_mut().zip(nodes) {
            load.memory = Memory::of(processes)?;
        }
        Ok(loads)
    }

    /// The time for one advert, of as many a second, that it takes more than an `idle` node.
    pub fn per_advert(self, count: usize, idle: Self) -> Option<Duration> {
        let count = u32::try_from(count).ok().filter(|count| *count > 0)?;
        let share = (self.cpu - idle.cpu).max(0.0);
        Some(Duration::from_secs_f64(share) / count)
    }
}

/// Resident memory, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Added up as each process has it, what they share counted for each.
    pub resident: u64,
    /// With what is shared divided among those that share it.
    pub proportional: u64,
}

impl Memory {
    /// What these processes have now.
    ///
    /// # Errors
    ///
    /// Where one has ended.
    pub fn of(processes: &[Process]) -> Result<Self> {
        let mut sum = Self::default();
        for process in processes {
            let directory = format!("/proc/{}", process.pid());
            let directory = Path::new(&directory);
            sum.resident += kib(&fs::read_to_string(directory.join("status"))?, "VmRSS:")?;
            let rollup = fs::read_to_string(directory.join("smaps_rollup"))?;
            sum.proportional += kib(&rollup, "Pss:")?;
        }
        Ok(sum)
    }
}

/// The number in a line such as `VmRSS:     1234 kB`.
fn kib(text: &str, key: &str) -> Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    Ok(number.ok_or_else(|| format!("no {key}"))?.parse()?)
}
