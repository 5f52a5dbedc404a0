//! `carpctl why [INTERFACE]`: why an interface is what it is.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::cause::{Cause, Clock};
use super::{ask, text};
use crate::cli::{print, print_json};
use crate::failure::Failure;
use crate::protocol::Request;
use crate::report::{CarpdevState, Demotion, State};

/// The words of `carpctl why`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct WhyOptions {
    /// Show it as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Of this interface; without one, of all
    #[arg(value_name = "INTERFACE")]
    interface: Option<String>,
}

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

/// Prints why.
pub(crate) fn run(options: &WhyOptions, json: bool) -> Result<(), Failure> {
    let interface = super::interface("why", options.interface.as_deref())?;
    let all: Vec<Why> = ask("why", interface, &Request::Why { interface })?;
    if json {
        return print_json(&all);
    }
    let zone = TimeZone::system();
    let all = all.iter().map(|one| text::why(one, &zone));
    print(&all.collect::<String>())
}

const HELP: &str = "\
Shows the last changes of state, at most 16, oldest first: when, the rule with
its section of docs/carp-protocol.md, the advert that it was applied to, what
this node claimed itself, and the clock that had run out, if one had. Then what
the interface does or waits for now, and who demotes this node. It needs no
root; what is shown outlives `carpctl restart'.

JSON: a list of objects with `name', `transitions' (time, ago_us, from, to,
rule, section, reason, heard, own, demotion, preempt, clock), `now', `demotion'
and `demotions'.";
