//! A flood of forged adverts on the carpdev of a pair: whether anything comes of it, and what it
//! costs. Needs root and nothing of the machine's own network.
//!
//! `cargo bench -p carp-benches --bench flood` takes a minute and a half and writes
//! `benches/RESULTS.md`; `-- --help` tells what can be chosen.

#![expect(clippy::print_stdout, reason = "the table is for whoever runs it")]
#![expect(clippy::print_stderr, reason = "so is what went wrong")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use carp_benches::{
    CARPDEV, FAMILIES, Memory, Network, Node, PASS, Program, Result, VHID, aligned, cpu_time,
    end_in_good_order, latest, pause, results, shared,
};
use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab;
use clap::Parser;
use serde_json::Value;

mod forgery;

/// Flood a pair with forged adverts
#[derive(Debug, Parser)]
#[command(name = "flood")]
struct Options {
    /// For how many seconds
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How many a second
    #[arg(long, default_value_t = 100_000)]
    rate: u32,
    /// Measure this program instead of the one built from here
    #[arg(long, value_name = "PATH")]
    carpctl: Option<PathBuf>,
    /// Write the results to this file (default: benches/RESULTS.md where nothing is cut short)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Say that `cargo bench` runs this
    #[arg(long, hide = true)]
    bench: bool,
}

/// What a node has counted and taken.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    received: u64,
    refused: u64,
    filtered: u64,
    transitions: u64,
    /// Authentic adverts of the other node.
    heard: u64,
    cpu: Duration,
    resident: u64,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flood: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    end_in_good_order()?;
    let program = match &options.carpctl {
        Some(path) => Program::at(path)?,
        None => Program::build()?,
    };
    let net = Network::new()?;
    let nodes = [&net.one, &net.two];
    start(&net, &program)?;
    let frames = forgery::frames()?;
    let look = || -> Result<[State; 2]> {
        let [one, two] = nodes.map(|node| state(node, &program));
        Ok([one?, two?])
    };
    let tap = net.lab.tap_claims(Some(net.one.host.name()))?;
    // As soon as it goes on all is as it will be.
    let flood = net.asker.flood(frames, options.rate)?;
    pause(Duration::from_secs(2))?;
    let (before, since) = (look()?, lab::now());
    pause(Duration::from_secs(options.seconds))?;
    let (after, until) = (look()?, lab::now());
    let sent = flood.stop()?;
    pause(Duration::from_secs(8))?;
    let later = look()?;
    let recording = tap.stop()?;
    let adverts = recording
        .frames
        .iter()
        .filter(|frame| frame.ethertype() == 0x0800);
    let times: Vec<_> = adverts.map(|frame| frame.time).collect();
    let late = latest(&times, Duration::from_secs(1));
    let said = times
        .iter()
        .filter(|time| (since..until).contains(time))
        .count();

    let span = until - since;
    let rows = rows(&before, &after, span);
    let rate = sent.checked_div(options.seconds + 2).unwrap_or_default();
    let heard = after[1].heard - before[1].heard;
    let mut misses = Vec::new();
    let mut miss = |is: bool, what: String| {
        if is {
            misses.push(what);
        }
    };
    for (node, (before, later)) in nodes.into_iter().zip(before.iter().zip(&later)) {
        let name = node.host.name();
        let moved = later.transitions - before.transitions;
        miss(moved > 0, format!("{name}: no transition: {moved}"));
    }
    miss(
        late > LATE,
        format!("no advert more than 20 ms late: {} ms", late.as_millis()),
    );
    for (node, (before, after)) in nodes.into_iter().zip(before.iter().zip(&after)) {
        let grown = after.resident.saturating_sub(before.resident);
        let name = node.host.name();
        miss(
            grown > FLAT,
            format!("{name}: memory flat: {grown} KiB more"),
        );
    }
    let lost = u64::try_from(said)?.saturating_sub(heard);
    miss(
        lost > 1,
        format!("adverts of the master that the backup missed: {lost} of {said}"),
    );
    let verdict = match misses.as_slice() {
        [] => "Every limit is met.\n".to_owned(),
        misses => misses
            .iter()
            .fold("### Limits missed\n\n".to_owned(), |text, miss| {
                text + &format!("* {miss}\n")
            }),
    };
    let text = format!(
        "## Flood\n\n{}; {}; {} s.\n\nMade by `cargo bench -p carp-benches --bench flood` as root.\n\n{HOW}\n\n\
         {rate} forged frames a second. The latest advert of the master was {:.1} ms late; the backup heard \
         {heard} of {said}.\n\n{}\n{verdict}",
        results::machine(),
        program.version()?,
        options.seconds,
        late.as_secs_f64() * 1e3,
        aligned(&rows),
    );
    println!("{text}");
    let whole = options.seconds >= 60 && options.rate >= 100_000;
    match options.out.clone().or_else(|| whole.then(results::file)) {
        Some(file) => results::write(&file, "flood", &text),
        None => Ok(()),
    }
}

/// Starts the pair: node one is master.
fn start(net: &Network, program: &Program) -> Result<()> {
    let addresses = shared(Family::Inet);
    for (node, advskew) in [(&net.one, 0), (&net.two, 100)] {
        program.start(node)?;
        let words = format!(
            "carp0 vhid {VHID} pass {PASS} carpdev {CARPDEV} advskew {advskew} {addresses}"
        );
        program.run(node, &words)?;
        if node.is_preferred() && !node.wait_for(FAMILIES[0], true, PATIENCE)? {
            return Err(format!("did not become master: {}", node.log().trim()).into());
        }
    }
    pause(SETTLED)
}

fn state(node: &Node, program: &Program) -> Result<State> {
    let all: Value = serde_json::from_str(&program.run(node, "stats --json")?)?;
    let count = |of: &Value, name: &str| of.get(name).and_then(Value::as_u64).unwrap_or_default();
    let own = all.get("counters").ok_or("no counters")?;
    let peers = all.pointer("/interfaces/0/peers").and_then(Value::as_array);
    let peers = peers.into_iter().flatten();
    let peers = peers.filter_map(|peer| peer.get("counters"));
    let heard = peers.map(|peer| count(peer, "ipackets"));
    let processes = node.host.namespace().processes()?;
    let refused = [
        "badif", "badttl", "badsum", "badver", "badlen", "badauth", "badvhid",
    ];
    Ok(State {
        received: count(own, "ipackets"),
        refused: refused.iter().map(|name| count(own, name)).sum(),
        filtered: count(own, "filtered"),
        transitions: count(own, "transitions"),
        heard: heard.sum(),
        cpu: cpu_time(&processes)?,
        resident: Memory::of(&processes)?.resident,
    })
}

fn rows(before: &[State; 2], after: &[State; 2], span: Duration) -> Vec<Vec<String>> {
    let head = [
        "node",
        "of a core",
        "received a second",
        "refused",
        "dropped by the kernel's filter",
        "resident before / after",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (name, (before, after)) in ["master", "backup"]
        .into_iter()
        .zip(before.iter().zip(after))
    {
        let each = |count: u64| format!("{:.0}", count as f64 / span.as_secs_f64());
        let share = (after.cpu - before.cpu).as_secs_f64() / span.as_secs_f64();
        rows.push(vec![
            name.to_owned(),
            format!("{:.1} %", share * 100.0),
            each(after.received - before.received),
            each(after.refused - before.refused),
            each(after.filtered - before.filtered),
            format!("{} / {} KiB", before.resident, after.resident),
        ]);
    }
    rows
}

const LATE: Duration = Duration::from_millis(20);
/// In KiB.
const FLAT: u64 = 256;
const PATIENCE: Duration = Duration::from_secs(12);
/// Past the announcements of a new master.
const SETTLED: Duration = Duration::from_secs(4);

const HOW: &str = "\
A pair on one switch and a host that sends frames with forged adverts, in turn one with the vhid that is
configured and a wrong digest, one with a vhid that nobody has, and rubbish of protocol 112. Each counts
once on each node, which all see everything; what is neither received nor dropped by the filter found no
room in the socket. `late`: how much longer than an interval the longest time between two adverts of the
master was, at its port of the switch.";
