//! What demotes the node, and how the others come to know.

use alloc::borrow::ToOwned as _;

use carp_proto::Family;

use super::Node;
use crate::demotion::{Ailment, CARP, Owner};
use crate::host::{Host, Outcome, Stimulus};
use crate::{Dialect, Event, HostId, LinkState};

impl Node {
    pub(super) fn demote(&mut self, group: &str, owner: Owner, amount: i32) {
        let before = self.demotions.total(group);
        self.set_demotion(group, owner, amount);
        if self.demotions.total(group) > before {
            self.tell_demotion(group);
        }
    }

    /// Without telling the others at once.
    pub(super) fn set_demotion(&mut self, group: &str, owner: Owner, amount: i32) {
        let before = self.demotions.total(group);
        if self.demotions.set(group, &owner, amount, self.now) {
            let total = self.demotions.total(group);
            self.events.push_back(Event::Demoted {
                group: group.to_owned(),
                owner,
                change: total.saturating_sub(before),
                total,
            });
        }
    }

    /// Has the masters of `group` advertise how unwell this node is (§4.7).
    pub(super) fn tell_demotion(&mut self, group: &str) {
        for id in self.all() {
            let is_in = |host: &Host| host.config.groups().any(|name| name == group);
            if self.hosts.get(id).is_some_and(is_in) {
                self.step(id, Stimulus::Demoted);
            }
        }
    }

    /// A virtual host demotes the node for as long as `ails`.
    pub(super) fn ail(&mut self, id: HostId, ailment: Ailment, ails: bool) {
        let amount = if ails { self.demotes_by() } else { 0 };
        self.demote(CARP, Owner::Host(id, ailment), amount);
    }

    /// By how much a virtual host that is unwell demotes the node: enough for each dialect that is
    /// spoken here, because all virtual hosts go together.
    pub(super) fn demotes_by(&self) -> i32 {
        let dialects = self.hosts.values().map(|host| host.config.dialect());
        let enough = dialects.map(Dialect::demotes_by).max();
        enough.unwrap_or_default()
    }

    /// After something about a virtual host has changed: what demotes the node may have, too.
    pub(super) fn update_demotion(&mut self, id: HostId) {
        self.update_link_demotion(id);
        self.forget_send_errors(id);
    }

    /// What send errors demote ends where nothing is sent any more.
    pub(super) fn forget_send_errors(&mut self, id: HostId) {
        for family in Family::ALL {
            let now = self.now;
            let ends = |host: &mut Host| host.forget_send_errors(now, family);
            if self.hosts.get_mut(id).is_some_and(ends) {
                self.ail(id, Ailment::SendErrors(family), false);
            }
        }
    }

    /// A virtual host that should run but whose link is gone demotes the node (§4.7).
    fn update_link_demotion(&mut self, id: HostId) {
        let gone = self.hosts.get(id).is_some_and(|host| {
            host.config.is_enabled()
                && !host.run.removing
                && self.link_state(host.link) != LinkState::Up
        });
        self.ail(id, Ailment::Carpdev, gone);
    }

    /// Three send errors in a row demote the node, three successes undo it (§4.7).
    pub(super) fn sent(&mut self, id: HostId, family: Family, outcome: Outcome) {
        self.counters.sent(family, outcome);
        let Some(host) = self.hosts.get_mut(id) else {
            return;
        };
        if let Some(demoting) = host.sent(self.now, family, outcome) {
            self.ail(id, Ailment::SendErrors(family), demoting);
        }
        if matches!(outcome, Outcome::Sent(_)) {
            self.with(id, Host::renew);
        }
    }
}
