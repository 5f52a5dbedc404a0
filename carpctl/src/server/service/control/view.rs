//! What is told of an interface: what it was told to be, where it stands, and what happened to it.

use std::time::Duration;

use carp_net::Backend;
use carp_net::carp_fsm::{self, HostId, LinkState, Owner};

use super::{Control, Interface};
use crate::vocabulary::group::GroupName;
use crate::vocabulary::name::{InterfaceName, PREFIX};
use crate::vocabulary::protocol::Told;
use crate::vocabulary::report::{Demotion, Past, Report, Standing, Trouble};
use crate::vocabulary::stats::{Counts, Peer, Stats};

impl<B: Backend> Control<B> {
    /// The interface `name` as it stands.
    pub(crate) fn report(&self, name: InterfaceName) -> Option<Report> {
        let interface = self.interfaces.get(&name)?;
        let standing = interface.host.and_then(|id| self.standing(id));
        let mut report = Report::new(&name.to_string(), &interface.config, standing.as_ref());
        let node = self.driver.node();
        report.demotions = self.demotions(interface);
        // Also of an interface that is no virtual host yet.
        let groups = interface.config.groups.iter().map(GroupName::as_str);
        let of_groups = groups.chain([PREFIX]).map(|group| node.demotion(group));
        report.demotion = of_groups.fold(0, i32::saturating_add);
        if let Some(host) = interface.host.and_then(|id| node.host(id)) {
            report.last_transition = host.last_transition().map(|last| Past {
                ago_ms: self.ago_ms(last.at),
                reason: last.reason.to_string(),
            });
            report.trouble = host.trouble().map(|trouble| Trouble {
                ago_ms: self.ago_ms(trouble.at),
                what: trouble.damage.to_string(),
                mended: trouble.mended,
            });
        }
        report.hook_error = self.hook_error(name);
        // A carpdev that is not there is all there is to say.
        let is_there = |it: &Standing| it.carpdev != LinkState::Absent;
        let failure = interface.failure.as_ref().or(interface.limit.as_ref());
        let failure = failure.filter(|_| standing.as_ref().is_none_or(is_there));
        report.error = failure.map(|(at, reason)| Past {
            ago_ms: self.ago_ms(*at),
            reason: reason.clone(),
        });
        Some(report)
    }

    /// What `name` was told to be, with its key where `key` says so.
    pub(crate) fn told(&self, name: InterfaceName, key: bool) -> Option<Told> {
        let mut change = self.interfaces.get(&name)?.config.as_told();
        let has_key = change.key.is_some();
        change.key = change.key.filter(|_| key);
        Some(Told {
            interface: name,
            change,
            has_key,
        })
    }

    /// What was counted of the whole service.
    pub(crate) fn service_stats(&self) -> Stats {
        Stats {
            name: None,
            counters: Counts::from(self.driver.node().counters()),
            peers: Vec::new(),
        }
    }

    /// What was counted of the interface `name`; nothing while it lacks a vhid or a carpdev.
    pub(crate) fn stats(&self, name: InterfaceName) -> Option<Stats> {
        let interface = self.interfaces.get(&name)?;
        let node = self.driver.node();
        let host = interface.host.and_then(|id| node.host(id));
        let counters = host.map(|host| {
            let mut counters = *host.counters();
            // Whoever was frozen was so with all interfaces, and what was dropped is of none.
            counters.freezes = node.counters().freezes;
            counters.filtered = node.counters().filtered;
            Counts::from(&counters)
        });
        let heard = host.map(|host| host.peers()).unwrap_or_default();
        Some(Stats {
            name: Some(name.to_string()),
            counters: counters.unwrap_or_default(),
            peers: heard.iter().map(Peer::from).collect(),
        })
    }

    fn standing(&self, id: HostId) -> Option<Standing> {
        let node = self.driver.node();
        let host = node.host(id)?;
        Some(Standing {
            state: host.state(),
            carpdev: node.link_state(host.link()),
            kernel: self.driver.inspect(id),
        })
    }

    /// Who finds this machine unwell, beginning with `interface`.
    fn demotions(&self, interface: &Interface) -> Vec<Demotion> {
        let is_own = |entry: &carp_fsm::Demotion<'_>| matches!(entry.owner, Owner::Host(id, _) if Some(*id) == interface.host);
        let groups = &interface.config.groups;
        let is_in = |group: &str| group == PREFIX || groups.iter().any(|it| it.as_str() == group);
        let entries = self.driver.node().demotions();
        let (own, others): (Vec<_>, Vec<_>) =
            entries.filter(|it| is_in(it.group)).partition(is_own);
        let entries = own.into_iter().chain(others).take(MOST_DEMOTIONS);
        entries.map(|entry| self.demotion(&entry)).collect()
    }

    pub(super) fn demotion(&self, entry: &carp_fsm::Demotion<'_>) -> Demotion {
        let (interface, owner) = match entry.owner {
            Owner::Host(id, _) => (self.driver.name(*id), None),
            Owner::Named(name) => (None, Some(name)),
            _ => (None, None),
        };
        Demotion {
            group: entry.group.to_owned(),
            interface: interface.map(str::to_owned),
            reason: entry.owner.to_string(),
            amount: entry.amount,
            owner: owner.cloned(),
            ago_ms: self.ago_ms(entry.since),
            held: owner.is_some_and(|owner| self.is_held(entry.group, owner)),
        }
    }

    pub(super) fn ago_ms(&self, moment: carp_fsm::Timestamp) -> u64 {
        let span: Duration = self.driver.now() - moment;
        u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
    }
}

/// How many demotions a report has room for beside all its addresses.
const MOST_DEMOTIONS: usize = 16;
