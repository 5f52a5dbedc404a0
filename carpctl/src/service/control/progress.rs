//! How what was begun goes on: what the driver tells, and what that means for whoever waits.

use carp_net::carp_fsm::{Command, HostId, State};
use carp_net::{Backend, Event};

use super::{Control, Interface, Order, Undo, Work, stopping, told};
use crate::config::Config;
use crate::name::InterfaceName;
use crate::protocol::Reply;

impl<B: Backend> Control<B> {
    pub(super) fn take_events(&mut self) {
        while let Some(event) = self.driver.poll_event() {
            match &event {
                Event::Configured { interface, .. } => {
                    tracing::debug!("{event}");
                    self.with_name(interface, Self::configured);
                }
                Event::ConfigureFailed {
                    interface, error, ..
                } => {
                    tracing::warn!("{event}");
                    self.with_name(interface, |this, name| this.configure_failed(name, error));
                }
                Event::HoldFailed {
                    interface, error, ..
                } => {
                    tracing::warn!("{event}");
                    self.with_name(interface, |this, name| this.hold_failed(name, error));
                }
                Event::Gone { interface, .. } => {
                    tracing::info!("{event}");
                    self.with_name(interface, Self::gone);
                }
                Event::Node { interface, .. } => {
                    tracing::info!("{event}");
                    self.with_name(interface, Self::moved);
                }
                _ => tracing::debug!("{event}"),
            }
        }
    }

    /// Does the rest of a change whose interface is as it should be.
    pub(super) fn carry_out(&mut self, name: InterfaceName, order: Order) {
        let Some(interface) = self.interfaces.get_mut(&name) else {
            return;
        };
        if let Some(id) = interface.host {
            for command in &order.commands {
                if let Err(error) = self.driver.command(id, *command) {
                    tracing::warn!("{error}");
                }
            }
        }
        if order.commands.contains(&Command::Master) {
            interface.work = Some(Work::TakingOver(order));
            self.moved(name);
        } else {
            let notes = order.notes;
            self.reply(order.ticket, Reply::Done { notes });
        }
    }

    fn with_name(&mut self, interface: &str, act: impl FnOnce(&mut Self, InterfaceName)) {
        // Events about the whole node name no interface.
        if let Ok(name) = interface.parse() {
            act(self, name);
        }
    }

    fn configured(&mut self, name: InterfaceName) {
        match self.take_work(name) {
            Some(Work::Configuring { order, .. }) => self.carry_out(name, order),
            Some(Work::Restoring) | None => {}
            Some(work @ (Work::TakingOver(_) | Work::Leaving { .. })) => self.put_work(name, work),
        }
        self.resume(name);
    }

    fn configure_failed(&mut self, name: InterfaceName, error: &carp_net::Error) {
        let reason = self.reason(name, error);
        match self.take_work(name) {
            Some(Work::Configuring { order, undo }) => {
                let reply = Reply::Refused { reason };
                self.undo(name, order, undo, reply);
            }
            Some(Work::Restoring) | None => {}
            Some(work @ (Work::TakingOver(_) | Work::Leaving { .. })) => self.put_work(name, work),
        }
        self.resume(name);
    }

    fn undo(&mut self, name: InterfaceName, order: Order, undo: Undo, reply: Reply) {
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
                interface.work = Some(Work::Leaving {
                    ticket: order.ticket,
                    reply,
                    rest,
                });
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
        self.driver
            .change(id, carpdev, host)
            .unwrap_or_else(|error| {
                tracing::warn!("{error}");
                false
            })
    }

    /// Looks whether an interface that was becoming master has got there, or has given it up.
    fn moved(&mut self, name: InterfaceName) {
        let id = self.interfaces.get(&name).and_then(|found| found.host);
        let host = id.and_then(|id| self.driver.node().host(id));
        if host.is_some_and(|host| host.holds() && host.state() == State::Backup) {
            return;
        }
        match self.take_work(name) {
            Some(Work::TakingOver(order)) => {
                let notes = order.notes;
                self.reply(order.ticket, Reply::Done { notes });
                self.resume(name);
            }
            Some(work) => self.put_work(name, work),
            None => {}
        }
    }

    fn hold_failed(&mut self, name: InterfaceName, error: &carp_net::Error) {
        let reason = self.reason(name, error);
        match self.take_work(name) {
            Some(Work::TakingOver(order)) => {
                self.reply(order.ticket, Reply::Refused { reason });
                self.resume(name);
            }
            Some(work) => self.put_work(name, work),
            None => {}
        }
    }

    pub(super) fn gone(&mut self, name: InterfaceName) {
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
            Some(Work::Configuring { order, .. } | Work::TakingOver(order)) => {
                self.forget(name, None);
                self.reply(order.ticket, stopping());
            }
            Some(Work::Restoring) | None => self.forget(name, None),
        }
        self.resume(name);
    }

    /// Removes an interface, or leaves of it what never was in the driver.
    pub(super) fn forget(&mut self, name: InterfaceName, rest: Option<Config>) {
        match rest {
            Some(config) => {
                let interface = Interface {
                    config,
                    host: None,
                    work: None,
                };
                self.interfaces.insert(name, interface);
            }
            None => {
                self.interfaces.remove(&name);
            }
        }
        self.destroyed_last = self.interfaces.is_empty();
    }

    /// Takes up what waited for `name`, until it is busy again.
    fn resume(&mut self, name: InterfaceName) {
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
        self.interfaces.get_mut(&name)?.work.take()
    }

    fn put_work(&mut self, name: InterfaceName, work: Work) {
        if let Some(interface) = self.interfaces.get_mut(&name) {
            interface.work = Some(work);
        }
    }

    fn reason(&self, name: InterfaceName, error: &carp_net::Error) -> String {
        told(name, self.carpdev_of(name).unwrap_or_default(), error)
    }
}
