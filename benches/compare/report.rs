//! What was measured, as tables, with whoever is ahead.

use carp_benches::many::Work;
use carp_benches::{aligned, results};

use crate::figures::{Standing, median, ratio};
use crate::metric::Metric;
use crate::plot::{Curve, Panel};
use crate::run::Measured;

/// All that one contender did of one work.
#[derive(Debug)]
pub(crate) struct Runs {
    pub(crate) work: Work,
    pub(crate) contender: &'static str,
    /// Whether it is this project's.
    pub(crate) is_ours: bool,
    /// A round each; `None` where it could not do it.
    pub(crate) rounds: Vec<Option<Measured>>,
}

impl Runs {
    fn values(&self, metric: Metric) -> Vec<Option<f64>> {
        let value = |run: &Option<Measured>| metric.of(run.as_ref()?);
        self.rounds.iter().map(value).collect()
    }

    /// Where it stands beside another; `None` where neither has a figure.
    fn standing(&self, theirs: &Self, metric: Metric) -> Option<Standing> {
        let [ours, theirs] = [self, theirs].map(|runs| median(&runs.values(metric)));
        Standing::of_both(ours, theirs, metric.finest())
    }
}

/// The part of the file with the results; the picture is in the file `plot` beside it.
pub(crate) fn text(all: &[Runs], conditions: &str, plot: &str) -> String {
    let mut text = format!(
        "## Beside others\n\n{}; {conditions}.\n\n\
         Made by `cargo bench -p carp-benches --bench compare` as root.\n\n{HOW}\n\n\
         ![Share of the addresses answered, by time since the crash]({plot})\n\n",
        results::machine(),
    );
    for work in works(all) {
        let runs: Vec<&Runs> = all.iter().filter(|runs| runs.work == work).collect();
        text += &format!("### {}\n\n{}\n", title(work), table(&runs));
    }
    let behind = Metric::ALL.into_iter().filter_map(|it| behind(all, it));
    let behind: Vec<String> = behind.collect();
    text += "### Where it is not ahead\n\n";
    if behind.is_empty() {
        text += "Nowhere is another ahead.\n";
    }
    for line in behind {
        text += &format!("* {line}\n");
    }
    text + "\n" + &misfortunes(all)
}

/// The picture of when addresses were answered after a crash.
pub(crate) fn panels(all: &[Runs]) -> Vec<Panel> {
    let panel = |work| {
        let runs = all.iter().filter(|runs| runs.work == work);
        let curve = |runs: &Runs| {
            let crashes = || runs.rounds.iter().flatten().map(|run| &run.crash);
            Curve {
                name: runs.contender,
                answered: crashes().flat_map(|crash| crash.answered.clone()).collect(),
                count: crashes()
                    .map(|crash| crash.answered.len() + crash.lost)
                    .sum(),
            }
        };
        Panel {
            title: title(work),
            curves: runs.map(curve).collect(),
        }
    };
    works(all).into_iter().map(panel).collect()
}

fn works(all: &[Runs]) -> Vec<Work> {
    let mut works: Vec<Work> = all.iter().map(|runs| runs.work).collect();
    works.dedup();
    works
}

fn title(work: Work) -> String {
    match work.count() {
        1 => "1 virtual router".to_owned(),
        count => format!("{count} virtual routers"),
    }
}

/// Of one work: a row for each metric, a column for each contender.
fn table(all: &[&Runs]) -> String {
    let mut head = vec![String::new()];
    head.extend(all.iter().map(|runs| runs.contender.to_owned()));
    let ours = all.iter().find(|runs| runs.is_ours);
    head.extend(ours.map(|ours| ours.contender.to_owned() + " is"));
    let mut rows = vec![head];
    for metric in Metric::ALL {
        let mut row = vec![metric.title().to_owned()];
        for runs in all {
            let values = runs.values(metric);
            let value = median(&values);
            let mut cell = value.map_or_else(|| "–".to_owned(), |value| metric.show(value));
            if let Some(ours) = ours.filter(|ours| ours.contender != runs.contender)
                && let Some(ratio) = ratio(&ours.values(metric), &values)
            {
                cell += &format!(" (×{})", two_digits(ratio));
            }
            row.push(cell);
        }
        row.extend(ours.map(|ours| verdict(ours, all, metric)));
        rows.push(row);
    }
    aligned(&rows)
}

/// Where one of ours stands beside all others.
fn verdict(ours: &Runs, all: &[&Runs], metric: Metric) -> String {
    let mut level = Vec::new();
    let mut behind = Vec::new();
    let mut compared = false;
    for peer in all.iter().filter(|runs| !runs.is_ours) {
        let standing = ours.standing(peer, metric);
        compared |= standing.is_some();
        match standing {
            Some(Standing::Ahead) | None => {}
            Some(Standing::Level) => level.push(peer.contender),
            Some(Standing::Behind) => behind.push(peer.contender),
        }
    }
    if !compared {
        "–".to_owned()
    } else if !behind.is_empty() {
        format!("**behind** {}", behind.join(", "))
    } else if !level.is_empty() {
        format!("level with {}", level.join(", "))
    } else {
        "ahead".to_owned()
    }
}

/// In what ours are behind another, with whom and why.
fn behind(all: &[Runs], metric: Metric) -> Option<String> {
    let mut found: Vec<(Work, Vec<&str>, Vec<&str>)> = Vec::new();
    for ours in all.iter().filter(|runs| runs.is_ours) {
        let peers = all
            .iter()
            .filter(|runs| !runs.is_ours && runs.work == ours.work);
        let ahead = peers.filter(|peer| ours.standing(peer, metric) == Some(Standing::Behind));
        let ahead: Vec<&str> = ahead.map(|peer| peer.contender).collect();
        match found.last_mut() {
            _ if ahead.is_empty() => {}
            Some((work, names, before)) if *work == ours.work && *before == ahead => {
                names.push(ours.contender);
            }
            _ => found.push((ours.work, vec![ours.contender], ahead)),
        }
    }
    let say = |(work, ours, ahead): &(Work, Vec<&str>, Vec<&str>)| {
        let (ours, ahead) = (ours.join(" and "), ahead.join(", "));
        format!("{}, {ours} behind {ahead}", title(*work))
    };
    let said: Vec<String> = found.iter().map(say).collect();
    let (metric, why, said) = (metric.title(), why(metric), said.join("; "));
    (!found.is_empty()).then(|| format!("**{metric}**: {said}.\n  {why}"))
}

/// What went wrong, of which the figures do not tell.
fn misfortunes(all: &[Runs]) -> String {
    let runs = || all.iter().flat_map(|runs| &runs.rounds);
    let failed = runs().filter(|run| run.is_none()).count();
    let disturbed = runs().flatten().filter(|run| run.is_disturbed()).count();
    let mut text = format!(
        "{failed} of {} runs failed; in {disturbed} a core of the machine stood still for more than 20 ms.\n",
        runs().count()
    );
    for runs in all {
        let lost = runs.rounds.iter().flatten().map(|run| run.crash.lost);
        let lost: usize = lost.sum();
        if lost > 0 {
            let (work, name) = (title(runs.work), runs.contender);
            text += &format!("{work}, {name}: {lost} addresses were not answered again.\n");
        }
    }
    text
}

fn two_digits(ratio: f64) -> String {
    if ratio < 10.0 {
        format!("{ratio:.2}")
    } else {
        format!("{ratio:.0}")
    }
}

/// Why another may be ahead.
const fn why(metric: Metric) -> &'static str {
    match metric {
        Metric::CpuMaster | Metric::CpuBackup => {
            "Each advert of CARP is signed and verified, two compressions of SHA-1 each time; one of \
             VRRP is neither. Besides, whatever it has to do, the engine tells the process that watches it \
             at least twice a second that it is not stuck, and a master has the kernel prolong the \
             lifetime of its addresses after each advert, so that they go when all processes die; the \
             others do nothing of the kind, and with few virtual routers that is nearly all there is."
        }
        Metric::ResidentMaster
        | Metric::ResidentBackup
        | Metric::ProportionalMaster
        | Metric::ProportionalBackup => {
            "There are four processes of one program: the engine, one that has another engine in its \
             place without a take-over when it dies, and two that run hooks, of which each starts the other \
             anew. Where memory is called resident, what they share is counted four times."
        }
        Metric::Packets => "Something besides adverts was sent.",
        Metric::Bytes => {
            "An advert of CARP has a counter and a digest in it and is a frame of 70 bytes; one of \
             VRRP with one address has 54."
        }
        Metric::Start => {
            "Everybody listens for a master-down time before it speaks; the rest is told to the \
             service address by address, and the kernel makes the interfaces one after another."
        }
        Metric::CrashMedian | Metric::CrashAll => {
            "Most of it is the master-down time, which counts from the last advert of the master: \
             it depends on how the adverts are spread over the second. The row of the latest after its \
             master-down time is without that."
        }
        Metric::Late => {
            "It is the last address of all whose take-over the kernel does, one after another."
        }
    }
}

const HOW: &str = "\
Two nodes and a client on one switch, each a network namespace of its own; each virtual router has one
IPv4 address and speaks once a second; skews 0 and 100 (`keepalived`: priorities 254 and 156, which make
the same skews). `carpctl` and `keepalived-vmac` (`use_vmac`) make an interface with a virtual MAC address
for each; `carpctl-carpdev` (`lladdr carpdev`), `keepalived` and `ucarp` put the addresses on the
interface of the node, under its own MAC address. `keepalived` speaks VRRPv2 without authentication,
which is its default; CARP has no adverts that are not signed. `ucarp` runs as one process for each
virtual router, with a script that adds and deletes the address. All contenders do all in each round,
one after another. Figures are medians of the rounds; in brackets how many times as much as `carpctl` in
the same round (median of the ratios). Less is better in every row; what differs by less than 2 %, or by
less than the 10 ms between two questions of the client, is level.

CPU: all processes and threads of a node, with what the kernel does in their name: the delivery of what a
node sends, up to the sockets of the other node, is in its own time, so nobody records meanwhile. Memory:
the sum over all processes; *proportional* divides what they share among them. Packets: what both
nodes send while nothing happens. Start: from the start of the program on the first node until it is
master of all and the client has an answer from each address. Crash: the cable of the master is pulled and all its processes
are killed, at an evenly spread moment of the second that follows the advert of its last virtual router
in each round; the client, which knows all addresses, asks each every 10 ms until it is answered, and
then whether it stays so. The *master-down time* counts from the last advert on the wire.";
