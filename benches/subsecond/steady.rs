//! A master at work while nothing happens: how steady its adverts are, and whether the other node
//! leaves it alone.

use std::time::Duration;

use carp_benches::{FAMILIES, Network, Program, Result, pause, shared_address};
use carp_net::carp_fsm::Interval;
use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab::{self, Witness};

use crate::distribution::{Distribution, deviations};
use crate::load::{Busy, Load};
use crate::pair::{Pair, Setting, family_of, was_sent_by};

/// What is to be watched, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    pub(crate) interval: Interval,
    pub(crate) busy: Busy,
    pub(crate) span: Duration,
}

/// What was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) watch: Watch,
    /// How far the intervals between adverts of the master were from what they should be.
    pub(crate) deviations: Vec<(Family, Distribution)>,
    /// How many adverts node two sent, which is no master.
    pub(crate) adverts_of_two: usize,
    /// How often a node came to hold an address or ceased to.
    pub(crate) changes: usize,
    /// What the nodes logged meanwhile.
    pub(crate) logged: Vec<String>,
    /// How many echoes were sent to the shared addresses, and how many of them lost.
    pub(crate) echoes: u64,
    pub(crate) lost: u64,
    /// For how long a core of the machine stood still, at most.
    pub(crate) stalled: Duration,
}

impl Seen {
    /// Whether anything was seen that a take-over leaves behind.
    pub(crate) fn is_calm(&self) -> bool {
        self.adverts_of_two == 0 && self.changes == 0 && self.transitions().next().is_none()
    }

    /// What the nodes logged of their election.
    pub(crate) fn transitions(&self) -> impl Iterator<Item = &String> {
        let lines = self.logged.iter();
        lines.filter(|line| line.contains("state transition"))
    }
}

/// Has a pair at work for a while.
pub(crate) fn watch(net: &Network, program: &Program, watch: Watch) -> Result<Seen> {
    let pair = Pair::start(net, program, Setting::both(watch.interval))?;
    let load = Load::start(watch.busy)?;
    // The scheduler has found a place for everybody.
    pause(SETTLED)?;
    let nodes = [&net.one, &net.two];
    let said = nodes.map(|node| node.log().lines().count());
    let echoes = FAMILIES.map(|family| net.client.echo(shared_address(family), RATE));
    let witness = Witness::start()?;
    let tap = net.lab.tap_advertisements()?;
    let from = lab::now();
    pause(watch.span)?;
    let until = lab::now();
    let recording = tap.stop()?;
    let stalls = witness.stop()?.into_iter().map(|stall| stall.length);
    let (mut sent, mut lost) = (0, 0);
    for echo in echoes {
        let report = echo?.stop()?;
        sent += report.sent();
        lost += report.lost();
    }
    drop(load);
    if recording.dropped > 0 {
        return Err("the recording of adverts has gaps".into());
    }
    let deviations = FAMILIES.map(|family| {
        let of_one =
            |frame: &&lab::Frame| was_sent_by(frame, &net.one) && family_of(frame) == family;
        let adverts = recording.frames.iter().filter(of_one);
        let moments: Vec<u64> = adverts.map(|frame| frame.time.as_micros()).collect();
        let nominal = watch.interval.advert().as_micros();
        let nominal = u64::try_from(nominal).unwrap_or(u64::MAX);
        (family, Distribution::of(deviations(&moments, nominal)))
    });
    let mut logged = Vec::new();
    for (node, said) in nodes.into_iter().zip(said) {
        let name = node.host.name();
        let log = node.log();
        logged.extend(log.lines().skip(said).map(|line| format!("{name}: {line}")));
    }
    let of_two = |frame: &&lab::Frame| was_sent_by(frame, &net.two);
    let seen = Seen {
        watch,
        deviations: deviations.into(),
        adverts_of_two: recording.frames.iter().filter(of_two).count(),
        changes: pair.changes(from, until),
        logged,
        echoes: sent,
        lost,
        stalled: stalls.max().unwrap_or_default(),
    };
    net.reset()?;
    Ok(seen)
}

/// Echo requests a second, for each family: enough to see a gap, too few to be a load.
const RATE: u32 = 100;
const SETTLED: Duration = Duration::from_secs(1);
