//! BACKUP: answering adverts and waiting for a master to be lost (`docs/carp-protocol.md §4.3`).

use core::time::Duration;

use carp_proto::Family;

use super::Host;
use super::role::{Role, Surroundings};
use crate::election::BackupRule;
use crate::{Heard, Reason, Timer, Timestamp};

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
                let wait = self.master_down_for(around.now, family);
                self.arm(around, Timer::master_down(family), wait);
                self.be_patient_but_for(around, family);
                if self.config.speaks(family) {
                    self.disarm_unspoken(around);
                }
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
    /// worse one that was under way, over whichever family.
    fn follows_another(&self, around: &Surroundings<'_>, heard: Heard) -> bool {
        Family::ALL.iter().any(|family| {
            let lasts = self.master_down_for(around.now, *family);
            self.followed(*family).is_some_and(|master| {
                !self.may_be_one(heard.source, master.heard.source)
                    && around.now - master.at < lasts.unwrap_or_default()
                    && self.rule_for(around, master.heard) == BackupRule::Follow
            })
        })
    }

    pub(super) fn rule_for(&self, around: &Surroundings<'_>, heard: Heard) -> BackupRule {
        if self.run.held_back && !heard.claim.interval.is_bow_out() {
            return BackupRule::Follow;
        }
        let own = self.claim(around.demotion);
        own.as_backup(self.config.dialect(), heard.claim, around.preempt)
    }

    pub(super) fn master_timed_out(&mut self, around: &mut Surroundings<'_>, timer: Timer) {
        match timer {
            Timer::MasterDownInet => self.take_over(around, Reason::MasterDown(Family::Inet)),
            Timer::MasterDownInet6 => self.take_over(around, Reason::MasterDown(Family::Inet6)),
            Timer::Advertise | Timer::Announce | Timer::HandOver => {}
            Timer::Quiet | Timer::Peer => {}
        }
    }

    /// §4.4: one timer for each family, restarted by the host's own numbers. Of a family that only
    /// lists before a change have, where a master with such a list is all that can be heard.
    pub(super) fn arm_master_down(&mut self, around: &mut Surroundings<'_>, stretch: Duration) {
        let now = around.now;
        let is_heard = |host: &Self, family| {
            host.config.speaks(family) && host.patience(now, family).is_zero()
        };
        let is_any_heard = Family::ALL.iter().any(|family| is_heard(self, *family));
        for family in Family::ALL {
            let waits = self.config.speaks(family) || !is_any_heard;
            let wait = self.master_down_for(now, family).filter(|_| waits);
            let wait = wait.map(|wait| wait + stretch + self.patience(now, family));
            self.arm(around, Timer::master_down(family), wait);
        }
    }

    /// The master is heard over `heard`. Its list may be one before a change that has no address of
    /// the other family, though that of another master had.
    fn be_patient_but_for(&mut self, around: &mut Surroundings<'_>, heard: Family) {
        let now = around.now;
        for family in Family::ALL {
            let patience = self.patience(now, family);
            if family != heard && !patience.is_zero() {
                let wait = self.master_down_for(now, family);
                let wait = wait.map(|wait| wait + patience);
                self.arm(around, Timer::master_down(family), wait);
            }
        }
    }

    /// What only a list before a change has is not waited for any more.
    fn disarm_unspoken(&mut self, around: &mut Surroundings<'_>) {
        for family in Family::ALL {
            if !self.config.speaks(family) {
                self.arm(around, Timer::master_down(family), None);
            }
        }
    }

    pub(super) fn disarm_master_down(&mut self, around: &mut Surroundings<'_>) {
        self.arm(around, Timer::MasterDownInet, None);
        self.arm(around, Timer::MasterDownInet6, None);
    }

    /// How long it waits for the next advert over `family`, if a master may send one.
    pub(super) fn master_down_for(&self, now: Timestamp, family: Family) -> Option<Duration> {
        self.expects(now, family).then(|| self.config.master_down())
    }
}
