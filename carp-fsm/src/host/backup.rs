//! BACKUP: answering adverts and waiting for a master to be lost (`docs/carp-protocol.md §4.3`).

use core::time::Duration;

use carp_proto::Family;

use super::Host;
use super::role::{Role, Surroundings};
use crate::election::BackupRule;
use crate::{Heard, Reason, Timer};

impl Host {
    pub(super) fn enter_backup(&mut self, around: &mut Surroundings<'_>, reason: Reason) {
        around.queue.clear(&mut self.timers, self.id);
        self.set_role(around, Role::Backup, reason);
        self.arm_master_down(around, Duration::ZERO);
    }

    /// §4.3, BACKUP a–d.
    pub(super) fn answer_as_backup(&mut self, around: &mut Surroundings<'_>, heard: Heard) {
        match self.rule_for(around, heard) {
            BackupRule::Preempt => self.take_over(around, Reason::Preempted(heard)),
            BackupRule::MoreDemoted => self.take_over(around, Reason::MoreDemoted(heard)),
            BackupRule::Leaving => self.take_over(around, Reason::Leaving(heard)),
            BackupRule::Follow => {
                let family = Family::of(heard.source);
                self.arm(
                    around,
                    Timer::master_down(family),
                    self.master_down_for(family),
                );
            }
        }
    }

    pub(super) fn rule_for(&self, around: &Surroundings<'_>, heard: Heard) -> BackupRule {
        let rule = self
            .claim(around.demotion)
            .answer(heard.claim, around.preempt);
        if self.held_back && !heard.claim.interval.is_bow_out() {
            return BackupRule::Follow;
        }
        rule
    }

    pub(super) fn master_timed_out(&mut self, around: &mut Surroundings<'_>, timer: Timer) {
        match timer {
            Timer::MasterDownInet => self.take_over(around, Reason::MasterDown(Family::Inet)),
            Timer::MasterDownInet6 => self.take_over(around, Reason::MasterDown(Family::Inet6)),
            Timer::Advertise | Timer::Announce | Timer::HandOver | Timer::Quiet => {}
        }
    }

    /// §4.4: one timer for each family, restarted by the host's own numbers.
    pub(super) fn arm_master_down(&mut self, around: &mut Surroundings<'_>, stretch: Duration) {
        for family in [Family::Inet, Family::Inet6] {
            let wait = self.master_down_for(family).map(|wait| wait + stretch);
            self.arm(around, Timer::master_down(family), wait);
        }
    }

    pub(super) fn disarm_master_down(&mut self, around: &mut Surroundings<'_>) {
        self.arm(around, Timer::MasterDownInet, None);
        self.arm(around, Timer::MasterDownInet6, None);
    }

    pub(super) fn master_down_for(&self, family: Family) -> Option<Duration> {
        self.config
            .speaks(family)
            .then(|| self.config.interval().master_down())
    }
}
