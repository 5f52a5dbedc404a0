//! `carpctl hooks`: the process that runs hooks, with rights that the service need not have.
//!
//! It has some workers, each with a connection to the service on which it asks for an order,
//! carries it out, says how that went, and asks for the next. There is always one that waits,
//! so that nothing waits for a hook that takes long; the service says what may run beside what.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::execute::{Policy, execute};
use super::keeper::{self, Ended};
use crate::clients::client::{self, ClientError, Worker};
use crate::clients::netstart::Etc;
use crate::failure::Failure;
use crate::paths::Paths;
use crate::process::installed_program;
use crate::server::logging;
use crate::vocabulary::hooks::Hook;
use crate::vocabulary::hooks::order::{Finished, Order};
use crate::vocabulary::name::InterfaceName;

/// The words of `carpctl hooks`.
#[derive(Debug, clap::Args)]
pub(crate) struct HooksOptions {
    /// Of a service that is not root, run only scripts below this directory, which may be said
    /// more than once (default: /etc/carpctl)
    #[arg(long, value_name = "DIRECTORY")]
    within: Vec<PathBuf>,
    /// Keep one running as long as the service that is standard input
    #[arg(long, hide = true, conflicts_with = "kept")]
    keeper: bool,
    /// Run as long as the service that is standard input, and look after the keeper
    #[arg(long, hide = true)]
    kept: bool,
    /// Write to the system log
    #[arg(long, hide = true)]
    on_demand: bool,
}

/// Runs hooks until it is told to end.
pub(crate) fn run(options: &HooksOptions) -> Result<ExitCode, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::about("hooks", error);
    if options.on_demand {
        logging::to_system_log();
    } else {
        logging::to_standard_error();
    }
    if options.keeper {
        keeper::keep(options.on_demand).map_err(|error| failed(&error))?;
        return Ok(ExitCode::SUCCESS);
    }
    let paths = Paths::of_this_namespace().map_err(|error| failed(&error))?;
    let policy = policy(options, &paths, &Etc::from_environment());
    let (say, told) = mpsc::channel();
    if options.kept {
        keeper::stay_until_told().map_err(|error| failed(&error))?;
        let say = say.clone();
        thread::spawn(move || wait_for_service_or_keeper(&say));
    } else {
        let signals = Signals::new([SIGTERM, SIGINT]).map_err(|error| failed(&error))?;
        let say = say.clone();
        thread::spawn(move || wait_for_signal(signals, &say));
    }
    let runner = Arc::new(Runner {
        paths,
        policy,
        crew: Mutex::new(Crew::default()),
        changed: Condvar::new(),
        say,
    });
    runner.crew().workers = 1;
    runner.hire();
    match told.recv() {
        Ok(Told::Refused(reason)) => Err(Failure::about("hooks", reason)),
        Ok(Told::Alone) => {
            // Held, so that nothing begins.
            let _crew = runner.wait_until_idle();
            Err(failed(&keeper::take_its_place(options.on_demand)))
        }
        Ok(Told::End) | Err(_) => {
            drop(runner.wait_until_idle());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn policy(options: &HooksOptions, paths: &Paths, etc: &Etc) -> Policy {
    let mut within = options.within.clone();
    if within.is_empty() {
        within.push(etc.own().to_owned());
    }
    let mut environment = vec![("PATH".to_owned(), PATH.to_owned())];
    if !paths.are_usual() {
        let (variable, directory) = paths.in_environment();
        environment.push((variable.to_owned(), directory.display().to_string()));
    }
    environment.extend(unusual(etc));
    Policy {
        directory: etc.own().join(DIRECTORY),
        within,
        environment,
    }
}

/// What a hook that calls `carpctl` has in its environment where the files are not in `/etc`. It
/// runs in another directory than this process.
fn unusual(etc: &Etc) -> Option<(String, String)> {
    let system = etc.own().parent()?;
    let directory = std::path::absolute(system).ok()?;
    let named = (ETC_DIR.to_owned(), directory.display().to_string());
    (directory != Path::new("/etc")).then_some(named)
}

/// What the workers say to the thread that waits for them.
enum Told {
    End,
    /// The keeper has ended before the service.
    Alone,
    Refused(String),
}

/// Says when a signal asks this process to end. What runs is waited for then, as it has its own
/// limits.
fn wait_for_signal(mut signals: Signals, say: &Sender<Told>) {
    if signals.forever().next().is_some() {
        // Refused where the process ends already.
        drop(say.send(Told::End));
    }
}

/// Says when the service has ended, or the keeper before it.
fn wait_for_service_or_keeper(say: &Sender<Told>) {
    let told = match keeper::wait_for_end() {
        Ok(Ended::Other) => Told::Alone,
        Ok(Ended::Service | Ended::Patience) | Err(_) => Told::End,
    };
    // Refused where the process ends already.
    drop(say.send(told));
}

struct Runner {
    paths: Paths,
    policy: Policy,
    crew: Mutex<Crew>,
    /// Wakes those who wait for a change of the crew.
    changed: Condvar,
    say: Sender<Told>,
}

/// Who does what.
#[derive(Debug, Default)]
struct Crew {
    workers: usize,
    busy: usize,
    /// The interfaces whose hooks run. A service that was started anew does not know of one that
    /// runs still.
    interfaces: BTreeSet<InterfaceName>,
}

impl Runner {
    fn crew(&self) -> MutexGuard<'_, Crew> {
        self.crew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins another worker, which is counted already.
    fn hire(self: &Arc<Self>) {
        let runner = Arc::clone(self);
        let begun = thread::Builder::new().spawn(move || runner.work());
        if let Err(error) = begun {
            tracing::warn!(%error, "no worker more");
            self.crew().workers -= 1;
        }
    }

    fn work(self: &Arc<Self>) {
        let mut finished = None;
        loop {
            let worker = self.connect();
            loop {
                match worker.next_order(finished.take()) {
                    Ok(order) => finished = Some(self.carry_out(&order, !worker.is_root())),
                    Err(ClientError::Refused(reason)) => {
                        drop(self.say.send(Told::Refused(reason)));
                        return;
                    }
                    Err(error) => {
                        tracing::debug!(%error, "waiting for another service");
                        break;
                    }
                }
            }
            thread::sleep(RETRY);
            self.be_renewed();
        }
    }

    /// Connects to the service, as soon as there is one.
    fn connect(&self) -> Worker {
        let mut pause = RETRY;
        let mut complained = false;
        loop {
            match client::work(&self.paths) {
                Ok(Some(worker)) => return worker,
                Ok(None) => {}
                Err(error @ ClientError::NotTrusted(_)) if !complained => {
                    tracing::warn!("no orders taken: {error}");
                    complained = true;
                }
                Err(error) => tracing::debug!(%error, "no connection"),
            }
            thread::sleep(pause);
            pause = (pause * 2).min(RETRY_SELDOM);
        }
    }

    fn carry_out(self: &Arc<Self>, order: &Order, confined: bool) -> Finished {
        let alone = order.hook != Hook::Prepare;
        self.begin(order.interface, alone);
        let outcome = execute(order, &self.policy, confined);
        let mut crew = self.crew();
        crew.busy -= 1;
        if alone {
            crew.interfaces.remove(&order.interface);
        }
        drop(crew);
        self.changed.notify_all();
        Finished {
            id: order.id,
            outcome,
        }
    }

    /// Takes an interface up, once nobody else has it, and lets another worker wait in the place of
    /// this one.
    fn begin(self: &Arc<Self>, interface: InterfaceName, alone: bool) {
        let mut crew = self.crew();
        crew.busy += 1;
        let more = crew.busy == crew.workers && crew.workers < MOST_WORKERS;
        if more {
            crew.workers += 1;
            drop(crew);
            self.hire();
            crew = self.crew();
        }
        if alone {
            let is_taken = |crew: &mut Crew| !crew.interfaces.insert(interface);
            let waited = self.changed.wait_while(crew, is_taken);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn wait_until_idle(&self) -> MutexGuard<'_, Crew> {
        let waited = self.changed.wait_while(self.crew(), |crew| crew.busy > 0);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// Becomes the program that was installed in the place of this one, where nothing runs. Only
    /// after a service has gone, which may have been replaced too: one that does not run is then
    /// not tried again and again.
    fn be_renewed(&self) {
        // Held, so that nothing begins.
        let crew = self.crew();
        if let (Some(installed), 0) = (installed_program(), crew.busy) {
            let words = std::env::args_os().skip(1);
            let error = Command::new(installed).arg0("carpctl").args(words).exec();
            tracing::warn!(%error, "the program cannot be replaced by the installed one");
        }
    }
}

/// Where programs for all interfaces are, below the directory of configuration.
const DIRECTORY: &str = "hooks.d";

/// The directory that stands for `/etc`.
const ETC_DIR: &str = "CARPCTL_ETC_DIR";

/// Where hooks find their programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// As many as the service lets run at once, and some for questions.
const MOST_WORKERS: usize = 12;

/// How soon a service is looked for, at first and later.
const RETRY: Duration = Duration::from_millis(50);
const RETRY_SELDOM: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_find_the_files_of_their_service() {
        let options = HooksOptions {
            within: Vec::new(),
            keeper: false,
            kept: false,
            on_demand: false,
        };
        let names = |run: &str, etc: &str| {
            let paths = Paths::within(run.into(), 7);
            let policy = policy(&options, &paths, &Etc::within(etc.into()));
            let named = policy.environment.into_iter();
            let named = named.map(|(name, value)| format!("{name}={value}"));
            named.skip(1).collect::<Vec<_>>()
        };
        assert!(names("/run/carpctl", "/etc").is_empty());
        let expected = ["CARPCTL_RUN_DIR=/tmp/run", "CARPCTL_ETC_DIR=/tmp/etc"];
        assert_eq!(names("/tmp/run", "/tmp/etc"), expected);
    }
}
