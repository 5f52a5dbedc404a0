//! What a cluster is like and what happens to it.

use std::time::Duration;

use carp_fsm::carp_proto::VirtualAddress;
use carp_fsm::{NodeConfig, VirtualHost};

use super::Incident;
use crate::memory::Lan;

/// A cluster and what happens to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    pub(super) machines: Vec<Machine>,
    pub(super) network: Network,
    pub(super) incidents: Vec<(Duration, Incident)>,
}

/// A machine, and what its service is told whenever it begins without knowing of any before.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    pub(super) name: String,
    pub(super) config: NodeConfig,
    pub(super) interfaces: Vec<Interface>,
    pub(super) networks: Vec<(String, Vec<VirtualAddress>)>,
    pub(super) drift: i32,
}

/// A carp interface.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) carpdev: String,
    pub(super) host: VirtualHost,
}

/// What lies between machines, and how quick their kernels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    loss: u32,
    doubling: u32,
    transit: (Duration, Duration),
    reorders: bool,
    work: (Duration, Duration),
}

impl Scenario {
    /// One without machines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a machine; they are numbered from 0.
    pub fn add(&mut self, machine: Machine) {
        self.machines.push(machine);
    }

    /// Sets what lies between the machines.
    pub const fn set_network(&mut self, network: Network) {
        self.network = network;
    }

    /// Makes something happen so long after the beginning. What happens at one moment does so in
    /// the order in which it was said.
    pub fn at(&mut self, after: Duration, incident: Incident) {
        self.incidents.push((after, incident));
    }
}

impl Machine {
    /// A machine without interfaces, with a clock that is right.
    pub fn new(name: &str, config: NodeConfig) -> Self {
        Self {
            name: name.to_owned(),
            config,
            interfaces: Vec::new(),
            networks: Vec::new(),
            drift: 0,
        }
    }

    /// Adds a virtual host, as `name` on `carpdev`. Machines whose carpdevs have one name are on
    /// one segment.
    #[must_use]
    pub fn interface(mut self, name: &str, carpdev: &str, host: VirtualHost) -> Self {
        self.interfaces.push(Interface {
            name: name.to_owned(),
            carpdev: carpdev.to_owned(),
            host,
        });
        self
    }

    /// The addresses that it has of its own on a carpdev (see [`Lan::set_networks`]).
    #[must_use]
    pub fn networks(mut self, carpdev: &str, addresses: Vec<VirtualAddress>) -> Self {
        self.networks.push((carpdev.to_owned(), addresses));
        self
    }

    /// Its clock gains so many microseconds in a million, or loses them; at most 500,000.
    #[must_use]
    pub const fn drift(mut self, per_million: i32) -> Self {
        self.drift = per_million;
        self
    }
}

impl Network {
    /// Loses so many of a million packets.
    #[must_use]
    pub const fn loss(mut self, per_million: u32) -> Self {
        self.loss = per_million;
        self
    }

    /// Brings so many of a million packets twice.
    #[must_use]
    pub const fn doubling(mut self, per_million: u32) -> Self {
        self.doubling = per_million;
        self
    }

    /// Packets take a random time from `least` to `most`.
    #[must_use]
    pub const fn transit(mut self, least: Duration, most: Duration) -> Self {
        self.transit = (least, most);
        self
    }

    /// Packets overtake each other, or stay in order.
    #[must_use]
    pub const fn reorders(mut self, reorders: bool) -> Self {
        self.reorders = reorders;
        self
    }

    /// Kernels take a random time from `least` to `most` for each change.
    #[must_use]
    pub const fn work(mut self, least: Duration, most: Duration) -> Self {
        self.work = (least, most);
        self
    }

    /// Makes `lan` like this.
    pub(super) fn shape(&self, lan: &Lan) {
        lan.set_loss(self.loss);
        lan.set_doubling(self.doubling);
        lan.set_transit(self.transit.0, self.transit.1);
        lan.set_reordering(self.reorders);
        lan.set_work(self.work.0, self.work.1);
    }
}

/// Nothing is lost, and everything is as quick as measured on one switch and Linux.
impl Default for Network {
    fn default() -> Self {
        let (transit, work) = (Duration::from_micros(100), Duration::from_micros(400));
        Self {
            loss: 0,
            doubling: 0,
            transit: (transit, transit),
            reorders: false,
            work: (work, work),
        }
    }
}
