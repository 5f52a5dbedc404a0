//! The faults, in the words and with the limits of the table that is to be met.

use std::time::Duration;

use clap::ValueEnum;

/// What happens to the master, node one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Fault {
    Down,
    Destroy,
    Terminate,
    StateBackup,
    Preempt,
    KillEngine,
    KillAll,
    FreezeEngine,
    FreezeAll,
    LinkLost,
    PowerLoss,
    Partition,
    AddressDeleted,
    SetDown,
    InterfaceDeleted,
    MacChanged,
    Inet6Disabled,
    CarpdevDeleted,
    CarpdevLate,
    Restart,
}

/// A part of a fault with figures and limits of its own, such as the loss of a link and its return.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phase {
    pub(crate) title: &'static str,
    pub(crate) lost: Lost,
    /// No run may have both nodes hold an address for this long; `None`: no limit.
    pub(crate) both: Option<Duration>,
}

/// How much may be lost.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost {
    /// This many echoes in the median and in the worst run.
    Echoes { median: u64, worst: u64 },
    /// What passes until the backup's master-down timer runs out, and this much more.
    MasterDownAnd(Duration),
}

impl Fault {
    /// Its phases, in order.
    pub(crate) fn phases(self) -> Vec<Phase> {
        match self {
            Self::Down => vec![planned("`carpctl carp0 down`")],
            Self::Destroy => vec![planned("`carpctl carp0 destroy`")],
            Self::Terminate => vec![planned("SIGTERM of the service")],
            Self::StateBackup => vec![planned("`state backup` on the master")],
            Self::Preempt => vec![planned("the preferred node comes back, preempt on")],
            Self::KillEngine => vec![phase("SIGKILL of the engine process", at_most(0, 3), NEVER)],
            Self::KillAll => vec![phase("SIGKILL of every process", at_most(0, 5), EXPIRY)],
            Self::FreezeEngine => vec![phase(
                "SIGSTOP of the engine for 10 s, then SIGCONT",
                at_most(0, 50),
                SHORTLY,
            )],
            Self::FreezeAll => vec![
                phase("SIGSTOP of every process for 10 s", at_most(0, 50), EXPIRY),
                phase("… then SIGCONT (lost: in all)", at_most(0, 50), SHORTLY),
            ],
            Self::LinkLost => vec![
                phase("carpdev link lost, preempt on", MASTER_DOWN, SHORTLY),
                phase("… and back", at_most(0, 5), SHORTLY),
            ],
            Self::PowerLoss => vec![phase("power loss", MASTER_DOWN, None)],
            Self::Partition => vec![
                phase("partition for 10 s", at_most(0, 0), None),
                phase("… heals", less_than(50), SHORTLY),
            ],
            Self::AddressDeleted => {
                vec![phase("something deletes the address", less_than(20), NEVER)]
            }
            Self::SetDown => vec![phase("something sets carp0 down", at_most(19, 30), SHORTLY)],
            Self::InterfaceDeleted => {
                vec![phase("something deletes carp0", at_most(0, 5), SHORTLY)]
            }
            Self::MacChanged => vec![phase("something changes carp0's MAC", less_than(20), NEVER)],
            Self::Inet6Disabled => {
                vec![phase("something disables IPv6 on it", less_than(20), NEVER)]
            }
            Self::CarpdevDeleted => vec![
                phase("the carpdev is deleted", MASTER_DOWN, NEVER),
                phase("… and made again", at_most(0, 5), NEVER),
            ],
            Self::CarpdevLate => vec![phase(
                "the carpdev appears late at boot",
                at_most(0, 5),
                NEVER,
            )],
            Self::Restart => vec![phase("restart of the service", at_most(0, 0), NEVER)],
        }
    }

    /// Whether the better node takes over from a worse one in this play.
    pub(crate) const fn preempts(self) -> bool {
        matches!(self, Self::Preempt | Self::LinkLost)
    }

    /// Whether node two is master before it happens, for want of node one.
    pub(crate) const fn begins_without_one(self) -> bool {
        matches!(self, Self::Preempt | Self::CarpdevLate)
    }

    /// The name by which it is chosen on the command line.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

const fn phase(title: &'static str, lost: Lost, both: Option<Duration>) -> Phase {
    Phase { title, lost, both }
}

/// Nothing is lost when it is done on purpose.
const fn planned(title: &'static str) -> Phase {
    phase(title, at_most(0, 0), SHORTLY)
}

const fn at_most(median: u64, worst: u64) -> Lost {
    Lost::Echoes { median, worst }
}

/// In every run.
const fn less_than(count: u64) -> Lost {
    at_most(count - 1, count - 1)
}

const MASTER_DOWN: Lost = Lost::MasterDownAnd(Duration::from_millis(20));

const NEVER: Option<Duration> = Some(Duration::ZERO);
const SHORTLY: Option<Duration> = Some(Duration::from_millis(200));
/// Until the kernel takes away what nobody renews.
const EXPIRY: Option<Duration> = Some(Duration::from_millis(1_500));
