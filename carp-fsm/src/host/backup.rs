//! BACKUP: answering adverts and waiting for a master to be lost (`docs/carp-protocol.md §4.3`).

use core::time::Duration;

use carp_proto::Family;

use super::Host;
use super::role::{Role, Surroundings};
use crate::election::BackupRule;
use crate::{Heard, Reason, Timer};

impl Host {
    pub(super) fn enter_backup(&mut self, around: &mut Surroundings<'_>, reason: Reason) {
        around.queue.clear(&mut self.run.timers, self.id);
        self.set_role(around, Role::Backup, reason);
        self.arm_master_down(around, Duration::ZERO);
    }

    /// §4.3, BACKUP a–d.
    pub(super) fn answer_as_backup(&mut self, around: &mut Surroundings<'_>, heard: Heard) {
        let rule = self.rule_for(around, heard);
        if rule != BackupRule::Follow && self.follows_another(around, heard) {
            return;
        }
        match rule {
            BackupRule::Preempt => self.take_over(around, Reason::Preempted(heard)),
            BackupRule::MoreDemoted => self.take_over(around, Reason::MoreDemoted(heard)),
            BackupRule::Leaving => self.take_over(around, Reason::Leaving(heard)),
            BackupRule::Follow => {
                let family = Family::of(heard.source);
                self.follow(around, heard);
                self.arm(
                    around,
                    Timer::master_down(family),
                    self.master_down_for(family),
                );
            }
        }
    }

    pub(super) fn follow(&mut self, around: &Surroundings<'_>, heard: Heard) {
        let [inet, inet6] = &mut self.run.followed;
        let followed = match Family::of(heard.source) {
            Family::Inet => inet,
            Family::Inet6 => inet6,
        };
        *followed = Some((heard, around.now));
    }

    /// Whether `heard` comes from another than the master, which is better than this host and has
    /// not timed out. Where several backups take over at once, as all do after a bow-out, the better
    /// ones end it among themselves; one that has yielded must not begin again with a word of a
    /// worse one that was under way.
    fn follows_another(&self, around: &Surroundings<'_>, heard: Heard) -> bool {
        let [inet, inet6] = self.run.followed;
        let (family, followed) = match Family::of(heard.source) {
            Family::Inet => (Family::Inet, inet),
            Family::Inet6 => (Family::Inet6, inet6),
        };
        let Some((master, at)) = followed else {
            return false;
        };
        let lasts = self.master_down_for(family).unwrap_or_default();
        master.source != heard.source
            && around.now - at < lasts
            && self.rule_for(around, master) == BackupRule::Follow
    }

    pub(super) fn rule_for(&self, around: &Surroundings<'_>, heard: Heard) -> BackupRule {
        let rule = self
            .claim(around.demotion)
            .answer(heard.claim, around.preempt);
        if self.run.held_back && !heard.claim.interval.is_bow_out() {
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
