//! A host that goes on in another process: what it leaves behind, and how it begins with that.

use core::time::Duration;

use super::damage;
use super::hand_over::SILENCING;
use super::role::{Rest, Role, Stage, Surroundings};
use super::{Host, Run};
use crate::timers::{Timer, Timers};
use crate::{HostId, LinkId, Reason, VirtualHost};

impl Host {
    /// A host that has gone through `run`, with no timer armed yet; these come beside it.
    pub(crate) fn saved(
        id: HostId,
        link: LinkId,
        config: VirtualHost,
        mut run: Run,
    ) -> (Self, Timers) {
        let timers = core::mem::take(&mut run.timers);
        let mut host = Self::with_run(id, link, config, run);
        host.mended(); // the platform looks again, and tells what it finds
        (host, timers)
    }

    /// Goes on with `timers`. Where they are `stale`, the other process has gone on after it
    /// was saved, so they say no more than what was waited for: a master sends its advert now, a
    /// backup waits for a whole master-down time, and nothing is late.
    pub(crate) fn resume(&mut self, around: &mut Surroundings<'_>, timers: &Timers, stale: bool) {
        for timer in Timer::ALL {
            let at = timers.get(timer).map(|at| match stale {
                false => at,
                true if timer == Timer::Advertise => around.now,
                true => at.max(around.now),
            });
            around.queue.set(&mut self.run.timers, self.id, timer, at);
        }
        if stale {
            self.listen_anew(around);
        } else {
            self.look_for_missing(around);
        }
        let waits = |timer| timers.get(timer).is_some();
        if stale && (waits(Timer::MasterDownInet) || waits(Timer::MasterDownInet6)) {
            self.arm_master_down(around, Duration::ZERO);
        }
        self.ask_again(around);
    }

    /// Goes on after others must have taken this host for dead: as one that has just begun, and
    /// listens. What is still in place of what it held is for the platform to find out.
    pub(crate) fn resume_frozen(&mut self, around: &mut Surroundings<'_>, late: Duration) {
        self.listen_anew(around);
        if self.run.incidents.is_any() {
            self.arm(around, Timer::Quiet, Some(damage::MEMORY));
        }
        match self.run.role {
            Role::Init => {}
            Role::Backup | Role::Taking(_) | Role::Master => {
                self.enter_backup(around, Reason::Frozen(late));
            }
            Role::Retiring { rest, .. } => match rest {
                Rest::Backup => {
                    self.run.role = Role::Backup;
                    self.arm_master_down(around, Duration::ZERO);
                }
                Rest::Init => {
                    self.begin_overlap(around, rest);
                    self.arm(around, Timer::HandOver, Some(Duration::ZERO));
                }
            },
        }
    }

    /// Asks the platform anew for what the role needs, because nobody hears what the other process
    /// was answered. Nothing changes where it is there still.
    fn ask_again(&mut self, around: &mut Surroundings<'_>) {
        match self.run.role {
            Role::Init | Role::Backup => {}
            Role::Taking(reason) => self.take_over(around, reason),
            // Nobody will say that it is mended.
            Role::Master if self.run.interrupted => {
                if self.run.timers.get(Timer::HandOver).is_none() {
                    self.wait_to_go_on(around);
                }
            }
            Role::Master => self.reassure(around),
            Role::Retiring { stage, .. } => {
                self.ask_to_hand_over(around);
                if stage == Stage::Silencing {
                    self.arm(around, Timer::HandOver, Some(SILENCING));
                }
            }
        }
    }

    /// Has the platform make sure that it holds what it should, as long as it should.
    pub(crate) fn reassure(&mut self, around: &mut Surroundings<'_>) {
        if self.run.role == Role::Master {
            self.reassured = self.ask_to_hold(around);
        }
    }
}
