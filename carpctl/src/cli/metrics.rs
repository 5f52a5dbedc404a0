//! `carpctl metrics`: what Prometheus would be told, as text.

use super::{paths, print};
use crate::client;
use crate::failure::Failure;
use crate::metrics::Exposition;
use crate::protocol::{Reply, Request};

/// Prints the metrics of the service; where none runs, that there is none.
pub(super) fn run() -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::about("metrics", error);
    let answer = client::ask(&paths()?, &Request::Metrics);
    let answer = answer.map_err(|error| failed(&error))?;
    let (mut vitals, mut interfaces) = (None, Vec::new());
    for reply in answer.unwrap_or_default() {
        if let Reply::Refused { reason } = reply {
            return Err(failed(&reason));
        } else if let Reply::Vitals(told) = reply {
            vitals = Some(*told);
        } else if let Reply::Facts(told) = reply {
            interfaces.push(*told);
        }
    }
    let mut exposition = Exposition::new(vitals);
    for facts in interfaces {
        exposition.add(facts);
    }
    print(&exposition.text())
}
