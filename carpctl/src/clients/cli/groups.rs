//! `carpctl -g GROUP [WORD...]`: shows how an interface group is demoted, or demotes it.

use std::ffi::OsString;

use super::{complain, paths, print, print_json};
use crate::clients::client;
use crate::clients::demotion::words::{self, Asked};
use crate::clients::render;
use crate::failure::Failure;
use crate::server::service::no_such_group;
use crate::vocabulary::demotion::{Demand, GroupReport};
use crate::vocabulary::group::GroupName;
use crate::vocabulary::name::PREFIX;
use crate::vocabulary::protocol::Request;

/// `carpctl -g GROUP [WORD...]`.
pub(super) fn run(words: &[OsString], json: bool) -> Result<(), Failure> {
    let asked = words::parse(words);
    match asked.map_err(|error| Failure::Usage(error.to_string()))? {
        Asked::Help => print(words::HELP),
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
