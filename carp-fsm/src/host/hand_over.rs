//! Leaving MASTER without losing a packet: silence, bow-out, overlap, release.
//!
//! The old master goes on answering data until the new one was heard and the neighbours know it.

use core::time::Duration;

use super::Host;
use super::role::{Rest, Role, Stage, Surroundings};
use crate::{Action, Event, Heard, Interval, Lladdr, Reason, Timer};

/// How long two nodes hold the addresses at a hand-over: from the new master's first advert until
/// the old one lets go. The neighbours have heard the new master's announcements by then.
const OVERLAP: Duration = Duration::from_millis(120);

/// How long a bow-out waits for the addresses to be silenced.
pub(super) const SILENCING: Duration = Duration::from_millis(500);

/// How often a bow-out is repeated while no new master is heard.
const BOW_OUT_REPEAT: Duration = Duration::from_millis(250);

/// How long a host that bowed out goes on answering while no new master is heard. The slowest
/// peer, ucarp, reads an advert up to 1 s late (`docs/carp-protocol.md §4.4`).
const HAND_OVER_LIMIT: Duration = Duration::from_millis(1_500);

impl Host {
    /// `tied`: the other node may have yielded at the same instant.
    pub(super) fn yield_to(&mut self, around: &mut Surroundings<'_>, heard: Heard, tied: bool) {
        let interrupted = self.run.interrupted;
        let holds = self.has_addresses(around) && !interrupted;
        // The neighbours know this node's own MAC address, and only the other master can tell
        // them better. It may not know that there were two: a last advert makes it announce.
        let misleads = self.config.link_address() == Lladdr::Carpdev && holds;
        if misleads || self.config.dialect().breaks_ties_by_source() {
            self.send(around, self.claim(around.demotion).interval);
        }
        self.enter_backup(around, Reason::Yielded(heard));
        self.follow(around, heard);
        if tied {
            // Whoever waits less takes over.
            let quarter = self.claim(around.demotion).interval.quarter_micros();
            let stretch = Duration::from_micros(self.run.random.next() % quarter);
            self.arm_master_down(around, stretch);
        }
        if interrupted {
            self.let_go(around);
        } else if holds {
            self.ask_to_hand_over(around);
            self.begin_overlap(around, Rest::Backup);
        }
    }

    /// Goes on answering data after a freeze, but speaks no more until it is known whether another
    /// node has taken over: it is heard, or nobody is for the master-down time.
    pub(super) fn listen(&mut self, around: &mut Surroundings<'_>, late: Duration) {
        self.enter_backup(around, Reason::Frozen(late));
        self.hold_in_silence(around);
    }

    /// Does the same with what a former run has left: nobody may have taken over from it yet.
    pub(super) fn adopt(&mut self, around: &mut Surroundings<'_>) {
        if self.has_let_go {
            return;
        }
        around.events.push_back(Event::Adopted { id: self.id });
        self.hold_in_silence(around);
    }

    fn hold_in_silence(&mut self, around: &mut Surroundings<'_>) {
        if self.has_addresses(around) {
            self.ask_to_hand_over(around);
            let (rest, stage) = (Rest::Backup, Stage::Listening);
            self.run.role = Role::Retiring { rest, stage };
        }
    }

    /// Gives mastership up on purpose: silence, bow-out, wait for the new master, let go.
    pub(super) fn retire(&mut self, around: &mut Surroundings<'_>, rest: Rest, reason: Reason) {
        around.queue.clear(&mut self.run.timers, self.id);
        if !self.has_addresses(around) {
            self.send_bow_out(around);
            return match rest {
                Rest::Init => self.rest_in_init(around, reason),
                Rest::Backup => self.enter_backup(around, reason),
            };
        }
        let stage = Stage::Silencing;
        self.set_role(around, Role::Retiring { rest, stage }, reason);
        self.ask_to_hand_over(around);
        self.arm(around, Timer::HandOver, Some(SILENCING));
        if rest == Rest::Backup {
            self.arm_master_down(around, Duration::ZERO);
        }
    }

    pub(super) fn ask_to_hand_over(&mut self, around: &mut Surroundings<'_>) {
        self.silences_under_way += 1;
        around.actions.push_back(Action::HandOver(self.id));
    }

    pub(super) fn hand_over_due(
        &mut self,
        around: &mut Surroundings<'_>,
        rest: Rest,
        stage: Stage,
    ) {
        match stage {
            Stage::Silencing => self.begin_waiting(around, rest),
            Stage::BowedOut { until } if around.now < until => {
                self.send_bow_out(around);
                self.arm(around, Timer::HandOver, Some(BOW_OUT_REPEAT));
            }
            Stage::Listening => {}
            Stage::BowedOut { .. } | Stage::Overlap => self.finish_hand_over(around, rest),
        }
    }

    pub(super) fn finish_hand_over(&mut self, around: &mut Surroundings<'_>, rest: Rest) {
        self.let_go(around);
        self.run.role = match rest {
            Rest::Init => Role::Init,
            Rest::Backup => Role::Backup,
        };
    }

    pub(super) fn begin_waiting(&mut self, around: &mut Surroundings<'_>, rest: Rest) {
        self.send_bow_out(around);
        let until = around.now + HAND_OVER_LIMIT;
        let stage = Stage::BowedOut { until };
        self.run.role = Role::Retiring { rest, stage };
        self.arm(around, Timer::HandOver, Some(BOW_OUT_REPEAT));
    }

    pub(super) fn begin_overlap(&mut self, around: &mut Surroundings<'_>, rest: Rest) {
        let stage = Stage::Overlap;
        self.run.role = Role::Retiring { rest, stage };
        self.arm(around, Timer::HandOver, Some(OVERLAP));
    }

    pub(super) fn let_go(&mut self, around: &mut Surroundings<'_>) {
        self.arm(around, Timer::HandOver, None);
        if self.has_addresses(around) {
            self.has_let_go = true;
            around.actions.push_back(Action::Release(self.id));
            around.events.push_back(Event::Released { id: self.id });
        }
    }

    pub(super) fn send_bow_out(&mut self, around: &mut Surroundings<'_>) {
        self.send(around, Interval::from_octets(u8::MAX, u8::MAX));
    }
}
