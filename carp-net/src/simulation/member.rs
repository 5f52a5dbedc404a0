//! A machine of a cluster, and the process on it.

use std::collections::BTreeMap;

use carp_fsm::{HostId, NodeConfig, Timestamp, VirtualHost};

use super::Machine;
use crate::memory::Memory;
use crate::{Driver, ErrorKind, Result, SavedDriver, SavedInterface};

#[derive(Debug)]
pub(super) struct Member {
    pub(super) machine: Machine,
    /// `None` while no process runs.
    pub(super) driver: Option<Driver<Memory>>,
    hosts: BTreeMap<String, HostId>,
    /// What its process has left to the next one.
    record: Option<Record>,
    /// When its process was last seen alive, on the clock of the machine.
    last_alive: Timestamp,
    pub(super) is_paused: bool,
}

#[derive(Clone, Debug)]
struct Record {
    driver: SavedDriver,
    config: NodeConfig,
    hosts: Vec<(SavedInterface, VirtualHost)>,
}

impl Member {
    pub(super) const fn new(machine: Machine) -> Self {
        Self {
            machine,
            driver: None,
            hosts: BTreeMap::new(),
            record: None,
            last_alive: Timestamp::ZERO,
            is_paused: false,
        }
    }

    /// A process begins that knows nothing of any before.
    pub(super) fn begin(&mut self, backend: Memory) -> Result<()> {
        let mut driver = Driver::new(backend, self.machine.config)?;
        self.hosts.clear();
        for interface in &self.machine.interfaces {
            let host = interface.host.clone();
            let id = driver.add(&interface.name, &interface.carpdev, host)?;
            self.hosts.insert(interface.name.clone(), id);
        }
        self.driver = Some(driver);
        self.save();
        Ok(())
    }

    /// A process begins with what the one before has left.
    pub(super) fn recover(&mut self, backend: Memory) -> Result<bool> {
        let Some(record) = self.record.clone() else {
            return Ok(false);
        };
        let Record {
            driver,
            config,
            hosts,
        } = record;
        self.driver = Some(Driver::resume(
            backend,
            config,
            driver,
            hosts,
            self.last_alive,
        )?);
        Ok(true)
    }

    /// What the supervisor is given: at each event, and before a restart.
    pub(super) fn save(&mut self) {
        let Some(driver) = &self.driver else {
            return;
        };
        let hosts = self.hosts.values().filter_map(|id| {
            let view = driver.node().host(*id)?;
            Some((driver.save_host(*id)?, view.config().clone()))
        });
        self.record = Some(Record {
            driver: driver.save(),
            config: driver.node().config(),
            hosts: hosts.collect(),
        });
    }

    /// The process ends; its kernel does not notice. `last_alive` is on the clock of the machine.
    pub(super) fn end(&mut self, last_alive: Timestamp) {
        if let Some(mut driver) = self.driver.take() {
            driver.leave_in_place();
            if !self.is_paused {
                self.last_alive = last_alive;
            }
            self.is_paused = false;
        }
    }

    /// Whether there is a process, or something that one has left to the next.
    pub(super) const fn has_any(&self) -> bool {
        self.driver.is_some() || self.record.is_some()
    }

    /// The process ends in good order, or nothing is left of what it has saved.
    pub(super) fn forget(&mut self) {
        self.driver = None;
        self.record = None;
    }

    /// The process is frozen, or goes on.
    pub(super) fn set_paused(&mut self, paused: bool, now: Timestamp) {
        self.is_paused = paused;
        self.last_alive = now;
    }

    /// The process, where it can do something.
    pub(super) fn awake(&mut self) -> Option<&mut Driver<Memory>> {
        self.driver.as_mut().filter(|_| !self.is_paused)
    }

    /// The virtual host of an interface.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSuchInterface`].
    pub(super) fn id(&self, interface: &str) -> Result<HostId> {
        let unknown = || crate::Error::new(interface, ErrorKind::NoSuchInterface);
        self.hosts.get(interface).copied().ok_or_else(unknown)
    }

    /// There is another interface.
    pub(super) fn knows(&mut self, interface: &str, id: HostId) {
        self.hosts.insert(interface.to_owned(), id);
    }

    /// Forgets the interfaces of which nothing is left.
    pub(super) fn forget_the_gone(&mut self) {
        if let Some(driver) = &self.driver {
            self.hosts.retain(|_, id| driver.node().host(*id).is_some());
        }
    }
}
