//! A node that goes on in another process.
//!
//! Its successor is told the virtual hosts anew, and gets what each went through. Where the process
//! ended in good order that is exact, timers included; where it died, it is as old as the last
//! change, and the successor makes up for that (`host/resume.rs`).

use alloc::borrow::ToOwned as _;
use alloc::vec::Vec;

use super::Node;
use crate::demotion::Ailment;
use crate::host::Host;
use crate::saved::SavedDemotion;
use crate::{HostId, NodeConfig, Owner, SavedHost, SavedNode, Timestamp, VirtualHost};

impl Node {
    /// What a successor needs beside the virtual hosts.
    pub fn save(&self) -> SavedNode {
        let demotions = self.demotions.iter();
        SavedNode {
            next_id: self.next_id,
            links: self.links.iter().map(|(id, state)| (*id, *state)).collect(),
            demotions: demotions
                .map(|entry| SavedDemotion {
                    group: entry.group.to_owned(),
                    owner: entry.owner.clone(),
                    amount: entry.amount,
                    since: Some(entry.since),
                })
                .collect(),
            counters: self.counters,
        }
    }

    /// What a successor needs of one virtual host beside its configuration, as it is at `now`.
    pub fn save_host(&self, now: Timestamp, id: HostId) -> Option<SavedHost> {
        let host = self.hosts.get(id)?;
        Some(SavedHost {
            id,
            link: host.link,
            at: self.now.max(now),
            run: host.run.clone(),
        })
    }

    /// The successor of a node: the same virtual hosts in the same roles, as `hosts` are told to
    /// be. `last_alive` is when the other process last did something, on the same clock; what was
    /// saved may be older.
    ///
    /// Asks for everything anew that the roles need, which changes nothing where it is there
    /// still. Where others must have taken this node for dead by `now`, its masters are backups;
    /// whoever finds their addresses in place says [`Input::Adopted`](crate::Input::Adopted), and
    /// where another holds some that are not [`Input::Lapsed`](crate::Input::Lapsed).
    ///
    /// ```
    /// use carp_fsm::{LinkId, Node, Timestamp, VirtualHost};
    /// use carp_proto::{Key, Vhid};
    ///
    /// # fn main() -> Result<(), Box<dyn core::error::Error>> {
    /// let web = VirtualHost::new(Vhid::new(99)?, Key::from_password("SharedSecret"));
    /// let mut node = Node::new(Node::builder(), 42);
    /// let now = Timestamp::from_micros(1_000_000);
    /// let id = node.add(now, LinkId(1), web.clone())?;
    ///
    /// let saved = node.save_host(now, id).ok_or("no such host")?;
    /// let node = Node::resume(now, Node::builder(), 43, node.save(), [(saved, web)], now);
    /// assert_eq!(node.deadline().map(|due| due.at.as_micros()), Some(4_000_000));
    /// # Ok(())
    /// # }
    /// ```
    pub fn resume(
        now: Timestamp,
        config: NodeConfig,
        seed: u64,
        saved: SavedNode,
        hosts: impl IntoIterator<Item = (SavedHost, VirtualHost)>,
        last_alive: Timestamp,
    ) -> Self {
        let mut node = Self::new(config, seed);
        node.now = now;
        node.links = saved.links.into_iter().collect();
        node.counters = saved.counters;
        let mut runs = Vec::new();
        for (saved, host) in hosts {
            let (link, vhid) = (saved.link, host.vhid());
            if node.vhids.get(link, vhid.get()).is_some() || node.hosts.get(saved.id).is_some() {
                continue; // no node could have saved that
            }
            node.next_id = node.next_id.max(saved.id.get() + 1);
            node.vhids.insert(link, vhid, saved.id);
            let (host, timers) = Host::saved(saved.id, saved.link, host, saved.run);
            runs.push((saved.id, timers, saved.at < last_alive));
            node.hosts.insert(saved.id, host);
        }
        node.next_id = node.next_id.max(saved.next_id);
        for saved in saved.demotions {
            let counts = match &saved.owner {
                // The platform looks again, and tells what it finds.
                Owner::Host(_, Ailment::Damage(_)) => false,
                Owner::Host(id, _) => node.hosts.get(*id).is_some(),
                Owner::Named(_) => true,
            };
            if counts {
                let SavedDemotion { group, owner, .. } = &saved;
                let since = saved.since.unwrap_or(now);
                node.demotions.set(group, owner, saved.amount, since);
            }
        }
        let late = now - last_alive;
        let is_frozen = |host: &Host| late >= host.resume_limit(config.lease);
        if node.hosts.values().any(is_frozen) {
            node.note_freeze(late);
        }
        for (id, timers, stale) in runs {
            if node.hosts.get(id).is_some_and(is_frozen) {
                node.with(id, |host, around| host.resume_frozen(around, late));
            } else {
                node.with(id, |host, around| host.resume(around, &timers, stale));
            }
        }
        node
    }
}
