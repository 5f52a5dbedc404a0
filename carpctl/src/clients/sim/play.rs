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
use crate::failure::Failure;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::watch::{Moment, What};

/// What became of a run.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) seed: u64,
    pub(super) end: Timestamp,
    /// Nothing where no lines were wanted.
    pub(super) lines: Vec<Line>,
    pub(super) tenures: Tenures,
    lan: Lan,
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
    pub(super) fn text(&self, played: &Played, names: &[String]) -> String {
        match &self.what {
            Shown::Entry(text, None) => format!("--- {text}"),
            Shown::Entry(text, Some(outcome)) => format!("--- {text}: {outcome}"),
            Shown::Event(interface, what) => {
                let what = named(&what.to_string(), played, names);
                match interface {
                    Some(interface) => format!("{interface}: {what}"),
                    None => what,
                }
            }
        }
    }
}

/// `text` with the name of a node for each word that is an address of one.
fn named(text: &str, played: &Played, names: &[String]) -> String {
    let words = text.split(' ').map(|word| {
        let bare = word.trim_end_matches(':');
        let address = bare.parse::<IpAddr>().ok();
        let node = address.and_then(|address| played.lan.node_with(address));
        match node.and_then(|node| names.get(node)) {
            Some(name) => word.replacen(bare, name, 1),
            None => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Runs the cluster of `plan` with `seed`; `keep` says whether lines are wanted.
pub(super) fn play(plan: &Plan, seed: u64, keep: bool) -> Result<Played, Failure> {
    let refused = |error: carp_net::Error| Failure::Failed(error.to_string());
    let mut cluster = Cluster::new(&plan.scenario, seed).map_err(refused)?;
    let mut lines = Vec::new();
    let mut operators = plan.operators.clone();
    for entry in &plan.entries {
        pass(&mut cluster, entry.after, keep.then_some(&mut lines));
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
        if keep {
            lines.push(Line {
                at: cluster.now(),
                node,
                what: Shown::Entry(entry.text.clone(), outcome),
            });
        }
    }
    pass(&mut cluster, plan.length, keep.then_some(&mut lines));
    Ok(Played {
        seed,
        end: cluster.now(),
        lines,
        tenures: cluster.tenures().clone(),
        lan: cluster.lan().clone(),
    })
}

/// A service that begins anew knows only what stands in its files.
fn forget(operators: &mut [super::operator::Operator], plan: &Plan, node: usize) {
    if let (Some(now), Some(first)) = (operators.get_mut(node), plan.operators.get(node)) {
        *now = first.clone();
    }
}

/// Lets time pass until so long after the beginning.
fn pass(cluster: &mut Cluster, until: Duration, mut lines: Option<&mut Vec<Line>>) {
    let left = (Timestamp::ZERO + until) - cluster.now();
    cluster.run(left, |told| {
        if let Some(lines) = lines.as_deref_mut() {
            lines.extend(line(told));
        }
    });
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
    /// How long an address was held by as many nodes as `counts`, each time since it was first held
    /// at all.
    pub(super) fn times(&self, address: IpAddr, counts: impl Fn(usize) -> bool) -> Vec<Duration> {
        let mut tenures = self.tenures.of(address).iter();
        let first = tenures.find(|tenure| !tenure.holders.is_empty());
        let begin = first.map_or(Timestamp::ZERO, |first| first.since);
        let spans = self.tenures.spans(address, begin, self.end, counts);
        spans.iter().map(|(from, until)| *until - *from).collect()
    }

    /// All of them together.
    pub(super) fn sum(&self, address: IpAddr, counts: impl Fn(usize) -> bool) -> Duration {
        self.times(address, counts).iter().sum()
    }
}
