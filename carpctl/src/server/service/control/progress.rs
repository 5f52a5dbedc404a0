//! How what was begun goes on: what the driver tells, and what that means for whoever waits.

use carp_net::carp_fsm::{self, Command, HostId, LinkState, Reason, State};
use carp_net::{Backend, Event};

use super::particulars::{Particulars, write_log};
use super::{Control, Interface, Order, Undo, Work, stopping};
use crate::vocabulary::config::Config;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::protocol::Reply;

impl<B: Backend> Control<B> {
    pub(super) fn take_events(&mut self) {
        while let Some(event) = self.driver.poll_event() {
            let (now, most) = (self.driver.now(), self.settings.log);
            self.journal.write(now, &event, most);
            self.tell(&event);
            self.touch_service();
            self.hook(&event);
            match &event {
                Event::Configured { interface, .. } => {
                    self.with_name(interface, Self::configured);
                }
                Event::ConfigureFailed {
                    interface, error, ..
                } => self.with_name(interface, |this, name| this.configure_failed(name, error)),
                Event::HoldFailed {
                    interface, error, ..
                } => self.with_name(interface, |this, name| this.hold_failed(name, error)),
                Event::NotMended {
                    interface, error, ..
                } => self.with_name(interface, |this, name| {
                    let reason = this.reason(name, error);
                    this.failed(name, reason);
                }),
                Event::Limited {
                    interface, error, ..
                } => self.with_name(interface, |this, name| this.limited(name, error.as_ref())),
                Event::Gone { interface, .. } => self.with_name(interface, Self::gone),
                Event::Node { interface, event } => self.with_name(interface, |this, name| {
                    this.look_again(name, event);
                    this.follow(name);
                    this.look_who_wants_a_master(name, event);
                }),
                Event::Networks { carpdev } => self.join_on(carpdev),
                Event::Refused(_) | _ => {}
            }
        }
        self.run_hooks();
    }

    /// Looks which masters have got the addresses that somebody waits for.
    pub(super) fn look_at_holders(&mut self) {
        let is_holding = |it: &&Interface| matches!(it.work.as_deref(), Some(Work::Holding { .. }));
        for name in self.holders.clone() {
            let Some(interface) = self.interfaces.get(&name).filter(is_holding) else {
                self.holders.remove(&name);
                continue;
            };
            if !self.is_still_to_hold(interface.host, &interface.config)
                && let Some(Work::Holding { order, .. }) = self.take_work(name)
            {
                self.holders.remove(&name);
                self.worked(name);
                self.carry_out(name, order);
                self.next_in_line(name);
            }
        }
    }

    /// Forgets what could not be done where `event` says that it can be.
    fn look_again(&mut self, name: InterfaceName, event: &carp_fsm::Event) {
        let carpdev_came = matches!(
            event,
            carp_fsm::Event::Transition {
                reason: Reason::Link(LinkState::Up),
                ..
            }
        );
        let done = matches!(
            event,
            carp_fsm::Event::Mended { .. }
                | carp_fsm::Event::Transition {
                    to: State::Master,
                    ..
                }
        );
        if let Some(reason) = carpdev_came.then(|| self.obstacle(name)).flatten() {
            self.failed(name, reason);
        } else if carpdev_came || done {
            self.worked(name);
        }
    }

    /// An interface that another program has taken down is down, as if the operator had said so:
    /// `up` brings it back.
    fn follow(&mut self, name: InterfaceName) {
        if self.stopping {
            return; // then all of them are down
        }
        if let Some(interface) = self.interfaces.get_mut(&name)
            && let Some(host) = interface.host.and_then(|id| self.driver.node().host(id))
        {
            interface.config.up = host.config().is_enabled();
        }
    }

    /// Keeps what could not be done, for whoever looks.
    fn failed(&mut self, name: InterfaceName, reason: String) {
        let now = self.driver.now();
        if let Some(interface) = self.interfaces.get_mut(&name) {
            interface.failure = Some((now, reason));
        }
    }

    /// Keeps what its carpdev takes, where that is less than `name` was told.
    fn limited(&mut self, name: InterfaceName, error: Option<&carp_net::Error>) {
        let now = self.driver.now();
        let limit = error.map(|error| (now, self.reason(name, error)));
        if let Some(interface) = self.interfaces.get_mut(&name) {
            interface.limit = limit;
        }
    }

    /// What could not be done before is done.
    fn worked(&mut self, name: InterfaceName) {
        if let Some(interface) = self.interfaces.get_mut(&name) {
            interface.failure = None;
        }
    }

    /// Does the rest of a change whose interface is as it should be.
    pub(super) fn carry_out(&mut self, name: InterfaceName, order: Order) {
        let Some(interface) = self.interfaces.get(&name) else {
            return;
        };
        if let Some(id) = interface.host {
            // `state backup` may change nothing that is told of.
            self.unsaved.interfaces.insert(name);
            for command in &order.commands {
                if let Err(error) = self.driver.command(id, *command) {
                    tracing::warn!("{error}");
                }
            }
        }
        self.follow(name);
        let wants_a_master = order.commands.contains(&Command::Master);
        if wants_a_master && self.is_taking_over(name) {
            if let Some(interface) = self.interfaces.get_mut(&name) {
                interface.taking_over.push(order);
            }
        } else {
            let notes = order.notes;
            self.reply(order.ticket, Reply::Done { notes });
        }
    }

    fn with_name(&mut self, interface: &str, act: impl FnOnce(&mut Self, InterfaceName)) {
        // Events about the whole node name no interface.
        if let Ok(name) = interface.parse() {
            self.touch(name);
            act(self, name);
        }
    }

    fn configured(&mut self, name: InterfaceName) {
        self.worked(name);
        match self.take_work(name) {
            Some(Work::Configuring { order, .. }) => self.carry_out(name, order),
            Some(Work::Restoring) | None => {}
            Some(work) => self.put_work(name, work),
        }
        self.next_in_line(name);
    }

    fn configure_failed(&mut self, name: InterfaceName, error: &carp_net::Error) {
        let reason = self.not_made(name, error);
        let interface = name.to_string();
        let particulars = Particulars::of_failure(&interface, &reason);
        write_log!(
            warn,
            particulars,
            format!("{name}: cannot be made: {reason}")
        );
        match self.take_work(name) {
            Some(Work::Configuring { order, undo }) => {
                let reply = Reply::Refused { reason };
                self.undo(name, order, undo, reply);
            }
            // Nobody waits: its carpdev has come, or it was made what it was before.
            Some(Work::Restoring) | None => self.failed(name, reason),
            Some(work) => {
                self.put_work(name, work);
                self.failed(name, reason);
            }
        }
        self.next_in_line(name);
    }

    fn undo(&mut self, name: InterfaceName, order: Order, undo: Undo, reply: Reply) {
        self.touch(name);
        let Some(interface) = self.interfaces.get_mut(&name) else {
            return;
        };
        match (undo, interface.host) {
            (Undo::Change(before), Some(id)) => {
                interface.config = before.clone();
                if self.restore(id, &before) {
                    self.put_work(name, Work::Restoring);
                }
                self.reply(order.ticket, reply);
            }
            (Undo::Remove(rest), Some(id)) => {
                interface.work = Some(Box::new(Work::Leaving {
                    ticket: order.ticket,
                    reply,
                    rest,
                }));
                if let Err(error) = self.driver.remove(id) {
                    tracing::warn!("{error}");
                    self.gone(name);
                }
            }
            (_, None) => self.reply(order.ticket, reply),
        }
    }

    /// Has a virtual host made what it was. Says whether the driver will tell how that went.
    fn restore(&mut self, id: HostId, before: &Config) -> bool {
        let Some((carpdev, host)) = before.host() else {
            return false;
        };
        self.set_whether_it_asks(id, before);
        self.driver
            .change(id, carpdev, host)
            .unwrap_or_else(|error| {
                tracing::warn!("{error}");
                false
            })
    }

    /// Whether `name` is becoming master: its addresses are on their way, or asked for.
    pub(super) fn is_taking_over(&self, name: InterfaceName) -> bool {
        let id = self.interfaces.get(&name).and_then(|found| found.host);
        let host = id.and_then(|id| self.driver.node().host(id));
        host.is_some_and(|host| host.taking_over().is_some())
    }

    /// Looks whether an interface that was becoming master has got there, or has given it up.
    fn look_who_wants_a_master(&mut self, name: InterfaceName, event: &carp_fsm::Event) {
        if self.is_taking_over(name) {
            return;
        }
        if let carp_fsm::Event::Transition { to, reason, .. } = event {
            if *to != State::Master {
                return self.refuse_a_master(name, &format!("{NOT_MASTER}: {reason}"));
            }
            for order in self.take_those_who_want_a_master(name) {
                let notes = order.notes;
                self.reply(order.ticket, Reply::Done { notes });
            }
        } else if matches!(event, carp_fsm::Event::Released { .. }) && self.is_backup(name) {
            let reason = format!("{NOT_MASTER}: another command or node came first");
            self.refuse_a_master(name, &reason);
        }
    }

    /// Tells all who want `name` to be master that it is not.
    fn refuse_a_master(&mut self, name: InterfaceName, reason: &str) {
        for order in self.take_those_who_want_a_master(name) {
            let refused = Reply::Refused {
                reason: reason.to_owned(),
            };
            let reply = if self.stopping { stopping() } else { refused };
            self.reply(order.ticket, reply);
        }
    }

    fn take_those_who_want_a_master(&mut self, name: InterfaceName) -> Vec<Order> {
        let interface = self.interfaces.get_mut(&name);
        interface.map_or_else(Vec::new, |it| std::mem::take(&mut it.taking_over))
    }

    fn is_backup(&self, name: InterfaceName) -> bool {
        let id = self.interfaces.get(&name).and_then(|found| found.host);
        let host = id.and_then(|id| self.driver.node().host(id));
        host.is_some_and(|host| host.state() == State::Backup)
    }

    fn hold_failed(&mut self, name: InterfaceName, error: &carp_net::Error) {
        let reason = self.reason(name, error);
        self.refuse_a_master(name, &reason);
        match self.take_work(name) {
            Some(Work::Holding { order, undo }) => {
                self.undo(name, order, undo, Reply::Refused { reason });
                self.next_in_line(name);
            }
            Some(work) => {
                self.put_work(name, work);
                self.failed(name, reason);
            }
            None => self.failed(name, reason),
        }
    }

    pub(super) fn gone(&mut self, name: InterfaceName) {
        self.refuse_a_master(name, &format!("{NOT_MASTER}: gone"));
        match self.take_work(name) {
            Some(Work::Leaving {
                ticket,
                reply,
                rest,
            }) => {
                let destroyed = matches!(reply, Reply::Done { .. });
                self.forget(name, rest);
                self.destroyed_last &= destroyed;
                self.reply(ticket, reply);
            }
            Some(Work::Configuring { order, .. } | Work::Holding { order, .. }) => {
                self.forget(name, None);
                self.reply(order.ticket, stopping());
            }
            Some(Work::Restoring) | None => self.forget(name, None),
        }
        self.next_in_line(name);
    }

    /// Removes an interface, or leaves of it what never was in the driver.
    pub(super) fn forget(&mut self, name: InterfaceName, rest: Option<Config>) {
        self.touch(name);
        match rest {
            Some(config) => {
                let interface = Interface {
                    config,
                    ..Interface::default()
                };
                self.interfaces.insert(name, interface);
            }
            None => {
                self.interfaces.remove(&name);
                self.hooked.forget(name);
            }
        }
        self.destroyed_last = self.interfaces.is_empty();
    }

    /// Takes up what waited for `name`, until it is busy again.
    fn next_in_line(&mut self, name: InterfaceName) {
        self.join_when_idle(name);
        loop {
            let busy = |interface: &Interface| interface.work.is_some();
            let next = self.waiting.iter().position(|(_, of, _)| *of == name);
            let (Some(next), false) = (next, self.interfaces.get(&name).is_some_and(busy)) else {
                return;
            };
            let Some((ticket, name, change)) = self.waiting.remove(next) else {
                return;
            };
            self.change(ticket, name, change);
        }
    }

    fn take_work(&mut self, name: InterfaceName) -> Option<Work> {
        let work = self.interfaces.get_mut(&name)?.work.take()?;
        Some(*work)
    }

    fn put_work(&mut self, name: InterfaceName, work: Work) {
        if matches!(work, Work::Holding { .. }) {
            self.holders.insert(name);
        }
        if let Some(interface) = self.interfaces.get_mut(&name) {
            interface.work = Some(Box::new(work));
        }
    }
}

/// What is told to whoever wants a master that another command or node has kept from becoming one.
const NOT_MASTER: &str = "not master";
