//! The faults and what each may cost: the table of faults in the README, as data.

use std::time::Duration;

use clap::ValueEnum;

/// What is done to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Fault {
    Down,
    Destroy,
    StateBackup,
    Terminate,
    Advskew,
    Demote,
    AddressList,
    Restart,
    KillEngine,
    FreezeEngine,
    KillAll,
    FreezeAll,
    LinkLost,
    CarpdevDown,
    PowerLoss,
    TwoPowerLosses,
    Partition,
    Password,
    CarpdevDeleted,
    AddressDeleted,
    Inet6Disabled,
    SetDown,
    InterfaceDeleted,
    MacChanged,
    ForgedAdverts,
    SocketAbuse,
    PeerEnds,
    PeerLosesPower,
    PeerComesAnew,
}

/// What a fault may cost whoever uses an address that it concerns; what it does not concern loses
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    /// No echo.
    Nothing,
    /// So many echoes.
    Echoes(u64),
    /// The time in which the best of the other nodes misses the master, and `TAKE_OVER` more.
    Outage,
}

/// To what a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A node, with all its interfaces.
    Node,
    /// One carp interface of a node.
    Interface,
    /// One that others can do something to: not that with the carpdev's own MAC address, which has its
    /// addresses there.
    Macvlan,
    /// carp0 of a node: `ucarp` knows nothing of the kind.
    Carp0,
    /// The two nodes that are best of ours.
    Two,
    /// `ucarp`.
    Peer,
    Everybody,
}

/// Whose addresses a fault concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those that the nodes it happens to hold at that moment.
    Held,
    /// All.
    All,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) fault: Fault,
    /// What is done.
    pub(crate) title: &'static str,
    /// The beginning of the row in the README's table, or of the sentence elsewhere in it, that
    /// says what comes of it.
    pub(crate) readme: &'static str,
    pub(crate) scope: Scope,
    pub(crate) reach: Reach,
    /// What it may cost when it happens, and what when it is over.
    pub(crate) costs: [Cost; 2],
}

/// How much longer than the master-down time an outage may be: two echoes are a millisecond each way,
/// the rest is for a busy machine.
pub(crate) const TAKE_OVER: Duration = Duration::from_millis(100);

/// `ucarp` reads what it is sent up to a second late, and waits for its script.
pub(crate) const UCARP_IS_LATE: Duration = Duration::from_millis(1_800);

/// Echoes: what the carpdev of a node may lose when the last interface with its own MAC address is
/// configured or taken back, because a filter comes and goes with it.
pub(crate) const FILTER_PAUSES: u64 = 3;

/// The table. The figures behind [`Cost::Echoes`] are the limits of `benches/RESULTS.md`, and of
/// `carpctl/tests/nodes/care.rs` where the kernel needs its time.
pub(crate) const TABLE: [Row; 29] = {
    use Cost::{Echoes, Nothing, Outage};
    use Fault as F;
    use Reach::{All, Held};
    use Scope::{Carp0, Everybody, Interface, Macvlan, Node, Peer, Two};
    const PLANNED: &str = "`down`, `destroy`, `state backup`, SIGTERM of the service";
    const COMES_BACK: &str = "a better node comes (back)";
    const ENGINE: &str = "the service crashes, is killed, hangs or is stopped";
    const EVERYTHING: &str = "supervisor and service are killed or stopped at once";
    const POWER: &str = "the carpdev loses its link; power is lost";
    const PARTED: &str = "the network is cut between the nodes";
    const SET_DOWN: &str = "another program sets carp0 down or deletes it";
    [
        row(
            F::Down,
            "carp down, up",
            PLANNED,
            Interface,
            Held,
            [Nothing, Nothing],
        ),
        row(
            F::Destroy,
            "carp destroy, made again",
            PLANNED,
            Interface,
            Held,
            [Nothing, Nothing],
        ),
        row(
            F::StateBackup,
            "state backup, up",
            PLANNED,
            Interface,
            Held,
            [Nothing, Nothing],
        ),
        row(
            F::Terminate,
            "SIGTERM, started again",
            PLANNED,
            Node,
            Held,
            [Nothing, Nothing],
        ),
        row(
            F::Advskew,
            "another advskew",
            COMES_BACK,
            Interface,
            Held,
            [Nothing, Nothing],
        ),
        row(
            F::Demote,
            "demoted, and no more",
            COMES_BACK,
            Node,
            Held,
            [Nothing, Nothing],
        ),
        row(
            F::AddressList,
            "an address more, and less",
            "addresses, change one node and then the others within five minutes, in any order",
            Carp0,
            Held,
            [Nothing, Nothing],
        ),
        row(
            F::Restart,
            "carpctl restart",
            "`carpctl restart`",
            Node,
            Held,
            [Nothing, Nothing],
        ),
        row(
            F::KillEngine,
            "engine killed",
            ENGINE,
            Node,
            Held,
            [Echoes(3), Nothing],
        ),
        row(
            F::FreezeEngine,
            "engine stopped",
            ENGINE,
            Node,
            Held,
            [Echoes(50), Echoes(50)],
        ),
        row(
            F::KillAll,
            "all processes killed",
            EVERYTHING,
            Node,
            Held,
            [Echoes(5), Nothing],
        ),
        row(
            F::FreezeAll,
            "all processes stopped",
            EVERYTHING,
            Node,
            Held,
            [Echoes(50), Echoes(50)],
        ),
        row(
            F::LinkLost,
            "cable pulled",
            POWER,
            Node,
            Held,
            [Outage, Nothing],
        ),
        row(
            F::CarpdevDown,
            "carpdev set down",
            POWER,
            Node,
            Held,
            [Outage, Nothing],
        ),
        row(
            F::PowerLoss,
            "power lost",
            POWER,
            Node,
            Held,
            [Outage, Nothing],
        ),
        row(
            F::TwoPowerLosses,
            "power of two lost at once",
            POWER,
            Two,
            Held,
            [Outage, Nothing],
        ),
        row(
            F::Partition,
            "all parted from each other",
            PARTED,
            Everybody,
            All,
            [Nothing, Echoes(49)],
        ),
        row(
            F::Password,
            "another password, and back",
            PARTED,
            Carp0,
            All,
            [Nothing, Echoes(49)],
        ),
        row(
            F::CarpdevDeleted,
            "carpdev deleted, made again",
            "the carpdev is deleted, or not there at boot",
            Node,
            Held,
            [Outage, Nothing],
        ),
        row(
            F::AddressDeleted,
            "address deleted by another",
            "another program deletes an address",
            Interface,
            Held,
            [Echoes(19), Nothing],
        ),
        row(
            F::Inet6Disabled,
            "IPv6 disabled by another",
            "another program disables IPv6 on carp0",
            Carp0,
            Held,
            [Echoes(19), Nothing],
        ),
        row(
            F::SetDown,
            "set down by another, up",
            SET_DOWN,
            Macvlan,
            Held,
            [Echoes(100), Nothing],
        ),
        row(
            F::InterfaceDeleted,
            "deleted by another, up",
            SET_DOWN,
            Macvlan,
            Held,
            [Echoes(100), Nothing],
        ),
        row(
            F::MacChanged,
            "MAC changed by another",
            "another program changes carp0's MAC",
            Macvlan,
            Held,
            [Echoes(100), Nothing],
        ),
        row(
            F::ForgedAdverts,
            "forged adverts, rubbish",
            "The log tells the first packet of each kind that is refused",
            Node,
            Held,
            [Nothing, Nothing],
        ),
        row(
            F::SocketAbuse,
            "control socket abused",
            "What anybody on the machine can make it do is limited",
            Node,
            Held,
            [Nothing, Nothing],
        ),
        row(
            F::PeerEnds,
            "ucarp ends, starts",
            POWER,
            Peer,
            Held,
            [Outage, Nothing],
        ),
        row(
            F::PeerLosesPower,
            "ucarp loses power",
            POWER,
            Peer,
            Held,
            [Outage, Nothing],
        ),
        row(
            F::PeerComesAnew,
            "ucarp with another advskew",
            POWER,
            Peer,
            Held,
            [Outage, Nothing],
        ),
    ]
};

const fn row(
    fault: Fault,
    title: &'static str,
    readme: &'static str,
    scope: Scope,
    reach: Reach,
    costs: [Cost; 2],
) -> Row {
    Row {
        fault,
        title,
        readme,
        scope,
        reach,
        costs,
    }
}

impl Fault {
    /// Its row.
    pub(crate) fn row(self) -> &'static Row {
        let found = TABLE.iter().find(|row| row.fault == self);
        found.expect("each fault has a row")
    }

    /// Whether the supervisor has to start the engine again, which it does four times in a minute at
    /// most.
    pub(crate) const fn costs_a_start(self) -> bool {
        matches!(self, Self::KillEngine | Self::FreezeEngine)
    }

    /// Whether processes of the service end with it, or are replaced by others.
    pub(crate) const fn ends_processes(self) -> bool {
        matches!(
            self,
            Self::Terminate
                | Self::Restart
                | Self::KillEngine
                | Self::FreezeEngine
                | Self::KillAll
                | Self::PowerLoss
                | Self::TwoPowerLosses
        )
    }
}
