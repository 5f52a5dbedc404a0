//! What is told of a cluster while it runs.

use std::fmt;

use carp_fsm::Timestamp;

use super::{Incident, Outcome};
use crate::Event;

/// Something that happened in a cluster.
#[derive(Debug)]
#[non_exhaustive]
pub struct Told<'a> {
    /// When.
    pub at: Timestamp,
    /// On which machine, if on one.
    pub node: Option<usize>,
    /// What the clock of that machine showed; events count by it.
    pub clock: Timestamp,
    /// What it was.
    pub what: What<'a>,
}

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum What<'a> {
    /// Something from outside, and what came of it.
    Incident(&'a Incident, &'a Outcome),
    /// A service tells something.
    Event(&'a Event),
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.at)?;
        if let Some(node) = self.node {
            write!(f, "node {node}: ")?;
        }
        match &self.what {
            What::Incident(incident, Outcome::Done) => write!(f, "--- {incident:?}"),
            What::Incident(incident, outcome) => write!(f, "--- {incident:?}: {outcome}"),
            What::Event(event) => write!(f, "{event}"),
        }
    }
}
