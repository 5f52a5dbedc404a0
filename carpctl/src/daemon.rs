//! `carpctl daemon`: the service as a process, in the foreground or started by the first command.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::process::ExitCode;

use carp_net::Driver;
use carp_net::linux::{Linux, Options};
use carp_net::supervisor::Supervised;
use rustix::fs::{Gid, Mode};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::failure::Failure;
use crate::logging;
use crate::metrics::MetricsAddress;
use crate::notify::Notifier;
use crate::paths::{Paths, about};
use crate::secret;
use crate::service::{
    ClaimError, Control, DOOR, Door, Keeper, LISTENER, Legacy, Listener, Service,
};
use crate::settings::Settings;
use crate::supervise::{self, Plan};

/// The words of `carpctl daemon`.
#[derive(Debug, clap::Args)]
pub(crate) struct DaemonOptions {
    /// Let only this group and root read (default: everyone may)
    #[arg(long, value_name = "NAME|GID")]
    group: Option<String>,
    /// Run as one process, which nobody starts again when it fails
    #[arg(long)]
    unsupervised: bool,
    /// Take over from no other node until `carpctl -g carp -carpdemote owner boot`, or for a minute
    #[arg(long)]
    boot: bool,
    /// Serve metrics for Prometheus at unix:/PATH, 127.0.0.1:PORT or [::1]:PORT
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<MetricsAddress>,
    /// Go to the background and end with the last interface
    #[arg(long, hide = true)]
    on_demand: bool,
    /// This is the process that does the work, started by the one that keeps it running
    #[arg(long, hide = true, conflicts_with = "unsupervised")]
    engine: bool,
}

/// Runs the service until it ends.
pub(crate) fn run(options: &DaemonOptions) -> Result<ExitCode, Failure> {
    // Whatever the caller's, files of the service are as it says.
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    secret::stay_out_of_core_dumps();
    if options.on_demand {
        logging::to_system_log();
    } else {
        logging::to_standard_error();
    }
    let outcome = if options.engine || options.unsupervised {
        engine(options)
    } else {
        supervisor(options)
    };
    if let (Err(error), true) = (&outcome, options.on_demand) {
        tracing::error!("{error}");
    }
    outcome
}

/// The process that keeps the other one running.
fn supervisor(options: &DaemonOptions) -> Result<ExitCode, Failure> {
    let paths = Paths::of_this_namespace().map_err(|error| failure(&error))?;
    if options.on_demand {
        leave_the_caller().map_err(|error| failure(&error))?;
    }
    supervise::run(&Plan {
        words: options.words(),
        paths,
        caller_waits: options.on_demand,
    })
}

/// The process that does the work.
fn engine(options: &DaemonOptions) -> Result<ExitCode, Failure> {
    let supervised = match options.engine {
        true => Some(Supervised::from_stdin().map_err(|error| failure(&error))?),
        false => None,
    };
    let again = supervised
        .as_ref()
        .is_some_and(|found| found.last_alive().is_some());
    let prepared = prepare(options, supervised);
    // An engine that takes the place of another has no caller.
    let service = if options.on_demand && !again {
        let outcome = match &prepared {
            Ok(_) | Err(Trouble::Claim(ClaimError::RunsAlready(_))) => READY.to_owned(),
            Err(error) => error.to_string(),
        };
        tell_the_caller(&outcome).map_err(|error| failure(&error))?;
        match prepared {
            Ok(service) => service,
            Err(_) => return Ok(ExitCode::SUCCESS), // told to whoever started it
        }
    } else {
        prepared.map_err(|error| failure(&error))?
    };
    service.run().map_err(|error| failure(&error))?;
    Ok(ExitCode::SUCCESS)
}

impl DaemonOptions {
    /// The words that both processes are started with.
    fn words(&self) -> Vec<OsString> {
        let mut words = vec![OsString::from("daemon")];
        if let Some(group) = &self.group {
            words.extend(["--group".into(), group.into()]);
        }
        if let Some(address) = &self.metrics {
            words.extend(["--metrics".into(), address.to_string().into()]);
        }
        if self.boot {
            words.push("--boot".into());
        }
        if self.on_demand {
            words.push("--on-demand".into());
        }
        words
    }
}

/// What a service that was started on demand writes when a client can connect.
pub(crate) const READY: &str = "ready";

/// Why there is no service.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error(transparent)]
    Network(#[from] carp_net::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}: not a group of /etc/group (give its number)")]
    NoSuchGroup(String),
}

fn prepare(
    options: &DaemonOptions,
    supervised: Option<Supervised>,
) -> Result<Service<Linux>, Trouble> {
    let paths = Paths::of_this_namespace()?;
    let group = options.group.as_deref().map(find_group).transpose()?;
    let is_supervised = supervised.is_some();
    // A supervisor passes on what is said to it.
    let notifier = (!is_supervised).then(Notifier::from_environment).flatten();
    let mut keeper = Keeper::new(supervised, notifier);
    let last_alive = keeper.last_alive();
    let legacy = keeper.take_legacy();
    // First the socket, so that no other service is disturbed.
    let listener = match keeper.take_descriptor(LISTENER) {
        Some(socket) => inherit(&paths, socket, legacy.as_ref())?,
        None => Listener::claim(&paths, group)?,
    };
    let door = match (&options.metrics, keeper.take_descriptor(DOOR)) {
        (Some(address), Some(socket)) => Some(Door::inherit(address, socket)?),
        (Some(address), None) => Some(Door::open(address, &paths, group)?),
        (None, _) => None,
    };
    let mut opening = Options::new().journal(paths.journal()).before_others();
    for (name, descriptor) in keeper.take_descriptors() {
        opening = opening.inherit(name, descriptor);
    }
    let linux = Linux::open_with(opening)?;
    let control = match legacy {
        Some(legacy) => {
            let last_alive = last_alive.unwrap_or_default();
            Control::resume(linux, legacy, last_alive, options.on_demand)?
        }
        None => {
            let driver = Driver::new(linux, Settings::default().of_node())?;
            let mut control = Control::new(driver, options.on_demand);
            if options.boot {
                control.demote_at_boot();
            }
            control
        }
    };
    // Only now: a first start that fails is no crash, and leaves nothing.
    keeper.keep(LISTENER, &listener)?;
    if let Some(door) = &door {
        keeper.keep(DOOR, door)?;
    }
    let signals = [SIGTERM, SIGINT, SIGHUP];
    let service = Service::new(control, listener, keeper, &signals)?;
    // A supervisor gets the same signals, and says itself when its engine is to end.
    let service = service.at_terminal(!is_supervised && supervise::has_terminal());
    let service = match door {
        Some(door) => service.scraped_through(door)?,
        None => service,
    };
    tracing::info!("listening on {}", paths.socket().display());
    if let Some(address) = &options.metrics {
        tracing::info!("serving metrics at {address}");
    }
    Ok(service)
}

/// The socket of the engine before this one.
fn inherit(paths: &Paths, socket: OwnedFd, legacy: Option<&Legacy>) -> io::Result<Listener> {
    let identity = legacy.map(|legacy| legacy.service.socket);
    Listener::inherit(paths.socket(), socket, identity)
}

/// Leaves what belongs to the command that started this: its session and its directory.
fn leave_the_caller() -> io::Result<()> {
    // Refused only where it was done already.
    if let Err(error) = rustix::process::setsid() {
        tracing::debug!(%error, "no session of its own");
    }
    Ok(rustix::process::chdir("/")?)
}

/// Writes how it went to standard output, which is a pipe to the caller, and closes it.
fn tell_the_caller(outcome: &str) -> io::Result<()> {
    // Nobody may be left to read it.
    match writeln!(io::stdout(), "{outcome}") {
        Ok(()) => {}
        Err(error) => tracing::debug!(%error, "nobody waits for the service"),
    }
    let null = File::options().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(&null)?)
}

/// The number of a group of `/etc/group`, or the number itself.
fn find_group(name: &str) -> Result<Gid, Trouble> {
    if let Ok(number) = name.parse() {
        return Ok(Gid::from_raw(number));
    }
    let path = std::path::Path::new("/etc/group");
    let groups = fs::read_to_string(path).map_err(|error| about(path, &error))?;
    let no_such_group = || Trouble::NoSuchGroup(name.to_owned());
    group_of(&groups, name)
        .map(Gid::from_raw)
        .ok_or_else(no_such_group)
}

fn group_of(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next() == Some(name);
        found.then(|| fields.nth(1)?.parse().ok())?
    })
}

fn failure(error: &dyn std::error::Error) -> Failure {
    Failure::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_by_name_and_by_number() {
        let groups = "root:x:0:\nadm:x:4:syslog\noperators:x:1234:\n";
        assert_eq!(group_of(groups, "operators"), Some(1234));
        assert_eq!(group_of(groups, "operator"), None);
        assert_eq!(group_of(groups, "x"), None);
        assert_eq!(find_group("0").unwrap().as_raw(), 0);
        let error = find_group("no such group").unwrap_err().to_string();
        assert_eq!(
            error,
            "no such group: not a group of /etc/group (give its number)"
        );
    }
}
