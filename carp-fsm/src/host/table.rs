//! The transition table: what each role does about each thing that can happen.
//!
//! One exhaustive match. Source: `docs/carp-protocol.md §4.3`, §4.5–§4.7.

use core::time::Duration;

use super::Host;
use super::role::{Rest, Role, Stage, Stimulus, Surroundings};
use crate::{Command, Event, Reason, Timer};

impl Host {
    /// The transition table (`docs/carp-protocol.md §4.3`, §4.5–§4.7).
    pub(crate) fn step(&mut self, around: &mut Surroundings<'_>, stimulus: Stimulus) {
        use Stimulus as S;
        match (self.run.role, stimulus) {
            // Leaving INIT: always to BACKUP, for a whole master-down time (§4.1).
            (Role::Init, S::Start(reason)) => self.enter_backup(around, reason),
            (Role::Init, S::Cut(_) | S::Quit(_) | S::Drop(_)) => {}
            // "INIT: any: ignore" (§4.3); `state` is ignored in INIT (§4.7).
            (Role::Init, S::Heard(_) | S::Unverifiable | S::TakeOver | S::StepBack) => {}
            (Role::Init, S::Due { .. } | S::Refresh | S::Demoted | S::Woke { .. }) => {}
            (Role::Init, S::Lapsed) => {}
            // Nobody will use what is there, or not as it is.
            (Role::Init, S::Adopted) => self.let_go(around),

            (Role::Backup, S::Heard(heard)) => self.answer_as_backup(around, heard),
            (Role::Backup, S::Unverifiable) => self.arm_master_down(around, Duration::ZERO),
            (Role::Backup, S::Due { timer, .. }) => self.master_timed_out(around, timer),
            (Role::Backup, S::TakeOver) => self.take_over(around, Reason::Command(Command::Master)),
            (Role::Backup, S::StepBack | S::Refresh | S::Woke { .. }) => {
                self.arm_master_down(around, Duration::ZERO);
            }
            (Role::Backup, S::Cut(reason) | S::Quit(reason) | S::Drop(reason)) => {
                self.rest_in_init(around, reason);
            }
            (Role::Backup, S::Adopted) => self.adopt(around),
            (Role::Backup, S::Start(_) | S::Demoted | S::Lapsed) => {}

            (Role::Taking(reason), S::Held) => self.become_master(around, reason),
            (Role::Taking(_), S::HoldFailed) => {
                around.events.push_back(Event::HoldFailed { id: self.id });
                self.let_go(around);
                self.enter_backup(around, Reason::HoldFailed);
            }
            (Role::Taking(reason), S::Heard(heard)) => {
                self.reconsider_taking(around, reason, heard);
            }
            (Role::Taking(reason), S::Refresh) => self.take_over(around, reason),
            (Role::Taking(_), S::StepBack) => {
                self.let_go(around);
                self.enter_backup(around, Reason::Command(Command::Backup));
            }
            (Role::Taking(_), S::Cut(reason) | S::Quit(reason) | S::Drop(reason)) => {
                self.let_go(around);
                self.rest_in_init(around, reason);
            }
            (Role::Taking(_), S::Start(_) | S::Unverifiable | S::Due { .. }) => {}
            (Role::Taking(_), S::Woke { late }) => {
                self.let_go(around);
                self.enter_backup(around, Reason::Frozen(late));
            }
            (Role::Taking(_), S::TakeOver | S::Demoted) => {}
            (Role::Taking(_), S::Adopted | S::Lapsed) => {}

            (Role::Master, S::Heard(heard)) => self.answer_as_master(around, heard),
            (Role::Master, S::Unverifiable) => {
                self.enter_backup(around, Reason::ConfiguredElsewhere);
            }
            (Role::Master, S::Due { timer, planned }) => self.master_due(around, timer, planned),
            (Role::Master, S::Held) => self.held_as_master(around),
            (Role::Master, S::Lapsed) => self.lapse(around),
            (Role::Master, S::HoldFailed) => {
                around.events.push_back(Event::HoldFailed { id: self.id });
            }
            (Role::Master, S::Refresh) => {
                self.ask_to_hold(around);
                self.advertise(around, None);
            }
            (Role::Master, S::Demoted) => self.advertise(around, None),
            (Role::Master, S::Interrupted) => self.interrupt(around),
            (Role::Master, S::Mended) => self.wait_to_go_on(around),
            (Role::Master, S::Woke { late }) => self.listen(around, late),
            (Role::Master, S::StepBack) => {
                self.retire(around, Rest::Backup, Reason::Command(Command::Backup));
            }
            (Role::Master, S::Quit(reason)) => self.retire(around, Rest::Init, reason),
            (Role::Master, S::Cut(reason)) => {
                self.let_go(around);
                self.rest_in_init(around, reason);
            }
            (Role::Master, S::Drop(reason)) => {
                self.send_bow_out(around);
                self.let_go(around);
                self.rest_in_init(around, reason);
            }
            (Role::Master, S::Start(_) | S::TakeOver | S::Adopted) => {}

            (Role::Retiring { rest, stage }, S::Heard(heard)) => {
                if stage != Stage::Overlap && !heard.claim.interval.is_bow_out() {
                    self.begin_overlap(around, rest);
                }
                if rest == Rest::Backup {
                    self.answer_as_backup(around, heard);
                }
            }
            (Role::Retiring { rest, stage }, S::Silenced) => {
                if stage == Stage::Silencing {
                    self.begin_waiting(around, rest);
                }
            }
            (Role::Retiring { rest, stage }, S::Due { timer, .. }) => {
                if timer == Timer::HandOver {
                    self.hand_over_due(around, rest, stage);
                } else {
                    self.master_timed_out(around, timer);
                }
            }
            (Role::Retiring { rest, stage }, S::Start(reason)) => {
                if rest == Rest::Init {
                    let rest = Rest::Backup;
                    self.set_role(around, Role::Retiring { rest, stage }, reason);
                    self.arm_master_down(around, Duration::ZERO);
                }
            }
            (Role::Retiring { stage, .. }, S::Quit(reason)) => {
                self.disarm_master_down(around);
                let rest = Rest::Init;
                self.set_role(around, Role::Retiring { rest, stage }, reason);
                if stage == Stage::Listening {
                    self.begin_waiting(around, rest);
                }
            }
            (Role::Retiring { rest, .. }, S::TakeOver) => {
                if rest == Rest::Backup {
                    self.take_over(around, Reason::Command(Command::Master));
                }
            }
            (Role::Retiring { rest, .. }, S::Lapsed) => self.finish_hand_over(around, rest),
            (Role::Retiring { .. }, S::Adopted) => {}
            (Role::Retiring { stage, .. }, S::Drop(reason)) => {
                if stage == Stage::Silencing {
                    self.send_bow_out(around);
                }
                self.let_go(around);
                self.rest_in_init(around, reason);
            }
            (Role::Retiring { .. }, S::Cut(reason)) => {
                self.let_go(around);
                self.rest_in_init(around, reason);
            }
            (Role::Retiring { rest, .. }, S::Refresh | S::Woke { .. }) => {
                if rest == Rest::Backup {
                    self.arm_master_down(around, Duration::ZERO);
                }
            }
            (Role::Retiring { .. }, S::StepBack | S::Unverifiable | S::Demoted) => {}

            // Whoever holds nothing, or hands it over, is not interrupted.
            (Role::Init | Role::Backup, S::Interrupted | S::Mended) => {}
            (Role::Taking(_) | Role::Retiring { .. }, S::Interrupted | S::Mended) => {}

            // An answer to something that has been overtaken.
            (Role::Init | Role::Backup, S::Held | S::HoldFailed | S::Silenced) => {}
            (Role::Taking(_) | Role::Master, S::Silenced) => {}
            (Role::Retiring { .. }, S::Held | S::HoldFailed) => {}
        }
    }

    /// Steps with `Held` or `HoldFailed`, once the last `Hold` under way has been answered.
    pub(crate) fn hold_answered(&mut self, around: &mut Surroundings<'_>, held: bool) {
        self.holds_under_way = self.holds_under_way.saturating_sub(1);
        if self.holds_under_way == 0 {
            let stimulus = if held {
                Stimulus::Held
            } else {
                Stimulus::HoldFailed
            };
            self.step(around, stimulus);
        }
    }

    /// Steps with `Silenced`, once the last `HandOver` under way has been answered.
    pub(crate) fn silence_answered(&mut self, around: &mut Surroundings<'_>) {
        self.silences_under_way = self.silences_under_way.saturating_sub(1);
        if self.silences_under_way == 0 {
            self.step(around, Stimulus::Silenced);
        }
    }
}
