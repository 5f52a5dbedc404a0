//! `carpctl daemon`: the service as a process, in the foreground or started by the first command.

use std::fs::{self, File};
use std::io::{self, Write as _};

use carp_net::Driver;
use carp_net::linux::Linux;
use rustix::fs::{Gid, Mode};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::failure::Failure;
use crate::logging;
use crate::paths::{Paths, about};
use crate::secret;
use crate::service::{ClaimError, Listener, Service};
use crate::settings::Settings;

/// The words of `carpctl daemon`.
#[derive(Debug, clap::Args)]
pub(crate) struct DaemonOptions {
    /// Let this group and root read, and nobody else (default: everyone may read)
    #[arg(long, value_name = "NAME|GID")]
    group: Option<String>,
    /// Go to the background and end with the last interface
    #[arg(long, hide = true)]
    on_demand: bool,
}

/// Runs the service until it ends.
pub(crate) fn run(options: &DaemonOptions) -> Result<(), Failure> {
    // Whatever the caller's, files of the service are as it says.
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    secret::stay_out_of_core_dumps();
    if !options.on_demand {
        logging::to_standard_error();
        let service = prepare(options).map_err(|error| failure(&error))?;
        return service.run().map_err(|error| failure(&error));
    }
    logging::to_system_log();
    let prepared = leave_the_caller().and_then(|()| prepare(options));
    let outcome = match &prepared {
        Ok(_) => READY.to_owned(),
        Err(Trouble::Claim(ClaimError::RunsAlready(_))) => READY.to_owned(),
        Err(error) => error.to_string(),
    };
    tell_the_caller(&outcome).map_err(|error| failure(&error))?;
    match prepared {
        Ok(service) => service.run().map_err(|error| {
            tracing::error!("{error}");
            failure(&error)
        }),
        Err(_) => Ok(()), // told to whoever started it
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

fn prepare(options: &DaemonOptions) -> Result<Service<Linux>, Trouble> {
    let paths = Paths::of_this_namespace()?;
    let group = options.group.as_deref().map(find_group).transpose()?;
    // First the socket, so that no other service is disturbed.
    let listener = Listener::claim(&paths, group)?;
    let driver = Driver::new(Linux::open()?, Settings::default().of_node())?;
    let signals = [SIGTERM, SIGINT, SIGHUP];
    let service = Service::new(driver, listener, &signals, options.on_demand)?;
    tracing::info!("listening on {}", paths.socket().display());
    Ok(service)
}

/// Leaves what belongs to the command that started this: its session and its directory.
fn leave_the_caller() -> Result<(), Trouble> {
    // Refused only where it was done already.
    if let Err(error) = rustix::process::setsid() {
        tracing::debug!(%error, "no session of its own");
    }
    Ok(())
}

/// Writes how it went to standard output, which is a pipe to the caller, and closes it.
fn tell_the_caller(outcome: &str) -> io::Result<()> {
    // Nobody may be left to read it.
    match writeln!(io::stdout(), "{outcome}") {
        Ok(()) => {}
        Err(error) => tracing::debug!(%error, "nobody waits for the service"),
    }
    rustix::process::chdir("/")?;
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
