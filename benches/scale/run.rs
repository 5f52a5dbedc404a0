//! One run: a contender does some work, at rest and while its master dies.

use std::time::Duration;

use carp_benches::many::{Claims, Contender, Wires, Work};
use carp_benches::{Figures, Load, Memory, Result, pause};
use carp_net::lab;

use crate::figures::taken_over;

/// What was measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// From the start of the program until the last virtual host was advertised.
    pub(crate) start: Duration,
    /// How late the latest advert was meanwhile.
    pub(crate) late_at_start: Duration,
    /// As master and as backup.
    pub(crate) load: [Load; 2],
    /// How late the latest advert was when nothing happened.
    pub(crate) late_at_rest: Duration,
    /// What came of the death of the master.
    pub(crate) crash: Crash,
}

/// Times after the master-down time, each the longest of all virtual hosts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Crash {
    /// Until the first advert of the other node.
    pub(crate) taken_over: Duration,
    /// Until it announced the address.
    pub(crate) announced: Duration,
    /// How late the latest of its adverts after the first was.
    pub(crate) late: Duration,
    /// How many virtual hosts nobody took over, or announced.
    pub(crate) lost: usize,
}

impl Measured {
    /// What took how long in the middle one of some runs.
    pub(crate) fn median(runs: &[Self]) -> Self {
        Self::of(runs, |times| times.median)
    }

    /// What took how long in the worst of some runs.
    pub(crate) fn worst(runs: &[Self]) -> Self {
        Self::of(runs, |times| times.worst)
    }

    /// One for some runs; loads are the medians, and lost is what was lost in any of them.
    fn of(runs: &[Self], chosen: fn(Figures<Duration>) -> Duration) -> Self {
        let time = |of: fn(&Self) -> Duration| {
            let times = Figures::of(runs.iter().map(of));
            times.map_or_else(Duration::default, chosen)
        };
        let load = |node: fn(&Self) -> Load| Load {
            cpu: median(runs, |run| node(run).cpu),
            memory: Memory {
                resident: median(runs, |run| node(run).memory.resident),
                proportional: median(runs, |run| node(run).memory.proportional),
            },
        };
        let lost = runs.iter().map(|run| run.crash.lost).max();
        Self {
            start: time(|run| run.start),
            late_at_start: time(|run| run.late_at_start),
            load: [load(|run| run.load[0]), load(|run| run.load[1])],
            late_at_rest: time(|run| run.late_at_rest),
            crash: Crash {
                taken_over: time(|run| run.crash.taken_over),
                announced: time(|run| run.crash.announced),
                late: time(|run| run.crash.late),
                lost: lost.unwrap_or_default(),
            },
        }
    }
}

fn median<T: Copy + Default + PartialOrd>(runs: &[Measured], of: impl Fn(&Measured) -> T) -> T {
    Figures::of(runs.iter().map(of)).map_or_else(T::default, |figures| figures.median)
}

/// Has a contender do this work, and measures it for `window`.
pub(crate) fn run(contender: &dyn Contender, work: Work, window: Duration) -> Result<Measured> {
    let wires = Wires::new(work.links)?;
    let mut measured = Measured::default();
    let nodes = [&wires.one, &wires.two];

    let taps = wires.tap()?;
    let began = lab::now();
    contender.start(&wires.one, work)?;
    taps.wait_for_all(&wires.one, work.vhids, PATIENCE)?;
    measured.start = lab::now() - began;
    pause(AFTERWARDS)?;
    let late_at_start = late(contender, &wires, 1, work, &taps.stop()?);
    measured.late_at_start = late_at_start.ok_or("not all that was advertised was recorded")?;

    contender.start(&wires.two, work)?;
    pause(SETTLED)?;
    let [one, two] = nodes.map(|node| contender.processes(node));
    // Nobody else listens meanwhile: delivering frames to a tap is work of their sender.
    measured.load = Load::of(&[one?, two?], window)?;

    let taps = wires.tap()?;
    pause(AT_REST)?;
    let claims = taps.stop()?;
    measured.late_at_rest = late(contender, &wires, 1, work, &claims).unwrap_or(AT_REST);
    if claims.count(2) > 0 {
        return Err("the other node is master too".into());
    }
    if work.count() > 0 {
        let taps = wires.tap()?;
        // Each virtual host is heard once at least.
        pause(AFTERWARDS)?;
        wires.crash_one()?;
        pause(contender.master_down(&wires.two) + AT_REST)?;
        measured.crash = crash(contender, &wires, work, &taps.stop()?);
    }
    Ok(measured)
}

/// How late the latest advert of a node was; `None` where there was none of a virtual host.
fn late(
    contender: &dyn Contender,
    wires: &Wires,
    node: u8,
    work: Work,
    claims: &Claims,
) -> Option<Duration> {
    let interval = contender.interval(if node == 1 { &wires.one } else { &wires.two });
    let mut hosts = work.hosts();
    hosts.try_fold(Duration::ZERO, |late, host| {
        Some(late.max(claims.latest(node, host, interval)?))
    })
}

fn crash(contender: &dyn Contender, wires: &Wires, work: Work, claims: &Claims) -> Crash {
    let master_down = contender.master_down(&wires.two);
    let mut crash = Crash {
        // Those that never come are lost, which is worse.
        late: late(contender, wires, 2, work, claims).unwrap_or_default(),
        ..Crash::default()
    };
    for host in work.hosts() {
        let master = claims.adverts(1, host);
        let advert = taken_over(master, claims.adverts(2, host), master_down);
        let announcement = taken_over(master, claims.announcements(2, host), master_down);
        match (advert, announcement) {
            (Some(advert), Some(announcement)) => {
                crash.taken_over = crash.taken_over.max(advert);
                crash.announced = crash.announced.max(announcement);
            }
            _ => crash.lost += 1,
        }
    }
    crash
}

/// How long it may take until everything is advertised.
const PATIENCE: Duration = Duration::from_secs(180);
/// What is sent last is recorded, and its next advert.
const AFTERWARDS: Duration = Duration::from_millis(1_500);
/// A new backup has nothing left to do.
const SETTLED: Duration = Duration::from_secs(6);
/// How long adverts are recorded while nothing happens.
const AT_REST: Duration = Duration::from_secs(5);
