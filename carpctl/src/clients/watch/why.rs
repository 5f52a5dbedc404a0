//! `carpctl why [INTERFACE]`: why an interface is what it is.

use jiff::tz::TimeZone;

use super::{ask, text};
use crate::clients::cli::{print, print_json};
use crate::failure::Failure;
use crate::vocabulary::protocol::Request;
use crate::vocabulary::watch::why::Why;

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
