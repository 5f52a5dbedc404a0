//! A run, for programs: one object, written as far as it is known.

use std::net::IpAddr;

use carp_net::carp_fsm::Timestamp;
use carp_net::memory::Lan;
use serde::Serialize;

use super::file::Plan;
use super::play::{Line, Played, Shown, Witness, play};
use super::screen::Screen;
use crate::failure::Failure;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::watch::{What, micros};

/// What is known before a run.
#[derive(Debug, Serialize)]
struct Before<'a> {
    seed: u64,
    length_us: u64,
    nodes: &'a [String],
}

/// What is known only behind it.
#[derive(Debug, Serialize)]
struct After<'a> {
    addresses: Vec<Address<'a>>,
}

/// Something that happened.
#[derive(Debug, Serialize)]
struct Event<'a> {
    time_us: u64,
    node: Option<&'a str>,
    interface: Option<InterfaceName>,
    #[serde(flatten)]
    what: Kind<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Kind<'a> {
    Entry(Entry<'a>),
    Event(&'a What),
}

/// What the file has happen.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    event: &'static str,
    text: &'a str,
    /// Why nothing came of it, where that is so.
    refused: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Address<'a> {
    address: IpAddr,
    nobody_us: u64,
    several_us: u64,
    tenures: Vec<Tenure<'a>>,
}

#[derive(Debug, Serialize)]
struct Tenure<'a> {
    from_us: u64,
    until_us: u64,
    holders: Vec<&'a str>,
}

/// Runs the cluster of `plan` with `seed`, and writes each thing as it happens.
pub(super) fn run(plan: &Plan, seed: u64) -> Result<(), Failure> {
    let before = json(&Before {
        seed,
        length_us: micros(plan.length),
        nodes: &plan.names,
    })?;
    let before = before.strip_suffix("\n}").unwrap_or_default();
    let mut screen = Screen::new();
    screen.print(&format!("{before},\n  \"events\": ["))?;
    let mut writer = Writer {
        plan,
        is_first: true,
        screen,
    };
    let played = play(plan, seed, &mut writer);
    let mut screen = writer.screen;
    if let Ok(played) = &played {
        let addresses = played.tenures.addresses();
        let after = json(&After {
            addresses: addresses.map(|it| address(it, plan, played)).collect(),
        })?;
        let after = after.strip_prefix('{').unwrap_or_default();
        screen.print(&format!("\n  ],{after}\n"))?;
    }
    screen.end()?;
    played.map(drop)
}

/// Writes the events of a run, one behind the other.
struct Writer<'a> {
    plan: &'a Plan,
    is_first: bool,
    screen: Screen,
}

impl Witness for Writer<'_> {
    const HEARS: bool = true;

    fn hear(&mut self, line: &Line, _: &Lan) -> Result<(), Failure> {
        // No text in JSON has a line break in it.
        let event = json(&event(self.plan, line))?.replace('\n', "\n    ");
        let comma = if self.is_first { "" } else { "," };
        self.is_first = false;
        self.screen.print(&format!("{comma}\n    {event}"))
    }

    fn see(&mut self, now: Timestamp) {
        self.screen
            .progress(format_args!(""), now, self.plan.length);
    }
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::Failed(error.to_string()))
}

fn event<'a>(plan: &'a Plan, line: &'a Line) -> Event<'a> {
    let (interface, what) = match &line.what {
        Shown::Entry(text, outcome) => {
            let entry = Entry {
                event: "scheduled",
                text,
                refused: outcome.as_deref(),
            };
            (None, Kind::Entry(entry))
        }
        Shown::Event(interface, what) => (*interface, Kind::Event(what)),
    };
    let node = line.node.and_then(|node| plan.names.get(node));
    Event {
        time_us: line.at.as_micros(),
        node: node.map(String::as_str),
        interface,
        what,
    }
}

fn address<'a>(address: IpAddr, plan: &'a Plan, played: &Played) -> Address<'a> {
    let tenures = played.tenures.of(address);
    let ends = tenures.iter().skip(1).map(|next| next.since);
    let tenures = tenures.iter().zip(ends.chain([played.end]));
    let tenures = tenures.map(|(tenure, until): (_, Timestamp)| Tenure {
        from_us: tenure.since.as_micros(),
        until_us: until.as_micros(),
        holders: tenure
            .holders
            .iter()
            .filter_map(|node| plan.names.get(*node).map(String::as_str))
            .collect(),
    });
    Address {
        address,
        nobody_us: micros(played.sum(address, |holders| holders == 0)),
        several_us: micros(played.sum(address, |holders| holders > 1)),
        tenures: tenures.collect(),
    }
}
