//! What is done to an interface for as long as it is watched.

use super::hear::Membership;
use super::netlink::Connection;
use super::settings::{self, Borrowed};

/// A link that is followed: the interface it is at the moment, if there is one.
#[derive(Debug, Default)]
pub(super) struct Carpdev {
    index: Option<u32>,
    settings: Option<Borrowed>,
    /// Held for its sake: it ends when dropped.
    _membership: Option<Membership>,
}

impl Carpdev {
    /// Gets the interface with this index ready. What cannot be done is told and not needed for
    /// an election.
    pub(super) fn new(connection: &mut Connection, index: Option<u32>) -> Self {
        let Some(index) = index else {
            return Self::default();
        };
        let settings = Borrowed::set(connection, index, &settings::OF_CARPDEV)
            .inspect_err(|error| tracing::warn!(index, %error, "carpdev not set up for ARP"));
        let membership = Membership::join(index)
            .inspect_err(|error| tracing::warn!(index, %error, "CARP group not joined"));
        Self {
            index: Some(index),
            settings: settings.ok(),
            _membership: membership.ok(),
        }
    }

    pub(super) const fn index(&self) -> Option<u32> {
        self.index
    }

    /// Leaves the interface as it was.
    pub(super) fn put_back(self, connection: &mut Connection) {
        if let Some(settings) = self.settings
            && let Err(error) = settings.put_back(connection)
            && !error.is(libc::ENODEV)
        {
            tracing::warn!(index = self.index, %error, "settings of the carpdev not put back");
        }
    }
}
