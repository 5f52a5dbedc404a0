//! Real processes: the engines are this test program itself, and do what the test tells them.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

use super::channel::Channel;
use super::frame::Frame;
use super::*;

mod alone;

/// How long anything may take before the test is given up.
const PATIENCE: Duration = Duration::from_secs(20);

const STAGE: &str = "CARP_TEST_STAGE";
const PART: &str = "CARP_TEST_PART";
const GENERATION: &str = "CARP_TEST_GENERATION";

// ---- the processes ----

/// What a process of a test is when it is not the test itself.
#[test]
fn part() {
    match std::env::var(PART).as_deref() {
        Ok("engine") => engine(),
        Ok("supervisor") => supervisor(),
        _ => {}
    }
}

/// This program in another part.
fn play(part: &str, stage: &str, generation: u32) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "supervisor::tests::part", "--nocapture"])
        .env(PART, part)
        .env(STAGE, stage)
        .env(GENERATION, generation.to_string())
        .stdout(std::process::Stdio::null());
    command
}

/// An engine: says what it found, and then does what it is told, line by line. Of records called
/// `old…` it wants nothing any more.
fn engine() {
    let mut supervised = Supervised::from_stdin().unwrap();
    let Ok(stage) = UnixStream::connect(std::env::var(STAGE).unwrap()) else {
        return; // the test is over
    };
    let mut told = BufReader::new(stage.try_clone().unwrap());
    let mut tell = stage.try_clone().unwrap();
    let names: Vec<String> = supervised.record_names().map(str::to_owned).collect();
    let mut found = format!("{}:", std::env::var(GENERATION).unwrap());
    for name in names {
        let record = supervised.take_record(&name).unwrap();
        found += &format!(" {name}={}", String::from_utf8_lossy(&record));
        if !name.starts_with("old") {
            supervised.save(&name, &record).unwrap();
        }
    }
    if let Some(descriptor) = supervised.take_descriptor("file") {
        supervised.keep("file", &descriptor).unwrap();
        // The place in the file is shared by all that it was handed to.
        let mut text = [0; 10];
        File::from(descriptor).read_exact_at(&mut text, 0).unwrap();
        found += &format!(" file:{}", String::from_utf8_lossy(&text));
    }
    if supervised.last_alive().is_some() {
        found += " after another";
    }
    writeln!(tell, "{found}").unwrap();
    loop {
        let mut fds = [
            PollFd::new(&stage, PollFlags::IN),
            PollFd::new(&supervised, PollFlags::IN),
        ];
        // Woken like that by mio, too: once, and then not again.
        poll(&mut fds, None).unwrap();
        let [ordered, _] = fds.map(|fd| !fd.revents().is_empty());
        while let Some(message) = supervised.poll() {
            // Which nobody may wait for any more, if the test is over.
            drop(writeln!(tell, "{message:?}"));
            if message == Message::Alone {
                return; // nothing more to test
            }
        }
        if ordered {
            let mut line = String::new();
            if told.read_line(&mut line).unwrap() == 0 {
                return; // the test is over
            }
            obey(&mut supervised, line.trim_end());
            // The test may not wait for this.
            drop(writeln!(tell, "done"));
        }
    }
}

fn obey(supervised: &mut Supervised, order: &str) {
    let words: Vec<&str> = order.split(' ').collect();
    match words.as_slice() {
        ["beat", millis] => supervised.beat(Duration::from_millis(millis.parse().unwrap())),
        ["save", name, record] => supervised.save(name, record.as_bytes()).unwrap(),
        ["forget", name] => supervised.forget(name),
        ["keep", path] => supervised.keep("file", File::open(path).unwrap()).unwrap(),
        ["settle"] => supervised.settle(),
        ["ask"] => supervised.ask_again(),
        ["again"] => {
            supervised.again().unwrap();
            std::process::exit(0);
        }
        ["exit", code] => std::process::exit(code.parse().unwrap()),
        ["crash"] => std::process::abort(),
        _ => panic!("{order}"),
    }
}

/// A supervisor of its own process that renews itself.
fn supervisor() {
    let stage = std::env::var(STAGE).unwrap();
    let generation: u32 = std::env::var(GENERATION).unwrap().parse().unwrap();
    let (stop, _says_stop) = UnixStream::pair().unwrap();
    let mut supervisor = Supervisor::new(|_| play("engine", &stage, generation))
        .limits(limits())
        .renewed_by(|| play("supervisor", &stage, generation + 1));
    supervisor.adopt().unwrap();
    let ended = supervisor.run(stop).unwrap();
    std::process::exit(if ended == Ended::OnPurpose { 0 } else { 1 });
}

// ---- the tests' side ----

/// Where engines present themselves.
struct Stage {
    listener: UnixListener,
    directory: tempfile::TempDir,
}

/// An engine as the test sees it.
struct Puppet {
    lines: BufReader<UnixStream>,
    pid: Pid,
    /// What it said first.
    found: String,
}

/// A supervisor in a thread of the test.
struct Watch {
    stop: UnixStream,
    thread: JoinHandle<Ended>,
}

impl Stage {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("stage")).unwrap();
        Self {
            listener,
            directory,
        }
    }

    fn path(&self) -> String {
        self.file("stage").display().to_string()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Supervises engines of this stage.
    fn watch(&self, limits: Limits) -> Watch {
        let (stopped, stop) = UnixStream::pair().unwrap();
        let path = self.path();
        let thread = thread::spawn(move || {
            let start = |why| play("engine", &path, u32::from(why != Start::First));
            Supervisor::new(start).limits(limits).run(stopped).unwrap()
        });
        Watch { stop, thread }
    }

    /// The next engine that comes.
    fn engine(&self) -> Puppet {
        let patience = Timespec::try_from(PATIENCE).unwrap();
        let mut fds = [PollFd::new(&self.listener, PollFlags::IN)];
        assert_eq!(poll(&mut fds, Some(&patience)), Ok(1), "no engine came");
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let pid = rustix::net::sockopt::socket_peercred(&stream).unwrap().pid;
        let mut puppet = Puppet {
            lines: BufReader::new(stream),
            pid,
            found: String::new(),
        };
        puppet.found = puppet.says();
        puppet
    }
}

impl Puppet {
    fn says(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Has it do something that it survives.
    fn does(&mut self, order: &str) {
        self.last(order);
        assert_eq!(self.says(), "done", "{order}");
    }

    /// Has it do something that may be its end.
    fn last(&mut self, order: &str) {
        writeln!(self.lines.get_mut(), "{order}").unwrap();
    }

    /// Has it ask to be started again, which is granted.
    fn asks(&mut self) {
        self.last("ask");
        let mut answers = [self.says(), self.says()];
        answers.sort();
        assert_eq!(answers, ["Granted", "done"]);
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }
}

impl Watch {
    fn stop(&mut self) {
        self.stop.write_all(b"!").unwrap();
    }

    fn ended(self) -> Ended {
        self.thread.join().unwrap()
    }
}

fn limits() -> Limits {
    Limits {
        start: PATIENCE,
        trial: Duration::ZERO,
        ..Limits::default()
    }
}

#[test]
fn crash_is_followed_by_an_engine_that_finds_everything() {
    let stage = Stage::new();
    let watch = stage.watch(limits());
    std::fs::write(stage.file("text"), "still open").unwrap();
    let mut first = stage.engine();
    assert_eq!(first.found, "0:");
    first.does("beat 60000");
    first.does("save carp0 secret");
    first.does("save carp1 other");
    first.does("save carp0 newer");
    first.does("forget carp1");
    first.does(&format!("keep {}", stage.file("text").display()));
    first.last("crash");
    let mut second = stage.engine();
    assert_eq!(second.found, "1: carp0=newer file:still open after another");
    // What the second one says again is there for the third.
    second.does("beat 60000");
    second.signal(Signal::KILL);
    let mut third = stage.engine();
    assert!(third.found.starts_with("1: carp0=newer"), "{}", third.found);
    third.last("exit 0");
    assert_eq!(watch.ended(), Ended::OnPurpose);
}

#[test]
fn what_nobody_wants_any_more_is_kept_until_the_engine_settles() {
    let stage = Stage::new();
    let watch = stage.watch(limits());
    let mut first = stage.engine();
    first.does("beat 60000");
    first.does("save a 1");
    first.does("save old 2");
    first.last("crash");
    let second = stage.engine();
    assert_eq!(second.found, "1: a=1 old=2 after another");
    second.signal(Signal::KILL);
    let mut third = stage.engine();
    assert_eq!(third.found, "1: a=1 old=2 after another");
    third.does("settle");
    third.signal(Signal::KILL);
    let mut fourth = stage.engine();
    assert_eq!(fourth.found, "1: a=1 after another");
    fourth.last("exit 0");
    assert_eq!(watch.ended(), Ended::OnPurpose);
}

#[test]
fn stop_is_passed_on_even_to_the_next_engine() {
    let stage = Stage::new();
    let mut watch = stage.watch(limits());
    let mut first = stage.engine();
    first.does("beat 60000");
    watch.stop();
    assert_eq!(first.says(), "Stop");
    first.last("crash");
    let mut second = stage.engine();
    assert_eq!(second.says(), "Stop");
    second.last("exit 0");
    assert_eq!(watch.ended(), Ended::OnPurpose);
}

#[test]
fn first_engine_that_cannot_start_is_not_retried() {
    let stage = Stage::new();
    let watch = stage.watch(limits());
    stage.engine().last("exit 3");
    assert_eq!(watch.ended(), Ended::NotStarted(Some(3)));
}

#[test]
fn first_engine_finds_what_the_supervisor_leaves_it() {
    let stage = Stage::new();
    std::fs::write(stage.file("text"), "still open").unwrap();
    let file = File::open(stage.file("text")).unwrap();
    let (stopped, _stop) = UnixStream::pair().unwrap();
    let path = stage.path();
    let supervisor = thread::spawn(move || {
        let start = |why| play("engine", &path, u32::from(why != Start::First));
        let supervisor = Supervisor::new(start).limits(limits());
        supervisor.leaves("file", file.into()).run(stopped).unwrap()
    });
    let mut first = stage.engine();
    assert_eq!(first.found, "0: file:still open");
    first.does("beat 60000");
    first.last("crash");
    let mut second = stage.engine();
    assert_eq!(second.found, "1: file:still open after another");
    second.last("exit 0");
    assert_eq!(supervisor.join().unwrap(), Ended::OnPurpose);
}

#[test]
fn program_that_is_not_there_is_an_error() {
    let (stop, _says_stop) = UnixStream::pair().unwrap();
    let mut supervisor = Supervisor::new(|_| Command::new("/nonexistent/engine"));
    let error = supervisor.run(stop).unwrap_err().to_string();
    assert!(
        error.starts_with("starting /nonexistent/engine: "),
        "{error}"
    );
}

#[test]
fn stopped_engine_is_replaced() {
    let stage = Stage::new();
    let watch = stage.watch(limits());
    let mut first = stage.engine();
    first.does("save a 1");
    first.does("beat 100");
    first.signal(Signal::STOP);
    let mut second = stage.engine();
    assert_eq!(second.found, "1: a=1 after another");
    second.last("exit 0");
    assert_eq!(watch.ended(), Ended::OnPurpose);
}

#[test]
fn engine_that_crashes_again_and_again_is_told_to_end() {
    let stage = Stage::new();
    let watch = stage.watch(limits());
    for _ in 0..4 {
        let mut engine = stage.engine();
        engine.does("beat 60000");
        engine.last("exit 1");
    }
    let mut last = stage.engine();
    assert_eq!(last.says(), "Stop");
    last.last("exit 0");
    assert_eq!(watch.ended(), Ended::GivenUp);
}

#[test]
fn engine_that_cannot_even_end_is_given_up() {
    let stage = Stage::new();
    let watch = stage.watch(limits());
    for _ in 0..5 {
        let mut engine = stage.engine();
        engine.last("beat 60000");
        engine.last("exit 1");
    }
    assert_eq!(watch.ended(), Ended::GivenUp);
}

#[test]
fn renewed_supervisor_is_told_everything() {
    let stage = Stage::new();
    std::fs::write(stage.file("text"), "still open").unwrap();
    let mut supervisor = play("supervisor", &stage.path(), 1).spawn().unwrap();
    let mut first = stage.engine();
    assert_eq!(first.found, "1:");
    first.does("beat 60000");
    first.does("save a 1");
    first.does(&format!("keep {}", stage.file("text").display()));
    first.asks();
    first.last("again");
    let mut second = stage.engine();
    assert_eq!(second.found, "1: a=1 file:still open after another");
    second.does("save b 2");
    // Which has the supervisor become the next generation, with nothing kept but what this tells.
    second.does("beat 60000");
    second.asks(); // perhaps the old one, which has nothing more to do then
    second.asks();
    second.does("save c 3");
    second.last("crash");
    let mut third = stage.engine();
    assert_eq!(third.found, "2: a=1 b=2 c=3 file:still open after another");
    third.last("exit 0");
    assert!(supervisor.wait().unwrap().success());
}

#[test]
fn observer_sees_records_and_beats_in_their_order() {
    let stage = Stage::new();
    let path = stage.path();
    let (seen, sees) = std::sync::mpsc::channel();
    let (stopped, _stop) = UnixStream::pair().unwrap();
    let thread = thread::spawn(move || {
        Supervisor::new(|_| play("engine", &path, 0))
            .limits(limits())
            .observed_by(|it| {
                let text = match it {
                    Seen::Beat(at) => format!("beat {}", at <= now()),
                    Seen::Record { name, value } => {
                        format!("{it:?} {name} {}", String::from_utf8_lossy(value))
                    }
                };
                seen.send(text).unwrap();
            })
            .run(stopped)
            .unwrap()
    });
    let mut engine = stage.engine();
    engine.does("save state ready");
    engine.does("beat 60000");
    engine.last("exit 0");
    assert_eq!(thread.join().unwrap(), Ended::OnPurpose);
    let seen: Vec<String> = sees.iter().collect();
    assert_eq!(seen, ["Record(\"state\") state ready", "beat true"]);
}
