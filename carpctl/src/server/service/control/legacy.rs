//! What a service leaves to its successor, and how that one begins with it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use carp_net::carp_fsm::Timestamp;
use carp_net::{Backend, Driver};

use super::{Control, Hooked, Interface, Journal, Process, Ticket, Unsaved};
use crate::server::service::records::{InterfaceRecord, Legacy, ServiceRecord};
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::protocol::Reply;

impl<B: Backend> Control<B> {
    /// What was there in another process, on the `backend` of this one. `last_alive` is when that
    /// process last did something. Whoever waited there for an answer has none.
    ///
    /// # Errors
    ///
    /// Where the platform refuses to follow a link.
    pub(crate) fn resume(
        backend: B,
        legacy: Legacy,
        last_alive: Timestamp,
        on_demand: bool,
    ) -> carp_net::Result<Self> {
        let mut interfaces = BTreeMap::new();
        let mut hosts = Vec::new();
        let mut hooked = Hooked::new(backend.now());
        for (name, left) in legacy.interfaces {
            let config = left.config;
            hooked.were_told(name, left.told);
            let host = left.host.and_then(|saved| {
                let (_, host) = config.host()?;
                let id = saved.id();
                hosts.push((saved, host));
                Some(id)
            });
            let interface = Interface {
                config,
                host,
                ..Interface::default()
            };
            interfaces.insert(name, interface);
        }
        let settings = legacy.service.settings;
        let saved = legacy.service.driver;
        let driver = Driver::resume(backend, settings.of_node(), saved, hosts, last_alive)?;
        let mut control = Self {
            journal: Journal::default(),
            process: Process::new(driver.now()),
            hooked,
            driver,
            settings,
            held: Vec::new(),
            interfaces,
            holders: BTreeSet::new(),
            waiting: VecDeque::new(),
            replies: VecDeque::new(),
            happenings: VecDeque::new(),
            unsaved: Unsaved::default(),
            restarts: Vec::new(),
            reloads: BTreeSet::new(),
            boot: legacy.service.boot,
            on_demand,
            stopping: false,
            destroyed_last: false,
        };
        control.await_holders(legacy.service.held);
        control.touch_all();
        control.hook_what_has_changed();
        control.take_events();
        Ok(control)
    }

    // ---- saving ----

    /// Takes note that `name` is not as it was saved.
    pub(super) fn touch(&mut self, name: InterfaceName) {
        self.unsaved.interfaces.insert(name);
        self.unsaved.service = true;
    }

    /// Takes note that something else than an interface is not as it was saved.
    pub(super) const fn touch_service(&mut self) {
        self.unsaved.service = true;
    }

    /// Takes note that nothing is as it was saved.
    pub(crate) fn touch_all(&mut self) {
        self.unsaved.service = true;
        self.unsaved.interfaces.extend(self.interfaces.keys());
    }

    /// Takes note that the next `count` interfaces in turn are not as they were saved, and with the
    /// first of all the rest: counters change all the time, and nobody takes note of that.
    pub(crate) fn touch_next(&mut self, count: usize) {
        for _ in 0..count {
            let next = self.next_name(self.unsaved.refreshed);
            self.unsaved.service |= next.is_none();
            self.unsaved.interfaces.extend(next);
            self.unsaved.refreshed = next;
        }
    }

    /// Tells `save` all that is not as it was saved: an interface, and its record if it is there
    /// still.
    pub(crate) fn save_interfaces(
        &mut self,
        mut save: impl FnMut(InterfaceName, Option<&InterfaceRecord>),
    ) {
        for name in std::mem::take(&mut self.unsaved.interfaces) {
            save(name, self.record(name).as_ref());
        }
    }

    /// The record of everything but the interfaces, where that is not as it was saved.
    pub(crate) fn save_service(&mut self, socket: (u64, u64)) -> Option<ServiceRecord> {
        std::mem::take(&mut self.unsaved.service).then(|| ServiceRecord {
            settings: self.settings,
            driver: self.driver.save(),
            held: self.held_records(),
            boot: self.boot,
            socket,
        })
    }

    fn record(&self, name: InterfaceName) -> Option<InterfaceRecord> {
        let interface = self.interfaces.get(&name)?;
        let saved = interface.host.and_then(|id| self.driver.save_host(id));
        let told = self.hooked.told(name);
        Some(InterfaceRecord::new(&interface.config, saved, told))
    }

    // ---- restart ----

    /// Asks for a successor.
    pub(crate) fn restart(&mut self, ticket: Ticket) {
        if self.stopping {
            self.reply(ticket, super::stopping());
        } else {
            self.restarts.push(ticket);
        }
    }

    /// Whether somebody asked for a successor.
    pub(crate) fn wants_restart(&self) -> bool {
        !self.restarts.is_empty()
    }

    /// Whether an interface is in the middle of a change, whose asker waits for the answer.
    pub(crate) fn is_busy(&self) -> bool {
        let mut all = self.interfaces.values();
        all.any(|found| found.work.is_some() || !found.taking_over.is_empty())
    }

    /// Answers those who asked for a successor.
    pub(crate) fn answer_restart(&mut self, reply: &Reply) {
        for ticket in std::mem::take(&mut self.restarts) {
            self.reply(ticket, reply.clone());
        }
    }

    /// From now on everything stays as it is, for the successor.
    pub(crate) fn leave_in_place(&mut self) {
        self.driver.leave_in_place();
    }
}
