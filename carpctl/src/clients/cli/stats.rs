//! `carpctl stats [INTERFACE]`: what was counted.

use super::{paths, print, print_json};
use crate::clients::client;
use crate::failure::Failure;
use crate::server::service::NO_SUCH_INTERFACE;
use crate::vocabulary::name::{InterfaceName, PREFIX};
use crate::vocabulary::protocol::Request;
use crate::vocabulary::stats::{Everything, Stats};

/// The words of `carpctl stats`.
#[derive(Debug, clap::Args)]
pub(super) struct StatsOptions {
    /// Show counters as JSON: of service, interfaces and their peers
    #[arg(long)]
    pub(super) json: bool,
    /// Show those of an interface instead of those of the whole service
    #[arg(value_name = "INTERFACE")]
    interface: Option<String>,
}

/// Prints the counters of the service or of an interface.
pub(super) fn run(options: &StatsOptions, json: bool) -> Result<(), Failure> {
    let name = options.interface.as_deref().filter(|name| *name != PREFIX);
    let parse = |name: &str| {
        let parsed: Result<InterfaceName, _> = name.parse();
        parsed.map_err(|error| Failure::Usage(format!("stats: {name}: {error}")))
    };
    let interface = name.map(parse).transpose()?;
    let failed = |error: &dyn std::fmt::Display| match interface {
        Some(name) => Failure::about(&name.to_string(), error),
        None => Failure::about("stats", error),
    };
    let answer = client::ask_of(&paths()?, &Request::Stats { interface });
    let all: Vec<Stats> = answer.map_err(|error| failed(&error))?.unwrap_or_default();
    let (mut service, interfaces): (Vec<Stats>, Vec<Stats>) =
        all.into_iter().partition(|stats| stats.name.is_none());
    // Where no service runs nothing was counted.
    let service = service.pop().unwrap_or_default();
    if let (Some(_), true) = (interface, interfaces.is_empty()) {
        return Err(failed(&NO_SUCH_INTERFACE));
    }
    if json {
        return print_json(&Everything {
            counters: &service.counters,
            interfaces: &interfaces,
        });
    }
    match interface {
        None => print(&service.text()),
        Some(_) => print(&interfaces.iter().map(Stats::text).collect::<String>()),
    }
}
