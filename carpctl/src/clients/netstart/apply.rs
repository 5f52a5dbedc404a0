//! A plan, done.

use std::io;
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};

use super::lines::ShellCommand;
use super::plan::{Plan, Planned};
use super::settings::OWNER;
use super::{NetstartOptions, Problems, STAYS};
use crate::clients::client;
use crate::paths::Paths;
use crate::vocabulary::change::Change;
use crate::vocabulary::demotion::{Demand, GroupReport, OwnerName};
use crate::vocabulary::group::GroupName;
use crate::vocabulary::name::{InterfaceName, PREFIX};
use crate::vocabulary::protocol::{Request, Told};

/// Does what `plan` says, the settings first, because they are about the election.
pub(super) fn apply(
    plan: &Plan,
    options: &NetstartOptions,
    paths: &Paths,
    problems: &mut Problems,
) {
    let there = match interfaces(paths) {
        Ok(there) => there,
        Err(error) => return problems.error(&error),
    };
    // Until this is done.
    let _reloading = client::reloading(paths);
    // Where no service runs, they start one: it has them for the interfaces to come.
    apply_settings(plan, paths, problems);
    for name in plan.without_file(&there.unwrap_or_default()) {
        if !options.prune {
            Problems::note(&format!("{name}: {STAYS}"));
            continue;
        }
        let change = Change {
            destroy: true,
            ..Change::default()
        };
        let request = Request::Change {
            interface: name,
            change,
        };
        match ask(paths, &request) {
            Ok(notes) => tell(name, &notes),
            Err(reason) => problems.error(&format!("{name}: {reason}")),
        }
    }
    // What stands in the way of one interface may be an address that another one is to lose.
    let mut open: Vec<&Planned> = plan.interfaces.iter().collect();
    loop {
        let before = open.len();
        let mut refused = Vec::new();
        for planned in open {
            match apply_interface(planned, paths) {
                Ok(notes) => {
                    tell(planned.name, &notes);
                    run_commands(planned, options, problems);
                }
                Err(reason) => refused.push((planned, reason)),
            }
        }
        if refused.is_empty() || refused.len() == before {
            for (planned, reason) in refused {
                problems.error(&planned.refusal(&reason));
            }
            return;
        }
        open = refused.into_iter().map(|(planned, _)| planned).collect();
    }
}

fn apply_settings(plan: &Plan, paths: &Paths, problems: &mut Problems) {
    let assign = plan.settings.assignments().to_vec();
    if !assign.is_empty()
        && let Err(reason) = ask(paths, &Request::Settings { assign })
    {
        problems.error(&format!("sysctl: {reason}"));
    }
    let amount = plan.settings.demotion();
    if amount.is_some() || (plan.takes_demotion_back() && is_demoted(paths)) {
        let demand = demand(amount);
        let asked = demand.map(|(group, demand)| Request::Demote { group, demand });
        if let Err(reason) = asked.and_then(|request| ask(paths, &request)) {
            problems.error(&format!("sysctl: {reason}"));
        }
    }
}

/// A demotion of its own, so that it is not added each time; nothing takes it away.
fn demand(amount: Option<u8>) -> Result<(GroupName, Demand), String> {
    let group = PREFIX.parse().map_err(|error| format!("{error}"))?;
    let owner: OwnerName = OWNER.parse().map_err(|error| format!("{error}"))?;
    let demand = match amount {
        Some(amount) => Demand::Set { owner, amount },
        None => Demand::Clear(owner),
    };
    Ok((group, demand))
}

/// Whether a file demoted the service before.
pub(super) fn is_demoted(paths: &Paths) -> bool {
    let Ok(group) = PREFIX.parse() else {
        return false; // it can be
    };
    let reports = client::ask_of::<GroupReport>(paths, &Request::Group { group });
    let reports = reports.ok().flatten().unwrap_or_default();
    let mut all = reports.iter().flat_map(|report| &report.demotions);
    all.any(|it| it.group == PREFIX && it.owner.as_deref() == Some(OWNER))
}

fn apply_interface(planned: &Planned, paths: &Paths) -> Result<Vec<String>, String> {
    let request = Request::Change {
        interface: planned.name,
        change: planned.hostname.change.clone(),
    };
    ask(paths, &request)
}

/// The interfaces that there are, where there is a service.
pub(super) fn interfaces(paths: &Paths) -> Result<Option<Vec<Told>>, String> {
    let request = Request::Config {
        interface: None,
        key: false,
    };
    client::ask_of(paths, &request).map_err(|error| error.to_string())
}

/// What the service says of something that it has done, or why it has not.
fn ask(paths: &Paths, request: &Request) -> Result<Vec<String>, String> {
    client::change(paths, request).map_err(|error| error.to_string())
}

fn tell(name: InterfaceName, notes: &[String]) {
    for note in notes {
        Problems::note(&format!("{name}: {note}"));
    }
}

// ---- commands ----

fn run_commands(planned: &Planned, options: &NetstartOptions, problems: &mut Problems) {
    if !planned.runs_commands(options.allow_commands, problems) {
        return;
    }
    let path = planned.path.display();
    for command in &planned.hostname.commands {
        if let Err(error) = run(command) {
            problems.error(&format!("{path}:{}: {error}", command.line));
        }
    }
}

/// Runs `command` with a shell, and waits for it. What it says goes where errors go: the output of
/// this program is for programs.
fn run(command: &ShellCommand) -> io::Result<()> {
    let stderr = io::stderr().as_fd().try_clone_to_owned()?;
    let status = Command::new("/bin/sh")
        .arg("-c")
        .arg(&command.text)
        .stdin(Stdio::null())
        .stdout(stderr)
        .status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(status.to_string()))
}
