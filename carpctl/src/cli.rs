//! The command line: what it may say, and what is done about it.

use std::ffi::OsString;
use std::io::{self, Write as _};

use carp_net::carp_fsm::carp_proto::MacAddress;
use clap::{CommandFactory as _, Parser as _};

use crate::change::LladdrWish;
use crate::client;
use crate::daemon::{self, DaemonOptions};
use crate::decode::{self, DecodeOptions};
use crate::demo::DemoOptions;
use crate::demotion::hold::DemoteOptions;
use crate::demotion::words::Asked;
use crate::demotion::{self, Demand, GroupReport};
use crate::failure::{Failure, printable};
use crate::group::GroupName;
use crate::name::{InterfaceName, PREFIX};
use crate::paths::Paths;
use crate::protocol::{Reply, Request};
use crate::random;
use crate::render;
use crate::secret;
use crate::service::{NO_SUCH_INTERFACE, no_such_group};
use crate::settings::{self, Query, QueryError, Setting, Settings};
use crate::stats::{Everything, Stats};
use crate::words;

/// Share addresses between machines with CARP, as OpenBSD's ifconfig does.
#[derive(Debug, clap::Parser)]
#[command(name = "carpctl", version, override_usage = USAGE, after_help = after_help())]
pub(crate) struct Cli {
    /// Show all interfaces; so does no word at all
    #[arg(short, long)]
    all: bool,
    /// Show facts as JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show or change settings of the whole service
    Sysctl(SysctlOptions),
    /// Show what was counted, as OpenBSD's `netstat -s -p carp`
    Stats(StatsOptions),
    /// Demote an interface group while a command runs
    Demote(DemoteOptions),
    /// Start the service anew, for example after an upgrade; no other node takes over
    Restart,
    /// Run the service in the foreground
    Daemon(DaemonOptions),
    /// Show the adverts in a capture file
    Decode(DecodeOptions),
    /// Show two nodes taking over from each other, in a network of its own
    Demo(DemoOptions),
    #[command(external_subcommand)]
    Interface(Vec<OsString>),
}

/// The words of `carpctl stats`.
#[derive(Debug, clap::Args)]
struct StatsOptions {
    /// Show counters as JSON: of the service, each interface and each of its peers
    #[arg(long)]
    json: bool,
    /// Show those of an interface instead of those of the whole service
    #[arg(value_name = "INTERFACE")]
    interface: Option<String>,
}

/// The words of `carpctl sysctl`.
#[derive(Debug, clap::Args)]
#[command(after_help = settings::HELP)]
struct SysctlOptions {
    /// Show all settings; so does no name at all
    #[arg(short, long, conflicts_with = "queries")]
    all: bool,
    /// Show values only
    #[arg(short = 'n')]
    values_only: bool,
    /// Show settings as JSON
    #[arg(long)]
    json: bool,
    /// Settings to show or to change; all where none is named
    #[arg(value_name = "NAME[=VALUE]")]
    queries: Vec<String>,
}

/// Does what the command line says.
pub(crate) fn run() -> Result<std::process::ExitCode, Failure> {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some((words, json)) = demotion::words::behind_g(&words) {
        group(words, json)?;
        return Ok(std::process::ExitCode::SUCCESS);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match cli.command {
        None => show(None, cli.json)?,
        Some(Command::Sysctl(options)) => sysctl(&options, cli.json || options.json)?,
        Some(Command::Stats(options)) => stats(&options, cli.json || options.json)?,
        Some(Command::Restart) => restart()?,
        Some(Command::Daemon(options)) => return daemon::run(&options),
        Some(Command::Decode(options)) => decode::run(&options, cli.json)?,
        Some(Command::Demo(options)) => return Ok(crate::demo::run(&options)),
        Some(Command::Demote(options)) => return demotion::hold::run(&options),
        Some(Command::Interface(words)) => interface(&words, cli.json)?,
    }
    Ok(std::process::ExitCode::SUCCESS)
}

/// Prints what `clap` has to say: help and version are no failures.
fn usage(error: &clap::Error) -> Result<std::process::ExitCode, Failure> {
    if error.use_stderr() {
        let words: Vec<OsString> = std::env::args_os().skip(1).collect();
        return Err(Failure::of_command_line(error, &words, Cli::command()));
    }
    print(&error.render().to_string())?;
    Ok(std::process::ExitCode::SUCCESS)
}

// ---- interfaces ----

/// `carpctl INTERFACE [WORD...]`. Flags behind the name come among the words.
fn interface(words: &[OsString], json: bool) -> Result<(), Failure> {
    let Some((name, words)) = words.split_first() else {
        return show(None, json);
    };
    let name = name.to_string_lossy();
    secret::leave_command_line(words).map_err(|error| Failure::about(&name, error))?;
    if words.iter().any(|word| word == "--help" || word == "-h") {
        return print(&format!(
            "Usage: carpctl {} WORD...\n\n{}",
            printable(&name),
            words::help()
        ));
    }
    let json = json || words.iter().any(|word| word == "--json");
    let words: Vec<OsString> = words
        .iter()
        .filter(|word| *word != "--json")
        .cloned()
        .collect();
    if name == PREFIX && words.is_empty() {
        return show(None, json);
    }
    let interface = name.parse().map_err(|error| not_a_name(&name, error))?;
    if words.is_empty() {
        return show(Some(interface), json);
    }
    change(interface, &words)
}

fn show(interface: Option<InterfaceName>, json: bool) -> Result<(), Failure> {
    let in_words = |error: client::ClientError| failure(interface, &error);
    let paths = paths()?;
    let answer = client::ask(&paths, &Request::Show { interface }).map_err(in_words)?;
    let mut reports = Vec::new();
    for reply in answer.unwrap_or_default() {
        match reply {
            Reply::Interface(report) => reports.push(*report),
            Reply::Refused { reason } => return Err(failure(interface, &reason)),
            Reply::Stats(_) | Reply::Group(_) | Reply::Done { .. } => {}
            Reply::End | Reply::Settings { .. } | Reply::Ending => {}
        }
    }
    if let (Some(name), true) = (interface, reports.is_empty()) {
        return Err(failure(Some(name), &NO_SUCH_INTERFACE));
    }
    if json {
        return print_json(&reports);
    }
    print(&reports.iter().map(render::interface).collect::<String>())
}

fn change(name: InterfaceName, words: &[OsString]) -> Result<(), Failure> {
    let mut parsed = words::parse(&name.to_string(), words)
        .map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
    if let Some(source) = &parsed.secret {
        secret::stay_out_of_core_dumps();
        let secret = secret::read(source).map_err(|error| failure(Some(name), &error))?;
        if secret.was_cut {
            note(name, secret::CUT_NOTICE);
        }
        parsed.change.key = Some(crate::change::CarriedKey(secret.key));
    }
    if parsed.change.lladdr == Some(LladdrWish::Random) {
        let mac = random_lladdr().map_err(|error| failure(Some(name), &error))?;
        note(
            name,
            &format!("lladdr is {mac}: say `lladdr {mac}' on the other nodes"),
        );
        parsed.change.lladdr = Some(LladdrWish::Manual(mac));
    }
    let request = Request::Change {
        interface: name,
        change: parsed.change,
    };
    let replies =
        client::ask_for_change(&paths()?, &request).map_err(|error| failure(Some(name), &error))?;
    for reply in replies {
        match reply {
            Reply::Done { notes } => notes.iter().for_each(|text| note(name, text)),
            Reply::Refused { reason } => return Err(failure(Some(name), &reason)),
            Reply::Interface(_) | Reply::Stats(_) | Reply::Group(_) => {}
            Reply::End | Reply::Settings { .. } | Reply::Ending => {}
        }
    }
    Ok(())
}

/// A MAC address that no network card has, as OpenBSD draws it.
fn random_lladdr() -> io::Result<MacAddress> {
    let mut octets: [u8; 6] = random::octets()?;
    let [first, ..] = &mut octets;
    *first = (*first & !IS_GROUP) | IS_LOCAL;
    Ok(MacAddress(octets))
}

/// Bits of the first octet of a MAC address: for a group of hosts; not given by a manufacturer.
const IS_GROUP: u8 = 1;
const IS_LOCAL: u8 = 2;

// ---- counters ----

fn stats(options: &StatsOptions, json: bool) -> Result<(), Failure> {
    let name = options.interface.as_deref().filter(|name| *name != PREFIX);
    let parse = |name: &str| {
        let parsed: Result<InterfaceName, _> = name.parse();
        parsed.map_err(|error| Failure::Usage(format!("stats: {name}: {error}")))
    };
    let interface = name.map(parse).transpose()?;
    let failed = |error: &dyn std::fmt::Display| match interface {
        Some(name) => Failure::about(&name.to_string(), error),
        None => Failure::about("stats", error),
    };
    let answer = client::ask(&paths()?, &Request::Stats { interface });
    let answer = answer.map_err(|error| failed(&error))?;
    // Where no service runs nothing was counted.
    let (mut service, mut interfaces) = (Stats::default(), Vec::new());
    for reply in answer.unwrap_or_default() {
        match reply {
            Reply::Stats(stats) if stats.name.is_none() => service = *stats,
            Reply::Stats(stats) => interfaces.push(*stats),
            Reply::Refused { reason } => return Err(failed(&reason)),
            Reply::Interface(_) | Reply::Group(_) | Reply::Done { .. } => {}
            Reply::End | Reply::Settings { .. } | Reply::Ending => {}
        }
    }
    if let (Some(_), true) = (interface, interfaces.is_empty()) {
        return Err(failed(&NO_SUCH_INTERFACE));
    }
    if json {
        return print_json(&Everything {
            counters: &service.counters,
            interfaces: &interfaces,
        });
    }
    match interface {
        None => print(&service.text()),
        Some(_) => print(&interfaces.iter().map(Stats::text).collect::<String>()),
    }
}

// ---- groups ----

/// `carpctl -g GROUP [WORD...]`.
fn group(words: &[OsString], json: bool) -> Result<(), Failure> {
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
            Reply::Interface(_) | Reply::Stats(_) | Reply::Done { .. } => {}
            Reply::End | Reply::Settings { .. } | Reply::Ending => {}
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
            Reply::Interface(_) | Reply::Stats(_) | Reply::Group(_) => {}
            Reply::End | Reply::Settings { .. } | Reply::Ending => {}
        }
    }
    Ok(())
}

// ---- settings ----

fn sysctl(options: &SysctlOptions, json: bool) -> Result<(), Failure> {
    let wrong = |reason| Failure::Usage(format!("sysctl: {reason}"));
    if let Some(reason) = spaced_assignment(&options.queries) {
        return Err(wrong(reason));
    }
    let queries = options.queries.iter().map(|query| Query::parse(query));
    let mut queries: Vec<Query> = queries
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(in_words(&error)))?;
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
    let replies = if assign.is_empty() {
        client::ask(&paths, &Request::Settings { assign }).map_err(failed)?
    } else {
        Some(client::ask_for_change(&paths, &Request::Settings { assign }).map_err(failed)?)
    };
    // Where no service runs, one that was started would have the defaults.
    let (mut before, mut now) = (Settings::default(), Settings::default());
    for reply in replies.unwrap_or_default() {
        match reply {
            Reply::Settings { before: b, now: n } => (before, now) = (b, n),
            Reply::Refused { reason } => return Err(Failure::about("sysctl", reason)),
            Reply::Interface(_) | Reply::Stats(_) | Reply::Group(_) => {}
            Reply::End | Reply::Done { .. } | Reply::Ending => {}
        }
    }
    if json {
        return print_json(&settings_as_json(&queries, now));
    }
    let line = |query: &Query| settings_lines(*query, before, now, options.values_only);
    print(&queries.iter().map(line).collect::<String>())
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
    match error {
        QueryError::Unknown { nearest: None, .. } => {
            format!("{error} (`carpctl sysctl' shows all)")
        }
        QueryError::Unknown { .. }
        | QueryError::Unsupported(_)
        | QueryError::NotANumber { .. }
        | QueryError::OutOfRange { .. } => error.to_string(),
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

// ---- the service ----

/// Has the service started anew, with all it has.
fn restart() -> Result<(), Failure> {
    let failed = |error: client::ClientError| Failure::about("restart", error);
    for reply in client::ask_to_restart(&paths()?).map_err(failed)? {
        if let Reply::Refused { reason } = reply {
            return Err(Failure::about("restart", reason));
        }
    }
    Ok(())
}

// ---- words for people ----

fn failure(interface: Option<InterfaceName>, error: &impl std::fmt::Display) -> Failure {
    match interface {
        Some(name) => Failure::about(&name.to_string(), error),
        None => Failure::Failed(error.to_string()),
    }
}

fn paths() -> Result<Paths, Failure> {
    Paths::of_this_namespace().map_err(|error| Failure::Failed(error.to_string()))
}

/// A word that is neither a command nor an interface may be a misspelt command.
fn not_a_name(word: &str, error: crate::name::NotACarpName) -> Failure {
    let hint = match words::nearest(word, COMMANDS) {
        Some(command) => format!("{word}: unknown command (did you mean `{command}'?)"),
        None if word.is_empty() => format!("`': {error}"),
        None => format!("{word}: {error}"),
    };
    Failure::Usage(hint)
}

/// Tells the operator something that is no failure.
fn note(name: InterfaceName, text: &str) {
    complain(&format!("{name}: {text}"));
}

/// Writes a line to standard error, as far as anybody reads it. Whatever `text` quotes, it stays
/// one line and moves no cursor.
pub(crate) fn complain(text: &str) {
    match writeln!(io::stderr(), "carpctl: {}", printable(text)) {
        Ok(()) | Err(_) => {}
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let written = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
    written.map_err(|error| Failure::of_output(&error))
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Failure::Failed(error.to_string()))?;
    print(&format!("{text}\n"))
}

const COMMANDS: [&str; 7] = [
    "sysctl", "stats", "demote", "restart", "daemon", "decode", "demo",
];

const USAGE: &str = "carpctl [-a] [--json]
       carpctl INTERFACE [--json]
       carpctl INTERFACE WORD...
       carpctl sysctl [-n] [--json] [-a|NAME[=VALUE]...]
       carpctl stats [--json] [INTERFACE]
       carpctl -g GROUP [--json]
       carpctl -g GROUP carpdemote|-carpdemote [N] [owner NAME]
       carpctl demote N [group NAME] owner NAME -- COMMAND...
       carpctl restart
       carpctl daemon [--group NAME|GID] [--unsupervised]
       carpctl decode [--json] FILE [WORD...]
       carpctl demo [--fault FAULT]";

fn after_help() -> String {
    format!(
        "Words for an interface (carp0, carp1, ...), in any order:\n{}\n{EXAMPLES}",
        words::help()
    )
}

const EXAMPLES: &str = "\
Examples:
  carpctl carp0 vhid 99 passfile /etc/carp.key carpdev eth0 192.0.2.10/24
  carpctl carp0
  carpctl sysctl net.inet.carp.preempt=1
  carpctl -g carp carpdemote 50 owner maintenance

Exit status: 0 done, 1 refused or failed, 2 command line not understood.";
