//! Names of things inside a node: numbers, so that nothing here depends on a platform.

use core::fmt;

/// A link (the carpdev) that virtual hosts run on; the caller numbers them.
///
/// ```
/// assert_eq!(carp_fsm::LinkId(1).to_string(), "link 1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LinkId(pub u32);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.0)
    }
}

/// One virtual host of a [`Node`](crate::Node), from [`Node::add`](crate::Node::add) until its
/// [`Event::Removed`](crate::Event::Removed); a number is never used twice by one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HostId(pub(crate) u64);

impl HostId {
    /// Returns the number behind the name.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "virtual host {}", self.0)
    }
}
