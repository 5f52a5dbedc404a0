//! `carpctl sysctl [NAME[=VALUE]...]`: the settings of the whole service.

use super::{paths, print, print_json};
use crate::clients::client;
use crate::failure::Failure;
use crate::vocabulary::protocol::{Assigned, Request, answers};
use crate::vocabulary::settings::{self, Query, QueryError, QueryProblem, Setting, Settings};

/// The words of `carpctl sysctl`.
#[derive(Debug, clap::Args)]
#[command(after_help = settings::help())]
pub(super) struct SysctlOptions {
    /// Show all settings; so does no name at all
    #[arg(short, long, conflicts_with = "queries")]
    all: bool,
    /// Show values only
    #[arg(short = 'n')]
    values_only: bool,
    /// Only change settings, as other sysctl commands have it
    #[arg(short = 'w', conflicts_with = "all")]
    write: bool,
    /// Say nothing of what is changed
    #[arg(short, conflicts_with = "all")]
    quiet: bool,
    /// Show settings as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Settings to show or to change; all where none is named
    #[arg(value_name = "NAME[=VALUE]")]
    queries: Vec<String>,
}

/// Shows or changes settings.
pub(super) fn run(options: &SysctlOptions, json: bool) -> Result<(), Failure> {
    let wrong = |reason| Failure::Usage(format!("sysctl: {reason}"));
    if let Some(reason) = spaced_assignment(&options.queries) {
        return Err(wrong(reason));
    }
    let queries = options.queries.iter().map(|query| Query::parse(query));
    let mut queries: Vec<Query> = queries
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(in_words(&error)))?;
    let is_assignment = |query: &Query| matches!(query, Query::Assign(_));
    let only_writes = queries.iter().all(is_assignment) && !queries.is_empty();
    if options.write && !only_writes {
        return Err(wrong(
            "`-w': every setting needs a value (write NAME=VALUE)".to_owned(),
        ));
    }
    if queries.is_empty() {
        queries.push(Query::All);
    }
    let assign: Vec<_> = queries
        .iter()
        .filter_map(|query| match query {
            Query::Assign(assignment) => Some(*assignment),
            Query::All | Query::One(_) => None,
        })
        .collect();
    let failed = |error: client::ClientError| Failure::about("sysctl", error);
    let paths = paths()?;
    let has_assignments = !assign.is_empty();
    let request = Request::Settings { assign };
    let replies = if has_assignments {
        Some(client::ask_for_change(&paths, &request).map_err(failed)?)
    } else {
        client::ask(&paths, &request).map_err(failed)?
    };
    let assigned = answers(replies.unwrap_or_default());
    let assigned = assigned.map_err(|reason| Failure::about("sysctl", reason))?;
    // Where no service runs, one that was started would have the defaults.
    let Assigned { before, now } = assigned.into_iter().next().unwrap_or_default();
    if json {
        return print_json(&settings_as_json(&queries, now));
    }
    let shown = queries
        .iter()
        .zip(lines(&queries, before, now, options.values_only));
    let shown = shown.filter(|(query, _)| !options.quiet || !is_assignment(query));
    print(&shown.map(|(_, lines)| lines).collect::<String>())
}

/// The lines that `sysctl` answers each of `queries` with, one after the other.
fn lines(queries: &[Query], before: Settings, now: Settings, values_only: bool) -> Vec<String> {
    let last = queries
        .iter()
        .rposition(|query| matches!(query, Query::Assign(_)));
    let mut current = before;
    let answered = queries.iter().enumerate().map(|(at, query)| {
        let before = current;
        if let Query::Assign(assignment) = *query {
            // What comes of the last one, the service says.
            let then = before.with(&[assignment]).ok();
            current = then.filter(|_| Some(at) != last).unwrap_or(now);
        }
        settings_lines(*query, before, current, values_only)
    });
    answered.collect()
}

/// What is wrong where `NAME=VALUE` came as several words, or without a name.
fn spaced_assignment(queries: &[String]) -> Option<String> {
    let (at, middle) = queries.iter().enumerate().find(|(at, query)| {
        query.starts_with('=') || query.ends_with('=') && *at + 1 < queries.len()
    })?;
    let before = at.checked_sub(1).and_then(|at| queries.get(at));
    let before = before.filter(|_| middle.starts_with('='));
    let after = queries.get(at + 1).filter(|_| middle.ends_with('='));
    let parts: Vec<&str> = [before, Some(middle), after]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let (said, meant) = (parts.join(" "), parts.concat());
    Some(if meant.starts_with('=') {
        format!("`{said}': no name before `=' (write NAME=VALUE)")
    } else {
        format!("`{said}': spaces around `=' (write NAME=VALUE: `{meant}')")
    })
}

/// `error`, and where to look when it does not say that itself.
fn in_words(error: &QueryError) -> String {
    match error.problem {
        QueryProblem::Unknown(None) => format!("{error} (`carpctl sysctl' shows all)"),
        QueryProblem::Unknown(Some(_))
        | QueryProblem::Unsupported
        | QueryProblem::NotANumber(_)
        | QueryProblem::OutOfRange(_) => error.to_string(),
    }
}

/// The lines that `sysctl` answers `query` with.
fn settings_lines(query: Query, before: Settings, now: Settings, values_only: bool) -> String {
    let line = |setting: Setting| {
        let (name, value) = (setting.name(), now.get(setting));
        if values_only {
            format!("{value}\n")
        } else {
            format!("{name}={value}\n")
        }
    };
    match query {
        Query::All => Setting::ALL.into_iter().map(line).collect(),
        Query::One(setting) => line(setting),
        Query::Assign(assignment) if values_only => line(assignment.setting),
        Query::Assign(assignment) => {
            let setting = assignment.setting;
            let (old, new) = (before.get(setting), now.get(setting));
            format!("{}: {old} -> {new}\n", setting.name())
        }
    }
}

fn settings_as_json(queries: &[Query], now: Settings) -> serde_json::Value {
    let asked = queries.iter().flat_map(|query| match query {
        Query::All => Setting::ALL.to_vec(),
        Query::One(setting) => vec![*setting],
        Query::Assign(assignment) => vec![assignment.setting],
    });
    asked
        .map(|setting| (setting.name().to_owned(), now.get(setting).into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_answered_one_after_the_other() {
        let said = |assignments: &[&str], values_only| {
            let queries = assignments.iter().map(|query| Query::parse(query).unwrap());
            let queries: Vec<Query> = queries.collect();
            let assigned = queries.iter().filter_map(|query| match query {
                Query::Assign(assignment) => Some(*assignment),
                Query::All | Query::One(_) => None,
            });
            let assigned: Vec<_> = assigned.collect();
            let before = Settings::default();
            lines(
                &queries,
                before,
                before.with(&assigned).unwrap(),
                values_only,
            )
            .concat()
        };
        let twice = ["net.inet.carp.preempt=1", "net.inet.carp.preempt=0"];
        assert_eq!(
            said(&twice, false),
            "net.inet.carp.preempt: 0 -> 1\nnet.inet.carp.preempt: 1 -> 0\n"
        );
        assert_eq!(said(&twice, true), "1\n0\n");
        let others = [
            "net.inet.carp.log=7",
            "net.inet.carp.preempt=1",
            "net.inet.carp.log=2",
        ];
        assert_eq!(
            said(&others, false),
            "net.inet.carp.log: 6 -> 7\nnet.inet.carp.preempt: 0 -> 1\n\
             net.inet.carp.log: 7 -> 2\n"
        );
        let added = ["net.inet.carp.demotion=5", "net.inet.carp.demotion=6"];
        assert_eq!(
            said(&added, false),
            "net.inet.carp.demotion: 0 -> 5\nnet.inet.carp.demotion: 5 -> 11\n"
        );
        let shown_first = ["net.inet.carp.preempt", "net.inet.carp.preempt=1"];
        assert_eq!(
            said(&shown_first, false),
            "net.inet.carp.preempt=0\nnet.inet.carp.preempt: 0 -> 1\n"
        );
        let between = [
            "net.inet.carp.log=7",
            "net.inet.carp.log",
            "net.inet.carp.preempt=1",
            "net.inet.carp.preempt",
            "net.inet.carp.log=2",
            "net.inet.carp.log",
        ];
        assert_eq!(said(&between, true), "7\n7\n1\n1\n2\n2\n");
    }
}
