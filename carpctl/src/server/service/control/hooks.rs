//! Hooks as the service sees them: which are due, what is known of them, and whether an interface
//! may become master.
//!
//! Nothing here waits: an order is an answer to a worker of `carpctl hooks` that has asked for
//! one, and where nobody answers a question in time the take-over goes on.

use std::collections::{BTreeMap, BTreeSet};

use carp_net::carp_fsm::{self, HostId, Timestamp};
use carp_net::{Backend, Event};

use super::lanes::{Lanes, NO_WORKERS};
use super::{Control, Ticket};
use crate::vocabulary::config::Config;
use crate::vocabulary::hooks::Hook;
use crate::vocabulary::hooks::order::{Change, Finished, Order, Outcome, PREPARE_LIMIT};
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::protocol::Reply;
use crate::vocabulary::report::{Past, State};

/// The hooks of all interfaces.
#[derive(Debug)]
pub(super) struct Hooked {
    lanes: Lanes,
    /// The interfaces that wait for an answer.
    asking: BTreeMap<InterfaceName, Question>,
    /// Those that have gone but may still have hooks to run.
    gone: BTreeSet<InterfaceName>,
}

/// Whether an interface may become master.
#[derive(Clone, Copy, Debug)]
struct Question {
    host: HostId,
    order: u64,
    /// It goes on without an answer then.
    until: Timestamp,
}

impl Hooked {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            lanes: Lanes::new(now),
            asking: BTreeMap::new(),
            gone: BTreeSet::new(),
        }
    }

    /// What a former service has told the hooks of an interface last.
    pub(super) fn were_told(&mut self, interface: InterfaceName, state: Option<State>) {
        self.lanes.were_told(interface, state);
    }

    /// An interface has gone: what is known of its hooks goes too, once all of them were run.
    pub(super) fn forget(&mut self, interface: InterfaceName) {
        self.gone.insert(interface);
    }

    pub(super) fn told(&self, interface: InterfaceName) -> Option<State> {
        self.lanes.told(interface)
    }

    /// When the next question is given up.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.asking.values().map(|question| question.until).min()
    }
}

impl<B: Backend> Control<B> {
    // ---- what happens ----

    /// Has hooks run where `event` is one for them.
    pub(super) fn hook(&mut self, event: &Event) {
        if let Event::Node { interface, .. } = event
            && let Ok(name) = interface.parse()
        {
            self.drop_void_question(name);
        }
        if let Event::HoldWanted { interface, id } = event
            && let Ok(name) = interface.parse()
        {
            self.ask(name, *id);
        }
        if let Event::Node { interface, event } = event
            && let carp_fsm::Event::Transition {
                from, to, reason, ..
            } = event
            && let Ok(name) = interface.parse()
        {
            self.add_hook(name, (*from).into(), (*to).into(), reason.to_string());
        }
    }

    fn add_hook(&mut self, name: InterfaceName, from: State, to: State, reason: String) {
        let change = Change::of_state(from, to, reason);
        if let Some(order) = self.order(name, change) {
            self.hooked.lanes.add(self.driver.now(), order);
        }
    }

    fn order(&mut self, name: InterfaceName, change: Change) -> Option<Order> {
        let config = &self.interfaces.get(&name)?.config;
        let id = self.hooked.lanes.new_id();
        Some(Order::new(id, name, config, change))
    }

    /// After a restart: tells hooks of what has changed since they were told the last time.
    pub(super) fn hook_what_has_changed(&mut self) {
        let now = self.interfaces.iter().filter_map(|(name, interface)| {
            let host = self.driver.node().host(interface.host?)?;
            let reason = host.last_transition().map(|last| last.reason.to_string());
            let told = self.hooked.told(*name)?;
            let state = State::from(host.state());
            (told != state).then(|| (*name, told, state, reason.unwrap_or_default()))
        });
        for (name, from, to, reason) in now.collect::<Vec<_>>() {
            self.add_hook(name, from, to, reason);
        }
    }

    /// Gives orders to the workers that wait for one. A hook is run when the addresses are where it
    /// says: also after a hand-over, in which they stay until another node has them.
    pub(super) fn run_hooks(&mut self) {
        loop {
            let node = self.driver.node();
            let hands_over = |name: InterfaceName| {
                let id = self.interfaces.get(&name).and_then(|it| it.host);
                let host = id.and_then(|id| node.host(id));
                host.is_some_and(|host| host.holds() && host.state() != carp_fsm::State::Master)
            };
            let Some((ticket, order)) = self.hooked.lanes.next(hands_over) else {
                break;
            };
            self.touch(order.interface);
            self.reply(ticket, Reply::Hook(Box::new(order)));
        }
        let (interfaces, lanes) = (&self.interfaces, &mut self.hooked.lanes);
        self.hooked
            .gone
            .retain(|name| !interfaces.contains_key(name) && !lanes.forget(*name));
    }

    // ---- workers ----

    /// A worker has carried out an order, and waits for the next.
    pub(crate) fn work(&mut self, ticket: Ticket, finished: Option<&Finished>) {
        let now = self.driver.now();
        let order = self.hooked.lanes.work(now, ticket, finished);
        if let (Some(order), Some(finished)) = (order, finished) {
            self.finished(&order, &finished.outcome);
            self.forget_hooks_if_gone(order.interface);
        }
        self.take_events();
    }

    fn finished(&mut self, order: &Order, outcome: &Outcome) {
        let (name, hook) = (order.interface, order.hook);
        if *outcome == Outcome::Done {
            tracing::debug!("{name}: {hook}: done");
        } else {
            tracing::warn!("{name}: {hook}: {outcome}");
        }
        let asked = self.hooked.asking.get(&name);
        let Some(question) = asked.filter(|it| it.order == order.id).copied() else {
            return;
        };
        match outcome {
            Outcome::Failed { program, how } => {
                self.hooked.asking.remove(&name);
                self.hooked.lanes.worked(name, Hook::Prepare);
                let reason = format!("refused by {program}: {how}");
                self.driver.refuse_hold(question.host, reason);
            }
            Outcome::Done => {
                self.hooked.lanes.worked(name, Hook::Prepare);
                self.go_on(name, question);
            }
            Outcome::TimedOut { .. } => self.go_on_without(name, question, &not_in_time()),
            Outcome::NotRun { program, why } => {
                self.go_on_without(name, question, &format!("{program} was not run: {why}"));
            }
        }
    }

    /// A client is gone, which may have been a worker.
    pub(super) fn release_worker(&mut self, ticket: Ticket) {
        let were_any = self.hooked.lanes.have_workers();
        let order = self.hooked.lanes.leave(ticket);
        if were_any && !self.hooked.lanes.have_workers() {
            tracing::info!("{NO_WORKERS}");
        }
        let Some(order) = order else {
            return;
        };
        let name = order.interface;
        tracing::warn!("{name}: {}: `carpctl hooks' ended while it ran", order.hook);
        let asked = self.hooked.asking.get(&name);
        if let Some(question) = asked.filter(|it| it.order == order.id).copied() {
            self.go_on_without(name, question, "has not answered: `carpctl hooks' ended");
        }
        self.forget_hooks_if_gone(name);
    }

    /// What a hook did after its interface had gone is not to be remembered.
    fn forget_hooks_if_gone(&mut self, name: InterfaceName) {
        if !self.interfaces.contains_key(&name) {
            self.hooked.forget(name);
        }
    }

    // ---- questions ----

    /// Asks whether `name` may become master.
    fn ask(&mut self, name: InterfaceName, host: HostId) {
        let now = self.driver.now();
        let view = self.driver.node().host(host);
        let Some(reason) = view.and_then(|host| host.taking_over()) else {
            return; // it has thought better of it
        };
        let change = Change {
            hook: Hook::Prepare,
            from: State::Backup,
            to: State::Master,
            reason: reason.to_string(),
        };
        let Some(order) = self.order(name, change) else {
            return self.driver.permit_hold(host);
        };
        let mut question = Question {
            host,
            order: order.id,
            until: now + PREPARE_LIMIT,
        };
        if self.hooked.lanes.have_workers() {
            question.order = self.hooked.lanes.ask(now, order);
            self.hooked.asking.insert(name, question);
        } else {
            self.go_on_without(name, question, &format!("was not asked: {NO_WORKERS}"));
        }
    }

    /// Waits for no answer any more where another command or node has decided otherwise. The script
    /// that was asked may run on, but nothing comes of what it says.
    fn drop_void_question(&mut self, name: InterfaceName) {
        if !self.is_taking_over(name) && self.hooked.asking.remove(&name).is_some() {
            self.hooked.lanes.give_up_asking(name);
        }
    }

    /// Goes on where there was no answer for too long.
    pub(super) fn give_up_asking(&mut self) {
        let now = self.driver.now();
        let late = self.hooked.asking.iter().find(|(_, it)| now >= it.until);
        if let Some((name, question)) = late.map(|(name, it)| (*name, *it)) {
            self.hooked.lanes.give_up_asking(name);
            self.go_on_without(name, question, &not_in_time());
            self.give_up_asking();
        }
    }

    fn go_on_without(&mut self, name: InterfaceName, question: Question, why: &str) {
        let text = format!("preparescript {why}: taking over without it");
        tracing::warn!("{name}: {text}");
        let now = self.driver.now();
        self.hooked.lanes.failed(name, Hook::Prepare, now, text);
        self.go_on(name, question);
    }

    fn go_on(&mut self, name: InterfaceName, question: Question) {
        self.hooked.asking.remove(&name);
        self.driver.permit_hold(question.host);
    }

    /// Has the virtual host `id` ask where `config` says so.
    pub(super) fn set_whether_it_asks(&mut self, id: HostId, config: &Config) {
        let asks = config.hooks.script(Hook::Prepare).is_some();
        if let Err(error) = self.driver.ask_before_hold(id, asks) {
            tracing::warn!("{error}");
        }
    }

    /// What went wrong with a script says nothing of the one that takes its place.
    pub(super) fn forget_other_scripts(&mut self, name: InterfaceName, config: &Config) {
        let Some(before) = self.interfaces.get(&name) else {
            return;
        };
        for hook in Hook::ALL {
            if before.config.hooks.script(hook) != config.hooks.script(hook) {
                self.hooked.lanes.worked(name, hook);
            }
        }
    }

    // ---- what is told ----

    /// What is wrong with the hooks of an interface.
    pub(super) fn hook_error(&self, name: InterfaceName) -> Option<Past> {
        let now = self.driver.now();
        let (at, reason) = self.hooked.lanes.failure(name, now)?;
        let ago_ms = self.ago_ms(at);
        Some(Past { ago_ms, reason })
    }

    /// Whether the end of the service waits for hooks, and until when at most.
    pub(crate) fn waits_for_hooks(&self) -> Option<Timestamp> {
        self.hooked.lanes.busy_until()
    }
}

fn not_in_time() -> String {
    format!("has not answered within {} s", PREPARE_LIMIT.as_secs())
}
