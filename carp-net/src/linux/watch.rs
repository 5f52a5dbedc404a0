//! A link that is watched: which interface it is at the moment, and what it is like.

use std::os::fd::OwnedFd;

use carp_fsm::LinkState;
use carp_fsm::carp_proto::MacAddress;

use super::links::Link;

/// A link by its name.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) name: String,
    pub(super) index: Option<u32>,
    pub(super) state: LinkState,
    pub(super) mac: Option<MacAddress>,
    pub(super) mtu: Option<u32>,
    /// Copies of the sockets that are members of the groups there, by name.
    pub(super) copies: Vec<(String, OwnedFd)>,
}

impl Watch {
    /// A watch for a link that is not there.
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            index: None,
            state: LinkState::Absent,
            mac: None,
            mtu: None,
            copies: Vec::new(),
        }
    }
}

/// What a link is like, for the election.
pub(super) fn state_of(link: Option<&Link>) -> LinkState {
    match link {
        None => LinkState::Absent,
        Some(link) if link.is_running() => LinkState::Up,
        Some(_) => LinkState::Down,
    }
}
