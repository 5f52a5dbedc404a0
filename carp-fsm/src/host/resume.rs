//! A host that goes on in another process: what it leaves behind, and how it begins with that.

use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use carp_proto::Authenticator;

use super::damage::{self, Incidents};
use super::hand_over::SILENCING;
use super::role::{Rest, Role, Stage, Surroundings};
use super::sending::SendRecord;
use super::{Host, LastTransition};
use crate::counters::Counters;
use crate::random::Random;
use crate::timers::{Timer, Timers};
use crate::{Heard, HostId, LinkId, Reason, Timestamp, VirtualHost};

/// All that a host is beside its configuration.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct SavedRun {
    role: Role,
    removing: bool,
    held_back: bool,
    interrupted: bool,
    counters: Counters,
    /// The address list before the last change, and until when it counts.
    previous: Option<(Vec<IpAddr>, Timestamp)>,
    cookie: u64,
    random: Random,
    timers: Timers,
    announced_from: Timestamp,
    announcements: usize,
    answered: Option<Timestamp>,
    followed: [Option<(Heard, Timestamp)>; 2],
    lease_for_peers: u64,
    sending: [SendRecord; 2],
    incidents: Incidents,
    last: Option<LastTransition>,
}

impl Host {
    pub(crate) fn save(&self) -> SavedRun {
        SavedRun {
            role: self.role,
            removing: self.removing,
            held_back: self.held_back,
            interrupted: self.interrupted,
            counters: self.counters,
            previous: self
                .previous
                .as_ref()
                .map(|previous| (previous.list.clone(), previous.until)),
            cookie: self.cookie,
            random: self.random.clone(),
            timers: self.timers.clone(),
            announced_from: self.announced_from,
            announcements: self.announcements,
            answered: self.answered,
            followed: self.followed,
            lease_for_peers: self.lease_for_peers,
            sending: self.sending,
            incidents: self.incidents.clone(),
            last: self.last,
        }
    }

    /// A host that was saved, with no timer armed yet.
    pub(crate) fn saved(id: HostId, link: LinkId, config: VirtualHost, saved: SavedRun) -> Self {
        let mut host = Self::new(id, link, config, 0);
        host.role = saved.role;
        host.removing = saved.removing;
        host.held_back = saved.held_back;
        host.interrupted = saved.interrupted;
        host.counters = saved.counters;
        host.previous = saved.previous.map(|(list, until)| super::Previous {
            authenticator: Authenticator::new(
                host.config.key(),
                host.config.vhid(),
                list.iter().copied(),
            ),
            list,
            until,
        });
        host.cookie = saved.cookie;
        host.random = saved.random;
        host.announced_from = saved.announced_from;
        host.announcements = saved.announcements;
        host.answered = saved.answered;
        host.followed = saved.followed;
        host.lease_for_peers = saved.lease_for_peers;
        host.sending = saved.sending;
        host.incidents = saved.incidents;
        host.mended(); // the platform looks again, and tells what it finds
        host.last = saved.last;
        host
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
            around.queue.set(&mut self.timers, self.id, timer, at);
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
        if self.incidents.is_any() {
            self.arm(around, Timer::Quiet, Some(damage::MEMORY));
        }
        match self.role {
            Role::Init => {}
            Role::Backup | Role::Taking(_) | Role::Master => {
                self.enter_backup(around, Reason::Frozen(late));
            }
            Role::Retiring { rest, .. } => match rest {
                Rest::Backup => {
                    self.role = Role::Backup;
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
        match self.role {
            Role::Init | Role::Backup => {}
            Role::Taking(reason) => self.take_over(around, reason),
            // Nobody will say that it is mended.
            Role::Master if self.interrupted => {
                if self.timers.get(Timer::HandOver).is_none() {
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
        if self.role == Role::Master {
            self.reassured = self.ask_to_hold(around);
        }
    }
}

impl SavedRun {
    pub(crate) const fn timers(&self) -> &Timers {
        &self.timers
    }
}
