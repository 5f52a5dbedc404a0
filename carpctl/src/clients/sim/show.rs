//! A run, for people: what happened, and who held which address when.

use std::net::IpAddr;
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::memory::Lan;

use super::file::Plan;
use super::play::{Line, Played, Witness, play};
use super::screen::Screen;
use crate::failure::Failure;
use crate::vocabulary::details::filled;

/// Runs the cluster of `plan` with `seed`, and shows each thing as it happens.
pub(super) fn run(plan: &Plan, seed: u64) -> Result<(), Failure> {
    let mut screen = Screen::new();
    screen.print(&format!("seed {seed}\n\n"))?;
    let widest = plan.names.iter().map(|name| name.len()).max();
    let mut reader = Reader {
        plan,
        widest: widest.unwrap_or_default(),
        screen,
    };
    let played = play(plan, seed, &mut reader);
    let mut screen = reader.screen;
    if let Ok(played) = &played {
        screen.print(&timeline(plan, played))?;
    }
    screen.end()?;
    played.map(drop)
}

/// Somebody who reads along.
struct Reader<'a> {
    plan: &'a Plan,
    /// How long the longest name of a node is.
    widest: usize,
    screen: Screen,
}

impl Witness for Reader<'_> {
    const HEARS: bool = true;

    fn hear(&mut self, line: &Line, lan: &Lan) -> Result<(), Failure> {
        let names = &self.plan.names;
        let name = line.node.and_then(|node| names.get(node));
        let name = name.map_or("", String::as_str);
        let first = format!("{} {name:1$} ", time(line.at), self.widest);
        self.screen.print(&filled(&first, &line.text(lan, names)))
    }

    fn see(&mut self, now: Timestamp) {
        self.screen
            .progress(format_args!(""), now, self.plan.length);
    }
}

/// Who held which address when.
fn timeline(plan: &Plan, played: &Played) -> String {
    let mut text = String::new();
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
    let stretches = stretches(address, played);
    for stretch in &stretches {
        let names = stretch.holders.iter();
        let names = names.filter_map(|node| plan.names.get(*node).map(String::as_str));
        let names: Vec<&str> = names.collect();
        let who = match names.as_slice() {
            [] => "nobody".to_owned(),
            [one] => (*one).to_owned(),
            several => several.join(" and "),
        };
        let (from, until) = (in_seconds(stretch.from), in_seconds(stretch.until));
        let span = in_seconds(stretch.until - stretch.from);
        let first = format!("{from:>9} to {until:>9}  {span:>9} s  ");
        text.push_str(&filled(&first, &who));
    }
    let tenures = played.tenures.of(address);
    if tenures.iter().all(|tenure| tenure.holders.is_empty()) {
        text.push_str(&filled("  ", "it was never held"));
        return text;
    }
    let total = |counts: fn(usize) -> bool| {
        let sum = played.sum(address, counts);
        total(sum, &seen(&stretches, counts))
    };
    let nobody = total(|holders| holders == 0);
    let several = total(|holders| holders > 1);
    text.push_str(&filled(
        "  ",
        &format!("since it was first held: nobody {nobody}; more than one node {several}"),
    ));
    text
}

/// A time in which the same nodes held an address, as it is shown: between milliseconds.
#[derive(Debug, PartialEq, Eq)]
struct Stretch<'a> {
    from: u128,
    until: u128,
    holders: &'a [usize],
}

/// The stretches of an address that are long enough to be seen. Those on both sides of one that is
/// not are one where the same nodes held it.
fn stretches(address: IpAddr, played: &Played) -> Vec<Stretch<'_>> {
    let tenures = played.tenures.of(address);
    let ends = tenures.iter().skip(1).map(|next| next.since);
    let mut stretches: Vec<Stretch<'_>> = Vec::new();
    for (tenure, until) in tenures.iter().zip(ends.chain([played.end])) {
        let (from, until) = (millis(tenure.since), millis(until));
        let holders = tenure.holders.as_slice();
        if from == until {
            continue;
        }
        match stretches.last_mut() {
            Some(last) if last.holders == holders => last.until = until,
            _ => stretches.push(Stretch {
                from,
                until,
                holders,
            }),
        }
    }
    stretches
}

/// The times in which as many nodes as `counts` are seen to have held it, since it first was at all.
fn seen(stretches: &[Stretch<'_>], counts: impl Fn(usize) -> bool) -> Vec<u128> {
    let since_held = stretches.iter().skip_while(|it| it.holders.is_empty());
    let since_held: Vec<&Stretch<'_>> = since_held.collect();
    let counts = |it: &Stretch<'_>| counts(it.holders.len());
    let alike = since_held.chunk_by(|one, next| counts(one) == counts(next));
    let counted = alike.filter(|all| all.iter().all(|it| counts(it)));
    counted
        .map(|all| all.iter().map(|it| it.until - it.from).sum())
        .collect()
}

/// How long in all, to the microsecond before it is shown, how often, and the longest.
fn total(sum: Duration, seen: &[u128]) -> String {
    if sum.is_zero() {
        return "for 0 s".to_owned();
    }
    if sum < Duration::from_millis(1) {
        return "for less than 0.001 s".to_owned();
    }
    let sum = seconds(sum);
    match (seen.len(), seen.iter().max()) {
        (count @ 2.., Some(longest)) => {
            let longest = in_seconds(*longest);
            format!("for {sum} s in {count} times, {longest} s at most")
        }
        _ => format!("for {sum} s"),
    }
}

/// A moment, in seconds since the beginning.
fn time(at: Timestamp) -> String {
    format!("{:>9}", in_seconds(millis(at)))
}

fn millis(at: Timestamp) -> u128 {
    (at - Timestamp::ZERO).as_millis()
}

/// A span in seconds, to the millisecond.
pub(super) fn seconds(span: Duration) -> String {
    in_seconds(span.as_millis())
}

fn in_seconds(millis: u128) -> String {
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}
