//! Descriptors and memory of the service, which must not grow.

use std::fs;

use carp_benches::{Memory, Result};
use carp_net::lab::Process;

/// What the processes of a node have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vitals {
    /// Their numbers, in order.
    pub(crate) processes: Vec<u32>,
    pub(crate) descriptors: u64,
    /// Memory, what is shared divided among those that share it, in KiB.
    pub(crate) memory: u64,
}

impl Vitals {
    /// Of some processes, together.
    ///
    /// # Errors
    ///
    /// Where one has ended.
    pub(crate) fn of(processes: &[Process]) -> Result<Self> {
        let mut sum = Self::default();
        for process in processes {
            let open = fs::read_dir(format!("/proc/{}/fd", process.pid()))?;
            sum.descriptors += open.count() as u64;
            sum.processes.push(process.pid());
        }
        sum.processes.sort_unstable();
        sum.memory = Memory::of(processes)?.proportional;
        Ok(sum)
    }
}

/// What a node had in the course of a run.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    name: String,
    /// Whether its processes are to be those of the beginning until the end.
    is_spared: bool,
    pub(crate) first: Vitals,
    pub(crate) most: Vitals,
    pub(crate) last: Vitals,
}

impl Course {
    pub(crate) fn new(name: &str, is_spared: bool, first: Vitals) -> Self {
        Self {
            name: name.to_owned(),
            is_spared,
            most: first.clone(),
            last: first.clone(),
            first,
        }
    }

    /// Takes note of what it has now.
    pub(crate) fn take(&mut self, vitals: Vitals) {
        self.most.descriptors = self.most.descriptors.max(vitals.descriptors);
        self.most.memory = self.most.memory.max(vitals.memory);
        self.last = vitals;
    }

    /// What is not as it should be: it has more at the end than in the beginning, but for what comes and
    /// goes, or it cannot be told because it was not spared.
    pub(crate) fn misses(&self) -> Vec<String> {
        let (first, last) = (&self.first, &self.last);
        let memory = first.memory + MEMORY + if self.is_spared { 0 } else { first.memory / 8 };
        let descriptors = first.descriptors + DESCRIPTORS;
        let misses = [
            (last.descriptors > descriptors, "has more descriptors than"),
            (last.memory > memory, "has more memory than"),
            (
                self.is_spared && last.processes != first.processes,
                "has other processes than",
            ),
        ];
        let misses = misses.into_iter().filter(|(is, _)| *is);
        misses
            .map(|(_, what)| format!("{} {what} in the beginning", self.name))
            .collect()
    }

    /// Its name, whether its processes stay, and what it had.
    pub(crate) fn row(&self) -> Vec<String> {
        let kept = if self.is_spared { "kept" } else { "replaced" };
        let all = [&self.first, &self.most, &self.last];
        let mut row = vec![self.name.clone(), kept.to_owned()];
        row.extend(all.map(|vitals| vitals.descriptors.to_string()));
        row.extend(all.map(|vitals| vitals.memory.to_string()));
        row
    }
}

/// How many more descriptors are none: a client that has not gone yet.
pub(crate) const DESCRIPTORS: u64 = 2;
/// How much more memory is none, in KiB: what the allocator keeps. Of processes that are not those of
/// the beginning an eighth beside: they have not all come equally far.
pub(crate) const MEMORY: u64 = 512;
