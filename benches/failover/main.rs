//! What a pair of nodes costs its clients, fault by fault: this project's, and beside it in the same
//! run Debian's `ucarp` and `keepalived`. Needs root and nothing of the machine's own network.
//!
//! `cargo bench -p carp-benches --bench failover` plays everything and writes `benches/RESULTS.md`;
//! `-- --help` tells what can be chosen.

#![expect(clippy::print_stdout, reason = "the tables are for whoever runs it")]
#![expect(clippy::print_stderr, reason = "so is how far it has come")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use carp_benches::{Network, Program, Result, end_in_good_order, exit, results};
use carp_net::lab;
use clap::{Parser, ValueEnum as _};

mod calibration;
use calibration::Calibration;
mod contender;
use contender::{Carpctl, Contender, Keepalived, Ucarp};
mod fault;
use fault::{Fault, Lost};
mod inflict;
mod measure;
mod record;
mod rounds;
use rounds::{Job, Outcome, Outcomes};
mod scenario;
mod summary;
mod table;
use table::Variant;

/// Measure failovers, fault by fault
#[derive(Debug, Parser)]
#[command(name = "failover")]
struct Options {
    /// How often each fault is played
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Play each fault once
    #[arg(long, conflicts_with = "runs")]
    quick: bool,
    /// How many networks there are side by side; more disturb each other
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    lanes: u8,
    /// Play these faults only
    #[arg(long, value_delimiter = ',')]
    fault: Vec<Fault>,
    /// Measure these contenders only
    #[arg(long, value_delimiter = ',', value_parser = CONTENDERS)]
    contender: Vec<String>,
    /// Make these tables only
    #[arg(long, value_delimiter = ',')]
    variant: Vec<Variant>,
    /// Measure this program instead of the one built from here
    #[arg(long, value_name = "PATH")]
    carpctl: Option<PathBuf>,
    /// Write the results to this file (default: benches/RESULTS.md where all is measured)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Say that `cargo bench` runs this
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    exit("failover", run(&Options::parse()))
}

fn run(options: &Options) -> Result<()> {
    end_in_good_order()?;
    let chosen = options.chosen_variants();
    let carpctl = Program::chosen(options.carpctl.as_deref())?;
    let contenders = options.contenders(&carpctl, &chosen);
    let faults: Vec<Fault> = Fault::value_variants()
        .iter()
        .copied()
        .filter(|fault| options.fault.is_empty() || options.fault.contains(fault))
        .collect();
    let runs = if options.quick { 1 } else { options.runs };
    // What is not installed has a column that says so, and no runs.
    let installed: Vec<bool> = contenders.iter().map(|it| it.version().is_some()).collect();
    let mut jobs = rounds::jobs(&faults, &contenders, runs);
    jobs.retain(|job| installed.get(job.contender) == Some(&true));

    let start = lab::now();
    let lanes: Vec<Network> = (0..options.lanes)
        .map(|_| Network::new())
        .collect::<Result<_>>()?;
    // In all lanes at once, as they will be measured.
    let calibrated = rounds::at_once(lanes.iter().collect(), calibration::calibrate);
    let calibration = Calibration::of(calibrated.into_iter().collect::<Result<Vec<_>>>()?);
    eprintln!("calibration: {calibration}");
    let mut done = 0;
    let outcomes = rounds::play(&lanes, &contenders, &jobs, |job, outcome| {
        done += 1;
        tell(done, &jobs, &contenders, job, outcome);
    })?;
    drop(lanes);

    let took = lab::now() - start;
    let head = head(&contenders, options, runs, &calibration, took);
    let text = head + &disturbances(&outcomes) + &tables(&chosen, &faults, &contenders, &outcomes);
    println!("{text}");
    let file = options.out.clone().or_else(|| {
        let all = options.fault.is_empty() && options.contender.is_empty();
        (all && options.variant.is_empty() && !options.quick).then(results::file)
    });
    match file {
        Some(file) => results::write(&file, "failover", &text),
        None => Ok(()),
    }
}

impl Options {
    fn chosen_variants(&self) -> Vec<Variant> {
        let all = Variant::value_variants().iter().copied();
        all.filter(|variant| self.variant.is_empty() || self.variant.contains(variant))
            .collect()
    }

    fn contenders(&self, carpctl: &Program, chosen: &[Variant]) -> Vec<Box<dyn Contender>> {
        let is_chosen = |name: &str| {
            self.contender.is_empty() || self.contender.iter().any(|chosen| chosen == name)
        };
        let mut contenders: Vec<Box<dyn Contender>> = Vec::new();
        for lladdr_carpdev in [false, true] {
            let has_table = |variant: &Variant| variant.lladdr_carpdev() == lladdr_carpdev;
            if is_chosen("carpctl") && chosen.iter().any(has_table) {
                contenders.push(Box::new(Carpctl {
                    program: carpctl.clone(),
                    lladdr_carpdev,
                }));
            }
        }
        let others: [Box<dyn Contender>; 3] = [
            Box::new(Ucarp),
            Box::new(Keepalived { use_vmac: false }),
            Box::new(Keepalived { use_vmac: true }),
        ];
        for other in others {
            let has_table = |variant: &Variant| other.families().contains(&variant.family());
            if is_chosen(other.name()) && chosen.iter().any(has_table) {
                contenders.push(other);
            }
        }
        contenders
    }
}

/// One line on a run that is over.
fn tell(
    done: usize,
    jobs: &[Job],
    contenders: &[Box<dyn Contender>],
    job: &Job,
    outcome: &std::result::Result<Outcome, String>,
) {
    let contender = contenders.get(job.contender).map_or("?", |it| it.name());
    let said = match outcome {
        Err(error) => format!("FAILED: {error}"),
        Ok(outcome) => {
            let mut said = String::new();
            for (family, samples) in &outcome.samples {
                said += &format!(" {family}:");
                for (sample, phase) in samples.iter().zip(job.fault.phases()) {
                    let both = sample.both.length.as_millis();
                    said += &format!(" lost {} both {both} ms", sample.lost);
                    let awaited = matches!(phase.lost, Lost::MasterDownAnd(_));
                    if let Some(late) = sample.late.filter(|_| awaited) {
                        said += &format!(" late {late:.1} ms");
                    }
                    said += ";";
                }
            }
            let missed = outcome.checks.iter().filter(|(_, met)| !met);
            let said = missed.fold(said, |said, (name, _)| said + &format!(" not “{name}”"));
            let disturbed = outcome.disturbance.is_grave();
            let disturbance = disturbed.then(|| format!(" DISTURBED: {}", outcome.disturbance));
            said + &disturbance.unwrap_or_default()
        }
    };
    let (count, name) = (jobs.len(), job.fault.name());
    eprintln!("{done}/{count} {name} {contender} {}:{said}", job.number);
}

/// When, where, with what and how it was measured.
fn head(
    contenders: &[Box<dyn Contender>],
    options: &Options,
    runs: u32,
    calibration: &Calibration,
    took: Duration,
) -> String {
    let mut versions: Vec<String> = contenders
        .iter()
        .map(|it| {
            it.version()
                .unwrap_or_else(|| format!("{}: not installed", it.name()))
        })
        .collect();
    versions.dedup();
    format!(
        "## Failover\n\n\
         {}; {}; {runs} runs of each fault, {} lanes, {} minutes.\n\n\
         Made by `cargo bench -p carp-benches --bench failover` as root.\n\n\
         {HOW}\n\nCalibration: {calibration}.\n\n",
        results::machine(),
        versions.join("; "),
        options.lanes,
        took.as_secs().div_ceil(60),
    )
}

/// How many runs were held up by something else.
fn disturbances(outcomes: &Outcomes) -> String {
    let runs = || outcomes.values().flatten().flatten();
    let all = runs().map(|outcome| outcome.disturbance);
    let grave: Vec<_> = all.filter(|it| it.is_grave()).collect();
    let worst = grave.iter().max_by_key(|it| it.rtnl.max(it.timer));
    let worst = worst.map(|worst| format!(" (at worst {worst})"));
    format!(
        "Held up for more than 50 ms by the machine: {} of {} runs{}.\n\n",
        grave.len(),
        runs().count(),
        worst.unwrap_or_default()
    )
}

fn tables(
    chosen: &[Variant],
    faults: &[Fault],
    contenders: &[Box<dyn Contender>],
    outcomes: &Outcomes,
) -> String {
    let mut misses = Vec::new();
    let mut text = String::new();
    for &variant in chosen {
        text += &table::table(variant, faults, contenders, outcomes, &mut misses);
        text.push('\n');
    }
    text + &results::verdict(&misses)
}

const CONTENDERS: [&str; 4] = ["carpctl", "ucarp", "keepalived", "keepalived-vmac"];

const HOW: &str = "\
Two nodes, a client and a third host on one learning switch, each a network namespace of its own. The
client sends 1,000 echo requests a second to the shared address by a timer of its own and never flushes
its neighbour table; the third host asks for the address every 10 ms. Intervals of 1 s, skews 0 and 100
(`keepalived`: priorities 254 and 156, which make the same skews), both families at once where the
contender has both. Each fault comes at a random moment between two adverts. A node holds an address
while it is on an interface that is up and has a carrier. Figures are medians, in brackets the worst
run: echoes lost / how long both nodes held the address; `>` where it went on until the run ended.
`late`: how long after the other node's master-down timer (3.391 s from the last advert it heard) the
first echo was answered. A limit is met where no run is worse than it and what else the fault asks for
was seen in every run: no take-over by the peer, the reason shown, the address gone by itself.
–: no equivalent, or not limited.";
