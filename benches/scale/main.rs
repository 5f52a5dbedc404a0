//! What many virtual hosts cost: time of the processor and memory as master and as backup, how long
//! a start and a take-over of all of them take, and whether adverts come late. Needs root and
//! nothing of the machine's own network.
//!
//! `cargo bench -p carp-benches --bench scale` writes `benches/RESULTS.md`; `-- --help` tells
//! what can be chosen.

#![expect(clippy::print_stdout, reason = "the tables are for whoever runs it")]
#![expect(clippy::print_stderr, reason = "so is how far it has come")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use carp_benches::many::{Carpctl, Contender, Keepalived, Work};
use carp_benches::{Program, Result, end_in_good_order, exit, results};
use carp_net::lab;
use clap::Parser;

mod figures;
mod report;
mod run;
use report::Row;

/// Measure what many virtual hosts cost
#[derive(Debug, Parser)]
#[command(name = "scale")]
struct Options {
    /// Measure this much: LINKSxVHIDS, such as 16x255
    #[arg(long, value_delimiter = ',', value_parser = parse_work)]
    work: Vec<Work>,
    /// For how many seconds the time of the processor is counted
    #[arg(long, default_value_t = SECONDS, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How often everything is measured: the median of the costs and the worst of the times count
    #[arg(long, default_value_t = RUNS, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Measure these contenders only
    #[arg(long, value_delimiter = ',')]
    contender: Vec<String>,
    /// Measure this program instead of the one built from here
    #[arg(long, value_name = "PATH")]
    carpctl: Option<PathBuf>,
    /// Write the results to this file (default: benches/RESULTS.md where nothing is left out or cut
    /// short)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Say that `cargo bench` runs this
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    exit("scale", run(&Options::parse()))
}

fn run(options: &Options) -> Result<()> {
    end_in_good_order()?;
    let program = Program::chosen(options.carpctl.as_deref())?;
    let contenders = options.contenders(&program);
    let works = if options.work.is_empty() {
        &WORKS[..]
    } else {
        &options.work
    };
    let window = Duration::from_secs(options.seconds);
    let start = lab::now();
    let there: Vec<_> = contenders
        .iter()
        .filter(|it| it.version().is_some())
        .collect();
    let pairs = works
        .iter()
        .flat_map(|&work| there.iter().map(move |contender| (work, *contender)));
    let mut runs = vec![Vec::new(); works.len() * there.len()];
    for _ in 0..options.runs {
        for ((work, contender), runs) in pairs.clone().zip(&mut runs) {
            let measured = run::run(contender.as_ref(), work, window)
                .map_err(|error| format!("{}, {work}: {error}", contender.name()))?;
            eprintln!("{}", Row::of(contender.name(), work, &[measured]));
            runs.push(measured);
        }
    }
    let rows: Vec<Row> = pairs
        .zip(&runs)
        .map(|((work, contender), runs)| Row::of(contender.name(), work, runs))
        .collect();
    let versions = contenders.iter().map(|it| {
        let missing = || format!("{}: not installed", it.name());
        it.version().unwrap_or_else(missing)
    });
    let versions = versions.collect::<Vec<_>>().join("; ");
    let minutes = (lab::now() - start).as_secs().div_ceil(60);
    let conditions = format!(
        "{versions}; {} runs of {} s each, {minutes} minutes",
        options.runs, options.seconds
    );
    let text = report::text(&rows, &conditions);
    println!("{text}");
    let is_long = options.seconds >= SECONDS && options.runs >= RUNS;
    let whole = is_long && options.work.is_empty() && options.contender.is_empty();
    match options.out.clone().or_else(|| whole.then(results::file)) {
        Some(file) => results::write(&file, "scale", &text),
        None => Ok(()),
    }
}

impl Options {
    fn contenders(&self, program: &Program) -> Vec<Box<dyn Contender>> {
        let carpctl = Carpctl {
            program: program.clone(),
            lladdr_carpdev: false,
        };
        let keepalived = Keepalived { use_vmac: false };
        let mut all: Vec<Box<dyn Contender>> = vec![Box::new(carpctl), Box::new(keepalived)];
        let chosen = &self.contender;
        all.retain(|it| chosen.is_empty() || chosen.iter().any(|name| name == it.name()));
        all
    }
}

/// Reads `16x255`.
fn parse_work(text: &str) -> std::result::Result<Work, String> {
    let numbers = text.split_once('x').and_then(|(links, vhids)| {
        let (links, vhids) = (links.parse().ok()?, vhids.parse().ok()?);
        (links > 0).then_some(Work { links, vhids })
    });
    numbers.ok_or_else(|| format!("{text}: LINKSxVHIDS, such as 16x255"))
}

/// What is measured where nothing is chosen.
const WORKS: [Work; 5] = [
    Work { links: 1, vhids: 0 },
    Work { links: 1, vhids: 1 },
    Work {
        links: 1,
        vhids: 50,
    },
    Work {
        links: 1,
        vhids: 255,
    },
    Work {
        links: 16,
        vhids: 255,
    },
];
const SECONDS: u64 = 30;
const RUNS: u32 = 3;
