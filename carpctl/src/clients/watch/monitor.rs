//! `carpctl monitor [INTERFACE...]`: what happens, a line each.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::tz::TimeZone;
use signal_hook::consts::SIGINT;
use signal_hook::flag::register_conditional_shutdown;

use super::stream::{Heard, Stream};
use super::text;
use crate::clients::cli::print;
use crate::failure::{Failure, printable};
use crate::paths::Paths;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::watch::{Happening, What};

/// The words of `carpctl monitor`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct MonitorOptions {
    /// Show what happens as JSON, an object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Only what concerns these, or the whole node
    #[arg(value_name = "INTERFACE")]
    interfaces: Vec<String>,
}

/// Prints what happens until it is told to end, or until nobody reads it.
pub(crate) fn run(options: &MonitorOptions, json: bool) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::about("monitor", error);
    let parse = |name: &String| {
        let parsed: Result<InterfaceName, _> = name.parse();
        parsed.map_err(|error| Failure::Usage(format!("monitor: {name}: {error}")))
    };
    let interfaces: Vec<InterfaceName> = options
        .interfaces
        .iter()
        .map(parse)
        .collect::<Result<_, _>>()?;
    // At once, also where this waits until somebody reads its output. Each line was written whole.
    register_conditional_shutdown(SIGINT, 0, Arc::new(AtomicBool::new(true)))
        .map_err(|error| failed(&error))?;
    let paths = Paths::of_this_namespace().map_err(|error| failed(&error))?;
    let mut stream = Stream::new(paths, interfaces).for_output();
    let zone = TimeZone::system();
    let show = |happening: &Happening| {
        let line = if json {
            serde_json::to_string(happening).map_err(|error| failed(&error))?
        } else {
            printable(&text::line(happening, &zone))
        };
        print(&format!("{line}\n"))
    };
    let mut is_first = true;
    loop {
        match stream.next(None).map_err(|error| failed(&error))? {
            Heard::Happened(happening) => show(&happening)?,
            Heard::NoService => {
                is_first = false;
                show(&Happening::now(None, What::ServiceGone))?;
            }
            Heard::Ready if std::mem::take(&mut is_first) => {}
            Heard::Ready => show(&Happening::now(None, What::ServiceCame))?,
            Heard::Interface(_) | Heard::TimeOut => {}
            Heard::NobodyReads => return Err(Failure::NobodyListens),
        }
    }
}

pub(super) const HELP: &str = "\
Each line has the local time, the interface, and what happened: changes of
state, demotions, peers that appear and go, adverts that are refused, what
other programs damage and when it is mended, freezes. Where no service runs,
this says so and waits for one; it goes on when the service is restarted. It
needs no root. A reader that is too slow is told how much it has missed.

JSON: each object has `time' (UTC), `interface' (null where it is about the
whole node) and `event', and by event:
  transition    from, to, rule, section, reason, demotion, preempt,
                heard (source, advbase, advskew, demotion),
                own (advbase, advskew, demotion),
                clock (timer, family, since, length_us, last_advert)
  demotion      group, change, total, owner, reason
  peer_heard    source, advbase, advskew, demotion
  peer_lost     the same, and bowed_out, silent_us
  refused       count, reason, source, carpdev, vhid
  damaged       damage; so has `mended'
  frozen        milliseconds
  error         reason
  missed        count
and without more: adopted (addresses of a former run), gone (the interface),
service_gone, service_came.

Exit status: 0 when interrupted or when nobody reads it any more, 1 when it is
not possible to watch.";
