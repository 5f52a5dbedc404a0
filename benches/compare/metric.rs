//! What is compared: in everything less is better.

use std::time::Duration;

use crate::figures::minute;
use crate::run::Measured;

/// A row of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    CpuMaster,
    CpuBackup,
    ResidentMaster,
    ResidentBackup,
    ProportionalMaster,
    ProportionalBackup,
    Packets,
    Bytes,
    Start,
    CrashMedian,
    CrashAll,
    Late,
}

impl Metric {
    pub(crate) const ALL: [Self; 12] = [
        Self::CpuMaster,
        Self::CpuBackup,
        Self::ResidentMaster,
        Self::ResidentBackup,
        Self::ProportionalMaster,
        Self::ProportionalBackup,
        Self::Packets,
        Self::Bytes,
        Self::Start,
        Self::CrashMedian,
        Self::CrashAll,
        Self::Late,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::CpuMaster => "CPU as master, ms a minute",
            Self::CpuBackup => "CPU as backup, ms a minute",
            Self::ResidentMaster => "memory as master, resident, MiB",
            Self::ResidentBackup => "memory as backup, resident, MiB",
            Self::ProportionalMaster => "memory as master, proportional, MiB",
            Self::ProportionalBackup => "memory as backup, proportional, MiB",
            Self::Packets => "packets a minute",
            Self::Bytes => "bytes a minute",
            Self::Start => "start to all answered, ms",
            Self::CrashMedian => "crash to answered, median, ms",
            Self::CrashAll => "crash to all answered, ms",
            Self::Late => "the latest after its master-down time, ms",
        }
    }

    /// What it was in a run; `None` where it did not happen.
    pub(crate) fn of(self, run: &Measured) -> Option<f64> {
        let [master, backup] = run.load;
        let cpu = |share| minute(share * 1e3, Duration::from_secs(1));
        let mebibytes = |kib: u64| kib as f64 / 1024.0;
        let traffic = |amount: usize| minute(amount as f64, run.traffic.span);
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        Some(match self {
            Self::CpuMaster => cpu(master.cpu),
            Self::CpuBackup => cpu(backup.cpu),
            Self::ResidentMaster => mebibytes(master.memory.resident),
            Self::ResidentBackup => mebibytes(backup.memory.resident),
            Self::ProportionalMaster => mebibytes(master.memory.proportional),
            Self::ProportionalBackup => mebibytes(backup.memory.proportional),
            Self::Packets => traffic(run.traffic.frames),
            Self::Bytes => traffic(run.traffic.bytes),
            Self::Start => ms(run.start),
            Self::CrashMedian => ms(run.crash.median()?),
            Self::CrashAll => ms(run.crash.all()?),
            Self::Late => ms(run.crash.latest()?),
        })
    }

    /// With as many digits as mean something.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::CpuMaster
            | Self::CpuBackup
            | Self::ResidentMaster
            | Self::ResidentBackup
            | Self::ProportionalMaster
            | Self::ProportionalBackup => format!("{value:.1}"),
            Self::Packets
            | Self::Bytes
            | Self::Start
            | Self::CrashMedian
            | Self::CrashAll
            | Self::Late => format!("{value:.0}"),
        }
    }

    /// What is too little to be a difference.
    pub(crate) const fn finest(self) -> f64 {
        match self {
            // A client asks every 10 ms.
            Self::Start | Self::CrashMedian | Self::CrashAll | Self::Late => 10.0,
            Self::CpuMaster
            | Self::CpuBackup
            | Self::ResidentMaster
            | Self::ResidentBackup
            | Self::ProportionalMaster
            | Self::ProportionalBackup
            | Self::Packets
            | Self::Bytes => 0.0,
        }
    }
}
