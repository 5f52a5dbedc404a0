//! One run of one program: in a process group of its own, with a limit, its output line by line.

use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use rustix::time::{ClockId, clock_gettime};

use crate::failure::printable;
use crate::vocabulary::hooks::GRACE;

/// A program that is to run.
#[derive(Clone, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) program: &'a Path,
    /// As what it is called, which a program with many names goes by.
    pub(crate) called: &'a Path,
    pub(crate) arguments: &'a [String],
    /// All there is in its environment.
    pub(crate) environment: &'a [(String, String)],
    /// How long it may take.
    pub(crate) limit: Duration,
}

/// How that ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Exited(ExitStatus),
    /// Its time was over, and it was killed.
    TimedOut,
    /// It could not be started, or not be watched.
    NotRun(io::Error),
}

/// Runs a program, and tells `log` each line that it writes.
pub(crate) fn run(run: &Run<'_>, log: &mut dyn FnMut(&str)) -> Ended {
    match Running::start(run) {
        Ok(mut running) => running
            .attend(run.limit, log)
            .unwrap_or_else(|error| running.abandon(error)),
        Err(error) => Ended::NotRun(error),
    }
}

struct Running {
    child: Child,
    group: Pid,
    /// Readable when the program has ended.
    end: OwnedFd,
    /// What it writes; `None` once nobody can write any more.
    output: Option<PipeReader>,
    lines: Lines,
}

impl Running {
    fn start(run: &Run<'_>) -> io::Result<Self> {
        let (output, writer) = io::pipe()?;
        rustix::io::ioctl_fionbio(&output, true)?;
        let mut command = Command::new(run.program);
        command
            .arg0(run.called)
            .args(run.arguments)
            .env_clear()
            .envs(run.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .process_group(0)
            .stdin(File::open("/dev/null")?)
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let mut child = command.spawn()?;
        let pid = Pid::from_child(&child);
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(end) => Ok(Self {
                child,
                group: pid,
                end,
                output: Some(output),
                lines: Lines::default(),
            }),
            Err(error) => {
                kill(pid, Signal::KILL);
                child.wait()?;
                Err(error.into())
            }
        }
    }

    /// Waits for the end. What the program has left behind may go on, but for its output.
    fn attend(&mut self, limit: Duration, log: &mut dyn FnMut(&str)) -> io::Result<Ended> {
        let mut ended = self.wait(now() + limit, log)?;
        let in_time = ended;
        if !ended {
            // Its group is there as long as this process has not taken note of its end.
            kill(self.group, Signal::TERM);
            ended = self.wait(now() + GRACE, log)?;
            kill(self.group, Signal::KILL);
        }
        if !ended {
            self.wait(now() + GRACE, log)?;
        }
        self.read(log)?;
        self.lines.end(log);
        let status = self.child.wait()?;
        Ok(if in_time {
            Ended::Exited(status)
        } else {
            Ended::TimedOut
        })
    }

    fn abandon(&mut self, error: io::Error) -> Ended {
        kill(self.group, Signal::KILL);
        match self.child.wait() {
            Ok(_) | Err(_) => Ended::NotRun(error),
        }
    }

    /// Waits until the program has ended, or until then. Returns whether it has.
    fn wait(&mut self, until: Duration, log: &mut dyn FnMut(&str)) -> io::Result<bool> {
        loop {
            let left = until.saturating_sub(now());
            let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
            let mut fds = vec![PollFd::new(&self.end, PollFlags::IN)];
            if let Some(output) = &self.output {
                fds.push(PollFd::new(output, PollFlags::IN));
            }
            match poll(&mut fds, Some(&timeout)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let ended = fds.first().is_some_and(|fd| !fd.revents().is_empty());
            self.read(log)?;
            if ended {
                return Ok(true);
            }
            if left.is_zero() {
                return Ok(false);
            }
        }
    }

    /// Takes in some of what was written: whoever writes without end is not listened to for ever.
    fn read(&mut self, log: &mut dyn FnMut(&str)) -> io::Result<()> {
        for _ in 0..CHUNKS {
            let Some(output) = &self.output else {
                return Ok(());
            };
            let mut chunk = [0; CHUNK];
            match rustix::io::read(output.as_fd(), &mut chunk) {
                Ok(0) => self.output = None,
                Ok(read) => self.lines.add(chunk.get(..read).unwrap_or_default(), log),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Bytes into lines, of which not too many are told, nor too long ones.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
    told: usize,
}

impl Lines {
    fn add(&mut self, bytes: &[u8], log: &mut dyn FnMut(&str)) {
        for byte in bytes {
            match byte {
                b'\n' => self.tell(log),
                byte if self.begun.len() < LONGEST_LINE => self.begun.push(*byte),
                _ => {}
            }
        }
    }

    fn end(&mut self, log: &mut dyn FnMut(&str)) {
        if !self.begun.is_empty() {
            self.tell(log);
        }
    }

    fn tell(&mut self, log: &mut dyn FnMut(&str)) {
        let line = std::mem::take(&mut self.begun);
        self.told = self.told.saturating_add(1);
        match self.told {
            ..=MOST_LINES => log(&printable(String::from_utf8_lossy(&line).trim_end())),
            told if told == MOST_LINES + 1 => log("(more output is left out)"),
            _ => {}
        }
    }
}

/// An exit status in words.
pub(crate) fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

fn kill(group: Pid, signal: Signal) {
    // Refused where nobody of it is left.
    if let Err(error) = kill_process_group(group, signal) {
        tracing::debug!(%error, "no process left to kill");
    }
}

/// Since the machine was started, without the time it was suspended.
fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::try_from(now).unwrap_or_default()
}

const LONGEST_LINE: usize = 500;
const MOST_LINES: usize = 200;

/// How much is read at once, in bytes, and how often in a row.
const CHUNK: usize = 4096;
const CHUNKS: usize = 16;

#[cfg(test)]
mod tests;
