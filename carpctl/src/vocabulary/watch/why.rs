//! Why an interface is what it is: the last changes of its state, and what it waits for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cause::{Cause, Clock};
use crate::vocabulary::report::{CarpdevState, Demotion, State};

/// Why an interface is what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Why {
    pub(crate) name: String,
    /// The last changes of its state, oldest first.
    pub(crate) transitions: Vec<Transition>,
    pub(crate) now: Now,
    /// The sum of the demotions of all its groups.
    pub(crate) demotion: i32,
    /// Whose they are; not all where there are very many.
    pub(crate) demotions: Vec<Demotion>,
}

/// A change of state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transition {
    /// When, by the clock on the wall.
    pub(crate) time: Timestamp,
    pub(crate) ago_us: u64,
    pub(crate) from: State,
    pub(crate) to: State,
    #[serde(flatten)]
    pub(crate) cause: Cause,
}

/// What an interface does at the moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Now {
    pub(crate) time: Timestamp,
    pub(crate) state: State,
    /// Whether it has a vhid and a carpdev.
    pub(crate) configured: bool,
    /// Whether the operator wants it to take part.
    pub(crate) up: bool,
    pub(crate) carpdev: Option<String>,
    pub(crate) carpdev_state: Option<CarpdevState>,
    /// Whether `state backup` keeps it from taking over.
    pub(crate) held_back: bool,
    /// The time between two adverts of a master.
    pub(crate) advertises_every_us: Option<u64>,
    /// What a backup waits for, by family; it takes over when the first of these has run out.
    pub(crate) waits: Vec<Wait>,
}

/// A clock that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wait {
    #[serde(flatten)]
    pub(crate) clock: Clock,
    pub(crate) ends_in_us: u64,
}
