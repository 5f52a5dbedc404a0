//! What was recorded in one run, and what it says.

use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab::{EchoReport, Frame, Gap};

use crate::fault::Fault;
use crate::measure::{Overlap, held_within, late_by, overlap};
use crate::scenario::{Checks, was_heard_by, was_sent_by};
use carp_benches::Disturbance;

/// The recording of a run.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) fault: Fault,
    pub(crate) streams: Vec<Stream>,
    pub(crate) adverts: Vec<Frame>,
    /// What was sent before is not looked at.
    pub(crate) began: Timestamp,
    /// When each phase of the fault began.
    pub(crate) marks: Vec<Timestamp>,
    pub(crate) until: Timestamp,
    pub(crate) checks: Checks,
    pub(crate) disturbance: Disturbance,
}

/// What there is of one family.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) family: Family,
    pub(crate) report: EchoReport,
    /// When each node came to hold the address, and when it ceased to.
    pub(crate) one: Vec<(Timestamp, bool)>,
    pub(crate) two: Vec<(Timestamp, bool)>,
}

/// The figures of one phase, one family and one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) lost: u64,
    /// Nothing was answered at the end of the recording.
    pub(crate) lost_at_end: bool,
    /// How many milliseconds after its master-down timer ran out the backup answered; `None` where
    /// nothing was lost.
    pub(crate) late: Option<f64>,
    pub(crate) both: Overlap,
}

impl Record {
    /// The figures of each phase for a family.
    pub(crate) fn samples(&self, family: Family) -> Vec<Sample> {
        let stream = self.streams.iter().find(|stream| stream.family == family);
        let Some(stream) = stream else {
            return Vec::new();
        };
        let phases = 0..self.fault.phases().len();
        phases.map(|number| self.sample(stream, number)).collect()
    }

    fn sample(&self, stream: &Stream, number: usize) -> Sample {
        let (mut from, until) = self.window(number);
        let lost_from = if number == 0 || self.fault == Fault::FreezeAll {
            self.began
        } else {
            from
        };
        let losses = stream.report.losses();
        let lost = losses.filter(|(_, sent)| (lost_from..until).contains(sent));
        let lost: Vec<Timestamp> = lost.map(|(_, sent)| sent).collect();
        let lost_at_end = lost.last().is_some_and(|last| until - *last < AT_END);
        if self.fault == Fault::Partition && number == 1 {
            // They can know of each other from the first advert that crosses on.
            let crossed = self.adverts.iter().find(|frame| {
                frame.time >= from
                    && family_of(frame) == stream.family
                    && (was_heard_by(frame, "one") || was_heard_by(frame, "two"))
            });
            from = crossed.map_or(from, |frame| frame.time);
        }
        Sample {
            lost: lost.len() as u64,
            lost_at_end,
            late: self.late(stream, from, until),
            both: overlap(&stream.one, &stream.two, from, until),
        }
    }

    /// From when until when a phase is.
    fn window(&self, number: usize) -> (Timestamp, Timestamp) {
        let mark = |number| self.marks.get(number).copied();
        (
            mark(number).unwrap_or(self.until),
            mark(number + 1).unwrap_or(self.until),
        )
    }

    /// How late the other node answered; what was lost apart from that outage, an echo each
    /// millisecond, counts on top.
    fn late(&self, stream: &Stream, from: Timestamp, until: Timestamp) -> Option<f64> {
        let mut gaps = stream.report.gaps();
        gaps.retain(|gap| gap.until > from && gap.from < until);
        let outage = gaps.iter().max_by_key(|gap| gap.length())?;
        let apart = gaps.iter().map(Gap::length).sum::<Duration>() - outage.length();
        let heard = self.adverts.iter().rev().find(|frame| {
            frame.time < outage.until
                && family_of(frame) == stream.family
                && was_heard_by(frame, "two")
        })?;
        let late = late_by(outage.until, heard.time, MASTER_DOWN);
        Some(late + apart.as_secs_f64() * 1e3)
    }

    /// Checks what the recording alone tells.
    pub(crate) fn check(&mut self) {
        let from = self.window(0).0;
        let streams = &self.streams;
        match self.fault {
            Fault::KillEngine | Fault::AddressDeleted | Fault::Inet6Disabled => {
                let took = |stream: &Stream| held_within(&stream.two, from, self.until);
                let calm = !streams.iter().any(took);
                self.checks.push(("no take-over", calm));
            }
            Fault::Restart => {
                let moved =
                    |history: &[(Timestamp, bool)]| history.iter().any(|(time, _)| *time >= from);
                let calm = !streams
                    .iter()
                    .any(|stream| moved(&stream.one) || moved(&stream.two));
                self.checks.push(("no transition", calm));
            }
            Fault::FreezeAll => {
                let calm = self.listened_first();
                self.checks.push(("listens first", calm));
            }
            Fault::Down
            | Fault::Destroy
            | Fault::Terminate
            | Fault::StateBackup
            | Fault::Preempt
            | Fault::KillAll
            | Fault::FreezeEngine
            | Fault::LinkLost
            | Fault::PowerLoss
            | Fault::Partition
            | Fault::SetDown
            | Fault::InterfaceDeleted
            | Fault::CarpdevDeleted
            | Fault::MacChanged
            | Fault::CarpdevLate => {}
        }
    }

    /// Whether node one, awake again, sent nothing before it heard the other one.
    fn listened_first(&self) -> bool {
        let woke = self.window(1).0;
        let after = || self.adverts.iter().filter(|frame| frame.time >= woke);
        let heard = after().find(|frame| was_heard_by(frame, "one"));
        let spoke = after().find(|frame| was_sent_by(frame, "one"));
        match (heard, spoke) {
            (Some(heard), Some(spoke)) => heard.time < spoke.time,
            (_, spoke) => spoke.is_none(),
        }
    }
}

fn family_of(frame: &Frame) -> Family {
    if frame.ethertype() == 0x86dd {
        Family::Inet6
    } else {
        Family::Inet
    }
}

/// Of node two: three intervals of 1 s and a skew of 100/256 s, in CARP and VRRP alike.
const MASTER_DOWN: Duration = Duration::from_micros(3_390_625);

/// Some intervals between two echoes.
const AT_END: Duration = Duration::from_millis(10);
