//! Who demotes which interface group, beside the node itself (`docs/carp-protocol.md §5.2`).
//!
//! A held demotion lasts as long as the connection it came over. Where this process takes the place
//! of another, the connections are gone and the demotions are not: they stay for a while, until
//! their holders have come again.

use std::collections::BTreeSet;
use std::time::Duration;

use carp_net::Backend;
use carp_net::carp_fsm::{Owner, Timestamp};
use serde::{Deserialize, Serialize};

use super::changes::Mood;
use super::{Control, Ticket};
use crate::vocabulary::demotion::{Demand, GroupReport, MOST, OwnerName};
use crate::vocabulary::group::GroupName;
use crate::vocabulary::name::PREFIX;
use crate::vocabulary::protocol::Reply;

/// A demotion that somebody holds.
#[derive(Debug)]
pub(super) struct Held {
    what: HeldRecord,
    by: Holder,
}

/// What a successor must know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldRecord {
    group: GroupName,
    owner: OwnerName,
    holder: u64,
}

#[derive(Debug)]
enum Holder {
    Client(Ticket),
    /// Nobody yet; it is given up then.
    Awaited(Timestamp),
}

impl<B: Backend> Control<B> {
    /// A group as it stands.
    pub(crate) fn group(&self, name: &GroupName) -> Result<GroupReport, String> {
        self.must_be_a_group(name)?;
        let node = self.driver.node();
        let entries = node.demotions().filter(|it| it.group == name.as_str());
        let members = self.interfaces.iter();
        let members = members.filter(|(_, it)| name.is_carp() || it.config.groups.contains(name));
        Ok(GroupReport {
            group: name.to_string(),
            demotion: node.demotion(name.as_str()),
            demotions: entries
                .take(MOST_SHOWN)
                .map(|entry| self.demotion(&entry))
                .collect(),
            interfaces: members
                .take(MOST_SHOWN)
                .map(|(name, _)| name.to_string())
                .collect(),
        })
    }

    /// Changes who demotes a group.
    pub(crate) fn demote(&mut self, ticket: Ticket, group: &GroupName, demand: &Demand) {
        let reply = match self.try_demote(ticket, group, demand) {
            Ok(()) => Reply::Done {
                notes: Vec::from_iter(self.settings_lost_at_last()),
            },
            Err(reason) => Reply::Refused { reason },
        };
        self.reply(ticket, reply);
    }

    fn try_demote(
        &mut self,
        ticket: Ticket,
        group: &GroupName,
        demand: &Demand,
    ) -> Result<(), String> {
        if self.stopping {
            return Err(super::STOPPING.to_owned());
        }
        self.must_be_a_group(group)?;
        match demand {
            Demand::Add(by) => {
                let owner = OwnerName::operator();
                self.must_not_be_held(group, &owner)?;
                let had = self.amount(group, &owner);
                let amount = had + i32::from(*by);
                if amount < 0 {
                    return Err(too_much(group, had, by.unsigned_abs()));
                }
                self.set_demotion(group, &owner, amount)
            }
            Demand::Set { owner, amount } => {
                self.must_not_be_held(group, owner)?;
                self.set_demotion(group, owner, i32::from(*amount))
            }
            Demand::Clear(owner) => {
                self.must_not_be_held(group, owner)?;
                self.set_demotion(group, owner, 0)
            }
            Demand::Hold {
                owner,
                amount,
                holder,
            } => {
                let what = HeldRecord {
                    group: group.clone(),
                    owner: owner.clone(),
                    holder: *holder,
                };
                self.hold(ticket, what, i32::from(*amount))
            }
        }
    }

    /// What the operator has written to `net.inet.carp.demotion` is an entry like others; it may be
    /// below 0 (§5.3).
    pub(super) fn check_sysctl_demotion(&self, by: i32) -> Result<(), String> {
        let had = self.amount_of(PREFIX, &OwnerName::sysctl());
        let sum = had.saturating_add(by);
        if (-MOST..=MOST).contains(&sum) {
            return Ok(());
        }
        Err(format!(
            "net.inet.carp.demotion: {had} and {by} written make {sum}: out of range \
             (-{MOST} to {MOST})"
        ))
    }

    /// Adds to it.
    pub(super) fn demote_by_sysctl(&mut self, by: i32) {
        let owner = OwnerName::sysctl();
        let sum = self.amount_of(PREFIX, &owner).saturating_add(by);
        self.driver.demote(PREFIX, owner.as_str(), sum);
    }

    /// Whether anybody demotes this machine by name. That is not forgotten while he does.
    pub(crate) fn is_demoted_by_name(&self) -> bool {
        let mut entries = self.driver.node().demotions();
        entries.any(|entry| matches!(entry.owner, Owner::Named(_)))
    }

    // ---- held ----

    fn hold(&mut self, ticket: Ticket, what: HeldRecord, amount: i32) -> Result<(), String> {
        let (group, owner) = (what.group.clone(), what.owner.clone());
        if owner.is_ours() {
            return Err(format!("owner {owner} is that of `carpdemote' without one"));
        }
        let held = self.held.iter().position(|it| it.is(&group, &owner));
        match held.and_then(|position| self.held.get(position)) {
            Some(held) if held.what.holder == what.holder => {}
            Some(_) => return Err(held_already(&group, &owner)),
            None if self.amount(&group, &owner) != 0 => {
                return Err(format!(
                    "owner {owner} demotes already (`carpctl -g {group} -carpdemote owner \
                     {owner}' ends that)"
                ));
            }
            None if self.held.len() >= MOST_HELD => {
                return Err(format!("{MOST_HELD} demotions are held already"));
            }
            None => {}
        }
        self.set_demotion(&group, &owner, amount)?;
        let by = Holder::Client(ticket);
        match held.and_then(|position| self.held.get_mut(position)) {
            Some(held) => held.by = by,
            None => self.held.push(Held { what, by }),
        }
        self.touch_service();
        Ok(())
    }

    /// Whether this client holds a demotion, or a reload.
    pub(crate) fn is_holding(&self, ticket: Ticket) -> bool {
        self.reloads.contains(&ticket) || self.held.iter().any(|it| it.is_by(ticket))
    }

    /// A client is gone, and with it what it held.
    pub(crate) fn release(&mut self, ticket: Ticket) {
        self.reloads.remove(&ticket);
        self.release_worker(ticket);
        self.release_those(|held| held.is_by(ticket));
    }

    /// Gives up what nobody has come for.
    pub(super) fn release_late(&mut self) {
        let now = self.driver.now();
        self.release_those(|held| held.until().is_some_and(|until| now >= until));
    }

    fn release_those(&mut self, is_over: impl Fn(&Held) -> bool) {
        let (over, stay) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(is_over);
        self.held = stay;
        let over: Vec<Held> = over;
        for Held { what, .. } in over {
            self.driver
                .demote(what.group.as_str(), what.owner.as_str(), 0);
            self.touch_service();
        }
        self.take_events();
    }

    /// When the first one is given up that nobody has come for.
    pub(super) fn release_deadline(&self) -> Option<Timestamp> {
        self.held.iter().filter_map(Held::until).min()
    }

    /// What a successor must know.
    pub(super) fn held_records(&self) -> Vec<HeldRecord> {
        self.held.iter().map(|held| held.what.clone()).collect()
    }

    /// What a former service left waits for its holders.
    pub(super) fn await_holders(&mut self, records: Vec<HeldRecord>) {
        let until = self.driver.now() + GRACE;
        let awaited = records.into_iter().map(|what| Held {
            what,
            by: Holder::Awaited(until),
        });
        self.held.extend(awaited);
    }

    pub(super) fn is_held(&self, group: &str, owner: &str) -> bool {
        let is_it = |it: &Held| it.what.group.as_str() == group && it.what.owner.as_str() == owner;
        self.held.iter().any(is_it)
    }

    // ---- entries ----

    fn set_demotion(
        &mut self,
        group: &GroupName,
        owner: &OwnerName,
        amount: i32,
    ) -> Result<(), String> {
        let had = self.amount(group, owner);
        let total = self.driver.node().demotion(group.as_str());
        let sum = total.saturating_sub(had).saturating_add(amount);
        if amount > had && sum > MOST {
            return Err(format!(
                "demoted by {total} already, and by at most {MOST} in all \
                 (`carpctl -g {group}' shows by whom)"
            ));
        }
        let entries = self.driver.node().demotions();
        let named = entries.filter(|entry| matches!(entry.owner, Owner::Named(_)));
        let named = named.count();
        if had == 0 && amount != 0 && named >= MOST_NAMED {
            return Err(format!("{MOST_NAMED} owners demote already"));
        }
        self.driver.demote(group.as_str(), owner.as_str(), amount);
        self.take_note_of_boot(owner);
        self.take_events();
        Ok(())
    }

    fn amount(&self, group: &GroupName, owner: &OwnerName) -> i32 {
        self.amount_of(group.as_str(), owner)
    }

    pub(super) fn amount_of(&self, group: &str, owner: &OwnerName) -> i32 {
        let is_named = |it: &Owner| matches!(it, Owner::Named(name) if name == owner.as_str());
        let mut entries = self.driver.node().demotions();
        let entry = entries.find(|entry| entry.group == group && is_named(entry.owner));
        entry.map_or(0, |entry| entry.amount)
    }

    fn must_not_be_held(&self, group: &GroupName, owner: &OwnerName) -> Result<(), String> {
        if self.held.iter().any(|it| it.is(group, owner)) {
            return Err(held_already(group, owner));
        }
        Ok(())
    }

    /// A group is there while it has members or is demoted; `carp` always is.
    fn must_be_a_group(&self, name: &GroupName) -> Result<(), String> {
        let mut groups = BTreeSet::from([PREFIX]);
        let configured = self.interfaces.values().flat_map(|it| &it.config.groups);
        groups.extend(configured.map(GroupName::as_str));
        groups.extend(self.driver.node().demotions().map(|entry| entry.group));
        if groups.contains(name.as_str()) {
            return Ok(());
        }
        let groups: Vec<&str> = groups.into_iter().take(MOST_SHOWN).collect();
        Err(no_such_group(&groups))
    }

    /// What the operator should know where the last demotion kept a service that is not needed.
    fn settings_lost_at_last(&self) -> Option<String> {
        let ends = self.on_demand && self.destroyed_last && !self.is_demoted_by_name();
        ends.then(|| self.settings_lost(Mood::Indicative)).flatten()
    }
}

impl Held {
    fn is(&self, group: &GroupName, owner: &OwnerName) -> bool {
        self.what.group == *group && self.what.owner == *owner
    }

    fn is_by(&self, ticket: Ticket) -> bool {
        matches!(self.by, Holder::Client(by) if by == ticket)
    }

    fn until(&self) -> Option<Timestamp> {
        match self.by {
            Holder::Client(_) => None,
            Holder::Awaited(until) => Some(until),
        }
    }
}

/// Only what the operator added can be taken away, so that nobody else's demotion goes with it.
fn too_much(group: &GroupName, had: i32, asked: u16) -> String {
    if had <= 0 {
        return format!("the operator does not demote it (`carpctl -g {group}' shows who does)");
    }
    format!(
        "the operator demotes it by {had}, so {asked} cannot be taken away \
         (`carpctl -g {group}' shows who demotes)"
    )
}

fn held_already(group: &GroupName, owner: &OwnerName) -> String {
    format!(
        "owner {owner} holds a demotion of {group} already, while a command runs \
         (`carpctl demote'): take another name, or end that command"
    )
}

/// What is said of a group that is not there, where these are.
pub(crate) fn no_such_group(groups: &[&str]) -> String {
    let groups = groups.join(", ");
    format!("no such interface group (there are: {groups}); `group' puts an interface into one")
}

/// How long a successor waits for those who held a demotion: far longer than connecting takes.
const GRACE: Duration = Duration::from_secs(5);

/// Half of the places for clients.
const MOST_HELD: usize = 32;

/// How many demotions can have names, so that they cannot fill the memory.
const MOST_NAMED: usize = 128;

/// How much of a group a message has room for.
const MOST_SHOWN: usize = 200;
