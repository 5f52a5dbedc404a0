//! The supervisor's side: starts engines, keeps what is theirs, and watches.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use carp_fsm::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::channel::{Buffer, Channel, Received};
use super::engine::Engine;
use super::frame::Frame;
use super::kept::Kept;
use super::now;
use super::patience::{Crashes, Limits, Verdict};
use super::process::{End, Process};
use crate::Result;
use crate::error::About as _;
use crate::linux::precedence::Precedence;

/// Keeps an engine running.
pub struct Supervisor<'a> {
    start: Box<dyn FnMut(Start) -> Command + Send + 'a>,
    renew: Option<Box<dyn FnMut() -> Command + Send + 'a>>,
    observer: Option<Observer<'a>>,
    limits: Limits,
    engine: Option<Engine>,
    kept: Kept,
    /// Whether any of that is from an engine.
    has_taken_in: bool,
    last_alive: Option<Timestamp>,
    crashes: Crashes,
    /// Whether the engine is to end.
    stopping: bool,
    /// Whether it has crashed so often that this is the last one.
    last_try: bool,
    buffer: Buffer,
    before_others: bool,
}

/// What sees what engines say.
type Observer<'a> = Box<dyn FnMut(Seen<'_>) + Send + 'a>;

/// Why an engine is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// It is the first one.
    First,
    /// The one before asked for it.
    Again,
    /// The one before crashed, was killed, or made no progress.
    InPlace,
}

/// Something that an engine said.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seen<'a> {
    /// At this moment it made progress.
    Beat(Timestamp),
    /// It has this record kept.
    Record {
        /// The name of the record.
        name: &'a str,
        /// What it says.
        value: &'a [u8],
    },
}

/// How it came that there is no engine any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// It ended by itself, with exit code 0.
    OnPurpose,
    /// The first one ended before its first beat, with this exit code (`None`: by a signal).
    NotStarted(Option<i32>),
    /// It crashed too often, or cannot be started any more. If it could, it was started once more
    /// to end in good order.
    GivenUp,
}

impl<'a> Supervisor<'a> {
    /// A supervisor of what `start` makes: the command that runs the engine. Its standard input
    /// is set here.
    pub fn new(start: impl FnMut(Start) -> Command + Send + 'a) -> Self {
        Self {
            start: Box::new(start),
            renew: None,
            observer: None,
            limits: Limits::default(),
            engine: None,
            kept: Kept::default(),
            has_taken_in: false,
            last_alive: None,
            crashes: Crashes::default(),
            stopping: false,
            last_try: false,
            buffer: Buffer::new(),
            before_others: false,
        }
    }

    /// Gives `descriptor` to the first engine as if one before it had left it as `name`: something that
    /// this process could open and an engine may not.
    #[must_use]
    pub fn leaves(mut self, name: impl Into<String>, descriptor: OwnedFd) -> Self {
        self.kept.descriptors.insert(name.into(), descriptor);
        self
    }

    /// As patient as `limits` says.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Once an engine that was started anew at its own wish has gone on for
    /// [a while](Limits::trial), this process itself becomes what `renew` makes, in place: the
    /// same process, perhaps of a newer program. That one must go on with [`adopt`](Self::adopt).
    #[must_use]
    pub fn renewed_by(mut self, renew: impl FnMut() -> Command + Send + 'a) -> Self {
        self.renew = Some(Box::new(renew));
        self
    }

    /// Has `observer` see what engines say, for example to tell a service manager. It must not
    /// wait: an engine is watched again only when it is done.
    #[must_use]
    pub fn observed_by(mut self, observer: impl FnMut(Seen<'_>) + Send + 'a) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Has the thread that runs it do so before all programs that only compute (`SCHED_FIFO`), its
    /// engine too, so that it sees in time what becomes of that however busy the machine is. The
    /// engine is started without it. Where the kernel refuses, it runs like any other program.
    #[must_use]
    pub const fn before_others(mut self) -> Self {
        self.before_others = true;
        self
    }

    /// Takes over the engine of the supervisor that this process was before it was
    /// [renewed](Self::renewed_by); does nothing where it was none.
    ///
    /// # Errors
    ///
    /// Where the engine is not there.
    pub fn adopt(&mut self) -> Result<()> {
        let Some(pid) = std::env::var_os(ENGINE).and_then(|pid| pid.to_str()?.parse().ok()) else {
            return Ok(());
        };
        let process = Process::adopt(pid).about(format_args!("engine {pid}"))?;
        let stdin = io::stdin();
        let end = rustix::io::fcntl_dupfd_cloexec(&stdin, 3).about("standard input")?;
        let channel = Channel::of(end).about("standard input is not from a supervisor")?;
        leave_standard_input().about("/dev/null")?;
        let mut engine = Engine::new(process, channel, Start::InPlace, self.limits.start);
        // It is long at work, and knows what was kept; this process does not.
        engine.to_say.push(Frame::SendAll);
        engine.beats_since = Some(now());
        self.engine = Some(engine);
        Ok(())
    }

    /// Runs engines until one ends on purpose, or there is no more use in starting one. When
    /// `stop` becomes readable, the engine is told to end.
    ///
    /// # Errors
    ///
    /// Where no process can be started, or the kernel does not let it wait.
    pub fn run(&mut self, stop: impl AsFd) -> Result<Ended> {
        if self.before_others {
            Precedence::Supervisor.take();
        }
        let mut why = Start::First;
        loop {
            let mut engine = match self.engine.take() {
                Some(engine) => engine,
                None => match self.launch(why) {
                    Ok(engine) => engine,
                    Err(error) if why == Start::First => return Err(error),
                    Err(error) => {
                        tracing::error!("{error}");
                        if self.crashes.add(now(), &self.limits) {
                            return Ok(Ended::GivenUp);
                        }
                        if why == Start::InPlace {
                            pause(stop.as_fd()).about("engine")?;
                        }
                        why = Start::InPlace;
                        continue;
                    }
                },
            };
            let end = self.attend(&mut engine, stop.as_fd()).about("engine")?;
            let pid = engine.process.pid();
            if engine.again {
                tracing::info!("engine {pid} ended to be started anew");
                why = Start::Again;
                continue;
            }
            if end == End::Exited(0) && !engine.killed {
                return Ok(if self.last_try {
                    Ended::GivenUp
                } else {
                    Ended::OnPurpose
                });
            }
            if engine.why == Start::First && engine.beats_since.is_none() && !self.has_taken_in {
                return Ok(Ended::NotStarted(match end {
                    End::Exited(code) => Some(code),
                    End::Signalled(_) => None,
                }));
            }
            if self.last_try {
                tracing::error!("engine {pid} crashed again ({end}): given up");
                return Ok(Ended::GivenUp);
            }
            if self.crashes.add(now(), &self.limits) {
                let (count, window) = (self.limits.crashes, self.limits.window);
                tracing::error!(
                    "engine {pid} ended ({end}), {count} times within {window:?}: \
                     started once more, only to end in good order"
                );
                self.stopping = true;
                self.last_try = true;
            } else {
                tracing::warn!("engine {pid} ended ({end}): started again in its place");
            }
            why = Start::InPlace;
        }
    }

    fn launch(&mut self, why: Start) -> Result<Engine> {
        let (channel, theirs) = Channel::pair().about("sockets for the engine")?;
        let mut command = (self.start)(why);
        command.stdin(Stdio::from(theirs)).env_remove(ENGINE);
        let about = || format!("starting {}", command.get_program().display());
        let about = about();
        let process = Process::start(&mut command).about(about)?;
        let mut engine = Engine::new(process, channel, why, self.limits.start);
        engine.untold = Some(self.kept.names());
        if self.stopping {
            engine.to_say.push(Frame::Stop);
        }
        Ok(engine)
    }

    /// Watches over `engine` until it has ended.
    fn attend(&mut self, engine: &mut Engine, stop: BorrowedFd<'_>) -> io::Result<End> {
        loop {
            engine.say(&self.kept, self.last_alive);
            if engine.why == Start::Again && !self.stopping && !engine.has_to_say() {
                self.become_new(engine)?;
            }
            let woken = self.wait(engine, stop)?;
            self.take_in(engine);
            if woken.ended {
                return engine.process.wait();
            }
            if woken.stop && !self.stopping {
                self.stopping = true;
                engine.to_say.push(Frame::Stop);
            }
            if !engine.killed {
                self.judge(engine)?;
            }
        }
    }

    /// Kills an engine that makes no progress.
    fn judge(&self, engine: &mut Engine) -> io::Result<()> {
        let pid = engine.process.pid();
        match engine.progress.look(now()) {
            Verdict::Fine => {}
            Verdict::Asleep(late) => {
                tracing::warn!("woke {late:?} late: engine {pid} is given time to catch up");
            }
            Verdict::Stuck => {
                tracing::warn!("engine {pid} makes no progress: killed");
                engine.killed = true;
                engine.process.kill()?;
            }
        }
        Ok(())
    }

    /// Takes in all that the engine has said.
    fn take_in(&mut self, engine: &mut Engine) {
        let observer = &mut self.observer;
        let mut observe = |seen: Seen<'_>| {
            if let Some(observer) = observer {
                observer(seen);
            }
        };
        loop {
            let received = engine.channel.receive(&mut self.buffer);
            match received.unwrap_or(Received::End) {
                Received::Frame(Frame::Beat { at, within }, _) => {
                    observe(Seen::Beat(at));
                    self.last_alive = Some(at);
                    let now = now();
                    engine.beats_since.get_or_insert(now);
                    engine.progress.beat(now, within);
                }
                Received::Frame(Frame::Ask, _) if !self.stopping => {
                    engine.to_say.push(Frame::Granted);
                }
                Received::Frame(Frame::All { last_alive }, _) => self.last_alive = last_alive,
                Received::Frame(Frame::Again, _) => engine.again = !self.stopping,
                Received::Frame(frame, descriptor) => {
                    if let Frame::Record { name, value } = frame {
                        observe(Seen::Record { name, value });
                    }
                    self.kept.take_in(&frame, descriptor);
                    self.has_taken_in = true;
                }
                Received::Skipped => {}
                Received::Nothing => break,
                Received::End => {
                    engine.silent = true;
                    break;
                }
            }
        }
        self.buffer.wipe();
    }

    /// Waits until there is something to do.
    fn wait(&self, engine: &mut Engine, stop: BorrowedFd<'_>) -> io::Result<Woken> {
        let now = now();
        let timeout = (!engine.killed).then(|| engine.progress.plan(now) - now);
        let timeout = timeout.map(Timespec::try_from).transpose();
        let timeout = timeout.map_err(io::Error::other)?;
        let mut fds = vec![PollFd::new(&engine.process, PollFlags::IN)];
        if !self.stopping {
            fds.push(PollFd::from_borrowed_fd(stop, PollFlags::IN));
        }
        let mut interest = PollFlags::IN;
        if engine.has_to_say() {
            interest |= PollFlags::OUT;
        }
        if !engine.silent {
            fds.push(PollFd::new(&engine.channel, interest));
        }
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let happened = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
        Ok(Woken {
            ended: happened(0),
            stop: !self.stopping && happened(1),
        })
    }

    /// Becomes another program once that is due; otherwise, and where it cannot be done, returns.
    fn become_new(&mut self, engine: &mut Engine) -> io::Result<()> {
        let trial = self.limits.trial;
        let proved = |since: Timestamp| now() - since >= trial;
        let Some(renew) = &mut self.renew else {
            return Ok(());
        };
        if !engine.beats_since.is_some_and(proved) {
            return Ok(());
        }
        let pid = engine.process.pid();
        let mut command = renew();
        command
            .stdin(Stdio::from(engine.channel.try_clone()?))
            .env(ENGINE, pid.as_raw_nonzero().to_string());
        let error = command.exec();
        let program = command.get_program().display();
        tracing::error!("{program}: {error}: the supervisor stays what it is");
        // Done with, whatever came of it.
        engine.why = Start::InPlace;
        leave_standard_input()
    }
}

impl fmt::Debug for Supervisor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("limits", &self.limits)
            .field("engine", &self.engine)
            .field("kept", &self.kept)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Seen<'_> {
    /// Nothing of what a record says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beat(at) => f.debug_tuple("Beat").field(at).finish(),
            Self::Record { name, .. } => f.debug_tuple("Record").field(name).finish(),
        }
    }
}

/// What a wait ended with.
#[derive(Clone, Copy, Debug)]
struct Woken {
    ended: bool,
    stop: bool,
}

/// Lets a moment pass before the next try, unless it is to stop.
fn pause(stop: BorrowedFd<'_>) -> io::Result<()> {
    let mut fds = [PollFd::from_borrowed_fd(stop, PollFlags::IN)];
    let moment = Timespec {
        tv_sec: 0,
        tv_nsec: 250_000_000,
    };
    match poll(&mut fds, Some(&moment)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Puts `/dev/null` in the place of what came as standard input, or was to go as such.
fn leave_standard_input() -> io::Result<()> {
    let null = File::open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdin(&null)?)
}

/// The variable by which a supervisor that was renewed knows its engine.
const ENGINE: &str = "CARP_SUPERVISOR_ENGINE";
