//! The engine's side: what it finds, and what it says.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use carp_fsm::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::channel::{Buffer, Channel, Received, Sent};
use super::frame::{Frame, MAX_NAME, MAX_RECORD};
use super::kept::{Kept, Name, Untold};
use super::now;
use super::record::Record;
use crate::error::About as _;
use crate::{Error, Result};

/// An engine's end of the connection to its supervisor.
///
/// Nothing here waits for the supervisor, which may be stopped or gone. What could not be told is
/// told with a later call: with [`beat`](Self::beat), if not before.
#[derive(Debug)]
pub struct Supervised {
    channel: Channel,
    buffer: Buffer,
    /// What a former engine left.
    found: Kept,
    /// What all of that was called.
    left: Vec<Name>,
    last_alive: Option<Timestamp>,
    /// When this one said the last time that it makes progress.
    last_beat: Option<Timestamp>,
    /// What this one wants kept.
    kept: Kept,
    untold: Untold,
    /// Whether the supervisor asked for everything and has not been told yet that this was all.
    owes_all: bool,
    alone: Alone,
}

/// Something that the supervisor said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// The engine is to end in good order, with exit code 0.
    Stop,
    /// Answers [`ask_again`](Supervised::ask_again): the supervisor is ready to start the engine
    /// anew. Save what is to be saved, say [`again`](Supervised::again), and end.
    Granted,
    /// The supervisor is gone. The engine goes on; from now on nothing is kept.
    Alone,
}

/// Whether there still is a supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alone {
    No,
    /// There is none, which is still to be said.
    Unsaid,
    Said,
}

impl Supervised {
    /// Takes the connection that a supervisor has put in the place of standard input, and all
    /// that the supervisor kept. Standard input is `/dev/null` afterwards.
    ///
    /// # Errors
    ///
    /// Where standard input is no such connection (kind `InvalidInput`), or the supervisor does
    /// not say within 5 s what it kept.
    pub fn from_stdin() -> Result<Self> {
        const ABOUT: &str = "standard input";
        let stdin = io::stdin();
        let connection = rustix::io::fcntl_dupfd_cloexec(&stdin, 3).about(ABOUT)?;
        let channel = Channel::of(connection).about("standard input is not from a supervisor")?;
        let null = File::open("/dev/null").about("/dev/null")?;
        rustix::stdio::dup2_stdin(&null).about(ABOUT)?;
        Self::over(channel).about("supervisor")
    }

    /// Takes in all that the supervisor at the other end of `channel` kept.
    pub(super) fn over(channel: Channel) -> io::Result<Self> {
        let mut this = Self {
            channel,
            buffer: Buffer::new(),
            found: Kept::default(),
            left: Vec::new(),
            last_alive: None,
            last_beat: None,
            kept: Kept::default(),
            untold: Untold::default(),
            owes_all: false,
            alone: Alone::No,
        };
        let deadline = now() + PATIENCE;
        loop {
            match this.channel.receive(&mut this.buffer)? {
                Received::Frame(Frame::All { last_alive }, _) => {
                    this.last_alive = last_alive;
                    this.left = this.found.names().into_iter().collect();
                    this.buffer.wipe();
                    return Ok(this);
                }
                Received::Frame(frame, descriptor) => this.found.take_in(&frame, descriptor),
                Received::Skipped => {}
                Received::Nothing => wait(&this.channel, deadline)?,
                Received::End => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    // ---- what a former engine left ----

    /// The names of the records that are left to take, in their order.
    pub fn record_names(&self) -> impl Iterator<Item = &str> {
        self.found.records.keys().map(String::as_str)
    }

    /// The names of the descriptors that are left to take, in their order.
    pub fn descriptor_names(&self) -> impl Iterator<Item = &str> {
        self.found.descriptors.keys().map(String::as_str)
    }

    /// Takes a record that a former engine left. The supervisor still keeps it, until this engine
    /// [saves](Self::save) another in its place, [forgets](Self::forget) it, or
    /// [settles](Self::settle).
    pub fn take_record(&mut self, name: &str) -> Option<Record> {
        self.found.records.remove(name)
    }

    /// Takes a descriptor that a former engine left. It is closed on exec.
    pub fn take_descriptor(&mut self, name: &str) -> Option<OwnedFd> {
        self.found.descriptors.remove(name)
    }

    /// Says that whatever a former engine left, and this one has not said again by now, is to be
    /// kept no longer.
    pub fn settle(&mut self) {
        let (left, kept) = (std::mem::take(&mut self.left), &self.kept);
        let unsaid: Vec<Name> = left.into_iter().filter(|name| !kept.has(name)).collect();
        self.found = Kept::default();
        for name in unsaid {
            self.add(name);
        }
    }

    /// When the former engine said the last time that it makes progress, on CLOCK_BOOTTIME;
    /// `None` where there was none.
    pub const fn last_alive(&self) -> Option<Timestamp> {
        self.last_alive
    }

    // ---- what this one says ----

    /// Says that the engine makes progress, and will say so again `within` this time. Without
    /// that it is killed and replaced. Two beats in that time are a good measure.
    pub fn beat(&mut self, within: Duration) {
        if self.tell() == Sent::Yes {
            let at = now();
            self.last_beat = Some(at);
            // A beat that finds no room is no loss: there are others in front of it.
            self.send(&Frame::Beat { at, within });
        }
    }

    /// Has the record `name` kept, in place of any of that name. Nothing is sent where it is the
    /// same as before.
    ///
    /// # Errors
    ///
    /// Where the name is longer than [`MAX_NAME`] or the record longer than [`MAX_RECORD`].
    pub fn save(&mut self, name: &str, record: &[u8]) -> Result<()> {
        check(name, record.len())?;
        let same = |kept: &Record| **kept == *record;
        if !self.kept.records.get(name).is_some_and(same) {
            self.kept
                .records
                .insert(name.to_owned(), Record::new(record));
            self.add(Name::Record(name.to_owned()));
        }
        Ok(())
    }

    /// Has the record `name` kept no longer.
    pub fn forget(&mut self, name: &str) {
        self.kept.records.remove(name);
        self.add(Name::Record(name.to_owned()));
    }

    /// Has a copy of `descriptor` kept as `name`, in place of any of that name. What it is open
    /// on stays open until it is forgotten here.
    ///
    /// # Errors
    ///
    /// Where the name is longer than [`MAX_NAME`], or there is no descriptor left for the copy.
    pub fn keep(&mut self, name: &str, descriptor: impl AsFd) -> Result<()> {
        check(name, 0)?;
        let copy = descriptor.as_fd().try_clone_to_owned().about(name)?;
        self.kept.descriptors.insert(name.to_owned(), copy);
        self.add(Name::Descriptor(name.to_owned()));
        Ok(())
    }

    /// Has the descriptor `name` kept no longer.
    pub fn forget_descriptor(&mut self, name: &str) {
        self.kept.descriptors.remove(name);
        self.add(Name::Descriptor(name.to_owned()));
    }

    /// Asks whether the supervisor would start the engine anew; [`Message::Granted`] says that it
    /// would. No answer means no.
    pub fn ask_again(&mut self) {
        self.tell();
        self.send(&Frame::Ask);
    }

    /// Says that the engine ends now to be started anew, with all that it has saved.
    ///
    /// # Errors
    ///
    /// Where not everything could be said ([`io::ErrorKind::WouldBlock`]): then the engine is to
    /// go on.
    pub fn again(&mut self) -> Result<()> {
        if self.tell() == Sent::Yes && self.send(&Frame::Again) == Sent::Yes {
            return Ok(());
        }
        let error = io::Error::from(io::ErrorKind::WouldBlock);
        Err(Error::new("the supervisor takes nothing in", error))
    }

    /// Whether there still is a supervisor.
    pub fn is_alone(&self) -> bool {
        self.alone != Alone::No
    }

    /// The next thing that the supervisor said. Never waits. To be called until there is none
    /// whenever the [descriptor](AsFd) is readable.
    pub fn poll(&mut self) -> Option<Message> {
        loop {
            if self.alone == Alone::Unsaid {
                self.alone = Alone::Said;
                return Some(Message::Alone);
            }
            if self.alone == Alone::Said {
                return None;
            }
            match self.channel.receive(&mut self.buffer) {
                Ok(Received::Frame(Frame::Stop, _)) => return Some(Message::Stop),
                Ok(Received::Frame(Frame::Granted, _)) => return Some(Message::Granted),
                Ok(Received::Frame(Frame::SendAll, _)) => {
                    self.untold = self.kept.names();
                    self.owes_all = true;
                    self.tell();
                }
                Ok(Received::Frame(..) | Received::Skipped) => {}
                Ok(Received::Nothing) => {
                    self.buffer.wipe();
                    return None;
                }
                Ok(Received::End) => self.alone = Alone::Unsaid,
                Err(error) => {
                    tracing::warn!(%error, "supervisor");
                    self.alone = Alone::Unsaid;
                }
            }
        }
    }

    fn add(&mut self, name: Name) {
        if self.alone == Alone::No {
            self.untold.add(name);
            self.tell();
        }
    }

    /// Tells what there is room for. Says `Yes` where nothing is left to tell.
    fn tell(&mut self) -> Sent {
        if self.alone != Alone::No {
            return Sent::Gone;
        }
        let mut told = self.untold.tell(&self.kept, &self.channel);
        if told == Sent::Yes && self.owes_all {
            let last_alive = self.last_beat;
            told = self.send(&Frame::All { last_alive });
            self.owes_all = told != Sent::Yes;
        }
        self.notice(told)
    }

    fn send(&mut self, frame: &Frame<'_>) -> Sent {
        if self.alone != Alone::No {
            return Sent::Gone;
        }
        let sent = self.channel.send(frame, None).unwrap_or(Sent::Gone);
        self.notice(sent)
    }

    const fn notice(&mut self, sent: Sent) -> Sent {
        if matches!((sent, self.alone), (Sent::Gone, Alone::No)) {
            self.alone = Alone::Unsaid;
        }
        sent
    }
}

impl AsFd for Supervised {
    /// Readable when there is something to [`poll`](Supervised::poll).
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

fn check(name: &str, record: usize) -> Result<()> {
    let wrong = |what| {
        Err(Error::new(
            what,
            io::Error::from(io::ErrorKind::InvalidInput),
        ))
    };
    if name.len() > MAX_NAME {
        return wrong(format!(
            "a name of {} bytes ({MAX_NAME} at most)",
            name.len()
        ));
    }
    if record > MAX_RECORD {
        return wrong(format!("{name}: {record} bytes ({MAX_RECORD} at most)"));
    }
    Ok(())
}

/// Waits until there is something to receive.
fn wait(channel: &Channel, deadline: Timestamp) -> io::Result<()> {
    let left = deadline - now();
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let left = Timespec::try_from(left).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&left)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// How long a supervisor may take to say what it kept.
const PATIENCE: Duration = Duration::from_secs(5);
