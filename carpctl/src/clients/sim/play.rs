//! One run of a cluster, from its beginning to its end.

use std::net::IpAddr;
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::memory::Lan;
use carp_net::simulation::{Cluster, Outcome, Tenures, Told};
use carp_net::{Event, simulation};
use jiff::SignedDuration;

use super::file::Plan;
use super::schedule::Act;
use super::show::seconds;
use crate::failure::Failure;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::watch::{Moment, What};

/// What became of a run.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) end: Timestamp,
    pub(super) tenures: Tenures,
}

/// Who is told how a run goes on, while it does: what happens is kept nowhere.
pub(super) trait Witness {
    /// Whether lines are wanted.
    const HEARS: bool;

    /// Something has happened on `lan`.
    fn hear(&mut self, line: &Line, lan: &Lan) -> Result<(), Failure>;

    /// It is so late.
    fn see(&mut self, now: Timestamp);
}

/// Something that happened.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) node: Option<usize>,
    pub(super) what: Shown,
}

/// What it was.
#[derive(Debug)]
pub(super) enum Shown {
    /// What the file has happen, and what came of it, where it was not that.
    Entry(String, Option<String>),
    /// What a service tells.
    Event(Option<InterfaceName>, What),
}

impl Line {
    /// It in words, with the names of nodes where addresses of theirs are meant.
    pub(super) fn text(&self, lan: &Lan, names: &[String]) -> String {
        match &self.what {
            Shown::Entry(text, None) => format!("--- {text}"),
            Shown::Entry(text, Some(outcome)) => format!("--- {text}: {outcome}"),
            Shown::Event(interface, what) => {
                let what = named(&what.to_string(), lan, names);
                match interface {
                    Some(interface) => format!("{interface}: {what}"),
                    None => what,
                }
            }
        }
    }
}

/// `text` with the name of a node for each word that is an address of one.
fn named(text: &str, lan: &Lan, names: &[String]) -> String {
    let words = text.split(' ').map(|word| {
        let bare = word.trim_end_matches(':');
        let address = bare.parse::<IpAddr>().ok();
        let node = address.and_then(|address| lan.node_with(address));
        match node.and_then(|node| names.get(node)) {
            Some(name) => word.replacen(bare, name, 1),
            None => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Runs the cluster of `plan` with `seed`.
pub(super) fn play<W: Witness>(plan: &Plan, seed: u64, witness: &mut W) -> Result<Played, Failure> {
    let refused = |error: carp_net::Error| Failure::Failed(error.to_string());
    let mut cluster = Cluster::new(&plan.scenario, seed).map_err(refused)?;
    let mut operators = plan.operators.clone();
    for entry in &plan.entries {
        pass(&mut cluster, entry.after, seed, witness)?;
        let mut outcome = None;
        let node = match &entry.act {
            Act::Incident(incident) => {
                let came = cluster.suffer(incident);
                if let (simulation::Incident::Begin(node), Outcome::Done) = (incident, &came) {
                    forget(&mut operators, plan, *node);
                }
                outcome = (!matches!(came, Outcome::Done)).then(|| came.to_string());
                incident.node()
            }
            Act::Said(node, saying) => {
                if let Some(operator) = operators.get_mut(*node) {
                    outcome = operator.say(saying, |it| cluster.suffer(it)).err();
                }
                Some(*node)
            }
        };
        if W::HEARS {
            let line = Line {
                at: cluster.now(),
                node,
                what: Shown::Entry(entry.text.clone(), outcome),
            };
            witness.hear(&line, cluster.lan())?;
        }
    }
    pass(&mut cluster, plan.length, seed, witness)?;
    Ok(Played {
        end: cluster.now(),
        tenures: cluster.tenures().clone(),
    })
}

/// A service that begins anew knows only what stands in its files.
fn forget(operators: &mut [super::operator::Operator], plan: &Plan, node: usize) {
    if let (Some(now), Some(first)) = (operators.get_mut(node), plan.operators.get(node)) {
        *now = first.clone();
    }
}

/// Lets time pass until so long after the beginning.
fn pass<W: Witness>(
    cluster: &mut Cluster,
    until: Duration,
    seed: u64,
    witness: &mut W,
) -> Result<(), Failure> {
    let until = Timestamp::ZERO + until;
    let mut lines = Vec::new();
    let mut goes_on = true;
    while goes_on {
        goes_on = cluster.step(until, |told| {
            if W::HEARS {
                lines.extend(line(told));
            }
        });
        for line in lines.drain(..) {
            witness.hear(&line, cluster.lan())?;
        }
        witness.see(cluster.now());
        if changes(cluster.tenures()) > MOST_CHANGES {
            return Err(too_many(seed, cluster.now()));
        }
    }
    Ok(())
}

/// How often it has changed who holds an address, all addresses together.
fn changes(tenures: &Tenures) -> usize {
    let addresses = tenures.addresses();
    addresses
        .map(|address| tenures.of(address).len().saturating_sub(1))
        .sum()
}

fn too_many(seed: u64, now: Timestamp) -> Failure {
    let now = seconds(now - Timestamp::ZERO);
    Failure::Failed(format!(
        "seed {seed}: more than {MOST_CHANGES} changes of who holds an address by {now} s, and no \
         more are kept: make `length' shorter than that, or change what makes so many"
    ))
}

/// What there is to show of something that happened.
fn line(told: &Told<'_>) -> Option<Line> {
    let simulation::What::Event(event) = &told.what else {
        // Nothing happens by itself but the end of a restart.
        return None;
    };
    let moment = Moment {
        wall: wall(told.at),
        node: told.clock,
    };
    let what = What::of(moment, event, |error| error.to_string())?;
    let interface = match event {
        Event::Node { interface, .. }
        | Event::Configured { interface, .. }
        | Event::ConfigureFailed { interface, .. }
        | Event::HoldWanted { interface, .. }
        | Event::HoldFailed { interface, .. }
        | Event::NotMended { interface, .. }
        | Event::Gone { interface, .. } => interface.parse().ok(),
        Event::Refused(_) | _ => None,
    };
    Some(Line {
        at: told.at,
        node: told.node,
        what: Shown::Event(interface, what),
    })
}

/// The beginning of a run is the beginning of time.
pub(super) fn wall(at: Timestamp) -> jiff::Timestamp {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    let since = SignedDuration::from_micros(micros);
    jiff::Timestamp::UNIX_EPOCH
        .checked_add(since)
        .unwrap_or(jiff::Timestamp::MAX)
}

impl Played {
    /// How long an address was held by as many nodes as `counts` in all, since it was first held at
    /// all.
    pub(super) fn sum(&self, address: IpAddr, counts: impl Fn(usize) -> bool) -> Duration {
        let mut tenures = self.tenures.of(address).iter();
        let first = tenures.find(|tenure| !tenure.holders.is_empty());
        let begin = first.map_or(Timestamp::ZERO, |first| first.since);
        let spans = self.tenures.spans(address, begin, self.end, counts);
        spans.iter().map(|(from, until)| *until - *from).sum()
    }
}

/// Some megabytes, and more than anybody reads.
const MOST_CHANGES: usize = 100_000;
