//! The time that the machine did not have: where it is a virtual one, others ran on its cores.

use std::fmt;
use std::fs;

/// Counts from when it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stolen {
    before: u64,
}

impl Stolen {
    pub(crate) fn since_now() -> Self {
        Self { before: stolen() }
    }
}

impl fmt::Display for Stolen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ticks = stolen() - self.before;
        write!(f, "{} ms were stolen by the hypervisor", ticks * TICK_MS)
    }
}

/// In ticks, over all cores.
fn stolen() -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let all = stat.lines().next().unwrap_or_default();
    // cpu user nice system idle iowait irq softirq steal
    let steal = all.split_whitespace().nth(8);
    steal
        .and_then(|ticks| ticks.parse().ok())
        .unwrap_or_default()
}

/// Programs are told times in hundredths of a second.
const TICK_MS: u64 = 10;
