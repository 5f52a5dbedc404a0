//! `carpctl -g GROUP [WORD...]`: shows how an interface group is demoted, or demotes it.

use std::ffi::OsString;

use super::{complain, paths, print, print_json};
use crate::client;
use crate::demotion::words::Asked;
use crate::demotion::{self, Demand, GroupReport};
use crate::failure::Failure;
use crate::group::GroupName;
use crate::name::PREFIX;
use crate::protocol::Request;
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
            demand: Some(_),
            json: too,
        } if json || too => {
            let why =
                format!("{group}: `--json': is about what is shown, and a change shows nothing");
            Err(Failure::Usage(why))
        }
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
    let answer = client::ask_of(&paths()?, &request).map_err(|error| failed(&error))?;
    let report = match answer {
        Some(reports) => reports.into_iter().next(),
        // As a service would begin.
        None if group.is_carp() => Some(GroupReport::default()),
        None => return Err(failed(&no_such_group(&[PREFIX]))),
    };
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
    for note in client::change(&paths()?, &request).map_err(failed)? {
        complain(&format!("{name}: {note}"));
    }
    Ok(())
}
