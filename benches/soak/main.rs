//! Four nodes and a live `ucarp`, random faults of all kinds one after the other, 1,000 echoes a second
//! to each address: whatever is lost must be explained by the table of faults, nothing may grow, and
//! nothing may be left behind. Needs root and nothing of the machine's own network.
//!
//! `cargo bench -p carp-benches --bench soak` takes an hour and writes `benches/RESULTS.md`;
//! `-- --help` tells what can be chosen.

#![expect(clippy::print_stdout, reason = "the tables are for whoever runs it")]
#![expect(clippy::print_stderr, reason = "so is what happens meanwhile")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use carp_benches::{Program, Result, end_in_good_order, give_addresses, pause, results};
use carp_net::carp_fsm::Timestamp;
use carp_net::lab::{self, Host};
use clap::Parser;

mod cluster;
use cluster::Cluster;
mod excuses;
mod fault;
use fault::Fault;
mod inflict;
use inflict::Episode;
mod ledger;
use ledger::{Finding, explain};
mod peer;
mod plan;
use plan::{Plan, Storm};
mod report;
use report::{Outcome, Report};
mod schedule;
use schedule::{Deck, Random, all_of};
mod seats;
use seats::{GROUPS, OURS, PEER};
mod spans;
mod storm;
mod streams;
use streams::{STREAMS, Streams};
mod vitals;
use vitals::Vitals;

/// Hurt a cluster in every way, at random, and count what is lost
#[derive(Debug, Parser)]
#[command(name = "soak")]
struct Options {
    /// How long faults go on happening; longer where not each of them has happened by then
    #[arg(long, default_value_t = 3_600, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Have the same faults happen again as in the run that printed this number
    #[arg(long)]
    seed: Option<u64>,
    /// Have these faults happen only
    #[arg(long, value_delimiter = ',')]
    fault: Vec<Fault>,
    /// Try this program instead of the one built from here
    #[arg(long, value_name = "PATH")]
    carpctl: Option<PathBuf>,
    /// Write the results to this file (default: benches/RESULTS.md where it takes an hour)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Say that `cargo bench` runs this
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether all was well.
fn run(options: &Options) -> Result<bool> {
    end_in_good_order()?;
    let seed = match options.seed {
        Some(seed) => seed,
        // Short enough to be typed.
        None => u64::from(getrandom::u32()?),
    };
    eprintln!("seed {seed}");
    let program = Program::chosen(options.carpctl.as_deref())?;
    let mut random = Random::new(seed);
    let cluster = Cluster::new(program, &mut random)?;
    let stranger = cluster.lab.host("stranger")?;
    give_addresses(&stranger, 52)?;
    let mut soak = Soak {
        stranger: Arc::new(stranger),
        cluster,
        random,
        report: Report::new(seed, all_of(&options.fault).len()),
        began: lab::now(),
    };
    let ended = soak.go_on(options);
    if let Err(error) = &ended {
        soak.report.problem(&error.to_string());
        eprintln!("{}", soak.cluster.describe());
    }
    let text = soak.report.text(&soak.cluster.program.version()?);
    println!("{text}");
    let whole = options.seconds >= 3_600 && options.fault.is_empty();
    if let Some(file) = options.out.clone().or_else(|| whole.then(results::file)) {
        results::write(&file, "soak", &text)?;
    }
    Ok(soak.report.is_well())
}

/// A run.
struct Soak {
    // Goes before the switch that it is plugged into.
    stranger: Arc<Host>,
    cluster: Cluster,
    random: Random,
    report: Report,
    began: Timestamp,
}

impl Soak {
    /// Has faults happen until the time is over and each has happened, and ends everything in good order.
    fn go_on(&mut self, options: &Options) -> Result<()> {
        let before = (0..OURS).map(|seat| Ok(self.cluster.member(seat)?.node.host.snapshot()?));
        let before = before.collect::<Result<Vec<_>>>()?;
        for seat in 0..=PEER {
            self.cluster.start(seat)?;
        }
        self.cluster.wait_for_masters(&[])?;
        let mut deck = Deck::default();
        self.began = lab::now();
        let until = self.began + Duration::from_secs(options.seconds);
        // Who has never asked before may have to wait for an answer: that is not measured.
        let first = Streams::start(&self.cluster.client, &self.stranger)?;
        first.wait_until_steady()?;
        let mut streams = Streams::start(&self.cluster.client, &self.stranger)?;
        drop(first.stop()?);
        while lab::now() < until || !self.report.has_all_kinds() {
            let fault = deck
                .draw(&mut self.random, &options.fault)
                .ok_or("no fault")?;
            let rankings = self.cluster.rankings();
            let may_start_again = |seat| self.cluster.may_start_again(seat);
            let plan = Plan::choose(&rankings, &mut self.random, fault, may_start_again);
            let Some(plan) = plan else {
                deck.put_back(fault);
                pause(Duration::from_millis(100))?;
                continue;
            };
            streams = self.play(&plan, streams)?;
            self.take_vitals()?;
        }
        self.judge(None, streams)?;
        self.leave_nothing(&before)
    }

    /// Plays a fault until everything is as it should be again; returns the streams that go on.
    fn play(&mut self, plan: &Plan, streams: Streams) -> Result<Streams> {
        let before = GROUPS.map(|group| self.cluster.master(group, &[]));
        let over = AtomicBool::new(false);
        let (cluster, random, stranger) = (&mut self.cluster, &mut self.random, &self.stranger);
        let first = *plan.seats.first().ok_or("it happens to nobody")?;
        let socket = Program::socket(&cluster.member(first)?.node);
        let mut episode = Episode::new(cluster, random, plan);
        let (played, stormed) = thread::scope(|scope| {
            let storm = plan.storm.map(|storm| {
                let over = &over;
                scope.spawn(move || match storm {
                    Storm::Forgery => storm::forge(stranger, over),
                    Storm::Nonsense => storm::abuse(&socket, over),
                })
            });
            let played = episode.play();
            over.store(true, Ordering::Relaxed);
            let panicked = |_| Err("a thread of the bench panicked".into());
            let stormed = storm.map_or(Ok(()), |storm| storm.join().unwrap_or_else(panicked));
            (played, stormed)
        });
        let moments = episode.moments;
        let settled = played
            .and(stormed)
            .and_then(|()| self.cluster.wait_for_masters(&[]))
            .and_then(|()| streams.wait_until_steady());
        let next = settled.and_then(|()| Streams::start(&self.cluster.client, &self.stranger));
        let outcome = Outcome::of(&self.cluster, plan, before, moments);
        let outcome = self.judge(Some(outcome), streams)?;
        next.map_err(|error| format!("{outcome}: {error}").into())
    }

    /// Takes down what was lost, and says so.
    fn judge(&mut self, outcome: Option<Outcome>, streams: Streams) -> Result<String> {
        let heard = streams.stop()?;
        let held_up = heard.stalls.and(&heard.waits);
        let mut outcome = outcome.unwrap_or_else(Outcome::of_calm);
        for (number, report) in heard.reports.iter().enumerate() {
            self.report.sent += report.sent();
            let lost: Vec<Timestamp> = report.losses().map(|(_, sent)| sent).collect();
            let stream = STREAMS.get(number).ok_or("no such stream")?;
            let slips = self.cluster.slips(stream.group, outcome.peer_acts_from());
            let excuses = held_up.and(&slips);
            outcome
                .findings
                .push(explain(&outcome.moments, number, &lost, &excuses));
        }
        let said = outcome.to_string();
        eprintln!("{:>7.1} s {said}", outcome.since(self.began).as_secs_f64());
        let unexplained = !outcome.is_explained();
        let history = self.cluster.history(outcome.from);
        let spans = outcome.findings.iter().flatten();
        let spans: Vec<_> = spans.map(|finding| finding.span).collect();
        self.report.take(outcome, &held_up);
        if unexplained && self.report.is_worth_telling() {
            for (from, until) in spans {
                let [stalled, queued] =
                    [&heard.stalls, &heard.waits].map(|spans| spans.within(from, until));
                eprintln!(
                    "meanwhile the machine stood still for {stalled:?}, a bystander waited for {queued:?}"
                );
            }
            eprintln!("{history}{}", self.cluster.describe());
        }
        Ok(said)
    }

    fn take_vitals(&mut self) -> Result<()> {
        for seat in 0..OURS {
            let member = self.cluster.member(seat)?;
            let vitals = Vitals::of(&member.processes()?)?;
            self.report.take_vitals(seat, member.name(), vitals);
        }
        Ok(())
    }

    /// Ends the services; what was there before must be there, and nothing else.
    fn leave_nothing(&mut self, before: &[lab::Snapshot]) -> Result<()> {
        for (seat, before) in (0..OURS).zip(before) {
            let member = self.cluster.member(seat)?;
            member.service(false)?.terminate()?;
            member.node.wait_for_service()?;
            let idle = |cluster: &Cluster| {
                let processes = cluster.member(seat).and_then(cluster::Member::processes);
                processes.is_ok_and(|processes| processes.is_empty())
            };
            self.cluster
                .wait_until("the last process has ended", idle)?;
            let after = member.node.host.snapshot()?;
            for change in after.changes_since(before) {
                self.report
                    .problem(&format!("{} was left with: {change}", member.name()));
            }
            let socket = Program::socket(&member.node);
            if socket.exists() {
                self.report
                    .problem(&format!("{} was left", socket.display()));
            }
        }
        Ok(())
    }
}

/// What is said of a stream in which something was lost.
fn told(number: usize, findings: &[Finding], moments: &[ledger::Moment]) -> String {
    let title = STREAMS.get(number).map_or("?", |stream| stream.title);
    let mut said = String::new();
    for finding in findings {
        let moment = finding.moment.and_then(|number| moments.get(number));
        let (when, from) = moment.map_or(("before", finding.span.0), |moment| {
            (moment.title, moment.from)
        });
        let millis =
            |at: Timestamp| (at - from).as_secs_f64() * 1e3 - (from - at).as_secs_f64() * 1e3;
        let (first, last) = finding.span;
        let verdict = if finding.is_explained() {
            ""
        } else {
            " UNEXPLAINED"
        };
        said += &format!(
            "; {title}: {} of at most {} lost when it {when} ({:.0} to {:.0} ms){verdict}",
            finding.lost,
            finding.allowed,
            millis(first),
            millis(last)
        );
        if finding.excused > 0 {
            said += &format!(", {} of them excused", finding.excused);
        }
        if finding.late > 0 {
            said += &format!(", {} too late", finding.late);
        }
    }
    said
}
