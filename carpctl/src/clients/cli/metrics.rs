//! `carpctl metrics`: what Prometheus would be told, as text.

use super::{paths, print};
use crate::clients::client;
use crate::failure::Failure;
use crate::vocabulary::metrics::Exposition;
use crate::vocabulary::protocol::{Measured, Request};

/// Prints the metrics of the service; where none runs, that there is none.
pub(super) fn run() -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::about("metrics", error);
    let answer = client::ask_of(&paths()?, &Request::Metrics);
    let answer = answer.map_err(|error| failed(&error))?;
    let (mut vitals, mut interfaces) = (None, Vec::new());
    for measured in answer.unwrap_or_default() {
        match measured {
            Measured::Service(of_service) => vitals = Some(of_service),
            Measured::Interface(facts) => interfaces.push(facts),
        }
    }
    let mut exposition = Exposition::new(vitals);
    for facts in interfaces {
        exposition.add(facts);
    }
    print(&exposition.text())
}
