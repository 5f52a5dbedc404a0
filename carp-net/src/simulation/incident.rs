//! What can befall a cluster: faults, what mends them, and what operators say.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use carp_fsm::carp_proto::{Advertisement, Envelope, VirtualAddress};
use carp_fsm::{Command, LinkState, VirtualHost};

use super::Cluster;
use crate::memory::Harm;
use crate::{Error, Result};

/// Something that befalls a cluster from outside. Machines are named by their numbers.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Incident {
    // ---- the service ----
    /// The process is killed. What it holds stays in its kernel until its lease ends.
    Kill(usize),
    /// A process begins with what the one before has left, as a supervisor starts it.
    Recover(usize),
    /// A process begins that knows nothing of any before; the machine is switched on for it where
    /// it is off.
    Begin(usize),
    /// The service is started anew in good order: another process goes on after so long.
    Restart(usize, Duration),
    /// The process is frozen.
    Pause(usize),
    /// It goes on.
    Resume(usize),
    /// The service is asked to end, in good order.
    Stop(usize),
    /// The machine loses its power.
    PowerOff(usize),

    // ---- the network ----
    /// A carpdev changes its state.
    Link {
        /// The machine.
        node: usize,
        /// The name of the carpdev.
        carpdev: String,
        /// What it is like from now on.
        state: LinkState,
    },
    /// Two machines do not hear each other any more.
    Cut(usize, usize),
    /// They do again.
    Heal(usize, usize),
    /// So many of a million packets are lost.
    Loss(u32),
    /// So many of a million packets come twice.
    Doubling(u32),
    /// Packets take a random time from the first to the second.
    Transit(Duration, Duration),
    /// Packets overtake each other, or stay in order.
    Reordering(bool),
    /// A packet that no machine has sent comes to all on the segment.
    Forged {
        /// The name of the carpdevs there.
        carpdev: String,
        /// What its IP header says.
        envelope: Envelope,
        /// What stands behind it.
        bytes: [u8; Advertisement::LEN],
    },

    // ---- the machine ----
    /// The clock of a machine gains so many microseconds in a million from now on, or loses them;
    /// at most 500,000.
    Drift(usize, i32),
    /// Another program on the machine does something to a carp interface.
    Harm {
        /// The machine.
        node: usize,
        /// The interface.
        interface: String,
        /// What it does.
        harm: Harm,
    },

    // ---- the operator ----
    /// Wants something of an interface.
    Command {
        /// The machine.
        node: usize,
        /// The interface.
        interface: String,
        /// What is wanted.
        command: Command,
    },
    /// Makes an interface what `host` says, or makes one.
    Change {
        /// The machine.
        node: usize,
        /// The interface.
        interface: String,
        /// Its carpdev.
        carpdev: String,
        /// What it is to be.
        host: Box<VirtualHost>,
    },
    /// Destroys an interface.
    Destroy {
        /// The machine.
        node: usize,
        /// The interface.
        interface: String,
    },
    /// Makes the demotion of a group in the name of `owner` so much.
    Demote {
        /// The machine.
        node: usize,
        /// The group.
        group: String,
        /// In whose name.
        owner: String,
        /// By how much.
        amount: i32,
    },
    /// Switches preemption on or off.
    Preempt(usize, bool),
    /// Switches leases on or off.
    Lease(usize, bool),
    /// Switches listening to others on or off.
    Allow(usize, bool),
    /// Sets how often a master announces its addresses.
    AnnounceEvery(usize, Duration),
}

/// What came of an incident.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It happened.
    Done,
    /// Nothing: no process runs there that it could happen to, or one runs already.
    Nothing,
    /// The service refuses it.
    Refused(Error),
}

impl Incident {
    /// The machine that it happens to, where it is one.
    pub const fn node(&self) -> Option<usize> {
        match self {
            Self::Kill(node) | Self::Recover(node) | Self::Begin(node) => Some(*node),
            Self::Restart(node, _) | Self::Pause(node) | Self::Resume(node) => Some(*node),
            Self::Stop(node) | Self::PowerOff(node) | Self::Drift(node, _) => Some(*node),
            Self::Preempt(node, _) | Self::Lease(node, _) => Some(*node),
            Self::Allow(node, _) | Self::AnnounceEvery(node, _) => Some(*node),
            Self::Link { node, .. } | Self::Harm { node, .. } => Some(*node),
            Self::Command { node, .. } | Self::Change { node, .. } => Some(*node),
            Self::Destroy { node, .. } | Self::Demote { node, .. } => Some(*node),
            Self::Cut(..) | Self::Heal(..) | Self::Loss(_) | Self::Doubling(_) => None,
            Self::Transit(..) | Self::Reordering(_) | Self::Forged { .. } => None,
        }
    }

    /// The addresses that it may bring.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let addresses = if let Self::Change { host, .. } = self {
            host.addresses()
        } else {
            &[]
        };
        addresses.iter().map(VirtualAddress::ip)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Nothing => f.write_str("without effect"),
            Self::Refused(error) => write!(f, "refused: {error}"),
        }
    }
}

impl Cluster {
    /// Lets something happen now.
    pub fn suffer(&mut self, incident: &Incident) -> Outcome {
        self.begin_to_suffer(incident);
        let befell = self.befall(incident);
        self.note_holders();
        match befell {
            Ok(true) => Outcome::Done,
            Ok(false) => Outcome::Nothing,
            Err(error) => Outcome::Refused(error),
        }
    }

    /// Returns whether it had an effect.
    fn befall(&mut self, incident: &Incident) -> Result<bool> {
        Ok(match incident {
            Incident::Kill(node) => self.kill(*node),
            Incident::Recover(node) => self.recover(*node)?,
            Incident::Begin(node) => self.begin(*node)?,
            Incident::Restart(node, span) => self.restart(*node, *span),
            Incident::Pause(node) => self.set_paused(*node, true),
            Incident::Resume(node) => self.set_paused(*node, false),
            Incident::PowerOff(node) => self.power_off(*node),
            Incident::Stop(node) => self.tell(*node, |driver| driver.stop()),
            Incident::Command {
                node,
                interface,
                command,
            } => self.command(*node, interface, *command)?,
            Incident::Change {
                node,
                interface,
                carpdev,
                host,
            } => self.change(*node, interface, carpdev, host)?,
            Incident::Destroy { node, interface } => self.destroy(*node, interface)?,
            Incident::Demote {
                node,
                group,
                owner,
                amount,
            } => self.tell(*node, |driver| driver.demote(group, owner, *amount)),
            Incident::Preempt(node, on) => self.tell(*node, |driver| driver.set_preempt(*on)),
            Incident::Lease(node, on) => self.tell(*node, |driver| driver.set_lease(*on)),
            Incident::Allow(node, on) => self.tell(*node, |driver| driver.set_allow(*on)),
            Incident::AnnounceEvery(node, every) => {
                self.tell(*node, |driver| driver.set_announce_every(*every))
            }
            Incident::Link {
                node,
                carpdev,
                state,
            } => self.strike(|lan| lan.set_link(*node, carpdev, *state)),
            Incident::Cut(one, other) if one == other => false,
            Incident::Cut(one, other) => self.strike(|lan| lan.set_cut(*one, *other, true)),
            Incident::Heal(one, other) => self.strike(|lan| lan.set_cut(*one, *other, false)),
            Incident::Loss(per_million) => self.strike(|lan| lan.set_loss(*per_million)),
            Incident::Doubling(per_million) => self.strike(|lan| lan.set_doubling(*per_million)),
            Incident::Transit(least, most) => self.strike(|lan| lan.set_transit(*least, *most)),
            Incident::Reordering(on) => self.strike(|lan| lan.set_reordering(*on)),
            Incident::Forged {
                carpdev,
                envelope,
                bytes,
            } => self.strike(|lan| lan.forge(carpdev, *envelope, bytes)),
            Incident::Drift(node, gain) => self.strike(|lan| lan.set_drift(*node, *gain)),
            Incident::Harm {
                node,
                interface,
                harm,
            } => self.lan().harm(*node, interface, *harm),
        })
    }
}
