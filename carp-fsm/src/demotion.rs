//! Demotion: how unwell this node is, as named entries of interface groups.
//!
//! Source: `docs/carp-protocol.md §5.2`. A virtual host's demotion is the sum over its groups. Each
//! part of the sum has an owner, so that none can leak.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt;

use carp_proto::Family;

use crate::{Damage, HostId, LinkState, Timestamp};

/// The group that every virtual host is in.
pub(crate) const CARP: &str = "carp";

/// Who finds a node unwell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Owner {
    /// Somebody with this name, by [`Input::Demote`](crate::Input::Demote).
    Named(String),
    /// One of its virtual hosts.
    Host(HostId, Ailment),
}

/// Why a virtual host demotes its node: by 1, by 240 where it speaks FreeBSD's dialect
/// (`docs/carp-protocol.md §4.7`, §5; the last three are ours).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Ailment {
    /// It should run, but its carpdev carries nothing.
    Carpdev,
    /// Three adverts in a row could not be sent over this family.
    SendErrors(Family),
    /// Somebody else has changed what it needs.
    Damage(Damage),
    /// Its addresses cannot be put in place.
    Hold,
    /// Somebody else keeps changing what it needs: 10 times in a minute.
    Restless,
}

/// One entry of the demotion of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Demotion<'a> {
    /// The interface group.
    pub group: &'a str,
    /// Who made it.
    pub owner: &'a Owner,
    /// What it adds; below 0 where it makes a node better, as FreeBSD allows
    /// (`docs/carp-protocol.md §5.3`).
    pub amount: i32,
    /// When its owner first found the node unwell.
    pub since: Timestamp,
}

/// All demotions of a node, and the sum of each group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demotions {
    entries: BTreeMap<(String, Owner), Entry>,
    /// Wide enough never to be cut off, so that what is taken away again leaves nothing.
    totals: BTreeMap<String, i64>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    amount: i32,
    since: Timestamp,
}

impl Demotions {
    /// Makes `owner` add `amount` to `group` from `now` on; 0 takes its entry away. Says whether
    /// that changed anything.
    pub(crate) fn set(&mut self, group: &str, owner: &Owner, amount: i32, now: Timestamp) -> bool {
        let key = (group.to_owned(), owner.clone());
        let before = self.entries.get(&key).copied();
        let had = before.map_or(0, |entry| entry.amount);
        if had == amount {
            return false;
        }
        if amount == 0 {
            self.entries.remove(&key);
        } else {
            let since = before.map_or(now, |entry| entry.since);
            self.entries.insert(key, Entry { amount, since });
        }
        let total = self.sum(group) - i64::from(had) + i64::from(amount);
        if total == 0 {
            self.totals.remove(group);
        } else {
            self.totals.insert(group.to_owned(), total);
        }
        true
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Demotion<'_>> {
        self.entries.iter().map(|((group, owner), entry)| Demotion {
            group,
            owner,
            amount: entry.amount,
            since: entry.since,
        })
    }

    /// The sum of all entries of `group`.
    pub(crate) fn total(&self, group: &str) -> i32 {
        as_far_as_it_goes(self.sum(group))
    }

    fn sum(&self, group: &str) -> i64 {
        self.totals.get(group).copied().unwrap_or(0)
    }

    /// That of several groups (`docs/carp-protocol.md §5.2`, item 2).
    pub(crate) fn total_of<'a, I: Iterator<Item = &'a str>>(&self, groups: I) -> i32 {
        as_far_as_it_goes(groups.map(|group| self.sum(group)).sum())
    }
}

fn as_far_as_it_goes(sum: i64) -> i32 {
    let limit = if sum.is_negative() {
        i32::MIN
    } else {
        i32::MAX
    };
    i32::try_from(sum).unwrap_or(limit)
}

/// Says why, not of which virtual host.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Host(_, ailment) => ailment.fmt(f),
        }
    }
}

impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Carpdev => write!(f, "carpdev is not {}", LinkState::Up),
            Self::SendErrors(family) => write!(f, "send errors ({family})"),
            Self::Damage(damage) => damage.fmt(f),
            Self::Hold => f.write_str("addresses cannot be put in place"),
            Self::Restless => f.write_str("changed by another program again and again"),
        }
    }
}
