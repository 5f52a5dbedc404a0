//! One client of the control socket: lines in, lines out, never waiting for it.
//!
//! Whatever a client does or leaves undone costs the service a bounded buffer and, at worst, a
//! place among the clients until its time is up.

use std::io::{self, Read as _};
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use mio::net::UnixStream;
use rustix::net::sockopt::socket_peercred;
use zeroize::{Zeroize as _, Zeroizing};

use super::feed::{Feed, Line, Subject};
use super::output::write_on;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::protocol::{self, MAX_LINE, ProtocolError, Reply, Request};

/// A connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: UnixStream,
    may_change: bool,
    /// What came and is not a line yet; it may hold a key.
    input: Zeroizing<Vec<u8>>,
    /// How much of that is known not to end a line.
    searched: usize,
    /// What is still to be sent; it may hold a key.
    output: Zeroizing<Vec<u8>>,
    written: usize,
    turn: Turn,
    /// Whether what it has to say was looked for at all.
    heard: bool,
    deadline: Timestamp,
    /// Whether it runs hooks, for which it may take as long as they do.
    works: bool,
    /// What it is told as it happens, if it has asked for that.
    feed: Option<Feed>,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The client's, to ask.
    Client,
    /// The service's, to answer.
    Service,
    /// The service's, to tell this of the interfaces behind that one.
    Listing(Topic, Option<InterfaceName>),
    /// Nobody's: the connection holds a demotion or a reload, and lasts as long as that.
    Holding,
    /// The service's, to give it a hook to run, perhaps in a long time.
    Working,
    /// The service's, to tell what happens, until the client goes.
    Reading,
    /// Nobody's: what is left to send is sent, and that is all.
    Over,
}

/// What can be told of every interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// How it stands.
    Report,
    /// What it was told to be, and whether its key is told too.
    Config { key: bool },
    /// What was counted.
    Stats,
    /// What Prometheus is told of.
    Metrics,
    /// Why it is what it is.
    Why,
    /// Whom it hears.
    Peers,
}

/// What a client needs next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing, until something happens.
    Wait,
    /// Another turn, when the others had theirs: it has said much, and not all of it was read.
    Again,
    /// An answer to this.
    Answer(Box<Request>),
    /// This of the first interface behind that one.
    Next(Topic, Option<InterfaceName>),
    /// To be forgotten.
    Close,
}

impl Client {
    /// A client at the other end of `stream`, at `now`.
    ///
    /// # Errors
    ///
    /// Where the kernel does not say who it is.
    pub(crate) fn new(stream: UnixStream, now: Timestamp) -> io::Result<Self> {
        // The kernel's word, as this service's user namespace sees it.
        let peer = socket_peercred(&stream)?.uid;
        let may_change = peer.is_root() || peer == rustix::process::geteuid();
        Ok(Self::with_rights(stream, may_change, now))
    }

    /// A client of known rights.
    pub(super) fn with_rights(stream: UnixStream, may_change: bool, now: Timestamp) -> Self {
        Self {
            stream,
            may_change,
            input: Zeroizing::new(Vec::new()),
            searched: 0,
            output: Zeroizing::new(Vec::new()),
            written: 0,
            turn: Turn::Client,
            heard: false,
            deadline: now + PATIENCE,
            works: false,
            feed: None,
        }
    }

    /// Whether it may change anything: it is root, or whoever runs this service.
    pub(crate) const fn may_change(&self) -> bool {
        self.may_change
    }

    /// When it is given up, unless it waits for the service. A reader may take as long as it
    /// likes: it loses what it does not take.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.turn {
            Turn::Service | Turn::Holding | Turn::Reading | Turn::Working => None,
            Turn::Client if self.works => None,
            Turn::Listing(..) if self.is_reader() => None,
            Turn::Client | Turn::Listing(..) | Turn::Over => Some(self.deadline),
        }
    }

    /// Whether it waits for an answer or for the rest of one. A reader waits for nothing that must
    /// come, nor does one that runs hooks.
    pub(crate) fn is_served(&self) -> bool {
        !self.stays() && (self.turn != Turn::Client || self.written < self.output.len())
    }

    /// Whether it was heard, be it that it had nothing to say.
    pub(crate) const fn was_heard(&self) -> bool {
        self.heard
    }

    /// Whether it stays without being served: no service stays for it.
    pub(crate) const fn stays(&self) -> bool {
        self.is_reader() || self.works
    }

    /// Whether it runs hooks.
    pub(crate) const fn works(&self) -> bool {
        self.works
    }

    /// Whether it is told what happens.
    pub(crate) const fn is_reader(&self) -> bool {
        self.feed.is_some()
    }

    /// What it is told of as it happens, if anything.
    pub(crate) fn subject(&self) -> Option<&Subject> {
        self.feed.as_ref().map(Feed::subject)
    }

    /// Goes on as far as possible without waiting.
    pub(crate) fn step(&mut self) -> Step {
        self.heard = true;
        match self.flush() {
            Ok(true) => {}
            Ok(false) => return Step::Wait,
            Err(_) => return Step::Close,
        }
        match self.turn {
            Turn::Client => self.read_request(),
            Turn::Service => Step::Wait,
            Turn::Listing(topic, last) => Step::Next(topic, last),
            Turn::Holding | Turn::Working => self.look_for_the_end(),
            Turn::Reading => self.read_out(),
            Turn::Over => Step::Close,
        }
    }

    /// Ends the answer to the last request; its time runs anew from `now`.
    pub(crate) fn answer(&mut self, reply: &Reply, now: Timestamp) {
        self.send(reply, now);
        if self.turn != Turn::Over {
            self.turn = if self.is_reader() {
                Turn::Reading
            } else {
                Turn::Client
            };
        }
    }

    /// Tells `topic` of `interface`, with more to follow.
    pub(crate) fn tell(
        &mut self,
        topic: Topic,
        interface: InterfaceName,
        reply: &Reply,
        now: Timestamp,
    ) {
        self.send(reply, now);
        self.turn = Turn::Listing(topic, Some(interface));
    }

    /// Begins to tell `topic` of all interfaces; a reader hears of those that it asked about.
    pub(crate) const fn list(&mut self, topic: Topic) {
        self.turn = Turn::Listing(topic, None);
    }

    /// From now on the connection holds a demotion, until the client ends it.
    pub(crate) fn hold(&mut self) {
        if self.turn != Turn::Over {
            self.turn = Turn::Holding;
        }
    }

    /// From now on it runs hooks, and waits for one.
    pub(crate) const fn work(&mut self) {
        self.works = true;
        self.turn = Turn::Working;
    }

    /// Has nothing to tell of `interface`, but perhaps of those behind it.
    pub(crate) const fn pass_over(&mut self, topic: Topic, interface: InterfaceName) {
        self.turn = Turn::Listing(topic, Some(interface));
    }

    /// From now on it is told what happens to `subject`.
    pub(crate) fn read_of(&mut self, subject: Subject) {
        self.feed = Some(Feed::new(subject));
    }

    /// Tells a reader what has happened. Returns whether it can take something now.
    pub(crate) fn tell_of(&mut self, line: &Line) -> bool {
        if let Some(feed) = &mut self.feed {
            feed.push(line);
        }
        self.turn == Turn::Reading && self.written == self.output.len()
    }

    /// Says what there is to say and closes, without waiting for the client to take it.
    pub(crate) fn dismiss(mut self, reply: &Reply, now: Timestamp) {
        if self.turn == Turn::Reading {
            drop(self.read_out());
        }
        if matches!(self.turn, Turn::Client | Turn::Reading) {
            self.send(reply, now);
        }
        self.part();
    }

    /// Closes when what there is to say is said, without waiting for the client to take it.
    pub(crate) fn part(mut self) {
        if self.turn == Turn::Reading {
            drop(self.read_out());
        }
        // It is lost if the client is not there to take it, or slow; nothing can be done then.
        if let Err(error) = self.flush() {
            tracing::debug!(%error, "client went away");
        }
    }

    pub(crate) const fn source(&mut self) -> &mut UnixStream {
        &mut self.stream
    }

    /// Adds to the answer.
    pub(crate) fn send(&mut self, reply: &Reply, now: Timestamp) {
        self.deadline = now + PATIENCE;
        match protocol::encode(reply) {
            Ok(line) => {
                make_room(&mut self.output, line.len());
                self.output.extend_from_slice(&line);
            }
            Err(error) => {
                tracing::error!(%error, "an answer was not sent");
                self.turn = Turn::Over;
            }
        }
    }

    /// Writes what there is to write. Returns whether all of it was taken.
    fn flush(&mut self) -> io::Result<bool> {
        let all = write_on(&mut self.stream, &self.output, &mut self.written)?;
        if all {
            self.output.zeroize();
            self.written = 0;
        }
        Ok(all)
    }

    /// Reads so much of a request at once that most are read as a whole. Who says more than it should
    /// has no more of a turn than others.
    fn read_request(&mut self) -> Step {
        if let Some(step) = self.take_line() {
            return step;
        }
        match self.fill() {
            Ok(0) => Step::Close,
            Ok(_) => self.take_line().unwrap_or(Step::Again),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Step::Wait,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Step::Again,
            Err(_) => Step::Close,
        }
    }

    /// Takes the first line of what was read, once there is one; refuses one that is too long.
    fn take_line(&mut self) -> Option<Step> {
        let unknown = self.input.get(self.searched..).unwrap_or_default();
        if let Some(end) = unknown.iter().position(|byte| *byte == b'\n') {
            let end = self.searched + end;
            self.searched = 0;
            return Some(self.take_request(end));
        }
        self.searched = self.input.len();
        (self.input.len() >= MAX_LINE).then(|| self.refuse(&ProtocolError::TooLong))
    }

    /// Sends a reader as much as it takes of what has happened.
    fn read_out(&mut self) -> Step {
        while let Some(line) = self.feed.as_mut().and_then(Feed::next) {
            self.output.extend_from_slice(line.as_bytes());
            match self.flush() {
                Ok(true) => {}
                Ok(false) => return Step::Wait,
                Err(_) => return Step::Close,
            }
        }
        self.look_for_the_end()
    }

    /// Nothing is to be said any more over a connection that holds a demotion, by a reader, or by
    /// who waits for a hook to run.
    fn look_for_the_end(&mut self) -> Step {
        loop {
            match self.stream.read(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Step::Wait,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return Step::Close,
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let filled = self.input.len();
        make_room(&mut self.input, CHUNK);
        self.input.resize(filled + CHUNK, 0);
        let free = self.input.get_mut(filled..).unwrap_or_default();
        let read = self.stream.read(free);
        self.input.truncate(filled + *read.as_ref().unwrap_or(&0));
        read
    }

    fn take_request(&mut self, end: usize) -> Step {
        let line = self.input.get(..end).unwrap_or_default();
        let request = protocol::decode(line);
        self.input.drain(..=end);
        match request {
            Ok(request) => {
                self.turn = Turn::Service;
                Step::Answer(Box::new(request))
            }
            Err(error) => self.refuse(&error),
        }
    }

    /// Says what is wrong and then closes: what follows cannot be trusted to be a line.
    fn refuse(&mut self, error: &ProtocolError) -> Step {
        let reason = error.to_string();
        let deadline = self.deadline;
        self.send(&Reply::Refused { reason }, deadline);
        self.deadline = deadline;
        self.turn = Turn::Over;
        match self.flush() {
            Ok(false) => Step::Wait,
            Ok(true) | Err(_) => Step::Close,
        }
    }
}

/// Makes room for `more` bytes behind those in `buffer`.
fn make_room(buffer: &mut Zeroizing<Vec<u8>>, more: usize) {
    let needed = buffer.len() + more;
    if buffer.capacity() < needed {
        // A new buffer and not a longer one: the old one is wiped when it goes.
        let mut longer = Zeroizing::new(Vec::with_capacity(2 * needed));
        longer.extend_from_slice(buffer);
        *buffer = longer;
    }
}

/// How long a client may take for its part.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much is read at once, in bytes.
const CHUNK: usize = 4096;

#[cfg(test)]
mod tests;
