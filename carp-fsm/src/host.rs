//! One virtual host: its role, and what it does about each thing that happens to it.
//!
//! [`Host::step`] is the whole transition table, one exhaustive match on role and stimulus. The
//! rules of comparison are in `election`, the arithmetic of time in `interval`.
//!
//! A role is finer than the protocol's three states. A host on its way to MASTER is `Taking`
//! until the addresses are known to be in place, so that no advert precedes them; a host that
//! gave mastership up is `Retiring` while it still answers data, until the new master was heard.

use alloc::collections::VecDeque;
use core::time::Duration;

use carp_proto::{Advertisement, Authenticator, ChecksumForm, DigestForm, Envelope, Family};

use crate::counters::Counters;
use crate::election::{BackupRule, Claim};
use crate::random::Random;
use crate::timers::{DeadlineQueue, Timer, Timers};
use crate::{
    Action, Command, Event, Heard, HostId, Interval, LinkId, LinkState, Reason, State, Timestamp,
    VirtualHost,
};

/// How long two nodes hold the addresses at a hand-over: from the new master's first advert until
/// the old one lets go. The neighbours have heard the new master's announcements by then.
const OVERLAP: Duration = Duration::from_millis(120);

/// How long a bow-out waits for the addresses to be silenced.
const SILENCING: Duration = Duration::from_millis(500);

/// How often a bow-out is repeated while no new master is heard.
const BOW_OUT_REPEAT: Duration = Duration::from_millis(250);

/// How long a host that bowed out goes on answering while no new master is heard. The slowest
/// peer, ucarp, reads an advert up to 1 s late (`docs/carp-protocol.md §4.4`).
const HAND_OVER_LIMIT: Duration = Duration::from_millis(1_500);

/// When a new master announces its addresses, counted from its first advert: at once and while
/// the switch settles, after the old master has let go, and once more.
const ANNOUNCEMENTS: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
];

/// A master answers a worse master's advert at most this often.
const ANSWER_EVERY: Duration = Duration::from_secs(1);

/// How long adverts under the address list before a change are still taken for valid.
const OLD_LIST: Duration = Duration::from_secs(60);

/// Send errors in a row that demote, and successes in a row that undo it
/// (`docs/carp-protocol.md §4.7`).
const SEND_ERRORS: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Init,
    Backup,
    /// The addresses were asked for; MASTER begins when they are in place.
    Taking(Reason),
    Master,
    /// No longer master, but still answering data.
    Retiring {
        rest: Rest,
        stage: Stage,
    },
}

/// What a retiring host is otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    Init,
    Backup,
}

/// How far a hand-over has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The bow-out waits until the addresses no longer speak.
    Silencing,
    /// The bow-out has left; the new master has not been heard.
    BowedOut { until: Timestamp },
    /// The new master has been heard.
    Overlap,
}

/// What can happen to a virtual host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stimulus {
    /// The conditions to take part hold (§4.1).
    Start(Reason),
    /// The link is gone: nothing can be said, nobody can reach the addresses.
    Cut(Reason),
    /// It must leave in good order.
    Quit(Reason),
    /// It must leave at once, because what it is changes.
    Drop(Reason),
    /// A valid advert of another node.
    Heard(Heard),
    /// An advert for this vhid whose digest cannot be verified, at a host without addresses.
    Unverifiable,
    /// A timer ran out.
    Due { timer: Timer, planned: Timestamp },
    /// The last `Hold` asked for is in place.
    Held,
    /// The last `Hold` asked for could not be done.
    HoldFailed,
    /// The last `HandOver` asked for is in effect.
    Silenced,
    /// `state master`.
    TakeOver,
    /// `state backup`.
    StepBack,
    /// Addresses, key or timers changed; the election goes on.
    Refresh,
    /// The demotion rose (§4.7).
    Demoted,
}

/// The rest of the node, as far as a virtual host sees it.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) now: Timestamp,
    pub(crate) preempt: bool,
    pub(crate) manage_addresses: bool,
    pub(crate) demotion: u8,
    pub(crate) queue: &'a mut DeadlineQueue,
    pub(crate) actions: &'a mut VecDeque<Action>,
    pub(crate) events: &'a mut VecDeque<Event>,
}

#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) id: HostId,
    pub(crate) link: LinkId,
    pub(crate) config: VirtualHost,
    pub(crate) removing: bool,
    pub(crate) counters: Counters,
    /// After `state backup`: no rule but the loss of the other master makes it take over.
    pub(crate) held_back: bool,
    role: Role,
    authenticator: Authenticator,
    /// The authenticator of the address list before the last change, and until when it counts.
    previous: Option<(Authenticator, Timestamp)>,
    /// The counter of its adverts: drawn once, then constant, so that a reflected advert is known
    /// for certain (`docs/carp-protocol.md §2.4`, [O]).
    cookie: u64,
    random: Random,
    timers: Timers,
    announced_from: Timestamp,
    announcements: usize,
    answered: Option<Timestamp>,
    holds_under_way: u32,
    silences_under_way: u32,
    sending: [SendRecord; 2],
}

/// Runs of send errors and successes over one family.
#[derive(Clone, Copy, Debug, Default)]
struct SendRecord {
    failures: u8,
    successes: u8,
    demoting: bool,
}

impl Host {
    pub(crate) fn new(id: HostId, link: LinkId, config: VirtualHost, seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            id,
            link,
            authenticator: config.authenticator(),
            config,
            removing: false,
            counters: Counters::default(),
            held_back: false,
            role: Role::Init,
            previous: None,
            cookie: random.next(),
            random,
            timers: Timers::default(),
            announced_from: Timestamp::ZERO,
            announcements: ANNOUNCEMENTS.len(),
            answered: None,
            holds_under_way: 0,
            silences_under_way: 0,
            sending: [SendRecord::default(); 2],
        }
    }

    pub(crate) const fn state(&self) -> State {
        match self.role {
            Role::Init
            | Role::Retiring {
                rest: Rest::Init, ..
            } => State::Init,
            Role::Backup
            | Role::Taking(_)
            | Role::Retiring {
                rest: Rest::Backup, ..
            } => State::Backup,
            Role::Master => State::Master,
        }
    }

    /// Whether it asked for its addresses and has not let go of them.
    pub(crate) fn holds(&self) -> bool {
        match self.role {
            Role::Init | Role::Backup => false,
            Role::Taking(_) | Role::Master | Role::Retiring { .. } => true,
        }
    }

    /// Whether it takes no part any more and holds nothing.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.role == Role::Init
    }

    /// Whether the conditions to leave INIT hold, the link being `link` (§4.1). OpenBSD wants an
    /// address too; here the election runs over an empty list.
    pub(crate) fn may_run(&self, link: LinkState) -> bool {
        self.config.is_enabled() && !self.removing && link == LinkState::Up
    }

    pub(crate) fn is_own(&self, advert: &Advertisement) -> bool {
        advert.counter == self.cookie
    }

    /// Whether the digest was made with this key and the address list of now or, for a while
    /// after a change, the one before.
    pub(crate) fn verifies(&self, now: Timestamp, advert: &Advertisement) -> bool {
        let verify = |with: &Authenticator| with.verify(advert.counter, &advert.digest).is_some();
        verify(&self.authenticator)
            || self
                .previous
                .as_ref()
                .is_some_and(|(before, until)| now < *until && verify(before))
    }

    /// Becomes what `config` says, on `link`. The caller steps with `Drop` before and `Start`
    /// after where the election has to begin anew, else with `Refresh` after.
    pub(crate) fn become_configured(&mut self, now: Timestamp, link: LinkId, config: VirtualHost) {
        if !self.config.has_same_digest_as(&config) {
            let before = core::mem::replace(&mut self.authenticator, config.authenticator());
            let same_cluster = self.config.vhid() == config.vhid()
                && self.config.key() == config.key()
                && !self.config.addresses().is_empty();
            self.previous = same_cluster.then(|| (before, now + OLD_LIST));
        }
        self.link = link;
        self.config = config;
    }

    pub(crate) fn claim(&self, demotion: u8) -> Claim {
        Claim {
            interval: self.config.interval(),
            demotion,
        }
    }

    /// The transition table (`docs/carp-protocol.md §4.3`, §4.5–§4.7).
    pub(crate) fn step(&mut self, around: &mut Surroundings<'_>, stimulus: Stimulus) {
        use Stimulus as S;
        match (self.role, stimulus) {
            // Leaving INIT: always to BACKUP, for a whole master-down time (§4.1).
            (Role::Init, S::Start(reason)) => self.enter_backup(around, reason),
            (Role::Init, S::Cut(_) | S::Quit(_) | S::Drop(_)) => {}
            // "INIT: any: ignore" (§4.3); `state` is ignored in INIT (§4.7).
            (Role::Init, S::Heard(_) | S::Unverifiable | S::TakeOver | S::StepBack) => {}
            (Role::Init, S::Due { .. } | S::Refresh | S::Demoted) => {}

            (Role::Backup, S::Heard(heard)) => self.answer_as_backup(around, heard),
            (Role::Backup, S::Unverifiable) => self.arm_master_down(around, Duration::ZERO),
            (Role::Backup, S::Due { timer, .. }) => self.master_timed_out(around, timer),
            (Role::Backup, S::TakeOver) => self.take_over(around, Reason::Command(Command::Master)),
            (Role::Backup, S::StepBack | S::Refresh) => {
                self.arm_master_down(around, Duration::ZERO);
            }
            (Role::Backup, S::Cut(reason) | S::Quit(reason) | S::Drop(reason)) => {
                self.rest_in_init(around, reason);
            }
            (Role::Backup, S::Start(_) | S::Demoted) => {}

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
            (Role::Taking(_), S::TakeOver | S::Demoted) => {}

            (Role::Master, S::Heard(heard)) => self.answer_as_master(around, heard),
            (Role::Master, S::Unverifiable) => {
                self.enter_backup(around, Reason::ConfiguredElsewhere);
            }
            (Role::Master, S::Due { timer, planned }) => self.master_due(around, timer, planned),
            (Role::Master, S::Held) => self.start_announcing(around),
            (Role::Master, S::HoldFailed) => {
                around.events.push_back(Event::HoldFailed { id: self.id });
            }
            (Role::Master, S::Refresh) => {
                self.ask_to_hold(around);
                self.advertise(around, None);
            }
            (Role::Master, S::Demoted) => self.advertise(around, None),
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
            (Role::Master, S::Start(_) | S::TakeOver) => {}

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
            }
            (Role::Retiring { rest, .. }, S::TakeOver) => {
                if rest == Rest::Backup {
                    self.take_over(around, Reason::Command(Command::Master));
                }
            }
            (Role::Retiring { .. }, S::Cut(reason) | S::Drop(reason)) => {
                self.let_go(around);
                self.rest_in_init(around, reason);
            }
            (Role::Retiring { rest, .. }, S::Refresh) => {
                if rest == Rest::Backup {
                    self.arm_master_down(around, Duration::ZERO);
                }
            }
            (Role::Retiring { .. }, S::StepBack | S::Unverifiable | S::Demoted) => {}

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

    /// Counts a send over `family`. Returns whether its demotion begins (`true`) or ends
    /// (`false`) with it (§4.7).
    pub(crate) fn sent(&mut self, family: Family, well: bool) -> Option<bool> {
        if well {
            self.counters.sent(family);
        } else {
            self.counters.oerrors += 1;
        }
        let [inet, inet6] = &mut self.sending;
        let record = match family {
            Family::Inet => inet,
            Family::Inet6 => inet6,
        };
        if well {
            record.failures = 0;
            record.successes = record.successes.saturating_add(1);
            if record.demoting && record.successes >= SEND_ERRORS {
                record.demoting = false;
                return Some(false);
            }
        } else {
            record.successes = 0;
            record.failures = record.failures.saturating_add(1);
            if !record.demoting && record.failures >= SEND_ERRORS {
                record.demoting = true;
                return Some(true);
            }
        }
        None
    }

    // ---- BACKUP ----

    fn enter_backup(&mut self, around: &mut Surroundings<'_>, reason: Reason) {
        around.queue.clear(&mut self.timers, self.id);
        self.set_role(around, Role::Backup, reason);
        self.arm_master_down(around, Duration::ZERO);
    }

    /// §4.3, BACKUP a–d.
    fn answer_as_backup(&mut self, around: &mut Surroundings<'_>, heard: Heard) {
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

    fn rule_for(&self, around: &Surroundings<'_>, heard: Heard) -> BackupRule {
        let rule = self
            .claim(around.demotion)
            .answer(heard.claim, around.preempt);
        if self.held_back && !heard.claim.interval.is_bow_out() {
            return BackupRule::Follow;
        }
        rule
    }

    fn master_timed_out(&mut self, around: &mut Surroundings<'_>, timer: Timer) {
        match timer {
            Timer::MasterDownInet => self.take_over(around, Reason::MasterDown(Family::Inet)),
            Timer::MasterDownInet6 => self.take_over(around, Reason::MasterDown(Family::Inet6)),
            Timer::Advertise | Timer::Announce | Timer::HandOver => {}
        }
    }

    /// §4.4: one timer for each family, restarted by the host's own numbers.
    fn arm_master_down(&mut self, around: &mut Surroundings<'_>, stretch: Duration) {
        for family in [Family::Inet, Family::Inet6] {
            let wait = self.master_down_for(family).map(|wait| wait + stretch);
            self.arm(around, Timer::master_down(family), wait);
        }
    }

    fn disarm_master_down(&mut self, around: &mut Surroundings<'_>) {
        self.arm(around, Timer::MasterDownInet, None);
        self.arm(around, Timer::MasterDownInet6, None);
    }

    fn master_down_for(&self, family: Family) -> Option<Duration> {
        self.config
            .speaks(family)
            .then(|| self.config.interval().master_down())
    }

    // ---- becoming MASTER ----

    /// §4.5, but the addresses come first: the advert waits until they are in place.
    fn take_over(&mut self, around: &mut Surroundings<'_>, reason: Reason) {
        around.queue.clear(&mut self.timers, self.id);
        self.held_back = false;
        self.set_role(around, Role::Taking(reason), reason);
        if !self.ask_to_hold(around) {
            self.become_master(around, reason);
        }
    }

    /// While the addresses are on their way another node may have been quicker.
    fn reconsider_taking(&mut self, around: &mut Surroundings<'_>, reason: Reason, heard: Heard) {
        let by_command = matches!(reason, Reason::Command(_));
        if !by_command && self.rule_for(around, heard) == BackupRule::Follow {
            self.let_go(around);
            self.enter_backup(around, Reason::Yielded(heard));
        }
    }

    fn become_master(&mut self, around: &mut Surroundings<'_>, reason: Reason) {
        self.counters.preempt += 1;
        self.set_role(around, Role::Master, reason);
        self.advertise(around, None);
        self.start_announcing(around);
    }

    /// Asks for the addresses; says whether there is anything to wait for.
    fn ask_to_hold(&mut self, around: &mut Surroundings<'_>) -> bool {
        if !self.has_addresses(around) {
            return false;
        }
        self.holds_under_way += 1;
        around.actions.push_back(Action::Hold(self.id));
        true
    }

    fn has_addresses(&self, around: &Surroundings<'_>) -> bool {
        around.manage_addresses && !self.config.addresses().is_empty()
    }

    // ---- MASTER ----

    /// §4.3, MASTER.
    fn answer_as_master(&mut self, around: &mut Surroundings<'_>, heard: Heard) {
        let own = self.claim(around.demotion);
        if own.yields_to(heard.claim) {
            self.yield_to(around, heard);
        } else if !heard.claim.interval.is_bow_out() {
            self.answer_worse_master(around);
        }
    }

    /// Two masters were cut off from each other and meet again. An advert at once makes the
    /// worse one yield; announcements bring back the neighbours that it had won.
    fn answer_worse_master(&mut self, around: &mut Surroundings<'_>) {
        let recently = |last| around.now - last < ANSWER_EVERY;
        if !self.answered.is_some_and(recently) {
            self.answered = Some(around.now);
            self.advertise(around, None);
            self.start_announcing(around);
        }
    }

    fn yield_to(&mut self, around: &mut Surroundings<'_>, heard: Heard) {
        let tied = self.claim(around.demotion) == heard.claim;
        self.enter_backup(around, Reason::Yielded(heard));
        if tied {
            // Both may have yielded at the same instant; whoever waits less takes over.
            let quarter = self.config.interval().quarter_micros();
            let stretch = Duration::from_micros(self.random.next() % quarter);
            self.arm_master_down(around, stretch);
        }
        if self.has_addresses(around) {
            self.ask_to_hand_over(around);
            self.begin_overlap(around, Rest::Backup);
        }
    }

    fn master_due(&mut self, around: &mut Surroundings<'_>, timer: Timer, planned: Timestamp) {
        match timer {
            Timer::Advertise => self.advertise(around, Some(planned)),
            Timer::Announce => self.announce(around),
            Timer::MasterDownInet | Timer::MasterDownInet6 | Timer::HandOver => {}
        }
    }

    /// Sends an advert over each family and arms the next; `planned` keeps the beat.
    fn advertise(&mut self, around: &mut Surroundings<'_>, planned: Option<Timestamp>) {
        self.send(around, self.config.interval());
        let interval = self.config.interval().advert();
        let beat = planned.unwrap_or(around.now) + interval;
        let next = if beat > around.now {
            beat
        } else {
            around.now + interval
        };
        around
            .queue
            .set(&mut self.timers, self.id, Timer::Advertise, Some(next));
    }

    fn send_bow_out(&self, around: &mut Surroundings<'_>) {
        self.send(around, Interval::from_octets(u8::MAX, u8::MAX));
    }

    fn send(&self, around: &mut Surroundings<'_>, interval: Interval) {
        // §10, portable profile: link-local addresses are never hashed, IPv6 without pseudo-header.
        let payload = Advertisement::new(
            self.config.vhid(),
            interval.advbase(),
            interval.advskew(),
            around.demotion,
            self.cookie,
        )
        .signed(&self.authenticator, DigestForm::WithoutLinkLocal)
        .with_checksum(ChecksumForm::Plain)
        .encode();
        for family in [Family::Inet, Family::Inet6] {
            if self.config.speaks(family) {
                around.actions.push_back(Action::Send {
                    id: self.id,
                    link: self.link,
                    to: family.group(),
                    payload,
                });
            }
        }
    }

    fn start_announcing(&mut self, around: &mut Surroundings<'_>) {
        self.announced_from = around.now;
        self.announcements = 0;
        if self.has_addresses(around) {
            self.announce(around);
        }
    }

    /// One round of announcements; arms the next.
    fn announce(&mut self, around: &mut Surroundings<'_>) {
        for address in self.config.addresses() {
            around.actions.push_back(Action::Announce {
                id: self.id,
                address: address.ip(),
            });
        }
        self.announcements += 1;
        let next = ANNOUNCEMENTS
            .get(self.announcements)
            .map(|after| self.announced_from + *after);
        around
            .queue
            .set(&mut self.timers, self.id, Timer::Announce, next);
    }

    // ---- leaving MASTER ----

    /// Gives mastership up on purpose: silence, bow-out, wait for the new master, let go.
    fn retire(&mut self, around: &mut Surroundings<'_>, rest: Rest, reason: Reason) {
        around.queue.clear(&mut self.timers, self.id);
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

    fn ask_to_hand_over(&mut self, around: &mut Surroundings<'_>) {
        self.silences_under_way += 1;
        around.actions.push_back(Action::HandOver(self.id));
    }

    fn hand_over_due(&mut self, around: &mut Surroundings<'_>, rest: Rest, stage: Stage) {
        match stage {
            Stage::Silencing => self.begin_waiting(around, rest),
            Stage::BowedOut { until } if around.now < until => {
                self.send_bow_out(around);
                self.arm(around, Timer::HandOver, Some(BOW_OUT_REPEAT));
            }
            Stage::BowedOut { .. } | Stage::Overlap => {
                self.let_go(around);
                self.role = match rest {
                    Rest::Init => Role::Init,
                    Rest::Backup => Role::Backup,
                };
            }
        }
    }

    fn begin_waiting(&mut self, around: &mut Surroundings<'_>, rest: Rest) {
        self.send_bow_out(around);
        let until = around.now + HAND_OVER_LIMIT;
        let stage = Stage::BowedOut { until };
        self.role = Role::Retiring { rest, stage };
        self.arm(around, Timer::HandOver, Some(BOW_OUT_REPEAT));
    }

    fn begin_overlap(&mut self, around: &mut Surroundings<'_>, rest: Rest) {
        let stage = Stage::Overlap;
        self.role = Role::Retiring { rest, stage };
        self.arm(around, Timer::HandOver, Some(OVERLAP));
    }

    fn let_go(&mut self, around: &mut Surroundings<'_>) {
        self.arm(around, Timer::HandOver, None);
        if self.has_addresses(around) {
            around.actions.push_back(Action::Release(self.id));
            around.events.push_back(Event::Released { id: self.id });
        }
    }

    fn rest_in_init(&mut self, around: &mut Surroundings<'_>, reason: Reason) {
        around.queue.clear(&mut self.timers, self.id);
        self.set_role(around, Role::Init, reason);
    }

    // ---- helpers ----

    fn set_role(&mut self, around: &mut Surroundings<'_>, role: Role, reason: Reason) {
        let from = self.state();
        self.role = role;
        let to = self.state();
        if from != to {
            around.events.push_back(Event::Transition {
                id: self.id,
                from,
                to,
                reason,
            });
        }
    }

    fn arm(&mut self, around: &mut Surroundings<'_>, timer: Timer, after: Option<Duration>) {
        let at = after.map(|after| around.now + after);
        around.queue.set(&mut self.timers, self.id, timer, at);
    }

    /// Disarms `timer`, which is due.
    pub(crate) fn disarm_due(&mut self, queue: &mut DeadlineQueue, timer: Timer) {
        queue.set(&mut self.timers, self.id, timer, None);
    }

    pub(crate) fn disarm_all(&mut self, queue: &mut DeadlineQueue) {
        queue.clear(&mut self.timers, self.id);
    }

    /// Whether it hears what `envelope` describes (§3): a host that is down hears nothing, unless
    /// it still waits for the new master; and nothing but the group is heard, while no unicast
    /// peer can be configured.
    pub(crate) fn hears(&self, envelope: &Envelope) -> bool {
        let listens = self.config.is_enabled() || !self.is_at_rest();
        listens && envelope.is_to_group()
    }
}

#[cfg(test)]
mod tests;
