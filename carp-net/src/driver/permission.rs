//! Permission to hold: whoever embeds a driver may want to be asked before a virtual host becomes
//! master, for example so that an application can get ready, or say that it is not.
//!
//! The election goes on while the answer is awaited: where another node is quicker the question
//! is void, and an answer to it changes nothing.

use carp_fsm::{HostId, Input, State};

use super::Driver;
use crate::{Backend, Error, ErrorKind, Event, Result};

/// Whether a virtual host needs permission, and waits for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Permission {
    pub(super) needed: bool,
    pub(super) awaited: bool,
}

impl<B: Backend> Driver<B> {
    /// Whether the virtual host `id` asks, with [`Event::HoldWanted`], before it puts its
    /// addresses in place to become master. It then waits for [`permit_hold`](Self::permit_hold)
    /// or [`refuse_hold`](Self::refuse_hold), as long as that takes: the limit is the caller's.
    /// A master that gets other addresses does not ask.
    ///
    /// A successor of this driver asks where this one did.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownHost`].
    pub fn ask_before_hold(&mut self, id: HostId, ask: bool) -> Result<()> {
        self.interface(id)?;
        if let Some(interface) = self.interfaces.get_mut(&id) {
            interface.permission.needed = ask;
        }
        if !ask {
            self.permit_hold(id);
        }
        Ok(())
    }

    /// Lets `id` become master, if it has asked and still wants to.
    pub fn permit_hold(&mut self, id: HostId) {
        if self.take_awaited(id) {
            self.hold(id);
            self.drain();
        }
    }

    /// Keeps `id` from becoming master this time, if it has asked and still wants to, for
    /// `reason`. It stands by as after any [`Event::HoldFailed`], and asks again when it next
    /// takes over.
    pub fn refuse_hold(&mut self, id: HostId, reason: impl Into<String>) {
        if self.take_awaited(id) {
            let interface = self.name_of(id);
            let error = Error::new(interface.clone(), ErrorKind::NotPermitted(reason.into()));
            self.events.push_back(Event::HoldFailed {
                interface,
                id,
                error,
            });
            self.input(Input::HoldFailed(id));
        }
    }

    /// What the node wants held is held, or asked for first.
    pub(super) fn hold_or_ask(&mut self, id: HostId) {
        // Of two questions under way one is void: the node counts the answers.
        self.give_up_asking(id);
        let is_master = self.node.host(id).map(|host| host.state()) == Some(State::Master);
        match self.interfaces.get_mut(&id) {
            Some(interface) if interface.permission.needed && !is_master => {
                interface.permission.awaited = true;
                let interface = interface.name.clone();
                self.events.push_back(Event::HoldWanted { interface, id });
            }
            Some(_) | None => self.hold(id),
        }
    }

    /// Nobody needs the answer any more. The node has long decided otherwise, or asks anew.
    pub(super) fn give_up_asking(&mut self, id: HostId) {
        if self.take_awaited(id) {
            self.node.handle(self.backend.now(), Input::HoldFailed(id));
        }
    }

    fn hold(&mut self, id: HostId) {
        // The interface may have to come up first.
        self.configure(id);
        self.backend
            .hold(id, self.node.addresses(id), self.node.lease(id));
    }

    fn take_awaited(&mut self, id: HostId) -> bool {
        let interface = self.interfaces.get_mut(&id);
        interface.is_some_and(|it| std::mem::take(&mut it.permission.awaited))
    }
}

#[cfg(test)]
mod tests;
