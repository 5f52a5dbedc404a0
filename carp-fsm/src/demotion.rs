//! Demotion: how unwell this node is, as named entries of interface groups.
//!
//! Source: `docs/carp-protocol.md §5.2`. A virtual host's demotion is the sum over its groups. Each
//! part of the sum has an owner, so that none can leak.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt;

use carp_proto::Family;

use crate::{Damage, HostId, LinkState};

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

/// Why a virtual host demotes its node, by 1 each (`docs/carp-protocol.md §4.7`; the last two are
/// ours).
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
    /// What it adds (1–255).
    pub amount: u8,
}

/// All demotions of a node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demotions {
    entries: BTreeMap<(String, Owner), u8>,
}

impl Demotions {
    /// Makes `owner` add `amount` to `group`; 0 takes its entry away. Says whether that changed
    /// anything.
    pub(crate) fn set(&mut self, group: &str, owner: &Owner, amount: u8) -> bool {
        let key = (group.to_owned(), owner.clone());
        let before = if amount == 0 {
            self.entries.remove(&key)
        } else {
            self.entries.insert(key, amount)
        };
        before.unwrap_or(0) != amount
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Demotion<'_>> {
        self.entries
            .iter()
            .map(|((group, owner), &amount)| Demotion {
                group,
                owner,
                amount,
            })
    }

    /// The sum of all entries of `group`.
    pub(crate) fn total(&self, group: &str) -> u32 {
        self.iter()
            .filter(|entry| entry.group == group)
            .map(|entry| u32::from(entry.amount))
            .sum()
    }

    /// What goes into byte 4 of the adverts: the sum, at most 255.
    pub(crate) fn byte(&self) -> u8 {
        u8::try_from(self.total(CARP)).unwrap_or(u8::MAX)
    }
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
