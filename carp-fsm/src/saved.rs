//! What a node leaves to its successor: another process that goes on where this one ended.
//!
//! The successor is told its virtual hosts anew, keys and all; this is what they went through. It
//! holds no key.

use alloc::string::String;
use alloc::vec::Vec;

use crate::counters::Counters;
use crate::host::Run;
use crate::{HostId, LinkId, LinkState, Owner, Timestamp};

/// What [`Node::save`](crate::Node::save) gives: all of a node but its virtual hosts.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SavedNode {
    pub(crate) next_id: u64,
    pub(crate) links: Vec<(LinkId, LinkState)>,
    pub(crate) demotions: Vec<SavedDemotion>,
    pub(crate) counters: Counters,
}

/// One entry of the demotion of a group.
#[derive(Clone, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(from = "AnyDemotion")
)]
pub(crate) struct SavedDemotion {
    pub(crate) group: String,
    pub(crate) owner: Owner,
    pub(crate) amount: i32,
    /// `None` where the other process did not know.
    pub(crate) since: Option<Timestamp>,
}

/// The same, as programs of different ages write it.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum AnyDemotion {
    Entry {
        group: String,
        owner: Owner,
        amount: i32,
        since: Option<Timestamp>,
    },
    Ageless(String, Owner, i32),
}

#[cfg(feature = "serde")]
impl From<AnyDemotion> for SavedDemotion {
    fn from(any: AnyDemotion) -> Self {
        let (group, owner, amount, since) = match any {
            AnyDemotion::Entry {
                group,
                owner,
                amount,
                since,
            } => (group, owner, amount, since),
            AnyDemotion::Ageless(group, owner, amount) => (group, owner, amount, None),
        };
        Self {
            group,
            owner,
            amount,
            since,
        }
    }
}

/// What [`Node::save_host`](crate::Node::save_host) gives: one virtual host.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SavedHost {
    pub(crate) id: HostId,
    pub(crate) link: LinkId,
    /// When it was saved.
    pub(crate) at: Timestamp,
    pub(crate) run: Run,
}

impl SavedHost {
    /// Its name, which it keeps.
    pub const fn id(&self) -> HostId {
        self.id
    }

    /// The link it runs on.
    pub const fn link(&self) -> LinkId {
        self.link
    }
}
