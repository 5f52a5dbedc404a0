//! What the operator asked for, and how far it has got.
//!
//! Requests come in with a ticket and are answered by [`Control::poll_reply`], some at once, some
//! when the network has caught up with them: a change when the interface is made, `destroy` when
//! nothing is left of it. Meanwhile other requests for the same interface wait their turn.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use carp_net::carp_fsm::{Command, HostId, Interval, Timestamp};
use carp_net::{Backend, Driver};

use crate::vocabulary::change::Change;
use crate::vocabulary::config::Config;
use crate::vocabulary::name::{InterfaceName, PREFIX};
use crate::vocabulary::protocol::Reply;
use crate::vocabulary::settings::{Assignment, Setting, Settings};
use demotion::Held;
pub(crate) use demotion::no_such_group;
use facts::Process;
use happenings::Concerned;
use hooks::Hooked;
use journal::Journal;
use obstacles::told;
pub(crate) use plan::commands;

mod boot;
mod changes;
mod condition;
pub(crate) mod demotion;
mod facts;
mod happenings;
mod hooks;
mod journal;
mod lanes;
mod legacy;
mod loudness;
mod obstacles;
mod particulars;
mod past;
mod plan;
mod prefix;
mod progress;
mod refused;
#[cfg(test)]
mod testing;
mod view;

/// Names the asker of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) usize);

/// The interfaces of a service and the driver that runs them.
#[derive(Debug)]
pub(crate) struct Control<B> {
    driver: Driver<B>,
    interfaces: BTreeMap<InterfaceName, Interface>,
    /// Those with [`Work::Holding`], and maybe some that had it.
    holders: BTreeSet<InterfaceName>,
    waiting: VecDeque<(Ticket, InterfaceName, Change)>,
    replies: VecDeque<(Ticket, Reply)>,
    /// What those who watch were not told yet.
    happenings: VecDeque<(Concerned, Reply)>,
    unsaved: Unsaved,
    /// Those who asked for a successor of this service.
    restarts: Vec<Ticket>,
    /// Those who configure it anew.
    reloads: BTreeSet<Ticket>,
    settings: Settings,
    held: Vec<Held>,
    /// When the demotion of a machine that boots ends by itself.
    boot: Option<Timestamp>,
    journal: Journal,
    process: Process,
    hooked: Hooked,
    /// Whether the service ends with its last interface.
    on_demand: bool,
    stopping: bool,
    destroyed_last: bool,
}

/// What is not as it was saved for a successor.
#[derive(Debug, Default)]
struct Unsaved {
    interfaces: BTreeSet<InterfaceName>,
    service: bool,
    /// The interface that was saved anew last because its time had come.
    refreshed: Option<InterfaceName>,
}

#[derive(Debug, Default)]
struct Interface {
    config: Config,
    /// Its virtual host, once it has a vhid and a carpdev.
    host: Option<HostId>,
    /// Seldom any, so that it has its own place: there are thousands of interfaces.
    work: Option<Box<Work>>,
    /// Those who want it to be master, while it becomes that: nothing else waits for it.
    taking_over: Vec<Order>,
    /// When and why something of it could not be done, while that is so.
    failure: Option<(Timestamp, String)>,
    /// Since when its carpdev takes smaller packets than it was told, and how large ones.
    limit: Option<(Timestamp, String)>,
}

/// What an interface is going through, and who waits for it.
#[derive(Debug)]
enum Work {
    /// It is being made, or made anew.
    Configuring { order: Order, undo: Undo },
    /// It is master, and gets other addresses.
    Holding { order: Order, undo: Undo },
    /// A change failed, and it is being made what it was.
    Restoring,
    /// It is going, for `destroy` or because it could not be made.
    Leaving {
        ticket: Ticket,
        reply: Reply,
        /// What stays of it.
        rest: Option<Config>,
    },
}

/// What is still to be done for a change.
#[derive(Debug)]
struct Order {
    ticket: Ticket,
    notes: Vec<String>,
    commands: Vec<Command>,
}

/// What is to be done where a change fails.
#[derive(Debug)]
enum Undo {
    /// The virtual host becomes what it was.
    Change(Config),
    /// It goes, and of the interface stays what there was before it, if anything.
    Remove(Option<Config>),
}

impl<B: Backend> Control<B> {
    /// No interface yet, and the default settings, which are the driver's; `on_demand` says
    /// whether the service ends with its last interface.
    pub(crate) fn new(driver: Driver<B>, on_demand: bool) -> Self {
        Self {
            process: Process::new(driver.now()),
            hooked: Hooked::new(driver.now()),
            driver,
            interfaces: BTreeMap::new(),
            holders: BTreeSet::new(),
            waiting: VecDeque::new(),
            replies: VecDeque::new(),
            happenings: VecDeque::new(),
            unsaved: Unsaved {
                service: true,
                ..Unsaved::default()
            },
            restarts: Vec::new(),
            reloads: BTreeSet::new(),
            settings: Settings::default(),
            held: Vec::new(),
            boot: None,
            journal: Journal::default(),
            on_demand,
            stopping: false,
            destroyed_last: false,
        }
    }

    // ---- what it is asked ----

    /// Changes `name`, or makes it.
    pub(crate) fn change(&mut self, ticket: Ticket, name: InterfaceName, change: Change) {
        let busy = |interface: &Interface| interface.work.is_some();
        if self.interfaces.get(&name).is_some_and(busy) {
            self.waiting.push_back((ticket, name, change));
        } else if let Err(reason) = self.try_change(ticket, name, &change) {
            self.reply(ticket, Reply::Refused { reason });
        }
    }

    /// Changes settings of the whole service.
    pub(crate) fn assign(&mut self, ticket: Ticket, assignments: &[Assignment]) {
        let before = self.settings_as_shown();
        let assigned = before.with(assignments).map_err(|error| error.to_string());
        let possible = assigned.and_then(|now| {
            self.check_sysctl_demotion(now.demotion - before.demotion)?;
            Ok(now)
        });
        let reply = match possible {
            Ok(now) => {
                self.set(now);
                Reply::Settings { before, now }
            }
            Err(reason) => Reply::Refused { reason },
        };
        self.reply(ticket, reply);
        self.take_events();
    }

    fn set(&mut self, now: Settings) {
        self.touch_service();
        let before = self.settings_as_shown();
        self.settings = Settings { demotion: 0, ..now };
        let changed = |setting| before.get(setting) != now.get(setting);
        for setting in Setting::ALL.into_iter().filter(|it| changed(*it)) {
            match setting {
                Setting::Allow => self.driver.set_allow(now.allow),
                Setting::Log => {} // the next message will tell
                Setting::Preempt => self.driver.set_preempt(now.preempt),
                Setting::Lease => self.driver.set_lease(now.lease),
                Setting::Announce => self.driver.set_announce_every(now.announce_every()),
                Setting::Demotion => self.demote_by_sysctl(now.demotion - before.demotion),
            }
            let (old, new) = (before.get(setting), now.get(setting));
            tracing::info!("{}: {old} -> {new}", setting.name());
        }
    }

    /// The name of the first interface, or of the first one behind `last`.
    pub(crate) fn next_name(&self, last: Option<InterfaceName>) -> Option<InterfaceName> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let mut behind = self.interfaces.range((from, Bound::Unbounded));
        behind.next().map(|(name, _)| *name)
    }

    /// Whether there is an interface `name`.
    pub(crate) fn has(&self, name: InterfaceName) -> bool {
        self.interfaces.contains_key(&name)
    }

    /// The settings as they are, but for the demotion, which is none.
    pub(crate) const fn settings(&self) -> Settings {
        self.settings
    }

    /// The settings as they are, and the demotion that is read like one.
    pub(crate) fn settings_as_shown(&self) -> Settings {
        Settings {
            demotion: self.driver.node().demotion(PREFIX),
            ..self.settings
        }
    }

    /// Begins to stop: nothing is changed any more, and every interface goes.
    pub(crate) fn stop(&mut self) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        for (ticket, _, _) in std::mem::take(&mut self.waiting) {
            self.reply(ticket, stopping());
        }
        self.answer_restart(&stopping());
        self.driver.stop();
        self.take_events();
    }

    // ---- how it is driven ----

    /// The moment it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.driver.now()
    }

    /// When [`process`](Self::process) must be called at the latest.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let deadlines = [
            self.driver.deadline(),
            self.release_deadline(),
            self.hooked.deadline(),
            self.boot,
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Takes in what happened and does what is due.
    pub(crate) fn process(&mut self) {
        self.driver.process(self.driver.now());
        self.release_late();
        self.end_boot_late();
        self.give_up_asking();
        self.take_events();
        self.look_at_holders();
    }

    /// The next answer, if there is one.
    pub(crate) fn poll_reply(&mut self) -> Option<(Ticket, Reply)> {
        self.replies.pop_front()
    }

    /// Whether there is an answer.
    pub(crate) fn has_replies(&self) -> bool {
        !self.replies.is_empty()
    }

    /// How many interfaces there are.
    pub(crate) fn len(&self) -> usize {
        self.interfaces.len()
    }

    /// Whether there is no interface, and none is going.
    pub(crate) fn is_empty(&self) -> bool {
        self.interfaces.is_empty()
    }

    /// Whether there is no interface because the last one was destroyed.
    pub(crate) const fn destroyed_last(&self) -> bool {
        self.destroyed_last
    }

    /// Whether it was stopped and nothing is left.
    pub(crate) fn is_stopped(&self) -> bool {
        self.driver.is_stopped()
    }

    // ---- what it goes by ----

    fn carpdev_of(&self, name: InterfaceName) -> Option<&str> {
        self.interfaces.get(&name)?.config.carpdev.as_deref()
    }

    /// Whether the service ends with its last interface.
    pub(crate) const fn is_on_demand(&self) -> bool {
        self.on_demand
    }

    /// The platform.
    pub(crate) const fn backend(&self) -> &B {
        self.driver.backend()
    }

    /// How long the loop may take to come round before the others would notice: a third of the
    /// shortest time after which one of them takes over.
    pub(crate) fn pace(&self) -> Duration {
        let hosts = self.interfaces.values().filter(|it| it.host.is_some());
        let intervals = hosts.map(|it| Interval::new(it.config.advbase, it.config.advskew));
        let shortest = intervals.map(Interval::master_down).min();
        (shortest.unwrap_or(SLOWEST * 3) / 3).clamp(FASTEST, SLOWEST)
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.replies.push_back((ticket, reply));
    }
}

fn stopping() -> Reply {
    Reply::Refused {
        reason: STOPPING.to_owned(),
    }
}

/// What is asked of the loop at most, and at least.
const FASTEST: Duration = Duration::from_millis(100);
const SLOWEST: Duration = Duration::from_secs(1);

const STOPPING: &str = "the service is stopping";

/// What is said of an interface that is not there.
pub(crate) const NO_SUCH_INTERFACE: &str = "no such interface";

impl<B: AsFd> AsFd for Control<B> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.driver.as_fd()
    }
}
