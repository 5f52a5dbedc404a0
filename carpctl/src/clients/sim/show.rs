//! A run, for people: what happened, and who held which address when.

use std::net::IpAddr;
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

use super::file::Plan;
use super::play::Played;
use crate::vocabulary::details::filled;

/// All of it, the last line ended.
pub(super) fn text(plan: &Plan, played: &Played) -> String {
    let mut text = format!("seed {}\n\n", played.seed);
    let widest = plan.names.iter().map(|name| name.len()).max();
    let widest = widest.unwrap_or_default();
    for line in &played.lines {
        let name = line.node.and_then(|node| plan.names.get(node));
        let name = name.map_or("", String::as_str);
        let first = format!("{} {name:widest$} ", time(line.at));
        text.push_str(&filled(&first, &line.text(played, &plan.names)));
    }
    let mut left: Vec<IpAddr> = played.tenures.addresses().collect();
    while let Some(first) = left.first().copied() {
        // Most addresses go together.
        let is_alike = |it: &IpAddr| played.tenures.of(*it) == played.tenures.of(first);
        let (alike, others) = left.into_iter().partition(is_alike);
        text.push_str(&held(alike, plan, played));
        left = others;
    }
    text
}

/// Who held some addresses when, and how long nobody did, or several.
fn held(addresses: Vec<IpAddr>, plan: &Plan, played: &Played) -> String {
    let Some(address) = addresses.first().copied() else {
        return String::new();
    };
    let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let mut text = format!("\n{}", filled("", &names.join(" ")));
    let tenures = played.tenures.of(address);
    let ends = tenures.iter().skip(1).map(|next| next.since);
    for (tenure, until) in tenures.iter().zip(ends.chain([played.end])) {
        let names = tenure.holders.iter();
        let names = names.filter_map(|node| plan.names.get(*node).map(String::as_str));
        let names: Vec<&str> = names.collect();
        let who = match names.as_slice() {
            [] => "nobody".to_owned(),
            [one] => (*one).to_owned(),
            several => several.join(" and "),
        };
        let (from, span) = (time(tenure.since), seconds(until - tenure.since));
        let first = format!("{from} to {}  {span:>9} s  ", time(until));
        text.push_str(&filled(&first, &who));
    }
    if tenures.iter().all(|tenure| tenure.holders.is_empty()) {
        text.push_str(&filled("  ", "it was never held"));
        return text;
    }
    let nobody = total(address, played, |holders| holders == 0);
    let several = total(address, played, |holders| holders > 1);
    text.push_str(&filled(
        "  ",
        &format!("since it was first held: nobody {nobody}; more than one node {several}"),
    ));
    text
}

/// How long, how often, and the longest.
fn total(address: IpAddr, played: &Played, counts: impl Fn(usize) -> bool) -> String {
    let times = played.times(address, counts);
    let sum = seconds(times.iter().sum());
    let longest = seconds(times.iter().max().copied().unwrap_or_default());
    match times.len() {
        0 => "for 0 s".to_owned(),
        1 => format!("for {sum} s"),
        count => format!("for {sum} s in {count} times, {longest} s at most"),
    }
}

/// A moment, in seconds since the beginning.
fn time(at: Timestamp) -> String {
    format!("{:>9}", seconds(at - Timestamp::ZERO))
}

/// A span in seconds, to the millisecond.
pub(super) fn seconds(span: Duration) -> String {
    format!("{}.{:03}", span.as_secs(), span.subsec_millis())
}
