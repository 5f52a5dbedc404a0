//! What a run has come to, in tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use carp_benches::{aligned, results};
use carp_net::carp_fsm::Timestamp;
use carp_net::lab;

use crate::cluster::{Cluster, Member};
use crate::excuses::{AT_LEAST, Excuses, MOST_TIME, SHARE};
use crate::fault::{Cost, Fault, Scope, TABLE};
use crate::ledger::{Finding, Moment};
use crate::plan::{Plan, Storm};
use crate::seats::{Each, GROUPS, SPARED, Seat};
use crate::spans::Spans;
use crate::told;
use crate::vitals::{Course, DESCRIPTORS, MEMORY, Vitals};

/// How one fault went.
#[derive(Debug)]
pub(crate) struct Outcome {
    fault: Option<Fault>,
    title: String,
    pub(crate) moments: Vec<Moment>,
    /// Of each stream.
    pub(crate) findings: Vec<Vec<Finding>>,
    pub(crate) from: Timestamp,
    storm: Option<Storm>,
    crashed: bool,
}

impl Outcome {
    /// Of a fault that was played.
    pub(crate) fn of(
        cluster: &Cluster,
        plan: &Plan,
        before: Each<Option<Seat>>,
        moments: Vec<Moment>,
    ) -> Self {
        let name = |seat: Seat| cluster.members.get(seat).map_or("nobody", Member::name);
        let names = |seats: &[Seat]| {
            let names: Vec<_> = seats.iter().map(|seat| name(*seat)).collect();
            names.join(", ")
        };
        let mut title = format!("{}: {}", plan.fault.row().title, names(&plan.seats));
        for group in &plan.groups {
            title += &format!(" {}", group.interface());
        }
        if let Some(storm) = plan.storm {
            title += &format!(" amid {}", storm.title());
        }
        if let Some(seat) = plan.crash {
            title += &format!(", engine of {} killed", name(seat));
        }
        for (group, master) in GROUPS.into_iter().zip(before) {
            let master = master.map_or("nobody", name);
            title += &format!(" [{}: {master}]", group.interface());
        }
        Self {
            fault: Some(plan.fault),
            title,
            from: moments.first().map_or_else(lab::now, |moment| moment.from),
            moments,
            findings: Vec::new(),
            storm: plan.storm,
            crashed: plan.crash.is_some(),
        }
    }

    /// Of a time in which nothing happened.
    pub(crate) fn of_calm() -> Self {
        Self {
            fault: None,
            title: "nothing".to_owned(),
            moments: Vec::new(),
            findings: Vec::new(),
            from: lab::now(),
            storm: None,
            crashed: false,
        }
    }

    /// How long after `began` it happened.
    pub(crate) fn since(&self, began: Timestamp) -> Duration {
        self.from - began
    }

    /// From when on `ucarp` does what it does by itself: what happens to it is no doing of its own.
    pub(crate) fn peer_acts_from(&self) -> Timestamp {
        let befalls_it = |fault: Fault| fault.row().scope == Scope::Peer;
        let over = self
            .moments
            .get(1)
            .filter(|_| self.fault.is_some_and(befalls_it));
        over.map_or(Timestamp::ZERO, |moment| moment.from)
    }

    pub(crate) fn is_explained(&self) -> bool {
        self.findings.iter().flatten().all(Finding::is_explained)
    }

    /// Whether all is explained, but not by the fault alone.
    fn is_excused(&self) -> bool {
        let mut findings = self.findings.iter().flatten();
        self.is_explained() && findings.any(Finding::needs_excuse)
    }

    /// The most that a stream lost at a moment.
    fn worst(&self, moment: usize) -> u64 {
        let findings = self.findings.iter().flatten();
        let at = findings.filter(|finding| finding.moment == Some(moment));
        at.map(|finding| finding.lost).max().unwrap_or(0)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.title)?;
        for (number, findings) in self.findings.iter().enumerate() {
            write!(f, "{}", told(number, findings, &self.moments))?;
        }
        if let Some(fault) = self.fault.filter(|_| !self.is_explained()) {
            write!(f, " (see “{}”)", fault.row().readme)?;
        }
        Ok(())
    }
}

/// All of a run.
#[derive(Debug)]
pub(crate) struct Report {
    seed: u64,
    /// How many kinds of faults there are to be.
    kinds: usize,
    began: Timestamp,
    pub(crate) sent: u64,
    outcomes: Vec<Outcome>,
    problems: Vec<String>,
    excuses: Excuses,
    /// What each node had.
    vitals: BTreeMap<Seat, Course>,
}

impl Report {
    pub(crate) fn new(seed: u64, kinds: usize) -> Self {
        Self {
            seed,
            kinds,
            began: lab::now(),
            sent: 0,
            outcomes: Vec::new(),
            problems: Vec::new(),
            excuses: Excuses::default(),
            vitals: BTreeMap::new(),
        }
    }

    /// Takes note of something that must not be.
    pub(crate) fn problem(&mut self, what: &str) {
        self.problems.push(what.to_owned());
    }

    /// How a fault went, and when the machine was held up meanwhile.
    pub(crate) fn take(&mut self, outcome: Outcome, held_up: &Spans) {
        let findings = outcome.findings.iter().flatten();
        let echoes = findings.map(Finding::only_excused).sum();
        self.excuses.take(echoes, held_up);
        if !outcome.is_explained() {
            self.problem(&outcome.to_string());
        }
        self.outcomes.push(outcome);
    }

    /// What a node has after a fault.
    pub(crate) fn take_vitals(&mut self, seat: Seat, name: &str, vitals: Vitals) {
        // Until each node has been through some of it.
        if self.outcomes.len() < WARM_UP {
            return;
        }
        let course = self.vitals.entry(seat);
        let new = || Course::new(name, seat == SPARED, vitals.clone());
        course.or_insert_with(new).take(vitals);
    }

    /// Whether there is room for the whole story of one more failure.
    pub(crate) fn is_worth_telling(&self) -> bool {
        self.problems.len() <= STORIES
    }

    /// How many kinds of faults have happened.
    fn kinds(&self) -> usize {
        let kinds = self.outcomes.iter().filter_map(|outcome| outcome.fault);
        kinds.collect::<BTreeSet<_>>().len()
    }

    pub(crate) fn has_all_kinds(&self) -> bool {
        self.kinds() >= self.kinds
    }

    fn lost(&self) -> u64 {
        let lost = self.outcomes.iter().flat_map(|outcome| &outcome.findings);
        lost.flatten().map(|finding| finding.lost).sum()
    }

    /// All that is not as it should be.
    fn wrong(&self) -> Vec<String> {
        let mut wrong = self.problems.clone();
        wrong.extend(self.vitals.values().flat_map(Course::misses));
        wrong.extend(self.excuses.misses(self.lost(), self.began, lab::now()));
        wrong
    }

    pub(crate) fn is_well(&self) -> bool {
        self.wrong().is_empty()
    }

    /// The whole of it, for people.
    pub(crate) fn text(&self, version: &str) -> String {
        let now = lab::now();
        let seconds = (now - self.began).as_secs();
        let lost = self.lost();
        let faults = self
            .outcomes
            .iter()
            .filter(|outcome| outcome.fault.is_some());
        let mut text = format!(
            "## Soak\n\n{}; {version}; {seconds} s, {} faults of {} of {} kinds, seed {}, {} echoes sent, {lost} lost.\n\n\
             Made by `cargo bench -p carp-benches --bench soak` as root.\n\n{HOW}\n\n",
            results::machine(),
            faults.count(),
            self.kinds(),
            TABLE.len(),
            self.seed,
            self.sent,
        );
        text += &aligned(&self.rows());
        text.push('\n');
        text += &aligned(&self.vitals_rows());
        text.push('\n');
        text += &format!(
            "{FLAT}Flat: at most {DESCRIPTORS} descriptors and {MEMORY} KiB of memory more than after the \
             first {WARM_UP} faults, and where processes are replaced an eighth of it besides.\n\n"
        );
        text += &format!(
            "Only excuses explain {} of the {lost} lost echoes, which may be one in {SHARE}, or {AT_LEAST} where that \
             is more; the machine was held up for {:.1} s in all, which may be one part in {MOST_TIME} of the time.\n\n",
            self.excuses.echoes,
            self.excuses.time(self.began, now).as_secs_f64(),
        );
        let excused: Vec<_> = self.outcomes.iter().filter(|it| it.is_excused()).collect();
        if !excused.is_empty() {
            text += "### Explained by the machine itself, or by `ucarp`\n\n";
            for outcome in excused {
                text += &format!("* {outcome}\n");
            }
            text.push('\n');
        }
        let problems = self.wrong();
        if problems.is_empty() {
            text += "Every lost echo is explained, nothing grew, nothing was left behind.\n";
        } else {
            text += "### Not as it should be\n\n";
            for problem in problems {
                text += &format!("* {problem}\n");
            }
        }
        text
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let head = [
            "fault",
            "times",
            "amid a storm",
            "beside a crash",
            "lost",
            "may lose",
            "lost when over",
            "may lose",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for row in &TABLE {
            let outcomes = self.outcomes.iter();
            let of_it: Vec<_> = outcomes.filter(|it| it.fault == Some(row.fault)).collect();
            let worst = |moment| {
                let worst = of_it.iter().map(|outcome| outcome.worst(moment)).max();
                worst.map_or_else(|| "–".to_owned(), |worst| worst.to_string())
            };
            let stormy = of_it
                .iter()
                .filter(|outcome| outcome.storm.is_some())
                .count();
            let crashed = of_it.iter().filter(|outcome| outcome.crashed).count();
            let [harm, end] = row.costs;
            rows.push(vec![
                row.title.to_owned(),
                of_it.len().to_string(),
                stormy.to_string(),
                crashed.to_string(),
                worst(0),
                harm.to_string(),
                worst(1),
                end.to_string(),
            ]);
        }
        rows
    }

    fn vitals_rows(&self) -> Vec<Vec<String>> {
        let head = [
            "node",
            "processes",
            "descriptors first",
            "most",
            "last",
            "KiB first",
            "most",
            "last",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.vitals.values().map(Course::row));
        rows
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => write!(f, "0"),
            Self::Echoes(echoes) => write!(f, "{echoes}"),
            Self::Outage => write!(f, "master-down + 100 ms"),
        }
    }
}

impl Storm {
    const fn title(self) -> &'static str {
        match self {
            Self::Forgery => "forged adverts",
            Self::Nonsense => "nonsense to the socket",
        }
    }
}

/// So many faults are over before anything is compared.
const WARM_UP: usize = 5;
/// The nodes are asked about so many failures.
const STORIES: usize = 5;

const HOW: &str = "\
Four nodes with the service and one with `ucarp` on one switch, each a network namespace of its own, with
`preempt` everywhere and an advskew of its own each. carp0 has an IPv4 and an IPv6 address and is on our
nodes; carp1 has an IPv4 address and is on all five; carp2 has one on our nodes, with `lladdr carpdev` and
adverts to each of the other nodes instead of to the group. A client sends 1,000 echo requests a second to each
address. Faults happen one after the other, all of them in an order of chance before any comes again,
three times out of four to the master, and a run goes on until each has happened. Sometimes two at once: amid
forged adverts, or nonsense to the control socket of whom it happens to; beside the death of the engine of
another node, which may be the heir; and power is lost by the best two nodes at once.
Each is mended, and the next one comes when the best node is the only master of each and all echoes have
been answered for a second. Lost: the most in one address at one fault. A fault may cost what it says
where it happens to the master, and nothing where not; an outage lasts the master-down time of the best node
that is left, and 100 ms, from the first echo that is lost in it, or from when all is done that makes it.

Excused, within the limits stated below, is what was under way while for 20 ms or more a core of the machine
stood still, or a bystander waited for its turn and the kernel's rtnl lock, which all namespaces share, and
nothing before or after. So is what was lost in carp1 from 30 ms before `ucarp` was seen to give the address up
until 100 ms after that: it reads what it is sent up to a second late, and may be master for an instant when
another long is. Where `ucarp` is the best node when all that were parted hear each other again, 1,000 may be lost in carp1, because
it tells the neighbours only then, and late, whose the address is. Where carp2 is destroyed and made again the
node may lose 3 in each address that it holds, because a filter comes and goes with it.";

const FLAT: &str = "\
What would end processes, or replace them, never happens to node one: its memory and descriptors are those of
the same processes, from the first look to the last one. Those of the others are a few minutes old at most.

";
