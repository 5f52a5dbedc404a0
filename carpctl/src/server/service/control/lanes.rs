//! Which hook runs next: in order for one interface, interfaces side by side.
//!
//! A lane is an interface. Behind a hook that runs there waits at most one, for the newest state:
//! whoever is slow is not told of states long gone. Those who run hooks are workers, each with a
//! connection of its own, on which it is given one order at a time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;

use super::Ticket;
use crate::vocabulary::hooks::GRACE;
use crate::vocabulary::hooks::Hook;
use crate::vocabulary::hooks::order::{Finished, Order, Outcome};
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::report::State;

/// All lanes and all workers.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<InterfaceName, Lane>,
    /// The lanes in which something waits. They are looked at whenever the loop goes round, and most
    /// of thousands have nothing to do.
    waiting: BTreeSet<InterfaceName>,
    /// What each worker does.
    workers: BTreeMap<Ticket, Option<Job>>,
    /// The workers that wait for an order, in the order they came.
    idle: VecDeque<Ticket>,
    last_id: u64,
}

/// What is seldom there has its own place: there are thousands of lanes.
#[derive(Debug, Default)]
struct Lane {
    /// What waits to be run.
    next: Option<Box<Job>>,
    /// The question that waits to be asked. It does not wait for a hook that runs: the addresses
    /// wait for it.
    question: Option<Box<Job>>,
    /// The last state that a hook was told of.
    told: Option<State>,
    /// When and how each hook went wrong, until it goes well again.
    failures: BTreeMap<Hook, (Timestamp, String)>,
}

#[derive(Clone, Debug)]
struct Job {
    order: Order,
    since: Timestamp,
    /// The state that was told before this one.
    told_before: Option<State>,
}

impl Lanes {
    /// None yet; orders are numbered from a number that no service before this one has given.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            last_id: now.as_micros(),
            ..Self::default()
        }
    }

    /// The number of the next order.
    pub(super) const fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    // ---- what is to be run ----

    /// Has `order` run, instead of one that waits.
    pub(super) fn add(&mut self, now: Timestamp, mut order: Order) {
        let lane = self.lanes.entry(order.interface).or_default();
        if let Some(late) = &lane.next {
            order.skipped = late.order.skipped.saturating_add(1);
        }
        let name = order.interface;
        lane.next = Some(Box::new(Job::new(now, order)));
        self.waiting.insert(name);
    }

    /// Has the question `order` asked. Where one is being asked already, the answer to that will
    /// do. Returns the number of the one that is.
    pub(super) fn ask(&mut self, now: Timestamp, order: Order) -> u64 {
        let same = |job: &&Job| job.is_about(order.interface) && job.order.hook == Hook::Prepare;
        if let Some(job) = self.jobs().find(same) {
            return job.order.id;
        }
        let (id, name) = (order.id, order.interface);
        let lane = self.lanes.entry(name).or_default();
        lane.question = Some(Box::new(Job::new(now, order)));
        self.waiting.insert(name);
        id
    }

    /// Nobody waits for the answer any more.
    pub(super) fn give_up_asking(&mut self, interface: InterfaceName) {
        if let Some(lane) = self.lanes.get_mut(&interface) {
            lane.question = None;
        }
        self.forget_if_nothing_waits(interface);
    }

    /// The next order for a worker that waits, if one can be run. Those `held_up` are not ready for
    /// a hook.
    pub(super) fn next(
        &mut self,
        held_up: impl Fn(InterfaceName) -> bool,
    ) -> Option<(Ticket, Order)> {
        self.idle.front()?;
        let job = self.take_question().or_else(|| self.take_next(held_up))?;
        let ticket = self.idle.pop_front()?;
        let order = job.order.clone();
        self.workers.insert(ticket, Some(job));
        Some((ticket, order))
    }

    fn take_question(&mut self) -> Option<Job> {
        let asked = |(name, lane): (InterfaceName, &Lane)| lane.question.is_some().then_some(name);
        let name = self.lanes_in_wait().find_map(asked)?;
        let question = self.lanes.get_mut(&name)?.question.take();
        self.forget_if_nothing_waits(name);
        question.map(|job| *job)
    }

    fn take_next(&mut self, held_up: impl Fn(InterfaceName) -> bool) -> Option<Job> {
        let is_question = |job: &&Job| job.order.hook == Hook::Prepare;
        if self.jobs().filter(|job| !is_question(job)).count() >= SIDE_BY_SIDE {
            return None;
        }
        let is_free =
            |name: &InterfaceName| !held_up(*name) && !self.jobs().any(|job| job.is_about(*name));
        let waiting = self.lanes_in_wait().filter(|(_, lane)| lane.next.is_some());
        let ready = waiting.filter(|(name, _)| is_free(name));
        let since = |lane: &Lane| lane.next.as_ref().map(|job| job.since);
        let (name, _) = ready.min_by_key(|(_, lane)| since(lane))?;
        let lane = self.lanes.get_mut(&name)?;
        let mut job = *lane.next.take()?;
        job.told_before = lane.told.replace(job.order.state);
        self.forget_if_nothing_waits(name);
        Some(job)
    }

    fn lanes_in_wait(&self) -> impl Iterator<Item = (InterfaceName, &Lane)> {
        let names = self.waiting.iter();
        names.filter_map(|name| Some((*name, self.lanes.get(name)?)))
    }

    fn forget_if_nothing_waits(&mut self, name: InterfaceName) {
        let waits = |lane: &Lane| lane.next.is_some() || lane.question.is_some();
        if !self.lanes.get(&name).is_some_and(waits) {
            self.waiting.remove(&name);
        }
    }

    fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.workers.values().flatten()
    }

    // ---- workers ----

    /// A worker waits for an order, having `finished` the last one. Returns what that was about,
    /// if this service has given it.
    pub(super) fn work(
        &mut self,
        now: Timestamp,
        worker: Ticket,
        finished: Option<&Finished>,
    ) -> Option<Order> {
        let job = self.workers.insert(worker, None).flatten();
        self.idle.push_back(worker);
        let (job, finished) = (job?, finished?);
        if job.order.id != finished.id {
            return None;
        }
        let (interface, hook) = (job.order.interface, job.order.hook);
        let outcome = &finished.outcome;
        if *outcome == Outcome::Done {
            self.worked(interface, hook);
        } else if hook != Hook::Prepare {
            // What comes of a question is for whoever asked.
            self.failed(interface, hook, now, format!("{hook}: {outcome}"));
        }
        Some(job.order)
    }

    /// A client is gone; where it was a worker, what it was doing will be done by another one,
    /// unless there is something newer. Returns what it was doing.
    pub(super) fn leave(&mut self, worker: Ticket) -> Option<Order> {
        self.idle.retain(|it| *it != worker);
        let job = self.workers.remove(&worker)??;
        let lane = self.lanes.entry(job.order.interface).or_default();
        if job.order.hook != Hook::Prepare && lane.next.is_none() {
            lane.told = job.told_before;
            lane.next = Some(Box::new(job.clone()));
            self.waiting.insert(job.order.interface);
        }
        Some(job.order)
    }

    /// Whether anybody is there to run hooks.
    pub(super) fn have_workers(&self) -> bool {
        !self.workers.is_empty()
    }

    // ---- what is told of them ----

    /// Until when the end of the service waits for what is still to be run; `None` where there is
    /// nothing to run, or nobody to run it. Nobody needs the answer to a question then.
    pub(super) fn busy_until(&self) -> Option<Timestamp> {
        let waiting = self.lanes_in_wait();
        let waiting = waiting.filter_map(|(_, lane)| lane.next.as_deref());
        let running = self.jobs().filter(|job| job.order.hook != Hook::Prepare);
        let all = waiting.chain(running).filter(|_| self.have_workers());
        // One may have to wait for one that hangs.
        all.map(|job| job.since + (job.order.limit() + GRACE) * 2 + MARGIN)
            .max()
    }

    /// What hooks have been told last.
    pub(super) fn told(&self, interface: InterfaceName) -> Option<State> {
        self.lanes.get(&interface)?.told
    }

    /// What they have been told last, by a former service.
    pub(super) fn were_told(&mut self, interface: InterfaceName, state: Option<State>) {
        self.lanes.entry(interface).or_default().told = state;
    }

    /// Since when, and what, is wrong with the hooks of an interface; the newest of what is.
    pub(super) fn failure(
        &self,
        interface: InterfaceName,
        now: Timestamp,
    ) -> Option<(Timestamp, String)> {
        let lane = self.lanes.get(&interface)?;
        let late = lane.next.as_deref().filter(|job| now - job.since >= LATE);
        match late {
            Some(job) if !self.have_workers() && job.order.script.is_some() => {
                let text = format!("{}: not run: {NO_WORKERS}", job.order.hook);
                Some((job.since, text))
            }
            Some(_) | None => lane.failures.values().max_by_key(|(at, _)| *at).cloned(),
        }
    }

    /// Notes that something is wrong with a hook of an interface.
    pub(super) fn failed(
        &mut self,
        interface: InterfaceName,
        hook: Hook,
        now: Timestamp,
        text: String,
    ) {
        let lane = self.lanes.entry(interface).or_default();
        lane.failures.insert(hook, (now, text));
    }

    /// Notes that nothing is.
    pub(super) fn worked(&mut self, interface: InterfaceName, hook: Hook) {
        if let Some(lane) = self.lanes.get_mut(&interface) {
            lane.failures.remove(&hook);
        }
    }

    /// Forgets a lane whose interface has gone, unless something still waits there. Says whether
    /// it did.
    pub(super) fn forget(&mut self, name: InterfaceName) -> bool {
        let waits = |lane: &Lane| lane.next.is_some();
        let forgets = !self.lanes.get(&name).is_some_and(waits);
        if forgets {
            self.lanes.remove(&name);
            self.waiting.remove(&name);
        }
        forgets
    }
}

impl Job {
    const fn new(since: Timestamp, order: Order) -> Self {
        Self {
            order,
            since,
            told_before: None,
        }
    }

    fn is_about(&self, interface: InterfaceName) -> bool {
        self.order.interface == interface
    }
}

/// What is said where nobody runs hooks.
pub(super) const NO_WORKERS: &str = "no `carpctl hooks' runs";

/// How many hooks run at once, beside questions.
const SIDE_BY_SIDE: usize = 8;

/// What starting and ending programs may take on a busy machine.
const MARGIN: Duration = Duration::from_secs(1);

/// How long a hook may have to wait before anybody is told.
const LATE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
