//! How the service as a whole is, in a line for `systemctl status`.

use carp_net::Backend;
use carp_net::carp_fsm::State;

use super::{Control, Ticket};
use crate::vocabulary::name::PREFIX;
use crate::vocabulary::protocol::Reply;

impl<B: Backend> Control<B> {
    /// Somebody begins to configure it anew, and has until its connection ends.
    pub(crate) fn reload(&mut self, ticket: Ticket) {
        if self.stopping {
            return self.reply(ticket, super::stopping());
        }
        self.reloads.insert(ticket);
        let notes = Vec::new();
        self.reply(ticket, Reply::Done { notes });
    }

    /// Whether it is being configured anew.
    pub(crate) fn is_reloading(&self) -> bool {
        !self.reloads.is_empty()
    }

    /// Whether anything is not as it was saved, which is also what [`status`](Self::status) may
    /// have to tell.
    pub(crate) fn has_changed(&self) -> bool {
        self.unsaved.service || !self.unsaved.interfaces.is_empty()
    }

    /// The interfaces and the demotion, in a line.
    pub(crate) fn status(&self) -> String {
        let mut line = match self.interfaces.len() {
            0 => "no interface".to_owned(),
            1 => "1 interface".to_owned(),
            count => format!("{count} interfaces"),
        };
        let node = self.driver.node();
        for (at, (name, interface)) in self.interfaces.iter().take(MOST_TOLD).enumerate() {
            let host = interface.host.and_then(|id| node.host(id));
            let state = host.map_or(State::Init, |host| host.state());
            let mark = if at == 0 { ':' } else { ',' };
            line.push_str(&format!("{mark} {name} {state}"));
        }
        if self.interfaces.len() > MOST_TOLD {
            line.push_str(", …");
        }
        let demotion = node.demotion(PREFIX);
        format!("{line}; demotion {demotion}")
    }
}

/// How many interfaces a line has room for.
const MOST_TOLD: usize = 8;
