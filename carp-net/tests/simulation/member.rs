//! A machine of a cluster, and the process on it.

use carp_net::Driver;
use carp_net::carp_fsm::{HostId, HostView, State, Timestamp, VirtualHost};
use carp_net::memory::{Lan, Memory};
use carp_net::{SavedDriver, SavedInterface};

use crate::setting::Setting;

pub(crate) struct Member {
    /// `None` while no process runs.
    pub(crate) driver: Option<Driver<Memory>>,
    pub(crate) id: HostId,
    /// What its process has left to the next one.
    record: Option<Record>,
    /// When its process was last seen alive.
    pub(crate) last_alive: Timestamp,
    pub(crate) paused: bool,
    pub(crate) linked: bool,
}

#[derive(Clone)]
struct Record {
    driver: SavedDriver,
    host: SavedInterface,
    told_to_be: VirtualHost,
}

impl Member {
    /// A process that begins on `node` of the LAN and knows nothing of any before.
    pub(crate) fn fresh(lan: &Lan, backend: Memory, setting: &Setting) -> Self {
        let node = backend.index();
        let mut driver = Driver::new(backend, setting.config).unwrap();
        let id = driver.add("carp0", "vmx0", setting.host(node)).unwrap();
        let mut member = Self {
            driver: Some(driver),
            id,
            record: None,
            last_alive: lan.now(),
            paused: false,
            linked: true,
        };
        member.save();
        member
    }

    /// Changes the virtual host, where a process runs that can.
    pub(crate) fn change(&mut self, host: VirtualHost) {
        if let Some(driver) = &mut self.driver {
            driver.change(self.id, "vmx0", host).unwrap();
        }
        self.save();
    }

    /// What the supervisor is given: at each event, and before a restart.
    pub(crate) fn save(&mut self) {
        let Some(driver) = &self.driver else {
            return;
        };
        let host = driver.node().host(self.id);
        self.record = driver
            .save_host(self.id)
            .zip(host)
            .map(|(saved, view)| Record {
                driver: driver.save(),
                host: saved,
                told_to_be: view.config().clone(),
            });
    }

    /// The process ends; its kernel does not notice.
    pub(crate) fn end(&mut self, last_alive: Timestamp) {
        if let Some(mut driver) = self.driver.take() {
            driver.leave_in_place();
            if !self.paused {
                self.last_alive = last_alive;
            }
            self.paused = false;
        }
    }

    /// Nothing is left of what it saved.
    pub(crate) fn forget(&mut self) {
        self.record = None;
    }

    /// Another process begins with what the one before has left.
    pub(crate) fn resume(&mut self, backend: Memory, setting: &Setting) {
        let Some(record) = self.record.clone() else {
            return;
        };
        let hosts = [(record.host, record.told_to_be)];
        let driver = Driver::resume(
            backend,
            setting.config,
            record.driver,
            hosts,
            self.last_alive,
        );
        self.driver = Some(driver.unwrap());
    }

    pub(crate) fn view(&self) -> Option<HostView<'_>> {
        self.driver.as_ref()?.node().host(self.id)
    }

    pub(crate) fn state(&self) -> Option<State> {
        self.view().map(|view| view.state())
    }

    pub(crate) fn is_master(&self) -> bool {
        self.state() == Some(State::Master)
    }

    /// Whether it can take part in the election.
    pub(crate) fn takes_part(&self) -> bool {
        let enabled = self.view().is_some_and(|view| view.config().is_enabled());
        enabled && self.linked && !self.paused
    }
}
