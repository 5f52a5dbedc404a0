//! What can go wrong in a cluster, and right again, in short.

use std::time::Duration;

use carp_net::carp_fsm::{Command, LinkState};
use carp_net::memory::Harm;
use carp_net::simulation::Incident;

/// The carp interface of every node, and its carpdev.
pub(crate) const INTERFACE: &str = "carp0";
pub(crate) const CARPDEV: &str = "vmx0";

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The engine is killed, nothing else: its supervisor begins another.
    Kill(usize),
    /// Another engine begins with what the one before has left.
    Resume(usize),
    /// A service begins that knows nothing of any before.
    Begin(usize),
    /// `carpctl restart`: everything is saved and handed to another process after this long.
    Restart(usize, Duration),
    /// SIGSTOP, or SIGCONT.
    Pause(usize, bool),
    Link(usize, LinkState),
    PowerOff(usize),
    Cut(usize, usize, bool),
    /// What another program does to carp0.
    Harm(usize, Harm),
    Command(usize, Command),
    /// `destroy`.
    Destroy(usize),
    /// SIGTERM of the service.
    Stop(usize),
    Demote(usize, i32),
    /// So many of a million packets are lost.
    Loss(u32),
    /// So many come twice.
    Doubling(u32),
    /// Packets overtake each other, or stay in order.
    Reordering(bool),
    /// Packets take from the first to the second.
    Transit(Duration, Duration),
}

impl Fault {
    /// Whether it can happen in a cluster of so many nodes.
    pub(crate) fn fits(self, size: usize) -> bool {
        if let Self::Cut(one, other, _) = self {
            return one.max(other) < size;
        }
        let node = Incident::from(self).node();
        node.is_none_or(|node| node < size)
    }
}

impl From<Fault> for Incident {
    fn from(fault: Fault) -> Self {
        let interface = || INTERFACE.to_owned();
        match fault {
            Fault::Kill(node) => Self::Kill(node),
            Fault::Resume(node) => Self::Recover(node),
            Fault::Begin(node) => Self::Begin(node),
            Fault::Restart(node, span) => Self::Restart(node, span),
            Fault::Pause(node, true) => Self::Pause(node),
            Fault::Pause(node, false) => Self::Resume(node),
            Fault::Link(node, state) => Self::Link {
                node,
                carpdev: CARPDEV.to_owned(),
                state,
            },
            Fault::PowerOff(node) => Self::PowerOff(node),
            Fault::Cut(one, other, true) => Self::Cut(one, other),
            Fault::Cut(one, other, false) => Self::Heal(one, other),
            Fault::Harm(node, harm) => Self::Harm {
                node,
                interface: interface(),
                harm,
            },
            Fault::Command(node, command) => Self::Command {
                node,
                interface: interface(),
                command,
            },
            Fault::Destroy(node) => Self::Destroy {
                node,
                interface: interface(),
            },
            Fault::Stop(node) => Self::Stop(node),
            Fault::Demote(node, amount) => Self::Demote {
                node,
                group: "carp".to_owned(),
                owner: "test".to_owned(),
                amount,
            },
            Fault::Loss(per_million) => Self::Loss(per_million),
            Fault::Doubling(per_million) => Self::Doubling(per_million),
            Fault::Reordering(on) => Self::Reordering(on),
            Fault::Transit(least, most) => Self::Transit(least, most),
        }
    }
}
