//! Sub-second timers under load: how steady the adverts are, whether the other node leaves a master
//! alone, and how soon it answers after a hard fault. Needs root and nothing of the machine's own
//! network.
//!
//! `cargo bench -p carp-benches --bench subsecond` takes 25 minutes and writes
//! `benches/RESULTS.md`; `-- --quick` is for trying out.

#![expect(clippy::print_stdout, reason = "the tables are for whoever runs it")]
#![expect(clippy::print_stderr, reason = "so is how far it has come")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use carp_benches::{Network, Program, Result, end_in_good_order, exit, results};
use carp_net::carp_fsm::Interval;
use carp_net::lab;
use clap::Parser;

mod distribution;
mod hard;
mod load;
mod pair;
mod report;
mod steady;
mod stolen;

use hard::Plan;
use load::Busy;
use pair::Setting;
use report::Report;
use steady::Watch;
use stolen::Stolen;

/// Measure sub-second timers while a core is busy
#[derive(Debug, Parser)]
#[command(name = "subsecond")]
struct Options {
    /// Measure each thing for a short time only
    #[arg(long)]
    quick: bool,
    /// How many minutes a pair at 0/4 is watched (the limits are for 10)
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// How often the master loses power in each setting
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
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

fn main() -> ExitCode {
    exit("subsecond", run(&Options::parse()))
}

fn run(options: &Options) -> Result<()> {
    end_in_good_order()?;
    let program = Program::chosen(options.carpctl.as_deref())?;
    let net = Network::new()?;
    let start = lab::now();
    let mut report = Report::default();
    let stolen = Stolen::since_now();
    for watch in options.watches() {
        let seen = steady::watch(&net, &program, watch)?;
        eprintln!("{}", report::told_of(&seen));
        report.steady.push(seen);
    }
    for plan in options.plans() {
        let tell = |loss: &hard::Loss| eprintln!("{loss}");
        report
            .hard
            .push(hard::lose_power(&net, &program, plan, tell)?);
    }
    drop(net);
    let took = lab::now() - start;
    let minutes = took.as_secs().div_ceil(60);
    let conditions = format!("{minutes} minutes, of which {stolen}");
    let text = report.text(&program.version()?, &conditions);
    println!("{text}");
    let whole = !options.quick && options.minutes >= 10 && options.runs >= 20;
    match options.out.clone().or_else(|| whole.then(results::file)) {
        Some(file) => results::write(&file, "subsecond", &text),
        None => Ok(()),
    }
}

impl Options {
    /// What is watched while nothing happens.
    fn watches(&self) -> Vec<Watch> {
        let watch = |advskew, advbase, busy, span: Duration| Watch {
            interval: Interval::from_octets(advbase, advskew),
            busy,
            span: if self.quick {
                span.min(Duration::from_secs(10))
            } else {
                span
            },
        };
        let minutes = |minutes| Duration::from_secs(60 * minutes);
        vec![
            watch(0, 0, Busy::One, minutes(1)),
            watch(4, 0, Busy::One, minutes(self.minutes)),
            watch(64, 0, Busy::One, minutes(2)),
            watch(0, 1, Busy::One, minutes(3)),
            watch(4, 0, Busy::All, minutes(1)),
        ]
    }

    /// The power losses.
    fn plans(&self) -> Vec<Plan> {
        let plan = |one, two, lladdr_carpdev, busy, limit| Plan {
            setting: Setting {
                intervals: [one, two].map(|advskew| Interval::from_octets(0, advskew)),
                lladdr_carpdev,
            },
            busy,
            runs: if self.quick { 5 } else { self.runs },
            limit,
        };
        vec![
            plan(4, 4, false, Busy::One, Some(LIMIT)),
            plan(4, 4, true, Busy::One, Some(LIMIT)),
            plan(4, 5, false, Busy::One, None),
            plan(4, 4, false, Busy::All, None),
            plan(0, 0, false, Busy::One, None),
        ]
    }
}

/// By when the other node must answer after a hard fault at 0/4.
const LIMIT: Duration = Duration::from_millis(60);
