//! A run, for programs.

use std::net::IpAddr;

use carp_net::carp_fsm::Timestamp;
use serde::Serialize;

use super::file::Plan;
use super::play::{Line, Played, Shown};
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::watch::{What, micros};

/// A run.
#[derive(Debug, Serialize)]
pub(super) struct Data<'a> {
    seed: u64,
    length_us: u64,
    nodes: &'a [String],
    events: Vec<Event<'a>>,
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

/// What there is to show of a run.
pub(super) fn of<'a>(plan: &'a Plan, played: &'a Played) -> Data<'a> {
    Data {
        seed: played.seed,
        length_us: played.end.as_micros(),
        nodes: &plan.names,
        events: played.lines.iter().map(|line| event(plan, line)).collect(),
        addresses: played
            .tenures
            .addresses()
            .map(|it| address(it, plan, played))
            .collect(),
    }
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
