//! What was measured, in words, tables and pictures, and held against the limits.

use std::time::Duration;

use carp_benches::{FAMILIES, aligned, results};
use carp_net::carp_fsm::Interval;
use carp_net::carp_fsm::carp_proto::Family;

use crate::distribution::{Distribution, millis};
use crate::hard::{Losses, Plan};
use crate::load::Busy;
use crate::steady::{Seen, Watch};

/// All that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) steady: Vec<Seen>,
    pub(crate) hard: Vec<Losses>,
}

impl Report {
    /// The part of the file with the results.
    pub(crate) fn text(&self, version: &str, conditions: &str) -> String {
        let mut misses = Vec::new();
        let machine = results::machine();
        let mut text = format!(
            "## Sub-second timers\n\n{machine}; {version}; {conditions}.\n\n\
             Made by `cargo bench -p carp-benches --bench subsecond` as root.\n\n{HOW}\n\n"
        );
        text += &format!(
            "### Intervals between adverts\n\n{}\n",
            self.jitter(&mut misses)
        );
        for seen in self.steady.iter().filter(|seen| is_shown(seen.watch)) {
            text += &pictures(seen);
        }
        text += &format!("### A master left alone\n\n{}\n", self.calm(&mut misses));
        text += &format!(
            "### Power loss of the master\n\n{}\n",
            self.losses(&mut misses)
        );
        for losses in self.hard.iter().filter(|it| it.plan.limit.is_some()) {
            text += &picture_of_losses(losses);
        }
        text + &results::verdict(&misses)
    }

    fn jitter(&self, misses: &mut Vec<String>) -> String {
        let head = ["interval", "cores busy", "family", "adverts"];
        let mut rows = vec![row(head
            .iter()
            .chain(&QUANTILES)
            .chain(&["99 % limit", "verdict"]))];
        for seen in &self.steady {
            let interval = seen.watch.interval;
            for (family, deviations) in &seen.deviations {
                let name = format!("{} ({} ms)", interval, millis(interval.advert()));
                let mut cells = vec![
                    name,
                    seen.watch.busy.to_string(),
                    family_name(*family).to_owned(),
                    (deviations.count() + 1).to_string(),
                ];
                cells.extend(figures(deviations));
                if seen.watch.busy == Busy::One {
                    let met = deviations.quantile(990).is_some_and(|value| value < JITTER);
                    cells.push(format!("< {} ms", millis(JITTER)));
                    cells.push(verdict(met));
                    if !met {
                        misses.push(format!("jitter at {interval}, {}", family_name(*family)));
                    }
                } else {
                    cells.extend(["–", "–"].map(str::to_owned));
                }
                rows.push(cells);
            }
        }
        aligned(&rows)
    }

    fn calm(&self, misses: &mut Vec<String>) -> String {
        let head = [
            "interval",
            "cores busy",
            "watched",
            "adverts of the backup",
            "addresses moved",
            "transitions logged",
            "echoes lost",
            "a core stood still, ms",
            "limit",
            "verdict",
        ];
        let mut rows = vec![row(head.iter())];
        for seen in &self.steady {
            let Watch {
                interval,
                busy,
                span,
            } = seen.watch;
            let mut cells = vec![
                interval.to_string(),
                busy.to_string(),
                format!("{} s", span.as_secs()),
                seen.adverts_of_two.to_string(),
                seen.changes.to_string(),
                seen.transitions().count().to_string(),
                format!("{} of {}", seen.lost, seen.echoes),
                millis(seen.stalled),
            ];
            if is_shown(seen.watch) {
                cells.extend(["no take-over".to_owned(), verdict(seen.is_calm())]);
                if !seen.is_calm() {
                    misses.push(format!("take-over at {interval}"));
                }
            } else {
                cells.extend(["–", "–"].map(str::to_owned));
            }
            rows.push(cells);
        }
        let mut text = aligned(&rows);
        let logged: Vec<&String> = self.steady.iter().flat_map(|seen| &seen.logged).collect();
        if !logged.is_empty() {
            text += "\nLogged meanwhile:\n\n";
            text.extend(
                logged
                    .iter()
                    .take(LOGGED)
                    .map(|line| format!("    {line}\n")),
            );
            if logged.len() > LOGGED {
                text += &format!("    … and {} lines more\n", logged.len() - LOGGED);
            }
        }
        text
    }

    fn losses(&self, misses: &mut Vec<String>) -> String {
        let head = ["nodes", "MAC", "cores busy", "until", "faults (disturbed)"];
        let mut rows = vec![row(head
            .iter()
            .chain(&QUANTILES)
            .chain(&["limit", "verdict"]))];
        for losses in &self.hard {
            let Plan {
                setting,
                busy,
                limit,
                ..
            } = losses.plan;
            let [one, two] = setting.intervals;
            let answers = FAMILIES.map(|family| {
                let what = format!("first answer, {}", family_name(family));
                (what, losses.answered(family), limit)
            });
            let advert = ("first advert".to_owned(), losses.advertised(), None);
            for (what, times, limit) in answers.into_iter().chain([advert]) {
                let mut cells = vec![
                    format!("{one}, {two}"),
                    mac(losses.plan).to_owned(),
                    busy.to_string(),
                    what.clone(),
                    format!("{} ({})", times.count(), losses.disturbed()),
                ];
                cells.extend(figures(&times));
                match limit {
                    Some(limit) => {
                        let met = times.max().is_some_and(|worst| worst <= limit);
                        cells.push(format!("≤ {} ms", millis(limit)));
                        cells.push(verdict(met));
                        if !met {
                            misses.push(format!("power loss, {}: {what}", mac(losses.plan)));
                        }
                    }
                    None => cells.extend(["–", "–"].map(str::to_owned)),
                }
                rows.push(cells);
            }
        }
        aligned(&rows)
    }
}

/// One line on what was seen just now.
pub(crate) fn told_of(seen: &Seen) -> String {
    let watch = seen.watch;
    let mut said = format!("{}, {} busy:", watch.interval, watch.busy);
    for (family, deviations) in &seen.deviations {
        said += &format!(
            " {}: {};",
            family_name(*family),
            figures(deviations).join(" ")
        );
    }
    if !seen.is_calm() {
        said += " NOT LEFT ALONE";
    }
    said += &format!(
        " a core stood still for {} ms at most",
        millis(seen.stalled)
    );
    said
}

/// Whether it is the one that must be left alone, and whose distribution is shown.
fn is_shown(watch: Watch) -> bool {
    watch.busy == Busy::One && watch.interval == LEFT_ALONE
}

fn pictures(seen: &Seen) -> String {
    let of_family = |(family, deviations): &(_, Distribution)| {
        let picture = deviations.histogram(&JITTER_CLASSES);
        format!(
            "Deviations at {}, {}, {} core busy, and how many there were:\n\n```text\n{picture}```\n\n",
            seen.watch.interval,
            family_name(*family),
            seen.watch.busy,
        )
    };
    seen.deviations.iter().map(of_family).collect()
}

fn picture_of_losses(losses: &Losses) -> String {
    let [inet, _] = FAMILIES;
    let picture = losses.answered(inet).histogram(&LOSS_CLASSES);
    format!(
        "From the fault to the first answer, {}, {}:\n\n```text\n{picture}```\n\n",
        mac(losses.plan),
        family_name(inet)
    )
}

const fn mac(plan: Plan) -> &'static str {
    if plan.setting.lladdr_carpdev {
        "`lladdr carpdev`"
    } else {
        "virtual"
    }
}

const fn family_name(family: Family) -> &'static str {
    match family {
        Family::Inet => "IPv4",
        Family::Inet6 => "IPv6",
    }
}

/// Quantiles and the largest value, in milliseconds, as [`QUANTILES`] calls them.
fn figures(distribution: &Distribution) -> Vec<String> {
    let quantiles = [500, 900, 990, 999].map(|it| distribution.quantile(it));
    let all = quantiles.into_iter().chain([distribution.max()]);
    all.map(|value| value.map_or_else(|| "–".to_owned(), millis))
        .collect()
}

fn row<'a>(cells: impl Iterator<Item = &'a &'a str>) -> Vec<String> {
    cells.map(|cell| (*cell).to_owned()).collect()
}

fn verdict(met: bool) -> String {
    let verdict = if met { "met" } else { "**missed**" };
    verdict.to_owned()
}

const QUANTILES: [&str; 5] = ["median", "90 %", "99 %", "99.9 %", "max, ms"];

/// What the 99th percentile of the deviations must be below while one core is busy.
const JITTER: Duration = Duration::from_millis(1);
/// The interval at which no false take-over may happen.
const LEFT_ALONE: Interval = Interval::from_octets(0, 4);

const JITTER_CLASSES: [Duration; 12] = [
    Duration::from_micros(10),
    Duration::from_micros(20),
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(200),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(50),
];

const LOSS_CLASSES: [Duration; 10] = [
    Duration::from_millis(32),
    Duration::from_millis(35),
    Duration::from_millis(38),
    Duration::from_millis(41),
    Duration::from_millis(44),
    Duration::from_millis(47),
    Duration::from_millis(50),
    Duration::from_millis(55),
    Duration::from_millis(60),
    Duration::from_millis(100),
];

/// So many lines of the nodes' logs are shown.
const LOGGED: usize = 20;

const HOW: &str = "\
Two nodes and a client on one learning switch, each a network namespace of its own; on each node the
service as it is installed, supervised, with one virtual host that has an address of each family. Both
nodes have the same interval and node one was there first, so it is master and node two its backup.
*One* core busy: a thread that only computes is pinned to one of the cores; nothing else is
pinned. *Every* core busy: such a thread on each of them, for comparison. Times are the kernel's
stamps of the frames at the switch.

Intervals: how far each interval between two adverts of the master is from what it should be, early or
late. Meanwhile the client sends 100 echo requests a second to each address. A master is left alone
while the backup sends nothing, no address moves and no node logs a transition; a master that takes
itself for frozen would log one. A core stood still where a thread bound to it that comes before
everything else, woken each 5 ms, was late: then the machine itself did not run, virtual as it is.

Power loss: the switch port of the master is taken down and all its processes are killed, at a random
moment between two adverts; the time counts from before the first of that. The client sends 2,000 echo
requests a second to each address by a timer of its own. The first answer is to the first request after
which no other is lost. Where a backup at 0/4 takes over, 31.3 to 46.9 ms are its wait for the next
advert. A fault is disturbed where a core stood still for more than 5 ms, or where a bystander waited
for more than 10 ms for the lock of the kernel that every take-over needs and all namespaces share.";
