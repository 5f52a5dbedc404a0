//! A simulated LAN of many nodes in virtual time.
//!
//! Every node of a [`Lan`] is a [`Backend`](crate::Backend). Time stands still while nodes work and
//! jumps to the next thing that happens, so hours pass in milliseconds and a run with the same seed
//! is the same run. The LAN can lose, double, delay and reorder packets and be cut in two; machines
//! can lose links and power, and their clocks can be wrong; processes can be paused, killed and
//! begun anew, and what they held stays in their machine's kernel until its lease ends.
//!
//! ```
//! use std::time::Duration;
//! use carp_net::carp_fsm::carp_proto::{Key, Vhid};
//! use carp_net::carp_fsm::{Node, State, VirtualHost};
//! use carp_net::{Driver, memory::Lan};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let lan = Lan::new(42);
//! let mut nodes = Vec::new();
//! for skew in [0, 100] {
//!     let host = VirtualHost::new(Vhid::new(99)?, Key::from_password("SharedSecret"))
//!         .advskew(skew)?
//!         .address("192.0.2.10/24".parse()?);
//!     let mut driver = Driver::new(lan.node(), Node::builder())?;
//!     driver.add("carp0", "vmx0", host)?;
//!     nodes.push(driver);
//! }
//! lan.run(&mut nodes, lan.now() + Duration::from_secs(5), |_, _| {});
//! assert_eq!(lan.holders("192.0.2.10".parse()?), [0]);
//! # Ok(())
//! # }
//! ```

use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use carp_fsm::Timestamp;

use crate::{Driver, Event};

mod clock;
mod faults;
pub use faults::Harm;
mod machine;
mod node;
pub use node::Memory;
mod observed;
pub use observed::{Holding, Observation, Observed};
mod world;
use machine::Machine;
use world::World;

/// A simulated network: one segment for each name of a link, nodes, and faults.
///
/// Nodes are numbered from 0, in the order in which they were added. To a number that none has
/// nothing happens.
#[derive(Clone, Debug)]
pub struct Lan(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    woken: Condvar,
}

impl Lan {
    /// A LAN without nodes and faults; `seed` decides every random thing that happens on it.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Shared {
            world: Mutex::new(World::new(seed)),
            woken: Condvar::new(),
        }))
    }

    /// Adds a machine with a process; they are numbered from 0. Every name is a link to it, up from
    /// the start.
    pub fn node(&self) -> Memory {
        let mut world = self.world();
        let index = world.machines.len();
        world.machines.push(Machine::default());
        drop(world);
        self.process_on(index)
    }

    /// Another process on the machine with this number. The one before has ended; if it has
    /// [left in place](crate::Backend::leave_in_place) what it held, as one that is killed does,
    /// that is there still, unless its lease has ended. Packets that arrived in between are lost.
    pub fn node_again(&self, index: usize) -> Memory {
        self.process_on(index)
    }

    fn process_on(&self, index: usize) -> Memory {
        let mut world = self.world();
        let process = world.machines.get_mut(index).map_or(0, Machine::begin);
        drop(world);
        Memory::new(self.clone(), index, process)
    }

    /// The moment it is.
    pub fn now(&self) -> Timestamp {
        self.world().now
    }

    /// What the clock of a node shows; that is [`now`](Self::now) unless it
    /// [drifts](Self::set_drift).
    pub fn clock(&self, node: usize) -> Timestamp {
        self.world().clock(node)
    }

    /// The node that has `address` of its own, or that adverts from it come from.
    pub fn node_with(&self, address: IpAddr) -> Option<usize> {
        let world = self.world();
        (0..world.machines.len()).find(|node| world.has(*node, address))
    }

    /// The nodes where `address` is in place and can be reached, in order, whether or not a process
    /// runs there.
    pub fn holders(&self, address: IpAddr) -> Vec<usize> {
        let world = self.world();
        let machines = (0..).zip(&world.machines);
        machines
            .filter(|(_, machine)| machine.holds(address))
            .map(|(index, _)| index)
            .collect()
    }

    /// Keeps from now on what can be [observed](Self::observed).
    pub fn observe(&self) {
        self.world().observed = Some(Vec::new());
    }

    /// What has been observed since the last call: what nodes have said, and what their kernels hold,
    /// in the order in which it happened.
    pub fn observed(&self) -> Vec<Observation> {
        let mut world = self.world();
        world
            .observed
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Runs `nodes`, which must be all of this LAN that are alive, until `until`; `tell` gets each
    /// event with the number of its node.
    pub fn run(
        &self,
        nodes: &mut [Driver<Memory>],
        until: Timestamp,
        mut tell: impl FnMut(usize, &Event),
    ) {
        while self.step(&mut *nodes, until, &mut tell) {}
    }

    /// Lets `nodes`, which must be all of this LAN that are alive, do what there is to do, then moves
    /// time to the next thing that happens. Returns `false` once that is later than `until`; it is
    /// `until` then.
    pub fn step<'a, N>(&self, nodes: N, until: Timestamp, tell: impl FnMut(usize, &Event)) -> bool
    where
        N: IntoIterator<Item = &'a mut Driver<Memory>>,
    {
        let next = self.work(nodes, tell);
        self.move_on(next, until)
    }

    /// Lets `nodes` do what there is to do. Returns when the next thing happens.
    pub(crate) fn work<'a, N>(
        &self,
        nodes: N,
        mut tell: impl FnMut(usize, &Event),
    ) -> Option<Timestamp>
    where
        N: IntoIterator<Item = &'a mut Driver<Memory>>,
    {
        let mut next: Option<Timestamp> = None;
        let mut sooner = |at: Option<Timestamp>| next = next.into_iter().chain(at).min();
        for driver in nodes {
            let index = driver.backend().index();
            if self.is_paused(index) {
                continue;
            }
            driver.process(driver.now());
            while let Some(event) = driver.poll_event() {
                tell(index, &event);
            }
            sooner(driver.deadline().map(|at| self.world().when(index, at)));
        }
        sooner(self.world().next());
        next
    }

    /// Moves time to the `next` thing that happens, if that is by `until`, else to `until`. Returns
    /// whether it is.
    pub(crate) fn move_on(&self, next: Option<Timestamp>, until: Timestamp) -> bool {
        let next = next.filter(|next| *next <= until);
        let mut world = self.world();
        let now = world.now;
        world.advance_to(next.unwrap_or(until).max(now));
        next.is_some()
    }

    fn is_paused(&self, node: usize) -> bool {
        let world = self.world();
        world.machines.get(node).is_some_and(Machine::is_paused)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // A panic elsewhere leaves the simulation as consistent as it was.
        self.0
            .world
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Makes a process that waits in another thread look what has happened.
    fn wake(&self) {
        self.world().wakes += 1;
        self.0.woken.notify_all();
    }
}
