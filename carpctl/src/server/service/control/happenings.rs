//! What happens, for those who watch the service.

use std::collections::BTreeSet;

use carp_net::{Backend, Event};

use super::obstacles::told;
use super::{Control, Interface};
use crate::vocabulary::name::{InterfaceName, PREFIX};
use crate::vocabulary::protocol::Reply;
use crate::vocabulary::watch::{Happening, Moment, What};

/// The interfaces that something concerns; `None` where it is the whole node.
pub(crate) type Concerned = Option<BTreeSet<InterfaceName>>;

impl<B: Backend> Control<B> {
    /// What happened next, and what it concerns.
    pub(crate) fn poll_happening(&mut self) -> Option<(Concerned, Reply)> {
        self.happenings.pop_front()
    }

    /// Takes note of `event` for those who watch.
    pub(super) fn tell(&mut self, event: &Event) {
        let named = interface_of(event);
        let why = |error: &carp_net::Error| told(named, "", error);
        let Some(what) = What::of(Moment::now(self.driver.now()), event, why) else {
            return;
        };
        let interface = named.parse().ok();
        let concerned = match (&what, interface) {
            (What::Demotion { group, .. }, _) => Some(self.members(group)),
            (_, Some(name)) => Some([name].into()),
            (What::Refused { carpdev, .. }, None) => Some(self.on(carpdev.as_deref())),
            (_, None) => None,
        };
        let happening = Happening::now(interface, what);
        let reply = Reply::Happened(Box::new(happening));
        self.happenings.push_back((concerned, reply));
    }

    fn members(&self, group: &str) -> BTreeSet<InterfaceName> {
        let is_in = |it: &Interface| {
            group == PREFIX || it.config.groups.iter().any(|name| name.as_str() == group)
        };
        let members = self.interfaces.iter().filter(|(_, it)| is_in(it));
        members.map(|(name, _)| *name).collect()
    }

    fn on(&self, carpdev: Option<&str>) -> BTreeSet<InterfaceName> {
        let is_on = |it: &Interface| it.config.carpdev.as_deref() == carpdev;
        let found = self.interfaces.iter().filter(|(_, it)| is_on(it));
        found.map(|(name, _)| *name).collect()
    }
}

/// The name of the interface that `event` is about; empty where it is about none.
pub(super) fn interface_of(event: &Event) -> &str {
    match event {
        Event::Node { interface, .. }
        | Event::Configured { interface, .. }
        | Event::ConfigureFailed { interface, .. }
        | Event::HoldFailed { interface, .. }
        | Event::NotMended { interface, .. }
        | Event::Limited { interface, .. }
        | Event::Gone { interface, .. } => interface,
        Event::Refused(refused) => &refused.interface,
        Event::HoldWanted { .. } | _ => "",
    }
}
