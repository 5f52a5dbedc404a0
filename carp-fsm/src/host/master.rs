//! Becoming and being MASTER: addresses, adverts, announcements (`docs/carp-protocol.md §4.5`).

use core::time::Duration;

use carp_proto::Family;

use super::Host;
use super::role::{Role, Surroundings};
use crate::dialect::loses_tie;
use crate::election::{BackupRule, MasterRule};
use crate::{Action, Heard, Lladdr, Reason, Timer, Timestamp};

/// When a new master announces its addresses, counted from its first advert: at once and while
/// the switch settles, after the old master has let go, and once more.
pub(super) const ANNOUNCEMENTS: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
];

/// How long another node may need to take over once it has been told to.
const TAKE_OVER: Duration = Duration::from_millis(20);

/// A link-layer address that adverts do not show is shown at most this often: once a second, but one
/// that was shown late is not to take the place of the next.
const SHOW_EVERY: Duration = Duration::from_millis(900);

/// A master answers a worse master's advert at most this often.
const ANSWER_EVERY: Duration = Duration::from_secs(1);

/// How long after the advert of a worse master that was not answered its neighbours are told again at
/// the latest.
const REMIND_AFTER: Duration = Duration::from_millis(50);

impl Host {
    /// §4.5, but the addresses come first: the advert waits until they are in place.
    pub(super) fn take_over(&mut self, around: &mut Surroundings<'_>, reason: Reason) {
        around.queue.clear(&mut self.run.timers, self.id);
        self.run.held_back = false;
        self.set_role(around, Role::Taking(reason), reason);
        if !self.ask_to_hold(around) {
            self.become_master(around, reason);
        }
    }

    /// While the addresses are on their way another node may have been quicker.
    pub(super) fn reconsider_taking(
        &mut self,
        around: &mut Surroundings<'_>,
        reason: Reason,
        heard: Heard,
    ) {
        let by_command = matches!(reason, Reason::Command(_));
        if !by_command && self.rule_for(around, heard) == BackupRule::Follow {
            self.let_go(around);
            self.enter_backup(around, Reason::Yielded(heard));
            self.follow(around, heard);
        }
    }

    pub(super) fn become_master(&mut self, around: &mut Surroundings<'_>, reason: Reason) {
        self.run.counters.preempt += 1;
        self.set_role(around, Role::Master, reason);
        self.advertise(around, None);
        if self.config.dialect().begins_undemoted() {
            let first = self.config.interval().advert();
            self.arm(around, Timer::Advertise, Some(first));
        }
        self.start_announcing(around);
    }

    /// Asks for the addresses; says whether there is anything to wait for.
    pub(super) fn ask_to_hold(&mut self, around: &mut Surroundings<'_>) -> bool {
        if !self.has_addresses(around) {
            return false;
        }
        self.holds_under_way += 1;
        self.reassured = false;
        self.ask_for_lease(around.now);
        around.actions.push_back(Action::Hold(self.id));
        true
    }

    /// §4.3, MASTER.
    pub(super) fn answer_as_master(&mut self, around: &mut Surroundings<'_>, heard: Heard) {
        match self.master_rule(around, heard) {
            MasterRule::Leaving => {}
            MasterRule::Yield => self.yield_to(around, heard, false),
            MasterRule::Tie => self.yield_to(around, heard, true),
            MasterRule::Stay if self.run.interrupted => self.yield_to(around, heard, false),
            MasterRule::Stay => self.answer_worse_master(around),
        }
    }

    fn master_rule(&self, around: &Surroundings<'_>, heard: Heard) -> MasterRule {
        let own = self.claim(around.demotion);
        let source = self.source(Family::of(heard.source));
        let loses = source.and_then(|source| loses_tie(source, heard.source));
        own.as_master(self.config.dialect(), heard.claim, loses)
    }

    /// Two masters were cut off from each other and meet again. An advert at once makes the
    /// worse one yield; announcements bring back the neighbours that it had won.
    ///
    /// ucarp, which hears a bow-out up to a second late, is master for some milliseconds then,
    /// long after another was, and wins the neighbours each time that it hears of a better one.
    pub(super) fn answer_worse_master(&mut self, around: &mut Surroundings<'_>) {
        let recently = |last| around.now - last < ANSWER_EVERY;
        if self.run.answered.is_some_and(recently) {
            self.hasten_announcement(around, around.now + REMIND_AFTER);
        } else {
            self.run.answered = Some(around.now);
            self.advertise(around, None);
            self.start_announcing(around);
        }
    }

    /// Has the next round of announcements come no later than `soon`.
    fn hasten_announcement(&mut self, around: &mut Surroundings<'_>, soon: Timestamp) {
        let due = self.run.timers.get(Timer::Announce);
        if self.has_addresses(around) && due.is_none_or(|due| due > soon) {
            let timers = &mut self.run.timers;
            around
                .queue
                .set(timers, self.id, Timer::Announce, Some(soon));
        }
    }

    pub(super) fn master_due(
        &mut self,
        around: &mut Surroundings<'_>,
        timer: Timer,
        planned: Timestamp,
    ) {
        match timer {
            Timer::Advertise => {
                self.advertise(around, Some(planned));
                self.show_link_address(around);
            }
            Timer::Announce => self.announce(around),
            Timer::HandOver => self.go_on(around),
            Timer::MasterDownInet | Timer::MasterDownInet6 => {}
            Timer::Quiet | Timer::Peer => {}
        }
    }

    /// Sends an advert over each family and arms the next; `planned` keeps the beat.
    pub(super) fn advertise(&mut self, around: &mut Surroundings<'_>, planned: Option<Timestamp>) {
        let interval = self.claim(around.demotion).interval;
        self.send(around, interval);
        let interval = interval.advert();
        let beat = planned.unwrap_or(around.now) + interval;
        let next = if beat > around.now {
            beat
        } else {
            around.now + interval
        };
        around
            .queue
            .set(&mut self.run.timers, self.id, Timer::Advertise, Some(next));
    }

    /// Adverts to unicast peers leave with the MAC address of the carpdev (§1.4, item 4), so that
    /// no switch would know the virtual one for long, and flood. It is shown with an announcement
    /// each interval, at most once a second.
    fn show_link_address(&mut self, around: &mut Surroundings<'_>) {
        let to_group = |family| self.config.speaks(family) && !self.config.is_unicast(family);
        let is_shown = self.config.link_address() == Lladdr::Carpdev
            || Family::ALL.into_iter().any(to_group)
            || self.run.interrupted
            || !self.has_addresses(around);
        let recently = |last| around.now - last < SHOW_EVERY;
        if is_shown || self.run.shown.is_some_and(recently) {
            return;
        }
        self.run.shown = Some(around.now);
        if let Some(first) = self.config.addresses().first() {
            around.actions.push_back(Action::Announce {
                id: self.id,
                address: first.ip(),
            });
        }
    }

    pub(super) fn start_announcing(&mut self, around: &mut Surroundings<'_>) {
        self.run.announced_from = around.now;
        self.run.announcements = 0;
        if self.has_addresses(around) && !self.run.interrupted {
            self.announce(around);
        }
    }

    /// Holds nothing for a moment, because nothing would reach it. Others are told of the demotion
    /// and may take over meanwhile; who does keeps the addresses.
    pub(super) fn interrupt(&mut self, around: &mut Surroundings<'_>) {
        self.run.interrupted = true;
        self.arm(around, Timer::Announce, None);
    }

    /// What it was interrupted by is over. Another node that is about to take over comes first.
    pub(super) fn wait_to_go_on(&mut self, around: &mut Surroundings<'_>) {
        if self.run.interrupted {
            self.arm(around, Timer::HandOver, Some(TAKE_OVER));
        }
    }

    /// Nobody has taken over: it asks for the addresses again.
    fn go_on(&mut self, around: &mut Surroundings<'_>) {
        if self.run.interrupted {
            self.ask_to_hold(around);
        }
    }

    /// The addresses are in place, again or still.
    pub(super) fn held_as_master(&mut self, around: &mut Surroundings<'_>) {
        let reassured = core::mem::take(&mut self.reassured);
        if core::mem::take(&mut self.run.interrupted) {
            self.advertise(around, None);
            self.start_announcing(around);
        } else if !reassured {
            self.start_announcing(around);
        }
    }

    /// One round of announcements; arms the next.
    pub(super) fn announce(&mut self, around: &mut Surroundings<'_>) {
        self.run.shown = Some(around.now);
        for address in self.config.addresses() {
            around.actions.push_back(Action::Announce {
                id: self.id,
                address: address.ip(),
            });
        }
        self.run.announcements += 1;
        let next = self.next_announcement(around);
        around
            .queue
            .set(&mut self.run.timers, self.id, Timer::Announce, next);
    }

    /// How often rounds follow the series has been changed.
    pub(crate) fn reschedule_announcement(&mut self, around: &mut Surroundings<'_>) {
        let is_over = self.run.announcements > ANNOUNCEMENTS.len();
        if self.run.role == Role::Master && is_over && self.has_addresses(around) {
            let next = self.next_announcement(around);
            around
                .queue
                .set(&mut self.run.timers, self.id, Timer::Announce, next);
        }
    }

    /// When the next round is due: the series, once more after two adverts as OpenBSD does
    /// (§4.5), then now and again, because switches forget sooner than neighbours do.
    fn next_announcement(&self, around: &Surroundings<'_>) -> Option<Timestamp> {
        if let Some(after) = ANNOUNCEMENTS.get(self.run.announcements) {
            return Some(self.run.announced_from + *after);
        }
        let after_two_adverts =
            self.run.announced_from + self.claim(around.demotion).interval.advert() * 2;
        if after_two_adverts > around.now {
            return Some(after_two_adverts);
        }
        let refresh = around.announce_every;
        (!refresh.is_zero()).then(|| around.now + refresh)
    }
}
