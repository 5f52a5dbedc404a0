//! What can go wrong on a simulated LAN.

use std::time::Duration;

use carp_fsm::carp_proto::{Advertisement, Envelope, VirtualAddress};
use carp_fsm::{Damage, LinkState, TakenDown};

use super::Lan;
use super::machine::Machine;
use super::observed::{Holding, Observed};
use super::world::Delivery;

/// What another program on a node can do to its carp interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Harm {
    /// Changes what the interface needs, if it holds addresses. Where they are
    /// [handed over](crate::Backend::hand_over) or no process is left, nobody mends it.
    Damage(Damage),
    /// Takes the interface down.
    TakeDown(TakenDown),
}

impl Lan {
    /// Loses `per_million` of a million packets from now on, chosen at random for each receiver.
    pub fn set_loss(&self, per_million: u32) {
        self.world().loss_per_million = per_million;
    }

    /// Delays each packet by a random time from `least` to `most` from now on; what one node sends
    /// to another arrives in order.
    pub fn set_transit(&self, least: Duration, most: Duration) {
        self.world().transit = (least, most.max(least));
    }

    /// Lets packets overtake each other from now on, or keeps them in order.
    pub fn set_reordering(&self, reorders: bool) {
        self.world().reorders = reorders;
    }

    /// Brings `per_million` of a million packets twice from now on, chosen at random for each
    /// receiver.
    pub fn set_doubling(&self, per_million: u32) {
        self.world().doubled_per_million = per_million;
    }

    /// Brings a packet that no node has sent to all nodes on the segment of `link`. Nothing random
    /// is drawn for it, so that a run with such packets is otherwise the same as one without.
    pub fn forge(&self, link: &str, envelope: Envelope, payload: &[u8; Advertisement::LEN]) {
        self.world().forge(link, envelope, payload);
    }

    /// Lets the clock of a node gain `per_million` microseconds a second from now on, or lose them
    /// where that is negative; at most 500,000. It shows the time of the LAN at first.
    pub fn set_drift(&self, node: usize, per_million: i32) {
        let mut world = self.world();
        let now = world.now;
        if let Some(machine) = world.machines.get_mut(node) {
            machine.clock.set_gain(now, per_million);
        }
    }

    /// Lets kernels take a random time from `least` to `most` from now on for each change that they
    /// are asked for. They do one after the other.
    pub fn set_work(&self, least: Duration, most: Duration) {
        self.world().work = (least, most.max(least));
    }

    /// Cuts two nodes off from each other, or joins them again.
    pub fn set_cut(&self, one: usize, other: usize, cut: bool) {
        let pair = (one.min(other), one.max(other));
        let mut world = self.world();
        if cut {
            world.cut.insert(pair);
        } else {
            world.cut.remove(&pair);
        }
    }

    /// Sets the state of a node's link. Interfaces on a link that becomes absent go with it.
    pub fn set_link(&self, node: usize, name: &str, state: LinkState) {
        self.change(node, |machine| machine.set_link(name, state));
    }

    /// Sets the addresses that a node's machine has of its own on a link, and that its adverts come
    /// from; at first that is one of 198.18.0.0/15 or a link-local one.
    pub fn set_networks(&self, node: usize, link: &str, networks: &[VirtualAddress]) {
        self.change(node, |machine| {
            machine.set_networks(link, networks.to_vec());
            0
        });
    }

    /// Freezes the process of a node, or lets it go on: while frozen it does nothing, but what its
    /// kernel holds it goes on holding for its lease, and what is sent to it waits.
    pub fn set_paused(&self, node: usize, paused: bool) {
        let mut world = self.world();
        let Some(machine) = world.machines.get_mut(node) else {
            return;
        };
        let number = machine.number();
        for work in machine.set_paused(paused) {
            world.schedule(Duration::ZERO, node, Delivery::Work(number, work));
        }
    }

    /// A node loses its power: its process ends, and nothing is left of what it held. Its links are
    /// as they were; [`node_again`](Self::node_again) switches it on again.
    pub fn power_off(&self, node: usize) {
        self.change(node, Machine::power_off);
    }

    /// Does to a node what another program on it might. Returns whether there was something to
    /// change: addresses, or an interface that is up.
    pub fn harm(&self, node: usize, interface: &str, harm: Harm) -> bool {
        let mut has_effect = false;
        self.change(node, |machine| match harm {
            Harm::Damage(damage) => {
                has_effect = machine.has_addresses(interface);
                machine.damage(interface, damage);
                0
            }
            Harm::TakeDown(how) => {
                has_effect = machine.is_up(interface);
                machine.take_down(interface, how)
            }
        });
        has_effect
    }

    /// Changes a machine; `change` says from how many interfaces that takes the addresses.
    fn change(&self, node: usize, change: impl FnOnce(&mut Machine) -> usize) {
        let mut world = self.world();
        let taken = world.machines.get_mut(node).map_or(0, change);
        for _ in 0..taken {
            world.observe(node, Observed::Change, Holding::Nothing);
        }
        drop(world);
        self.wake();
    }
}
