//! One run: a pair is made, a fault happens to its master, and everything is recorded.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab::{self, Asker, Direction, Echo, Frame, Tap};

use crate::contender::Contender;
use crate::fault::Fault;
use crate::record::{Record, Stream};
use carp_benches::Disturbance;
use carp_benches::{FAMILIES, Network, Node};
use carp_benches::{Result, pause, random_below};

/// A pair at work, with all that measures it.
pub(crate) struct Scenario<'a> {
    pub(crate) net: &'a Network,
    pub(crate) contender: &'a dyn Contender,
    pub(crate) fault: Fault,
    echoes: Vec<(Family, Echo)>,
    askers: Vec<Asker>,
    tap: Tap,
    began: Timestamp,
}

impl<'a> Scenario<'a> {
    /// Starts the pair and waits until its master has settled.
    pub(crate) fn prepare(
        net: &'a Network,
        contender: &'a dyn Contender,
        fault: Fault,
    ) -> Result<Self> {
        let master = if fault.begins_without_one() {
            if fault == Fault::CarpdevLate {
                net.lab.remove_interface(&net.one.host)?;
                contender.start(&net.one, fault)?;
            }
            &net.two
        } else {
            contender.start(&net.one, fault)?;
            &net.one
        };
        contender.start(&net.two, fault)?;
        for &family in contender.families() {
            if !master.wait_for(family, true, PATIENCE)? {
                let said = contender.shows(master)?;
                return Err(format!("did not become master: {}", said.trim()).into());
            }
        }
        let mut scenario = Self {
            net,
            contender,
            fault,
            echoes: Vec::new(),
            askers: Vec::new(),
            tap: net.lab.tap_advertisements()?,
            began: lab::now(),
        };
        scenario.begin_to_measure()?;
        // Past the announcements of its first second, at any moment between two adverts.
        let settled = scenario.began + SETTLED;
        pause(settled - lab::now())?;
        for &family in contender.families() {
            let other = scenario.other(master);
            if !master.holds(family) || other.holds(family) {
                return Err(format!("{family:?}: not one master, but none or two").into());
            }
        }
        pause(random_below(Duration::from_secs(1))?)?;
        Ok(scenario)
    }

    fn begin_to_measure(&mut self) -> Result<()> {
        for &family in self.contender.families() {
            let target = carp_benches::shared_address(family);
            self.askers.push(self.net.asker.ask(target, ASKED_EACH)?);
            let echo = self.net.client.echo(target, RATE)?;
            if !echo.wait_for_answers(100, PATIENCE) {
                return Err(format!("{family:?}: the master does not answer").into());
            }
            self.echoes.push((family, echo));
        }
        // Only what is sent from here on counts.
        self.began = lab::now();
        Ok(())
    }

    fn other(&self, node: &Node) -> &'a Node {
        if node.is_preferred() {
            &self.net.two
        } else {
            &self.net.one
        }
    }

    /// Has the fault happen, waits for what comes of it, and hands over the recording.
    pub(crate) fn play(mut self) -> Result<Record> {
        let mut story = Story::default();
        let inflict = || self.inflict(&mut story);
        let (inflicted, mut disturbance) = Disturbance::during(&self.net.asker, inflict)?;
        inflicted?;
        let until = lab::now();
        let mut streams = Vec::new();
        for (family, echo) in std::mem::take(&mut self.echoes) {
            streams.push(Stream {
                family,
                report: echo.stop_within(LATE_ANSWERS)?,
                one: self.net.one.history(family),
                two: self.net.two.history(family),
            });
        }
        for stream in &streams {
            disturbance.take(&stream.report);
        }
        drop(std::mem::take(&mut self.askers));
        let recording = self.tap.stop()?;
        if recording.dropped > 0 {
            return Err("the recording of adverts has gaps".into());
        }
        let mut record = Record {
            fault: self.fault,
            streams,
            adverts: recording.frames,
            began: self.began,
            marks: story.marks,
            until,
            checks: story.checks,
            disturbance,
        };
        record.check();
        Ok(record)
    }

    /// Whether a node holds every address and the other one none.
    pub(crate) fn is_alone(&self, node: &Node) -> bool {
        let other = self.other(node);
        let mut families = self.contender.families().iter();
        families.all(|family| node.holds(*family) && !other.holds(*family))
    }

    /// Lets this much time pass, and more until every echo has been answered for a second.
    pub(crate) fn settle(&self, at_least: Duration) -> Result<()> {
        let deadline = lab::now() + at_least + PATIENCE;
        pause(at_least.saturating_sub(STEADY))?;
        let missing = || -> u64 {
            let counts = self.echoes.iter().map(|(_, echo)| echo.progress());
            counts.map(|(sent, received)| sent - received).sum()
        };
        let (mut before, mut since) = (missing(), lab::now());
        while lab::now() - since < STEADY && lab::now() < deadline {
            pause(Duration::from_millis(20))?;
            let missing = missing();
            // One or two are always on their way.
            if missing > before + FAMILIES.len() as u64 {
                since = lab::now();
            }
            before = before.max(missing);
        }
        Ok(())
    }
}

/// How a fault went.
#[derive(Debug, Default)]
pub(crate) struct Story {
    marks: Vec<Timestamp>,
    checks: Checks,
}

impl Story {
    /// A phase begins.
    pub(crate) fn mark(&mut self) {
        self.marks.push(lab::now());
    }

    /// Something was looked at.
    pub(crate) fn check(&mut self, name: &'static str, met: bool) {
        self.checks.push((name, met));
    }
}

/// What was looked at besides echoes and addresses, and whether it was as it should be.
pub(crate) type Checks = Vec<(&'static str, bool)>;

/// Whether a node sent this frame.
pub(crate) fn was_sent_by(frame: &Frame, node: &str) -> bool {
    &*frame.interface == node && frame.direction == Direction::In
}

/// Whether a node was sent this frame by the switch.
pub(crate) fn was_heard_by(frame: &Frame, node: &str) -> bool {
    &*frame.interface == node && frame.direction == Direction::Out
}

const RATE: u32 = 1_000;
const ASKED_EACH: Duration = Duration::from_millis(10);
/// How long anything may take that is not measured, and how long an outage is watched.
pub(crate) const PATIENCE: Duration = Duration::from_secs(12);
/// The echoes are answered all this time.
const STEADY: Duration = Duration::from_secs(1);
/// How long an answer may take.
const LATE_ANSWERS: Duration = Duration::from_millis(200);
/// A new master has announced its addresses for the second time.
const SETTLED: Duration = Duration::from_millis(1_200);
