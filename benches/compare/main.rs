//! Beside what users would pick instead: `carpctl`, `ucarp` and `keepalived` do the same work in the
//! same run. Needs root and nothing of the machine's own network.
//!
//! `cargo bench -p carp-benches --bench compare` takes about 45 minutes and writes
//! `benches/RESULTS.md` and `benches/compare.svg`; `-- --help` tells what can be chosen.

#![expect(clippy::print_stdout, reason = "the tables are for whoever runs it")]
#![expect(clippy::print_stderr, reason = "so is how far it has come")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use carp_benches::many::{Carpctl, Contender, Keepalived, Ucarp, Work};
use carp_benches::{Program, Result, end_in_good_order, exit, pause, results};
use carp_net::lab;
use clap::Parser;

mod figures;
mod metric;
mod plot;
mod report;
mod run;
use report::Runs;

/// Measure what others do with the same work
#[derive(Debug, Parser)]
#[command(name = "compare")]
struct Options {
    /// Measure these numbers of virtual routers (default: 1,50,255)
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..))]
    vhids: Vec<u8>,
    /// How often everything is measured
    #[arg(long, default_value_t = ROUNDS, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// For how many seconds the time of the processor is counted in each round
    #[arg(long, default_value_t = SECONDS, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Measure these contenders only
    #[arg(long, value_delimiter = ',')]
    contender: Vec<String>,
    /// Measure this program instead of the one built from here
    #[arg(long, value_name = "PATH")]
    carpctl: Option<PathBuf>,
    /// Write the results to this file, and the picture beside it (default: benches/RESULTS.md
    /// where nothing is left out or cut short)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Say that `cargo bench` runs this
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    exit("compare", run(&Options::parse()))
}

fn run(options: &Options) -> Result<()> {
    end_in_good_order()?;
    let is_long = options.seconds >= SECONDS && options.rounds >= ROUNDS;
    let whole = is_long && options.vhids.is_empty() && options.contender.is_empty();
    let file = options.out.clone().or_else(|| whole.then(results::file));
    // Not after all has been measured.
    let directory = file.as_deref().and_then(Path::parent);
    if let Some(directory) = directory.filter(|it| *it != Path::new("") && !it.is_dir()) {
        return Err(format!("{}: no such directory", directory.display()).into());
    }
    let program = Program::chosen(options.carpctl.as_deref())?;
    let contenders = options.contenders(&program);
    let mut versions: Vec<String> = contenders.iter().map(|it| version(it.as_ref())).collect();
    let start = lab::now();
    let all = measure(options, &contenders)?;
    let minutes = (lab::now() - start).as_secs().div_ceil(60);
    // One program in two of its modes is one.
    versions.dedup();
    let conditions = format!(
        "{}; {} rounds of {} s each, {minutes} minutes",
        versions.join("; "),
        options.rounds,
        options.seconds
    );
    let text = report::text(&all, &conditions, PLOT);
    println!("{text}");
    let Some(file) = file else {
        return Ok(());
    };
    fs::write(file.with_file_name(PLOT), plot::svg(&report::panels(&all)))?;
    results::write(&file, "compare", &text)
}

/// Has those that are installed do everything in turn, round after round.
fn measure(options: &Options, contenders: &[Box<dyn Contender>]) -> Result<Vec<Runs>> {
    let there = || contenders.iter().filter(|it| it.version().is_some());
    let works = options.works();
    let mut all: Vec<Runs> = Vec::new();
    for &work in &works {
        all.extend(there().map(|it| Runs {
            work,
            contender: it.name(),
            is_ours: it.name().starts_with("carpctl"),
            rounds: Vec::new(),
        }));
    }
    let window = Duration::from_secs(options.seconds);
    for round in 0..options.rounds {
        // The middles of equal parts.
        let phase = (f64::from(round) + 0.5) / f64::from(options.rounds);
        for (runs, contender) in all.iter_mut().zip(works.iter().flat_map(|_| there())) {
            let measured = run::run(contender.as_ref(), runs.work, window, phase);
            // Nothing, unless somebody wants it to end.
            pause(Duration::ZERO)?;
            let what = format!("{}, {}, round {}", runs.contender, runs.work, round + 1);
            match &measured {
                Ok(measured) => eprintln!("{what}: {measured}"),
                Err(error) => eprintln!("{what}: FAILED: {error}"),
            }
            runs.rounds.push(measured.ok());
        }
    }
    Ok(all)
}

fn version(contender: &dyn Contender) -> String {
    contender.version().unwrap_or_else(|| {
        let missing = format!("{}: not installed", contender.name());
        eprintln!("{missing}");
        missing
    })
}

impl Options {
    fn contenders(&self, program: &Program) -> Vec<Box<dyn Contender>> {
        let carpctl = |lladdr_carpdev| Carpctl {
            program: program.clone(),
            lladdr_carpdev,
        };
        let mut all: Vec<Box<dyn Contender>> = vec![
            Box::new(carpctl(false)),
            Box::new(carpctl(true)),
            Box::new(Ucarp),
            Box::new(Keepalived { use_vmac: false }),
            Box::new(Keepalived { use_vmac: true }),
        ];
        let chosen = &self.contender;
        all.retain(|it| chosen.is_empty() || chosen.iter().any(|name| name == it.name()));
        all
    }

    fn works(&self) -> Vec<Work> {
        let vhids = if self.vhids.is_empty() {
            &VHIDS[..]
        } else {
            &self.vhids
        };
        let work = |&vhids| Work { links: 1, vhids };
        vhids.iter().map(work).collect()
    }
}

/// What is measured where nothing is chosen.
const VHIDS: [u8; 3] = [1, 50, 255];
/// The file with the picture.
const PLOT: &str = "compare.svg";

/// What is measured where nothing is chosen.
const ROUNDS: u32 = 5;
const SECONDS: u64 = 12;
