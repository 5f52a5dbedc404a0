//! A turn of the loop: what the sources have, gathered into reports, and no more of it at once than
//! leaves the timers their turn.

use carp_fsm::carp_proto::Family;

use super::poller::Source;
use super::{Linux, clock};
use crate::Report;

impl Linux {
    /// The next report. Gives nothing from time to time though there is more, so that a flood of
    /// packets does not keep the caller from its timers; the descriptor stays readable then.
    pub(super) fn next_report(&mut self) -> Option<Report> {
        if self.polled == 0 {
            self.mind_floods();
        }
        self.polled += 1;
        while self.polled < REPORTS_A_TURN && self.reports.is_empty() && self.gather() {
            self.polled += 1;
        }
        let report = if self.polled < REPORTS_A_TURN {
            self.reports.pop_front()
        } else {
            None
        };
        if report.is_none() {
            self.polled = 0;
            self.ring_if_needed();
        }
        report
    }

    /// Reads what the sources have; returns whether any had something. What was read to its end
    /// is not asked again at once: whatever comes from then on makes the descriptor readable anew.
    fn gather(&mut self) -> bool {
        if std::mem::take(&mut self.drained) {
            return false;
        }
        let ready = match self.poller.ready() {
            Ok(ready) => ready,
            Err(error) => {
                tracing::error!(%error, "epoll");
                return false;
            }
        };
        let (mut any, mut news, mut inet, mut inet6) = (false, false, None, None);
        for source in ready {
            any = true;
            match source {
                Source::Bell => {
                    self.poller.bell().silence();
                    self.ringing = false;
                    news = true;
                }
                Source::News => news = true,
                Source::Inet => inet = Some(Family::Inet),
                Source::Inet6 => inet6 = Some(Family::Inet6),
            }
        }
        // News first: who wakes up without its addresses must not answer for them before it knows.
        let mut drained = !news || self.catch_up();
        for family in inet.into_iter().chain(inet6) {
            drained &= self.read_packets(family);
        }
        self.drained = any && drained;
        any
    }

    /// Has the kernel drop what it can while there is too much of it, and tells how much that was.
    fn mind_floods(&mut self) {
        let (inet, inet6) = self.hear.sockets();
        let sockets = [(Family::Inet, Some(inet)), (Family::Inet6, inet6)];
        let dropped = self.flood.judge(clock::now(), sockets);
        if dropped > 0 {
            self.reports.push_back(Report::Filtered(dropped));
        }
    }

    /// Takes in the packets that wait, but no more at once than leaves the other sources their
    /// turn. Says whether these were all.
    fn read_packets(&mut self, family: Family) -> bool {
        let (reports, flood) = (&mut self.reports, &mut self.flood);
        let received = self.hear.receive(family, |packet| {
            flood.note(packet.bytes());
            reports.push_back(Report::Packet(packet));
        });
        match received {
            Ok(more) => !more,
            // That of another packet than one that came in: nothing that we could repair.
            Err(error) => {
                tracing::debug!(%family, %error, "raw socket");
                false
            }
        }
    }

    /// Keeps the descriptor readable while there are reports.
    pub(super) fn ring_if_needed(&mut self) {
        if !self.reports.is_empty() && !self.ringing {
            self.poller.bell().ring();
            self.ringing = true;
        }
    }
}

/// So many reports are given before whoever asks for them has a turn, and looks at its timers.
const REPORTS_A_TURN: u32 = 256;
