//! Demotion: how unwell this node is, as named entries of interface groups.
//!
//! Source: `docs/carp-protocol.md §5.2`. A virtual host's demotion is the sum over its groups. Each
//! part of the sum has an owner, so that none can leak.

use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::string::String;

/// The group that every virtual host is in.
pub(crate) const CARP: &str = "carp";

/// All demotions of a node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demotions {
    entries: BTreeMap<(String, String), u8>,
}

impl Demotions {
    /// Makes `owner` add `amount` to `group`; 0 takes its entry away. Says whether that changed
    /// anything.
    pub(crate) fn set(&mut self, group: &str, owner: &str, amount: u8) -> bool {
        let key = (group.to_owned(), owner.to_owned());
        let before = if amount == 0 {
            self.entries.remove(&key)
        } else {
            self.entries.insert(key, amount)
        };
        before.unwrap_or(0) != amount
    }

    /// The sum of all entries of `group`.
    pub(crate) fn total(&self, group: &str) -> u32 {
        self.entries
            .iter()
            .filter(|((of, _), _)| of == group)
            .map(|(_, amount)| u32::from(*amount))
            .sum()
    }

    /// What goes into byte 4 of the adverts: the sum, at most 255.
    pub(crate) fn byte(&self) -> u8 {
        u8::try_from(self.total(CARP)).unwrap_or(u8::MAX)
    }
}
