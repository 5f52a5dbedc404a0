//! All clients of a service: admitted, served in turn, given up when their time is over.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use carp_net::Backend;
use carp_net::carp_fsm::Timestamp;
use mio::{Interest, Registry, Token};

use super::client::{Client, Step, Topic};
use super::control::{Control, NO_SUCH_INTERFACE, Ticket};
use super::feed::{Line, Subject};
use super::socket::Listener;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::protocol::{Reply, Request};

/// The clients, by their tokens, which grow and are never used twice.
#[derive(Debug)]
pub(crate) struct Clients {
    clients: BTreeMap<usize, Client>,
    first_token: usize,
    next_token: usize,
    /// How many of all clients there ever were run hooks.
    workers: usize,
    /// Those that may be able to go on, each once.
    ready: VecDeque<usize>,
    /// Whether somebody may wait to be admitted.
    arrivals: bool,
}

impl Clients {
    /// None yet; their tokens begin with `first_token`.
    pub(crate) const fn new(first_token: usize) -> Self {
        Self {
            clients: BTreeMap::new(),
            first_token,
            next_token: first_token,
            workers: 0,
            ready: VecDeque::new(),
            arrivals: true,
        }
    }

    /// Takes note that somebody waits to be admitted.
    pub(crate) const fn arrive(&mut self) {
        self.arrivals = true;
    }

    /// Takes note that a client may be able to go on.
    pub(crate) fn wake(&mut self, token: Token) {
        self.enqueue(token.0);
    }

    /// Whether somebody may wait who could be admitted.
    pub(crate) fn may_arrive(&self) -> bool {
        self.arrivals && !self.are_unheard()
    }

    /// Whether there is something to do for one of them without waiting.
    pub(crate) fn have_work(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When the first client is to be given up.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.clients.values().filter_map(Client::deadline).min()
    }

    /// Whether any client waits for an answer or the rest of one.
    pub(crate) fn are_served(&self) -> bool {
        self.clients.values().any(Client::is_served)
    }

    /// How many clients there are.
    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there is no client, or only such as no service stays for.
    pub(crate) fn is_empty(&self) -> bool {
        self.clients.values().all(Client::stays)
    }

    /// Whether there ever was a client, but for those that run hooks.
    pub(crate) const fn were_any(&self) -> bool {
        self.next_token - self.first_token > self.workers
    }

    /// Admits some of those who wait.
    pub(crate) fn admit(&mut self, listener: &Listener, registry: &Registry, now: Timestamp) {
        for _ in 0..AT_ONCE {
            if !self.may_arrive() {
                return;
            }
            let stream = match listener.accept() {
                Ok(Some(stream)) => stream,
                Ok(None) => {
                    self.arrivals = false;
                    return;
                }
                Err(error) if is_passing(&error) => continue,
                Err(error) => {
                    // Too many open files, for example; the next arrival tries again.
                    tracing::warn!(%error, "client not admitted");
                    self.arrivals = false;
                    return;
                }
            };
            match Client::new(stream, now) {
                Ok(client) if self.make_room(&client) => self.insert(client, registry),
                Ok(client) => client.dismiss(&refused(TOO_MANY), now),
                Err(error) => tracing::warn!(%error, "client not admitted"),
            }
        }
    }

    /// Serves those who are ready, in turn, for a bounded number of steps.
    pub(crate) fn serve<B: Backend>(&mut self, control: &mut Control<B>) {
        for _ in 0..AT_ONCE {
            let Some(token) = self.ready.pop_front() else {
                break;
            };
            self.serve_one(token, control);
        }
    }

    /// Hands out the answers there are.
    pub(crate) fn take_replies<B: Backend>(&mut self, control: &mut Control<B>) {
        while let Some((Ticket(token), reply)) = control.poll_reply() {
            let Some(client) = self.clients.get_mut(&token) else {
                control.release(Ticket(token));
                continue;
            };
            client.answer(&reply, control.now());
            if control.is_holding(Ticket(token)) {
                client.hold();
            }
            self.enqueue(token);
        }
    }

    /// Tells the readers what has happened.
    pub(crate) fn publish<B: Backend>(&mut self, control: &mut Control<B>) {
        while let Some((concerned, reply)) = control.poll_happening() {
            self.tell_readers(&reply, |Subject::Happenings(named)| {
                named.is_empty() || concerned.as_ref().is_none_or(|it| !it.is_disjoint(named))
            });
        }
    }

    /// Tells `reply` to the readers of a subject that `concerns` it.
    fn tell_readers(&mut self, reply: &Reply, concerns: impl Fn(&Subject) -> bool) {
        let mut line = None;
        let mut able = Vec::new();
        for (token, client) in &mut self.clients {
            if !client.subject().is_some_and(&concerns) {
                continue;
            }
            // Made for the first who reads it.
            match line.get_or_insert_with(|| Line::of(reply)) {
                Ok(line) if client.tell_of(line) => able.push(*token),
                Ok(_) => {}
                Err(error) => return tracing::error!(%error, "readers were not told"),
            }
        }
        able.into_iter().for_each(|token| self.enqueue(token));
    }

    /// Ends, with a successor to come: those who were answered get their answers, the others ask
    /// that one, as do those who wait to be admitted.
    pub(crate) fn part<B: Backend>(&mut self, control: &mut Control<B>) {
        self.take_replies(control);
        for client in std::mem::take(&mut self.clients).into_values() {
            client.part();
        }
    }

    /// Ends: everyone who is here or waits to come is told so.
    pub(crate) fn dismiss(&mut self, listener: &Listener, now: Timestamp) {
        listener.unlink();
        for client in std::mem::take(&mut self.clients).into_values() {
            client.dismiss(&Reply::Ending, now);
        }
        while let Ok(Some(stream)) = listener.accept() {
            if let Ok(client) = Client::new(stream, now) {
                client.dismiss(&Reply::Ending, now);
            }
        }
    }

    fn serve_one<B: Backend>(&mut self, token: usize, control: &mut Control<B>) {
        let present = self.clients.len();
        let Some(client) = self.clients.get_mut(&token) else {
            return;
        };
        match client.step() {
            Step::Wait => return,
            Step::Again => {}
            Step::Answer(request) => {
                if let Request::Watch { interfaces } = *request {
                    let subject = Subject::Happenings(interfaces.into_iter().collect());
                    self.begin_to_read(token, subject, control.now());
                } else {
                    let worked = client.works();
                    answer(client, token, present, *request, control);
                    self.workers += usize::from(client.works() && !worked);
                }
            }
            Step::Next(topic, last) => match control.next_name(last) {
                None => client.answer(&Reply::End, control.now()),
                Some(name) if client.subject().is_some_and(|it| !it.covers(name)) => {
                    client.pass_over(topic, name);
                }
                Some(name) => {
                    let told = told(topic, name, control).unwrap_or(Reply::End);
                    client.tell(topic, name, &told, control.now());
                }
            },
            Step::Close => {
                self.clients.remove(&token);
                control.release(Ticket(token));
                return;
            }
        }
        self.enqueue(token);
    }

    fn enqueue(&mut self, token: usize) {
        if !self.ready.contains(&token) {
            self.ready.push_back(token);
        }
    }

    fn insert(&mut self, mut client: Client, registry: &Registry) {
        let token = self.next_token;
        self.next_token += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        match registry.register(client.source(), Token(token), interest) {
            Ok(()) => {
                self.clients.insert(token, client);
                self.enqueue(token);
            }
            Err(error) => tracing::warn!(%error, "client not admitted"),
        }
    }

    /// From now on a client is told what happens, and first how things stand.
    fn begin_to_read(&mut self, token: usize, subject: Subject, now: Timestamp) {
        let has_room = self.make_room_to_read(token);
        let Some(client) = self.clients.get_mut(&token) else {
            return;
        };
        if has_room {
            client.read_of(subject);
            client.list(Topic::Report);
        } else {
            client.answer(&refused(TOO_MANY_READERS), now);
        }
    }

    /// Readers stay, and so have fewer places; where those are taken, root has that of the oldest
    /// reader who may change nothing.
    fn make_room_to_read(&mut self, token: usize) -> bool {
        let readers = || self.clients.iter().filter(|(_, other)| other.is_reader());
        if readers().count() < READERS {
            return true;
        }
        let is_root = self.clients.get(&token).is_some_and(Client::may_change);
        let unprivileged = readers().find(|(_, other)| !other.may_change());
        let oldest = unprivileged.map(|(oldest, _)| *oldest).filter(|_| is_root);
        oldest.is_some_and(|oldest| self.clients.remove(&oldest).is_some())
    }

    /// Makes room for `client`, where all places are taken at the expense of the oldest one that
    /// may change nothing: one that has asked nothing yet or, for root, any; and for root at that of
    /// the oldest of root that was heard and had nothing to ask. So nobody but root can keep
    /// root out, and neither the silent nor those who only read keep anybody out.
    fn make_room(&mut self, client: &Client) -> bool {
        if self.clients.len() < PLACES {
            return true;
        }
        let is_root = client.may_change();
        let mut unprivileged = self.clients.iter().filter(|(_, other)| !other.may_change());
        let silent = unprivileged.clone().find(|(_, other)| is_silent(other));
        let anyone = || unprivileged.next().filter(|_| is_root);
        let chosen = silent.or_else(anyone).map(|(token, _)| *token);
        let silent_root = || self.silent_root().filter(|_| is_root);
        let chosen = chosen.or_else(silent_root);
        chosen.is_some_and(|token| self.clients.remove(&token).is_some())
    }

    /// The oldest of root that was heard and had nothing to ask.
    fn silent_root(&self) -> Option<usize> {
        let is_it = |other: &Client| other.may_change() && other.was_heard() && is_silent(other);
        let mut all = self.clients.iter();
        all.find(|(_, other)| is_it(other)).map(|(token, _)| *token)
    }

    /// Whether nobody can be admitted before somebody was heard: all places are root's, and who
    /// is there may have something to ask that was not read yet. Whoever comes then waits at the
    /// door; let in at their expense, the same would befall it.
    fn are_unheard(&self) -> bool {
        self.clients.len() >= PLACES
            && self.clients.values().all(Client::may_change)
            && self.silent_root().is_none()
            && !self.clients.values().all(Client::was_heard)
    }

    /// Gives up those whose time is over.
    pub(crate) fn give_up_late(&mut self, now: Timestamp) {
        self.clients
            .retain(|_, client| client.deadline().is_none_or(|deadline| now < deadline));
    }
}

/// Whether a client has asked nothing, as far as is known.
fn is_silent(client: &Client) -> bool {
    !client.is_served() && !client.stays()
}

/// Answers `request`, or begins to; so many clients are `present`.
fn answer<B: Backend>(
    client: &mut Client,
    token: usize,
    present: usize,
    request: Request,
    control: &mut Control<B>,
) {
    let now = control.now();
    match request {
        Request::Show { interface } => tell(client, Topic::Report, interface, control),
        Request::Config { key: true, .. } if !client.may_change() => {
            client.answer(&refused(KEY_FOR_ROOT), now);
        }
        Request::Config { interface, key } => {
            tell(client, Topic::Config { key }, interface, control);
        }
        Request::Rehearse { change, .. } if change.key.is_some() && !client.may_change() => {
            client.answer(&refused(KEY_FOR_ROOT), now);
        }
        Request::Rehearse { interface, change } => {
            let rehearsal = control.rehearse(interface, &change);
            let reply = rehearsal.map(Box::new).map(Reply::Rehearsal);
            let refused = |reason| Reply::Refused { reason };
            client.answer(&reply.unwrap_or_else(refused), now);
        }
        Request::Stats { interface } => {
            if interface.is_none_or(|name| control.has(name)) {
                client.send(&Reply::Stats(Box::new(control.service_stats())), now);
            }
            tell(client, Topic::Stats, interface, control);
        }
        Request::Metrics => {
            client.send(&Reply::Vitals(Box::new(control.vitals(present))), now);
            client.list(Topic::Metrics);
        }
        Request::Why { interface } => tell(client, Topic::Why, interface, control),
        Request::Peers { interface } => tell(client, Topic::Peers, interface, control),
        Request::Settings { assign } if assign.is_empty() => {
            let settings = control.settings_as_shown();
            let reply = Reply::Settings {
                before: settings,
                now: settings,
            };
            client.answer(&reply, now);
        }
        Request::Group { group } => match control.group(&group) {
            Ok(report) => client.answer(&Reply::Group(Box::new(report)), now),
            Err(reason) => client.answer(&Reply::Refused { reason }, now),
        },
        // Who reads stays among the clients, which have to make room.
        Request::Watch { .. } => {}
        Request::Change { .. }
        | Request::Settings { .. }
        | Request::Demote { .. }
        | Request::Restart
        | Request::Reload
        | Request::Work { .. }
            if !client.may_change() =>
        {
            client.answer(&refused(NOT_ROOT), now);
        }
        Request::Change { interface, change } => control.change(Ticket(token), interface, change),
        Request::Demote { group, demand } => control.demote(Ticket(token), &group, &demand),
        Request::Work { finished } => {
            client.work();
            control.work(Ticket(token), finished.as_ref());
        }
        Request::Restart => control.restart(Ticket(token)),
        Request::Reload => control.reload(Ticket(token)),
        Request::Settings { assign } => control.assign(Ticket(token), &assign),
    }
}

/// Tells `topic` of one interface, or begins to tell it of all.
fn tell<B: Backend>(
    client: &mut Client,
    topic: Topic,
    interface: Option<InterfaceName>,
    control: &Control<B>,
) {
    let now = control.now();
    let Some(name) = interface else {
        return client.list(topic);
    };
    match told(topic, name, control) {
        Some(reply) => {
            client.send(&reply, now);
            client.answer(&Reply::End, now);
        }
        None => client.answer(&refused(NO_SUCH_INTERFACE), now),
    }
}

/// What there is to tell of an interface, if it is there.
fn told<B: Backend>(topic: Topic, name: InterfaceName, control: &Control<B>) -> Option<Reply> {
    match topic {
        Topic::Report => control.report(name).map(Box::new).map(Reply::Interface),
        Topic::Config { key } => control.told(name, key).map(Box::new).map(Reply::Config),
        Topic::Stats => control.stats(name).map(Box::new).map(Reply::Stats),
        Topic::Metrics => control.facts(name).map(Box::new).map(Reply::Facts),
        Topic::Why => control.why(name).map(Box::new).map(Reply::Why),
        Topic::Peers => control.peers(name).map(Box::new).map(Reply::Peers),
    }
}

fn refused(reason: &str) -> Reply {
    Reply::Refused {
        reason: reason.to_owned(),
    }
}

/// Errors of `accept` that are about one client, or pass.
pub(super) fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
    )
}

/// What is said to those who may not change anything.
pub(crate) const NOT_ROOT: &str = "permission denied: changes need root";

/// What is said to those who may not have a key.
const KEY_FOR_ROOT: &str = "permission denied: a password is a matter for root";

const TOO_MANY: &str = "the service has too many clients";

const TOO_MANY_READERS: &str = "too many programs watch the service already";

/// How many clients there can be.
const PLACES: usize = 64;

/// How many of them can be told what happens.
const READERS: usize = 32;

/// How many clients are admitted, and how many steps are gone with clients, before the election
/// has its turn again.
const AT_ONCE: usize = 16;

#[cfg(test)]
mod tests;
