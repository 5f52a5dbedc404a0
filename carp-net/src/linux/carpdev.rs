//! What is done to an interface for as long as it is watched.

use std::os::fd::OwnedFd;

use super::hear::Membership;
use super::inherit::Inherited;
use super::kernel::Access;
use super::settings::{self, Borrowed};

/// A link that is followed: the interface it is at the moment, if there is one.
#[derive(Debug, Default)]
pub(super) struct Carpdev {
    index: Option<u32>,
    settings: Option<Borrowed>,
    /// Ends when dropped.
    membership: Option<Membership>,
}

impl Carpdev {
    /// Gets the interface with this index ready. What cannot be done is told and not needed for
    /// an election.
    pub(super) fn new(access: &mut Access, inherited: &mut Inherited, index: Option<u32>) -> Self {
        let Some(index) = index else {
            return Self::default();
        };
        let (connection, journal) = (&mut access.connection, &mut access.journal);
        let settings = Borrowed::set(connection, journal, index, &settings::OF_CARPDEV)
            .inspect_err(|error| tracing::warn!(index, %error, "carpdev not set up for ARP"));
        let membership = Membership::join(index, inherited)
            .inspect_err(|error| tracing::warn!(index, %error, "CARP group not joined"));
        Self {
            index: Some(index),
            settings: settings.ok(),
            membership: membership.ok(),
        }
    }

    pub(super) const fn index(&self) -> Option<u32> {
        self.index
    }

    /// Copies of the sockets that are members of the groups there, for a successor.
    pub(super) fn copies(&self) -> Vec<(String, OwnedFd)> {
        match (self.index, &self.membership) {
            (Some(index), Some(membership)) => membership.copies(index),
            _ => Vec::new(),
        }
    }

    /// Leaves the interface as it was.
    pub(super) fn put_back(self, access: &mut Access) {
        if let Some(settings) = self.settings
            && let Err(error) = settings.put_back(&mut access.connection, &mut access.journal)
            && !error.is(libc::ENODEV)
        {
            tracing::warn!(index = self.index, %error, "settings of the carpdev not put back");
        }
    }
}
