//! What demotes the node, and how the others come to know.

use alloc::borrow::ToOwned as _;

use carp_proto::Family;

use super::Node;
use crate::demotion::{Ailment, CARP, Owner};
use crate::host::{Host, Stimulus};
use crate::{Event, HostId, LinkState};

impl Node {
    pub(super) fn demote(&mut self, group: &str, owner: Owner, amount: u8) {
        let before = self.demotions.byte();
        self.set_demotion(group, owner, amount);
        if self.demotions.byte() > before {
            self.tell_demotion();
        }
    }

    /// Without telling the others at once.
    pub(super) fn set_demotion(&mut self, group: &str, owner: Owner, amount: u8) {
        if self.demotions.set(group, &owner, amount) {
            self.events.push_back(Event::Demoted {
                group: group.to_owned(),
                owner,
                total: self.demotions.total(group),
            });
        }
    }

    pub(super) fn tell_demotion(&mut self) {
        for id in self.all() {
            self.step(id, Stimulus::Demoted);
        }
    }

    /// A virtual host demotes the node by 1 for as long as `ails`.
    pub(super) fn ail(&mut self, id: HostId, ailment: Ailment, ails: bool) {
        self.demote(CARP, Owner::Host(id, ailment), u8::from(ails));
    }

    /// A virtual host that should run but whose link is gone demotes the node by 1 (§4.7).
    pub(super) fn update_link_demotion(&mut self, id: HostId) {
        let gone = self.hosts.get(&id).is_some_and(|host| {
            host.config.is_enabled()
                && !host.run.removing
                && self.link_state(host.link) != LinkState::Up
        });
        self.ail(id, Ailment::Carpdev, gone);
    }

    /// Three send errors in a row demote the node by 1, three successes undo it (§4.7).
    pub(super) fn sent(&mut self, id: HostId, family: Family, well: bool) {
        if well {
            self.counters.sent(family);
        } else {
            self.counters.oerrors += 1;
        }
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        if let Some(demoting) = host.sent(family, well) {
            self.ail(id, Ailment::SendErrors(family), demoting);
        }
        if well {
            self.with(id, Host::renew);
        }
    }
}
