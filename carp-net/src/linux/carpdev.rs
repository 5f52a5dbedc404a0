//! What is done to an interface for as long as it is watched.

use super::hear::Membership;
use super::netlink::{Connection, Refusal};
use super::settings::{self, Borrowed};
use super::{addresses, routes};

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
        if let Err(error) = sweep(connection, index) {
            tracing::warn!(index, %error, "what a former run has left on the carpdev stays there");
        }
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

/// Removes the addresses and routes with our mark: a former run has ended without doing so, and
/// none of this one has any yet.
fn sweep(connection: &mut Connection, index: u32) -> Result<(), Refusal> {
    let mut requests = Vec::new();
    for address in addresses::marked(connection, index)? {
        tracing::info!(index, %address, "address of a former run removed");
        requests.push(addresses::remove_found(index, address));
    }
    // Those of IPv4 have gone with their addresses.
    for network in routes::marked_inet6(connection, index)? {
        requests.push(routes::remove(index, network));
    }
    connection.each(requests).map(drop)
}
