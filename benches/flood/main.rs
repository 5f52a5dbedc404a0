//! A flood of forged adverts on the carpdev of a pair: whether anything comes of it, and what it
//! costs. Needs root and nothing of the machine's own network.
//!
//! `cargo bench -p carp-benches --bench flood` takes a minute and a half and writes
//! `benches/RESULTS.md`; `-- --help` tells what can be chosen.

#![expect(clippy::print_stdout, reason = "the table is for whoever runs it")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use carp_benches::{
    Memory, Network, Node, Program, Result, aligned, cpu_time, end_in_good_order, exit, latest,
    pause, results,
};
use carp_net::lab;
use clap::Parser;
use serde_json::Value;

mod counts;
mod forgery;

use counts::{Came, Counts, grown, inexact, inexact_amid};

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
#[derive(Clone, Debug, Default)]
struct State {
    counts: Counts,
    /// What its sockets had no room for.
    without_room: u64,
    /// Authentic adverts of the other node.
    heard: u64,
    cpu: Duration,
    resident: u64,
}

fn main() -> ExitCode {
    exit("flood", run(&Options::parse()))
}

fn run(options: &Options) -> Result<()> {
    end_in_good_order()?;
    let program = Program::chosen(options.carpctl.as_deref())?;
    let net = Network::new()?;
    let nodes = [&net.one, &net.two];
    // Each port more would cost the machine another copy of all.
    net.lab.remove_interface(&net.client)?;
    program.start_pair(&net)?;
    let frames = forgery::frames()?;
    let look = || -> Result<[State; 2]> {
        let [one, two] = nodes.map(|node| state(node, &program));
        Ok([one?, two?])
    };
    let tap = net.lab.tap_claims(Some(net.one.host.name()))?;
    let calm = look()?;
    let trickle = net.asker.flood(frames.clone(), CALM)?;
    pause(CALM_FOR)?;
    let trickled = trickle.stop()?;
    pause(SETTLED)?;
    let rest = look()?;
    let flood = net.asker.flood(frames, options.rate)?;
    // As soon as it goes on all is as it will be.
    pause(Duration::from_secs(2))?;
    let (before, since) = (look()?, lab::now());
    pause(Duration::from_secs(options.seconds))?;
    let (after, until) = (look()?, lab::now());
    let sent = flood.stop()?;
    pause(Duration::from_secs(8))?;
    let later = look()?;
    let end = lab::now();
    let recording = tap.stop()?;
    let adverts = recording
        .frames
        .iter()
        .filter(|frame| frame.ethertype() == 0x0800);
    let times: Vec<_> = adverts.map(|frame| frame.time).collect();
    let late = latest(&times, Duration::from_secs(1), end).ok_or("no advert was seen")?;
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
    miss(
        rate < u64::from(options.rate) * 99 / 100,
        format!("{} frames a second: {rate}", options.rate),
    );
    for (node, (calm, (rest, later))) in nodes
        .into_iter()
        .zip(calm.iter().zip(rest.iter().zip(&later)))
    {
        let name = node.host.name();
        for wrong in inexact(&calm.counts, &rest.counts, trickled) {
            let what = "counters exact below the filter's rate";
            miss(true, format!("{name}: {what}: {wrong}"));
        }
        let came = Came {
            sent,
            heard: later.heard - rest.heard,
            without_room: later.without_room - rest.without_room,
        };
        for wrong in inexact_amid(&rest.counts, &later.counts, came) {
            let what = "counters exact in the flood";
            miss(true, format!("{name}: {what}: {wrong}"));
        }
    }
    miss(
        late > LATE,
        format!("no advert more than 20 ms late: {} ms", late.as_millis()),
    );
    for (node, (before, after)) in nodes.into_iter().zip(before.iter().zip(&after)) {
        let grown = after.resident.saturating_sub(before.resident);
        let name = node.host.name();
        let share = (after.cpu - before.cpu).as_secs_f64() / span.as_secs_f64();
        miss(
            share > BUDGET,
            format!(
                "{name}: no more than {:.0} % of a core: {:.1} %",
                BUDGET * 100.0,
                share * 100.0
            ),
        );
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
    let verdict = results::verdict(&misses);
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

fn state(node: &Node, program: &Program) -> Result<State> {
    let all: Value = serde_json::from_str(&program.run(node, "stats --json")?)?;
    let peers = all.pointer("/interfaces/0/peers").and_then(Value::as_array);
    let peers = peers.into_iter().flatten();
    let heard = peers.filter_map(|peer| peer.pointer("/counters/ipackets")?.as_u64());
    let processes = node.host.namespace().processes()?;
    // Of the thread that has entered: `/proc/net` is that of the process.
    let table = || std::fs::read_to_string("/proc/thread-self/net/raw");
    Ok(State {
        counts: counts::counts(&all),
        without_room: counts::without_room(&node.host.enter(table)??),
        heard: heard.sum(),
        cpu: cpu_time(&processes)?,
        resident: Memory::of(&processes)?.resident,
    })
}

fn rows(before: &[State; 2], after: &[State; 2], span: Duration) -> Vec<Vec<String>> {
    let head = [
        "node",
        "of a core",
        "received",
        "filtered",
        "no room",
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
            each(grown(&before.counts, &after.counts, "ipackets")),
            each(grown(&before.counts, &after.counts, "filtered")),
            each(after.without_room - before.without_room),
            format!("{} / {} KiB", before.resident, after.resident),
        ]);
    }
    rows
}

const LATE: Duration = Duration::from_millis(20);
/// Of a core. `PASSED` of `carp-net/src/linux/sieve.rs` is chosen to keep to it: that many of the
/// vhids that are configured pass the filter, 59,600 in a second, because only the digest judges them.
const BUDGET: f64 = 0.2;
/// In frames a second: the filter goes on above 2,000 that it could drop.
const CALM: u32 = 2_000;
const CALM_FOR: Duration = Duration::from_secs(5);
/// In KiB.
const FLAT: u64 = 256;
/// Past the announcements of a new master.
const SETTLED: Duration = Duration::from_secs(4);

const HOW: &str = "\
A pair and an attacker, and nobody else, on one switch. The attacker sends frames with forged adverts, in
turn one with the vhid that is configured and a wrong digest, one with a vhid that nobody has, and rubbish of
protocol 112, now as long as an advert, now shorter, of each length: for 5 s 2,000 of them a second,
which the filter leaves alone and each counter must tell to the frame, and then the flood. Each frame counts
once on each node: `received`, by the service, which refuses it; `filtered`, dropped by the kernel's filter;
`no room` in the socket; all a second. In the flood each advert with the configured vhid must be in `badauth`,
but for those that had no room, whatever the filter drops; of the other kinds the counters and the filter's own must
come to what was sent, none of a kind may be counted more often than it was sent, none as what was not sent
(`badif`, `badttl`, `badver`), and what was received is what was refused and what was heard. What a service may take is a fifth of a core, that of the 59,600 adverts
of configured vhids that the filter lets pass in a second. `late`: how much longer than an interval the longest
time between two adverts of the master was, at its port of the switch.";
