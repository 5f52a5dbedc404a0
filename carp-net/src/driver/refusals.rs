//! What was refused, told without a word for each packet: the first of a kind from each source at
//! once, after that once a minute how many more there were.
//!
//! Whoever sends rubbish decides how much of it there is, but not how much is told of it, nor how
//! much is kept.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use carp_fsm::{LinkId, Refusal, Timestamp};

use crate::Packet;

/// Packets that were refused, and for what reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Why, all of them.
    pub refusal: Refusal,
    /// How many.
    pub count: u64,
    /// Whether there was none like it from this source for a minute. Others are told of when a
    /// minute has passed.
    pub first: bool,
    /// The interface that has the vhid of the last one; empty where none has.
    pub interface: String,
    /// The carpdev that the last one came in on; empty where it is none.
    pub carpdev: String,
    /// Who sent the last one, as it says itself.
    pub source: IpAddr,
    /// The vhid that the last one says, if it is long enough to.
    pub vhid: Option<u8>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [&self.interface, &self.carpdev];
        if let Some(about) = named.into_iter().find(|name| !name.is_empty()) {
            write!(f, "{about}: ")?;
        }
        match (self.first, self.count) {
            (true, _) => write!(f, "packet")?,
            (false, 1) => write!(f, "1 more packet refused within a minute,")?,
            (false, count) => write!(f, "{count} more packets refused within a minute, the last")?,
        }
        write!(f, " from {}", self.source)?;
        if !self.interface.is_empty() && !self.carpdev.is_empty() {
            write!(f, " on {}", self.carpdev)?;
        }
        if self.first {
            write!(f, " refused")?;
        }
        write!(f, ": {}", self.refusal)?;
        match self.vhid {
            Some(vhid) if self.refusal == Refusal::BadVhid => write!(f, " {vhid}"),
            Some(_) | None => Ok(()),
        }
    }
}

/// A tally for each reason.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// As many as there are reasons, and no more.
    tallies: Vec<Tally>,
}

#[derive(Debug)]
struct Tally {
    refusal: Refusal,
    /// How many there were since they were last told of.
    untold: u64,
    /// When they are told of.
    until: Timestamp,
    last: Last,
    /// Who has sent some within a minute, and when the last: a few at most, as sources are easily
    /// forged.
    sources: Vec<(IpAddr, Timestamp)>,
}

/// What is remembered of the last packet of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) link: LinkId,
    pub(super) source: IpAddr,
    pub(super) vhid: Option<u8>,
}

/// Something to tell, in the words of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) refusal: Refusal,
    pub(super) count: u64,
    pub(super) first: bool,
    pub(super) last: Last,
}

impl Refusals {
    /// Counts a packet that was refused at `now`; returns what is to be told at once.
    pub(super) fn note(
        &mut self,
        now: Timestamp,
        refusal: Refusal,
        packet: &Packet,
    ) -> Option<Told> {
        let last = Last::of(packet);
        let tally = self.tally(now, refusal, last)?;
        if !tally.is_first(now, last.source) {
            tally.untold += 1;
            tally.last = last;
            return None;
        }
        if tally.untold == 0 {
            tally.until = now + MINUTE;
        }
        Some(Told {
            refusal,
            count: 1,
            first: true,
            last,
        })
    }

    /// The tally of `refusal`, which begins with `last` where there is none yet.
    fn tally(&mut self, now: Timestamp, refusal: Refusal, last: Last) -> Option<&mut Tally> {
        let is_known = self.tallies.iter().any(|it| it.refusal == refusal);
        if !is_known {
            self.tallies.push(Tally {
                refusal,
                untold: 0,
                until: now + MINUTE,
                last,
                sources: Vec::new(),
            });
        }
        self.tallies.iter_mut().find(|it| it.refusal == refusal)
    }

    /// When there is something to tell.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let untold = self.tallies.iter().filter(|tally| tally.untold > 0);
        untold.map(|tally| tally.until).min()
    }

    /// The next thing that is to be told at `now`.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<Told> {
        let is_due = |tally: &&mut Tally| tally.untold > 0 && tally.until <= now;
        let tally = self.tallies.iter_mut().find(is_due)?;
        tally.until = now + MINUTE;
        Some(Told {
            refusal: tally.refusal,
            count: std::mem::take(&mut tally.untold),
            first: false,
            last: tally.last,
        })
    }
}

impl Tally {
    /// Takes note of a packet from `source`. Says whether there was none from it for a minute;
    /// where too many send some, nobody else is a first one.
    fn is_first(&mut self, now: Timestamp, source: IpAddr) -> bool {
        self.sources.retain(|(_, last)| now - *last < MINUTE);
        if let Some((_, last)) = self.sources.iter_mut().find(|(of, _)| *of == source) {
            *last = now;
            return false;
        }
        let has_room = self.sources.len() < MOST_SOURCES;
        if has_room {
            self.sources.push((source, now));
        }
        has_room
    }
}

impl Last {
    fn of(packet: &Packet) -> Self {
        Self {
            link: packet.link(),
            source: packet.envelope().source,
            vhid: packet.bytes().get(VHID).copied(),
        }
    }
}

impl Told {
    pub(super) fn with_names(self, interface: String, carpdev: String) -> Refused {
        Refused {
            refusal: self.refusal,
            count: self.count,
            first: self.first,
            interface,
            carpdev,
            source: self.last.source,
            vhid: self.last.vhid,
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// How many sources of packets of one kind are told apart.
const MOST_SOURCES: usize = 8;

/// Where a packet says its vhid, be it ever so damaged (`docs/carp-protocol.md §1.1`).
const VHID: usize = 1;

#[cfg(test)]
mod tests;
