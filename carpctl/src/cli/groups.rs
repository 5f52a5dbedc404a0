//! `carpctl -g GROUP [WORD...]`: shows how an interface group is demoted, or demotes it.

use std::ffi::OsString;

use super::{complain, paths, print, print_json};
use crate::client;
use crate::demotion::words::Asked;
use crate::demotion::{self, Demand, GroupReport};
use crate::failure::Failure;
use crate::group::GroupName;
use crate::name::PREFIX;
use crate::protocol::{Reply, Request};
use crate::render;
use crate::service::no_such_group;

/// `carpctl -g GROUP [WORD...]`.
pub(super) fn run(words: &[OsString], json: bool) -> Result<(), Failure> {
    let asked = demotion::words::parse(words);
    match asked.map_err(|error| Failure::Usage(error.to_string()))? {
        Asked::Help => print(demotion::words::HELP),
        Asked::Group {
            group,
            demand: None,
            json: too,
        } => show_group(&group, json || too),
        Asked::Group {
            group,
            demand: Some(demand),
            ..
        } => demote(group, demand),
    }
}

fn show_group(group: &GroupName, json: bool) -> Result<(), Failure> {
    let request = Request::Group {
        group: group.clone(),
    };
    let failed = |error: &dyn std::fmt::Display| Failure::about(group.as_str(), error);
    let answer = client::ask(&paths()?, &request).map_err(|error| failed(&error))?;
    let mut report = match answer {
        // As a service would begin.
        None if group.is_carp() => Some(GroupReport::default()),
        None => return Err(failed(&no_such_group(&[PREFIX]))),
        Some(_) => None,
    };
    for reply in answer.unwrap_or_default() {
        match reply {
            Reply::Group(found) => report = Some(*found),
            Reply::Refused { reason } => return Err(failed(&reason)),
            Reply::Interface(_) | Reply::Config(_) | Reply::Stats(_) | Reply::Done { .. } => {}
            Reply::End | Reply::Settings { .. } | Reply::Ending => {}
            Reply::Happened(_) | Reply::Missed { .. } | Reply::Vitals(_) | Reply::Facts(_) => {}
            Reply::Why(_) | Reply::Peers(_) | Reply::Rehearsal(_) | Reply::Hook(_) => {}
        }
    }
    let report = report.ok_or_else(|| failed(&client::ClientError::Ended))?;
    if json {
        return print_json(&report);
    }
    print(&render::group(&report))
}

fn demote(group: GroupName, demand: Demand) -> Result<(), Failure> {
    let name = group.to_string();
    let request = Request::Demote { group, demand };
    let failed = |error: client::ClientError| Failure::about(&name, error);
    for reply in client::ask_for_change(&paths()?, &request).map_err(failed)? {
        match reply {
            Reply::Done { notes } => {
                notes
                    .iter()
                    .for_each(|text| complain(&format!("{name}: {text}")));
            }
            Reply::Refused { reason } => return Err(Failure::about(&name, reason)),
            Reply::Interface(_) | Reply::Config(_) | Reply::Stats(_) | Reply::Group(_) => {}
            Reply::End | Reply::Settings { .. } | Reply::Ending => {}
            Reply::Happened(_) | Reply::Missed { .. } | Reply::Vitals(_) | Reply::Facts(_) => {}
            Reply::Why(_) | Reply::Peers(_) | Reply::Rehearsal(_) | Reply::Hook(_) => {}
        }
    }
    Ok(())
}
