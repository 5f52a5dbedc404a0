//! `carpctl peers [INTERFACE]`: who is heard.

use super::{ask, text};
use crate::clients::cli::{print, print_json};
use crate::failure::Failure;
use crate::vocabulary::protocol::Request;
use crate::vocabulary::watch::peers::Peers;

/// The words of `carpctl peers`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct PeersOptions {
    /// Show it as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Whom this interface hears; without one, those of all
    #[arg(value_name = "INTERFACE")]
    interface: Option<String>,
}

/// Prints who is heard.
pub(crate) fn run(options: &PeersOptions, json: bool) -> Result<(), Failure> {
    let interface = super::interface("peers", options.interface.as_deref())?;
    let all: Vec<Peers> = ask("peers", interface, &Request::Peers { interface })?;
    if json {
        return print_json(&all);
    }
    print(&all.iter().map(text::peers).collect::<String>())
}

const HELP: &str = "\
Only masters advertise, so that a healthy cluster shows one peer on its backups
and none on its master. For each: where its adverts come from, what it may be,
by all that its adverts give away (`unknown' where that is nothing), what it
claims, when it was last heard, how often it advertises as measured, and how
many of its adverts were refused, with the reason of the last: one that is
silent and refused sends what this node does not accept. Below them stand those
of whom everything was refused, and why. At most 16 of each are kept. It needs
no root.

JSON: a list of objects with `name', `peers' (source, dialects, advbase,
advskew, demotion, heard, ago_us, interval_us, received, refused, last_refused)
and `refused' (source, refused, reason, ago_us). `last_refused' has reason and
ago_us, or is null.";
