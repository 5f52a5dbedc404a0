//! One run: a contender starts, rests, and dies on one of two nodes while a client asks.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use carp_benches::many::{Claims, Contender, Traffic, Wires, Work};
use carp_benches::{Figures, Load, Result, pause};
use carp_net::carp_fsm::Timestamp;
use carp_net::lab::{self, EchoReport, Host, Witness};

use crate::figures::late;
use crate::metric::Metric;

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// From the start of the program on the first node until each address was answered.
    pub(crate) start: Duration,
    /// As master and as backup, while nothing happens.
    pub(crate) load: [Load; 2],
    /// What both send meanwhile.
    pub(crate) traffic: Traffic,
    pub(crate) crash: Crash,
    /// For how long a core of the machine stood still during the start and the crash.
    pub(crate) stalled: Duration,
}

/// What came of the death of the master.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crash {
    /// From then until an address was answered again, for each that was.
    pub(crate) answered: Vec<Duration>,
    /// How much longer that took than the other node had to wait for the master, for each of them.
    pub(crate) late: Vec<Duration>,
    /// How many addresses nobody answered any more.
    pub(crate) lost: usize,
}

impl Measured {
    /// Whether the machine itself stood still for so long that times say little.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.stalled > STALLED
    }
}

impl Crash {
    /// Until an address was answered; this and the others are `None` where one never was.
    pub(crate) fn median(&self) -> Option<Duration> {
        let figures = Figures::of(self.of_all(&self.answered));
        figures.map(|figures| figures.median)
    }

    /// Until every address was.
    pub(crate) fn all(&self) -> Option<Duration> {
        self.of_all(&self.answered).max()
    }

    /// The longest after the master-down time.
    pub(crate) fn latest(&self) -> Option<Duration> {
        self.of_all(&self.late).max()
    }

    fn of_all(&self, times: &[Duration]) -> impl Iterator<Item = Duration> {
        let is_whole = self.lost == 0;
        times.iter().copied().filter(move |_| is_whole)
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for metric in Metric::ALL {
            let value = metric.of(self);
            let value = value.map_or_else(|| "–".to_owned(), |value| metric.show(value));
            write!(f, "{}: {value}; ", metric.title())?;
        }
        if self.crash.lost > 0 {
            write!(f, "{} LOST; ", self.crash.lost)?;
        }
        if self.is_disturbed() {
            write!(f, "a core stood still for {:?}", self.stalled)?;
        }
        Ok(())
    }
}

/// Has a contender do this work, and counts what it takes for `window`; its master dies when this
/// part of an interval has passed since its last virtual host advertised.
pub(crate) fn run(
    contender: &dyn Contender,
    work: Work,
    window: Duration,
    phase: f64,
) -> Result<Measured> {
    let wires = Wires::new(work.links)?;
    let client = wires.client()?;
    // One request at most waits for a link-layer address: those of others have room.
    client.set_sysctl("net/ipv4/neigh/vmx0/unres_qlen_bytes", "0")?;
    let addresses: Vec<Ipv4Addr> = work.hosts().map(|host| host.address()).collect();

    let witness = Witness::start()?;
    let sweep = client.sweep(&addresses)?;
    let began = lab::now();
    contender.start(&wires.one, work)?;
    let silent = sweep.wait_for_all(PATIENCE);
    if silent > 0 {
        let said = wires.one.log();
        return Err(format!("{silent} addresses do not answer: {}", said.trim()).into());
    }
    let reports = sweep.stop()?;
    let start = all_since(&reports)? - began;
    let mut stalled = longest(witness)?;

    contender.start(&wires.two, work)?;
    pause(SETTLED)?;
    let [one, two] = [&wires.one, &wires.two].map(|node| contender.processes(node));
    // Nobody else listens meanwhile: delivering frames to a tap is work of their sender.
    let load = Load::of(&[one?, two?], window)?;
    let traffic = wires.traffic(COUNTED)?;

    use_all(&client, &addresses)?;
    let taps = wires.tap()?;
    taps.wait_for_all(&wires.one, work.vhids, RECOVERY)?;
    pause(contender.interval(&wires.one).mul_f64(phase))?;
    let witness = Witness::start()?;
    let fault = lab::now();
    wires.crash_one()?;
    let sweep = client.sweep(&addresses)?;
    sweep.wait_for_all(contender.master_down(&wires.two) + RECOVERY);
    pause(OUTLASTED)?;
    let reports = sweep.stop()?;
    stalled = stalled.max(longest(witness)?);
    let claims = taps.stop()?;
    let master_down = contender.master_down(&wires.two);
    Ok(Measured {
        start,
        load,
        traffic,
        crash: crash(work, &claims, &reports, fault, master_down)?,
        stalled,
    })
}

/// Has the client know where all addresses are, as one that uses them.
fn use_all(client: &Host, addresses: &[Ipv4Addr]) -> Result<()> {
    let sweep = client.sweep(addresses)?;
    let silent = sweep.wait_for_all(RECOVERY);
    sweep.stop()?;
    match silent {
        0 => Ok(()),
        silent => Err(format!("{silent} addresses have ceased to answer").into()),
    }
}

fn crash(
    work: Work,
    claims: &Claims,
    reports: &[EchoReport],
    fault: Timestamp,
    master_down: Duration,
) -> Result<Crash> {
    let mut crash = Crash::default();
    for (host, report) in work.hosts().zip(reports) {
        let heard = claims.adverts(1, host).last();
        let heard = heard.ok_or("a virtual host was not advertised before the crash")?;
        match report.answered_since() {
            Some(answered) => {
                crash.answered.push(answered - fault);
                crash.late.push(late(answered, *heard, master_down));
            }
            None => crash.lost += 1,
        }
    }
    Ok(crash)
}

/// Since when all are answered.
fn all_since(reports: &[EchoReport]) -> Result<Timestamp> {
    let each: Option<Vec<Timestamp>> = reports.iter().map(EchoReport::answered_since).collect();
    let last = each.and_then(|each| each.into_iter().max());
    last.ok_or_else(|| "an address has ceased to answer during the start".into())
}

/// For how long a core stood still at most.
fn longest(witness: Witness) -> Result<Duration> {
    let stalls = witness.stop()?.into_iter();
    Ok(stalls.map(|stall| stall.length).max().unwrap_or_default())
}

/// How long it may take until every address is answered for the first time.
const PATIENCE: Duration = Duration::from_secs(120);
/// And how long after the master-down time.
const RECOVERY: Duration = Duration::from_secs(30);
/// A new backup has nothing left to do.
const SETTLED: Duration = Duration::from_secs(6);
/// For so many seconds it is counted what is sent.
const COUNTED: u32 = 6;
/// What was answered once is asked for so long whether it still is.
const OUTLASTED: Duration = Duration::from_millis(500);
/// A core that stands still for longer makes a difference.
const STALLED: Duration = Duration::from_millis(20);
