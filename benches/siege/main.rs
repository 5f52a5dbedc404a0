//! A siege of the control socket of a master: whether the operator is still heard, and whether anything
//! comes of it on the wire. Needs root and nothing of the machine's own network.
//!
//! `cargo bench -p carp-benches --bench siege` takes two minutes and writes
//! `benches/RESULTS.md`; `-- --help` tells what can be chosen.

#![expect(clippy::print_stdout, reason = "the table is for whoever runs it")]
#![expect(clippy::print_stderr, reason = "so is what went wrong")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use carp_benches::{
    Memory, Network, Node, Program, Result, aligned, cpu_time, end_in_good_order, exit, latest,
    pause, results, sayings, shared_address,
};
use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab::{self, Process};
use clap::Parser;
use rustix::process::Uid;
use serde_json::Value;

mod attack;
use attack::{besiege, hold, make_room};

/// Besiege the control socket of a master
#[derive(Debug, Parser)]
#[command(name = "siege")]
struct Options {
    /// For how many seconds each thing is said by each user
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
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

/// What was seen while one thing was said by one user.
struct Phase {
    user: &'static str,
    saying: &'static str,
    connections: usize,
    /// How long the operator waited, at most.
    waited: Duration,
    /// What the service had, at most.
    most: Holdings,
    /// What it took of a core.
    share: f64,
}

/// What the processes of a node have.
#[derive(Clone, Copy, Default)]
struct Holdings {
    /// In KiB.
    memory: u64,
    descriptors: usize,
}

fn main() -> ExitCode {
    exit("siege", run(&Options::parse()))
}

fn run(options: &Options) -> Result<()> {
    end_in_good_order()?;
    make_room()?;
    let program = Program::chosen(options.carpctl.as_deref())?;
    let net = Network::new()?;
    let (master, backup) = (&net.one, &net.two);
    // Somebody else is to reach the socket, as below /run.
    fs::set_permissions(master.directory(), Permissions::from_mode(0o755))?;
    program.start_pair(&net)?;
    let transitions = || -> Result<u64> {
        Ok(count_transitions(master, &program)? + count_transitions(backup, &program)?)
    };
    let (before, moved) = (Holdings::of(master)?, transitions()?);
    let tap = net.lab.tap_claims(Some(master.host.name()))?;
    let echo = net.client.echo(shared_address(Family::Inet), 1_000)?;

    // No command runs that would be one of them.
    let service = master.host.namespace().processes()?;
    let mut phases = Vec::new();
    for (user, uid) in [("root", Uid::ROOT), ("nobody", Uid::from_raw(65_534))] {
        // Many messages of root that make sense are the operator's own.
        let makes_sense = |name: &str| name == "1,000 messages";
        let time = Duration::from_secs(options.seconds);
        for (name, saying) in sayings() {
            if uid.is_root() && makes_sense(name) {
                continue;
            }
            let mut phase = Phase::of(user, name);
            let socket = Program::socket(master);
            phase.play(master, &program, &service, time, |over| {
                besiege(&socket, uid, &saying, over)
            })?;
            phases.push(phase);
        }
        // Past the time for which the service waits for somebody to say something.
        let mut phase = Phase::of(user, "nothing, held open");
        let socket = Program::socket(master);
        phase.play(master, &program, &service, time * 3, |over| {
            hold(&socket, uid, over)
        })?;
        phases.push(phase);
    }

    pause(AFTERWARDS)?;
    let heard = echo.stop()?;
    let end = lab::now();
    let recording = tap.stop()?;
    let (after, moved) = (Holdings::of(master)?, transitions()? - moved);
    let adverts = recording.frames.iter();
    let adverts = adverts.filter(|frame| frame.ethertype() == 0x0800);
    let times: Vec<_> = adverts.map(|frame| frame.time).collect();
    let late = latest(&times, Duration::from_secs(1), end).ok_or("no advert was seen")?;

    let waited = phases.iter().map(|phase| phase.waited).max();
    let most = phases.iter().map(|phase| phase.most.memory).max();
    let share = phases.iter().map(|phase| phase.share).fold(0.0, f64::max);
    let descriptors = phases.iter().map(|phase| phase.most.descriptors).max();
    let checks = [
        (moved == 0, format!("no transition: {moved}")),
        (heard.lost() == 0, format!("no echo lost: {heard}")),
        (
            late <= LATE,
            format!("no advert more than 20 ms late: {} ms", late.as_millis()),
        ),
        (
            waited.unwrap_or_default() <= ANSWERED,
            "the operator is answered within a second".to_owned(),
        ),
        (
            most.unwrap_or_default() <= before.memory + MOST_MEMORY,
            format!(
                "memory bounded: {} KiB before, {most:?} at most",
                before.memory
            ),
        ),
        (
            after.memory <= before.memory + LEFT,
            format!(
                "no more than {LEFT} KiB are left: {} KiB before, {} KiB afterwards",
                before.memory, after.memory
            ),
        ),
        (
            share <= MOST_TIME,
            format!(
                "no more than {:.0} % of a core: {:.1} %",
                MOST_TIME * 100.0,
                share * 100.0
            ),
        ),
        (
            descriptors.unwrap_or_default() <= before.descriptors + MOST_CLIENTS,
            format!(
                "descriptors bounded: {} before, {descriptors:?} at most",
                before.descriptors
            ),
        ),
        (
            after.descriptors <= before.descriptors,
            format!(
                "no descriptor is left: {} and {}",
                before.descriptors, after.descriptors
            ),
        ),
    ];
    let misses = checks.into_iter().filter(|(is_met, _)| !is_met);
    let misses: Vec<String> = misses.map(|(_, what)| what).collect();
    let verdict = results::verdict(&misses);
    let text = format!(
        "## Siege of the control socket\n\n{}; {}; {} s each.\n\n\
         Made by `cargo bench -p carp-benches --bench siege` as root.\n\n{HOW}\n\n\
         The latest advert was {:.1} ms late; {} of {} echoes lost; {moved} transitions. Before: {} KiB and {} \
         descriptors; afterwards: {} KiB and {}.\n\n{}\n{verdict}",
        results::machine(),
        program.version()?,
        options.seconds,
        late.as_secs_f64() * 1e3,
        heard.lost(),
        heard.sent(),
        before.memory,
        before.descriptors,
        after.memory,
        after.descriptors,
        aligned(&table(&phases)),
    );
    println!("{text}");
    let file = || (options.seconds >= 5).then(results::file);
    match options.out.clone().or_else(file) {
        Some(file) => results::write(&file, "siege", &text),
        None => Ok(()),
    }
}

impl Phase {
    const fn of(user: &'static str, saying: &'static str) -> Self {
        Self {
            user,
            saying,
            connections: 0,
            waited: Duration::ZERO,
            most: Holdings {
                memory: 0,
                descriptors: 0,
            },
            share: 0.0,
        }
    }

    /// Has `attack` go on for some time, and watches the `service` meanwhile.
    fn play(
        &mut self,
        node: &Node,
        program: &Program,
        service: &[Process],
        time: Duration,
        attack: impl FnOnce(&AtomicBool) -> Result<usize> + Send,
    ) -> Result<()> {
        let over = AtomicBool::new(false);
        let (spent, since) = (cpu_time(service)?, lab::now());
        thread::scope(|scope| {
            let attacker = scope.spawn(|| attack(&over));
            let watched = self.watch(node, program, time);
            over.store(true, Ordering::Relaxed);
            let attacked = attacker.join().map_err(|_| "the attacker panicked")?;
            self.connections = attacked?;
            watched
        })?;
        let (spent, span) = (cpu_time(service)? - spent, lab::now() - since);
        self.share = spent.as_secs_f64() / span.as_secs_f64();
        eprintln!(
            "{}, {}: the operator waited {} ms, the service took {:.1} % of a core",
            self.user,
            self.saying,
            self.waited.as_millis(),
            self.share * 100.0
        );
        Ok(())
    }

    /// Has the operator ask ten times a second for some time.
    fn watch(&mut self, node: &Node, program: &Program, time: Duration) -> Result<()> {
        let until = lab::now() + time;
        while lab::now() < until {
            let asked = lab::now();
            let shown = program.run(node, "carp0")?;
            self.waited = self.waited.max(lab::now() - asked);
            if !shown.contains("carp: MASTER") {
                return Err(format!("not master any more: {shown}").into());
            }
            let now = Holdings::of(node)?;
            self.most.memory = self.most.memory.max(now.memory);
            self.most.descriptors = self.most.descriptors.max(now.descriptors);
            pause(Duration::from_millis(100))?;
        }
        Ok(())
    }
}

impl Holdings {
    fn of(node: &Node) -> Result<Self> {
        let processes = node.host.namespace().processes()?;
        let mut descriptors = 0;
        for process in &processes {
            descriptors += fs::read_dir(format!("/proc/{}/fd", process.pid()))?.count();
        }
        Ok(Self {
            memory: Memory::of(&processes)?.resident,
            descriptors,
        })
    }
}

fn count_transitions(node: &Node, program: &Program) -> Result<u64> {
    let all: Value = serde_json::from_str(&program.run(node, "stats --json")?)?;
    let count = all.pointer("/counters/transitions").and_then(Value::as_u64);
    Ok(count.ok_or("no counter of transitions")?)
}

fn table(phases: &[Phase]) -> Vec<Vec<String>> {
    let head = [
        "user",
        "says",
        "connections",
        "operator waited",
        "of a core",
        "resident, at most",
        "descriptors",
    ];
    let rows = phases.iter().map(|phase| {
        vec![
            phase.user.to_owned(),
            phase.saying.to_owned(),
            phase.connections.to_string(),
            format!("{:.1} ms", phase.waited.as_secs_f64() * 1e3),
            format!("{:.1} %", phase.share * 100.0),
            format!("{} KiB", phase.most.memory),
            phase.most.descriptors.to_string(),
        ]
    });
    let mut table = vec![head.map(str::to_owned).to_vec()];
    table.extend(rows);
    table
}

const LATE: Duration = Duration::from_millis(20);
const ANSWERED: Duration = Duration::from_secs(1);
/// In KiB: what a service may keep of messages that are not whole, twice 64 KiB for each client.
const MOST_MEMORY: u64 = 8 * 1024;
/// In KiB: what the allocator keeps of what was given back.
const LEFT: u64 = 1_024;
/// Of a core: the 15 % that commands may take, of which a third is for admitting who gives them; as much
/// as that third for being woken by each connection, 50 µs a millisecond, which comes before any budget;
/// and as much again for what a service does besides: to advertise, to tell its supervisor that it is not
/// stuck, and what the kernel does in its name.
const MOST_TIME: f64 = 0.25;
/// As many clients are admitted at once.
const MOST_CLIENTS: usize = 64;
/// What was silent is given up, and the next advert is heard.
const AFTERWARDS: Duration = Duration::from_secs(12);

const HOW: &str = "\
1,000 connections at once to the control socket of a master, on each of which the same thing is said, and
from then on a new one in the place of the oldest each millisecond; all of root, whose connections are those
of the operator too, and then all of somebody else. Meanwhile the operator asks for carp0 ten times a
second (with the time that the command takes to start), and a client sends 1,000 echo requests a
second to the address. *Held open*: 1,000 connections that say nothing for three times as long, and another
one only in the place of one that the service has closed. Time, memory and descriptors are those of all
processes of the service. Commands may take 15 % of a core; it may take 5 % more for being woken by each of
these connections, which comes before that budget, and 5 % for all else. 12 s after the siege it may have
1 MiB more than before, which is what the allocator keeps.";
