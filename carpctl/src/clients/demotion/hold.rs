//! `carpctl demote N owner NAME -- COMMAND`: demotes while a command runs.
//!
//! The demotion hangs on a connection to the service, so that it goes with this process however
//! that ends. The service may be restarted meanwhile: its successor keeps the demotion until the
//! connection is made again.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use super::words::{self, WordsError};
use crate::clients::cli::complain;
use crate::clients::client;
use crate::clients::random;
use crate::failure::Failure;
use crate::paths::Paths;
use crate::vocabulary::demotion::Demand;
use crate::vocabulary::group::GroupName;
use crate::vocabulary::name::PREFIX;
use crate::vocabulary::protocol::{Reply, Request};

/// The words of `carpctl demote`.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "carpctl demote N [group NAME] owner NAME -- COMMAND [ARGUMENT...]",
    after_help = HELP
)]
pub(crate) struct DemoteOptions {
    /// By how much, 0 to 128, which group (carp), and in whose name
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", last = true)]
    command: Vec<OsString>,
}

/// Demotes, runs the command, and ends as it ended.
pub(crate) fn run(options: &DemoteOptions) -> Result<ExitCode, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::about("demote", error);
    let holder = u64::from_ne_bytes(random::octets().map_err(|error| failed(&error))?);
    let request = understood(&options.words, holder)
        .map_err(|problem| Failure::Usage(format!("demote: {problem}")))?;
    let Some((program, arguments)) = options.command.split_first() else {
        return Err(Failure::Usage(format!("demote: {NO_COMMAND}")));
    };
    // Before the demotion, so that no signal ends this without what must follow.
    let signals = Signals::new(to_listen_to()).map_err(|error| failed(&error))?;
    let paths = Paths::of_this_namespace().map_err(|error| failed(&error))?;
    let hold = Hold::begin(paths, request)?;
    let ended = match Command::new(program).args(arguments).spawn() {
        Ok(child) => wait(child, signals).map_err(|error| failed(&error)),
        Err(error) => {
            complain(&format!("demote: {}: {error}", program.to_string_lossy()));
            Ok(not_run(&error))
        }
    };
    hold.end();
    ended
}

/// What the words in front of the command ask for.
fn understood(words: &[String], holder: u64) -> Result<Request, String> {
    let mut group = PREFIX.to_owned();
    let (mut amount, mut owner) = (None, None);
    let mut words = words.iter().cloned();
    while let Some(word) = words.next() {
        match word.as_str() {
            "group" => {
                let missing = "`group': the name of a group must follow";
                group = words.next().ok_or(missing)?;
            }
            "owner" if owner.is_none() => owner = Some(words.next()),
            _ if amount.is_none() => amount = Some(word),
            _ => return Err(format!("`{word}': unexpected word ({WORDS})")),
        }
    }
    let in_words = |error: WordsError| error.to_string();
    let named = group.parse::<GroupName>();
    let group = named.map_err(|error| format!("`group {group}': {error}"))?;
    let amount = amount.ok_or_else(|| format!("by how much must be said ({WORDS})"))?;
    let amount = words::number(&group, amount).map_err(in_words)?;
    let owner = owner.ok_or_else(|| format!("`owner NAME' must be said ({WORDS})"))?;
    let owner = words::owner(&group, owner).map_err(in_words)?;
    let demand = Demand::Hold {
        owner,
        amount,
        holder,
    };
    Ok(Request::Demote { group, demand })
}

// ---- the command ----

/// Waits until the command has ended, and passes on to it what this process is told.
fn wait(mut child: Child, mut signals: Signals) -> io::Result<ExitCode> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    for signal in signals.forever() {
        if signal == SIGCHLD {
            if let Some(status) = child.try_wait()? {
                return Ok(code(status));
            }
        } else if let (Some(pid), Some(signal)) = (pid, to_pass_on(signal)) {
            // It may have ended, which the next signal tells.
            if let Err(error) = kill_process(pid, signal) {
                tracing::debug!(%error, "signal not passed on");
            }
        }
    }
    child.wait().map(code)
}

/// The end of the command, and what is passed on to it. What is ignored, as `nohup` has it, stays
/// ignored by both.
fn to_listen_to() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let is_ignored = |signal: &i32| mask.unwrap_or(0) >> (signal - 1) & 1 != 0;
    let passed_on = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];
    let heard = passed_on.into_iter().filter(|signal| !is_ignored(signal));
    std::iter::once(SIGCHLD).chain(heard).collect()
}

/// What a terminal sends goes to the command by itself.
fn to_pass_on(signal: i32) -> Option<Signal> {
    match signal {
        SIGINT => Some(Signal::INT).filter(|_| !is_in_foreground()),
        SIGQUIT => Some(Signal::QUIT).filter(|_| !is_in_foreground()),
        SIGHUP => Some(Signal::HUP),
        SIGTERM => Some(Signal::TERM),
        SIGUSR1 => Some(Signal::USR1),
        SIGUSR2 => Some(Signal::USR2),
        _ => None,
    }
}

/// Whether what is typed at the terminal goes to this process, and so to its command.
fn is_in_foreground() -> bool {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold anything: state, parent, group, session, terminal, and the
    // group in the foreground of that terminal.
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let group = fields.get(2);
    group.is_some() && group == fields.get(5)
}

/// As a shell has it: the status of the command, or 128 and the signal that ended it.
fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    let code = code.and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(u8::MAX))
}

/// As `env` and `nice` have it.
fn not_run(error: &io::Error) -> ExitCode {
    let was_found = error.kind() != io::ErrorKind::NotFound;
    ExitCode::from(if was_found { 126 } else { 127 })
}

// ---- the demotion ----

/// A demotion that this process holds. A thread looks after the connection.
struct Hold {
    shared: Arc<Mutex<Shared>>,
    /// Ends when the thread does.
    thread: Receiver<()>,
}

struct Shared {
    /// What the demotion hangs on at the moment.
    stream: Option<UnixStream>,
    over: bool,
}

impl Hold {
    fn begin(paths: Paths, request: Request) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::about("demote", error);
        let (replies, stream) = client::hold(&paths, &request).map_err(|error| failed(&error))?;
        if let Some(reason) = refusal(&replies) {
            return Err(failed(&reason));
        }
        let lasting = stream.try_clone().map_err(|error| failed(&error))?;
        let shared = Arc::new(Mutex::new(Shared {
            stream: Some(lasting),
            over: false,
        }));
        let (ended, thread) = mpsc::channel();
        let theirs = Arc::clone(&shared);
        thread::spawn(move || keep(&paths, &request, stream, &theirs, ended));
        Ok(Self { shared, thread })
    }

    /// Takes the demotion away, and waits until the service has done so.
    fn end(self) {
        if let Ok(mut shared) = self.shared.lock() {
            shared.over = true;
            let stream = shared.stream.take();
            // Refused where the service has gone.
            if let Some(Err(error)) = stream.map(|stream| stream.shutdown(Shutdown::Write)) {
                tracing::debug!(%error, "connection lost already");
            }
        }
        match self.thread.recv_timeout(PATIENCE) {
            // It has ended, or the end of this process does it.
            Ok(()) | Err(_) => {}
        }
    }
}

/// Waits for the end of the connection, and makes another one, until it is over.
fn keep(
    paths: &Paths,
    request: &Request,
    mut stream: UnixStream,
    shared: &Mutex<Shared>,
    ended: Sender<()>,
) {
    let _ends_with_this = ended;
    loop {
        wait_for_end(&stream);
        let again = hold_again(paths, request, shared);
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(again) = again.filter(|_| !shared.over) else {
            return;
        };
        shared.stream = again.try_clone().ok();
        stream = again;
    }
}

/// Nothing is said over the connection any more, so that what can be read is its end.
fn wait_for_end(mut stream: &UnixStream) {
    loop {
        match stream.read(&mut [0; 64]) {
            // It has a limit of time, which is long over in most cases.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Demotes again after the service went away. A service that was told to end is not started: the
/// demotion counts again when somebody starts it.
fn hold_again(paths: &Paths, request: &Request, shared: &Mutex<Shared>) -> Option<UnixStream> {
    let mut said = false;
    loop {
        if shared.lock().is_ok_and(|shared| shared.over) {
            return None;
        }
        let reason = match client::hold_again(paths, request) {
            Ok(None) => None,
            Ok(Some((replies, stream))) => match refusal(&replies) {
                None => return Some(stream),
                Some(reason) => Some(reason),
            },
            Err(error) => Some(error.to_string()),
        };
        if let (Some(reason), false) = (reason, said) {
            complain(&format!("demote: not demoted at the moment: {reason}"));
            said = true;
        }
        thread::sleep(RETRY);
    }
}

/// Why the service does not demote, if it does not.
fn refusal(replies: &[Reply]) -> Option<String> {
    match replies {
        [Reply::Done { .. }] => None,
        [Reply::Refused { reason }] => Some(reason.clone()),
        _ => Some("the service is ending".to_owned()),
    }
}

/// How long the service may take to take the demotion away.
const PATIENCE: Duration = Duration::from_secs(2);

/// How soon a service that has gone is looked for again.
const RETRY: Duration = Duration::from_millis(100);

const WORDS: &str = "carpctl demote N [group NAME] owner NAME -- COMMAND";

const NO_COMMAND: &str = "`-- COMMAND' must follow: the demotion lasts as long as it runs";

const HELP: &str = "\
Demotes an interface group (see `carpctl -g') while a command runs, and no
longer, even if this carpctl is killed. Two cannot demote one group in the same
name at once.

Exit status: that of the command, 128 and the number of the signal that ended
it, 127 if it was not found, 126 if it could not be run; 1 where the service
does not demote, 2 where the command line is not understood.

Example: carpctl demote 50 owner upgrade -- apt-get upgrade";

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str) -> Result<Request, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        understood(&words, 7)
    }

    #[test]
    fn words_in_any_order() {
        let expected = Request::Demote {
            group: "web".parse().unwrap(),
            demand: Demand::Hold {
                owner: "x".parse().unwrap(),
                amount: 50,
                holder: 7,
            },
        };
        for line in ["50 group web owner x", "owner x 50 group web"] {
            assert_eq!(request(line), Ok(expected.clone()), "{line}");
        }
        let Ok(Request::Demote { group, .. }) = request("0 owner x") else {
            panic!("a group that nobody named");
        };
        assert!(group.is_carp());
    }

    #[test]
    fn errors_say_what_is_missing() {
        for (line, expected) in [
            (
                "owner x",
                "by how much must be said (carpctl demote N [group NAME] owner NAME -- COMMAND)",
            ),
            (
                "50",
                "`owner NAME' must be said (carpctl demote N [group NAME] owner NAME -- COMMAND)",
            ),
            (
                "50 60 owner x",
                "`60': unexpected word (carpctl demote N [group NAME] owner NAME -- COMMAND)",
            ),
            (
                "129 owner x",
                "carp: invalid carp demotion: `129' is too large (0 to 128)",
            ),
            (
                "5 group web1 owner x",
                "`group web1': the name of a group does not end in a digit, that of an interface does",
            ),
            (
                "5 owner x group",
                "`group': the name of a group must follow",
            ),
            ("5 owner", "carp: `owner': the name of an owner must follow"),
        ] {
            assert_eq!(request(line), Err(expected.to_owned()), "{line}");
        }
    }

    #[test]
    fn exit_status_is_that_of_a_shell() {
        for (raw, expected) in [(0, 0), (3 << 8, 3), (255 << 8, 255), (9, 137), (15, 143)] {
            assert_eq!(code(ExitStatus::from_raw(raw)), ExitCode::from(expected));
        }
    }
}
