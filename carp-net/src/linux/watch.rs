//! A link that is watched: which interface it is at the moment, and what it is like.

use carp_fsm::LinkState;

use super::links::Link;

/// A link by its name.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) name: String,
    pub(super) index: Option<u32>,
    pub(super) state: LinkState,
}

impl Watch {
    /// A watch for a link that is not there.
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            index: None,
            state: LinkState::Absent,
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
