//! `carpctl daemon`: the service as a process, in the foreground or started by the first command.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::process::{ExitCode, Stdio};

use carp_net::Driver;
use carp_net::linux::{Linux, Options};
use carp_net::supervisor::Supervised;
use rustix::fs::Mode;
use rustix::process::{PidfdFlags, getpid, pidfd_open};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::failure::Failure;
use crate::paths::Paths;
use crate::process;
use crate::server::logging;
use crate::server::notify::Notifier;
use crate::server::sandbox::{self, Confinement, NoSuchAccount, find_group};
use crate::server::service::{
    ClaimError, Control, DOOR, Door, Keeper, LISTENER, Legacy, Listener, Service,
};
use crate::server::supervise::{self, Plan};
use crate::vocabulary::hooks::KEEPER;
use crate::vocabulary::metrics::MetricsAddress;
use crate::vocabulary::settings::Settings;

/// The words of `carpctl daemon`.
#[derive(Debug, clap::Args)]
pub(crate) struct DaemonOptions {
    /// Let only this group and root read (default: everyone may)
    #[arg(long, value_name = "NAME|GID")]
    group: Option<String>,
    /// Run as this user, with CAP_NET_ADMIN and CAP_NET_RAW only (default: `_carpctl', if there is
    /// one)
    #[arg(long, value_name = "NAME|UID")]
    user: Option<String>,
    /// Give up no privileges and confine nothing, for a debugger
    #[arg(long, conflicts_with = "user")]
    no_sandbox: bool,
    /// Run as one process, which nobody starts again when it fails
    #[arg(long)]
    unsupervised: bool,
    /// Take over from no other node until `carpctl -g carp -carpdemote owner boot`, or for a minute
    #[arg(long)]
    boot: bool,
    // No documentation comment: rustdoc takes the address for a link.
    #[arg(
        long,
        value_name = "ADDRESS",
        help = "Serve metrics for Prometheus at unix:/PATH, 127.0.0.1:PORT or [::1]:PORT"
    )]
    metrics: Option<MetricsAddress>,
    /// Start no process that runs hooks: another one does (`carpctl hooks`)
    #[arg(long)]
    no_hooks: bool,
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
    process::stay_out_of_core_dumps();
    if options.on_demand {
        logging::to_system_log();
    } else {
        logging::to_standard_error();
    }
    let outcome = match (options.engine, options.unsupervised) {
        (true, _) => engine(options, Vec::new()),
        (false, true) => unsupervised(options),
        (false, false) => supervisor(options),
    };
    if let (Err(error), true) = (&outcome, options.on_demand) {
        tracing::error!("{error}");
    }
    outcome
}

/// The process that does the work without another.
fn unsupervised(options: &DaemonOptions) -> Result<ExitCode, Failure> {
    let paths = Paths::of_this_namespace().map_err(|error| failure(&error))?;
    start_hooks(options, &paths);
    let opened = give_up_privileges(options)?;
    engine(options, opened)
}

/// The process that keeps the other one running.
fn supervisor(options: &DaemonOptions) -> Result<ExitCode, Failure> {
    let paths = Paths::of_this_namespace().map_err(|error| failure(&error))?;
    if options.on_demand {
        leave_the_caller().map_err(|error| failure(&error))?;
    }
    start_hooks(options, &paths);
    let opened = match give_up_privileges(options) {
        Err(error) if options.on_demand => {
            tell_the_caller(&error.to_string()).map_err(|error| failure(&error))?;
            return Err(error);
        }
        opened => opened?,
    };
    let plan = Plan {
        words: options.words(),
        paths,
        caller_waits: options.on_demand,
    };
    supervise::run(&plan, opened)
}

/// Does without what the service does not need, and returns what only that could open.
fn give_up_privileges(options: &DaemonOptions) -> Result<Vec<(String, OwnedFd)>, Failure> {
    if options.no_sandbox {
        tracing::warn!("sandbox: off (--no-sandbox)");
        return Ok(Vec::new());
    }
    if supervise::is_renewed() {
        return Ok(Vec::new()); // the program before this one did
    }
    let paths = Paths::of_this_namespace().map_err(|error| failure(&error))?;
    let group = options.group.as_deref().map(find_group).transpose();
    let group = group.map_err(|error| failure(&error))?;
    sandbox::give_up_privileges(options.user.as_deref(), group, &paths)
        .map_err(|error| failure(&error))
}

fn confinement(options: &DaemonOptions) -> io::Result<Option<Confinement>> {
    if options.no_sandbox {
        return Ok(None);
    }
    let socket = options.metrics.as_ref().and_then(MetricsAddress::path);
    Confinement::of_files(&Paths::of_this_namespace()?, socket).map(Some)
}

/// The process that does the work, with what another has `opened` for it.
fn engine(options: &DaemonOptions, opened: Vec<(String, OwnedFd)>) -> Result<ExitCode, Failure> {
    let supervised = match options.engine {
        true => Some(Supervised::from_stdin().map_err(|error| failure(&error))?),
        false => None,
    };
    let again = supervised
        .as_ref()
        .is_some_and(|found| found.last_alive().is_some());
    let confinement = confinement(options).map_err(|error| failure(&error))?;
    let prepared = prepare(options, supervised, opened);
    let _confinement = confinement.map(Confinement::of_calls);
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

/// Starts what runs hooks, with the rights that this process gives up. The service goes on without
/// it.
fn start_hooks(options: &DaemonOptions, paths: &Paths) {
    let is_root = rustix::process::geteuid().is_root();
    if options.no_hooks || !is_root || supervise::is_renewed() {
        return;
    }
    if let Err(error) = keeper_of_hooks(paths, options.on_demand) {
        tracing::warn!("hooks cannot be run: {error}");
    }
}

/// Starts the keeper of this process, which is a service.
fn keeper_of_hooks(paths: &Paths, on_demand: bool) -> io::Result<()> {
    let service = pidfd_open(getpid(), PidfdFlags::empty())?;
    let (variable, directory) = paths.in_environment();
    process::hooks(KEEPER, on_demand)
        .env(variable, directory)
        .stdin(service)
        .stdout(Stdio::null())
        .spawn()?;
    Ok(())
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
        for (is_set, word) in [
            (self.boot, "--boot"),
            (self.no_hooks, "--no-hooks"),
            (self.on_demand, "--on-demand"),
            (self.no_sandbox, "--no-sandbox"),
        ] {
            if is_set {
                words.push(word.into());
            }
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
    #[error(transparent)]
    NoSuchGroup(#[from] NoSuchAccount),
}

fn prepare(
    options: &DaemonOptions,
    supervised: Option<Supervised>,
    opened: Vec<(String, OwnedFd)>,
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
    for (name, descriptor) in opened.into_iter().chain(keeper.take_descriptors()) {
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

fn failure(error: &dyn std::error::Error) -> Failure {
    Failure::Failed(error.to_string())
}
