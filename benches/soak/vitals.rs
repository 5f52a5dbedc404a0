//! Descriptors and memory of the service, which must not grow.

use std::fs;

use carp_benches::{Memory, Result};
use carp_net::lab::Process;

/// What a process has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vitals {
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
        }
        sum.memory = Memory::of(processes)?.proportional;
        Ok(sum)
    }

    /// Whether it is no more than `before`, but for what comes and goes.
    pub(crate) const fn is_flat_since(self, before: Self) -> bool {
        self.descriptors <= before.descriptors + DESCRIPTORS
            && self.memory <= before.memory + before.memory / 8 + MEMORY
    }
}

/// How many more descriptors are none: a client that has not gone yet.
pub(crate) const DESCRIPTORS: u64 = 2;
/// How much more memory is none, in KiB, beside an eighth: what the allocator keeps.
pub(crate) const MEMORY: u64 = 512;
