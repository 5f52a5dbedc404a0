//! `carpctl INTERFACE [WORD...]`: shows an interface, or changes it.

use std::ffi::OsString;
use std::io;

use carp_net::carp_fsm::carp_proto::MacAddress;
use clap::CommandFactory as _;

use super::{Cli, complain, failure, paths, print, print_json};
use crate::change::LladdrWish;
use crate::client;
use crate::failure::{Failure, printable};
use crate::name::{InterfaceName, PREFIX};
use crate::protocol::{Reply, Request};
use crate::random;
use crate::render;
use crate::secret;
use crate::service::NO_SUCH_INTERFACE;
use crate::words;

/// `carpctl INTERFACE [WORD...]`. Flags behind the name come among the words.
pub(super) fn run(words: &[OsString], json: bool) -> Result<(), Failure> {
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

pub(super) fn show(interface: Option<InterfaceName>, json: bool) -> Result<(), Failure> {
    let in_words = |error: client::ClientError| failure(interface, &error);
    let paths = paths()?;
    let answer = client::ask(&paths, &Request::Show { interface }).map_err(in_words)?;
    let mut reports = Vec::new();
    for reply in answer.unwrap_or_default() {
        match reply {
            Reply::Interface(report) => reports.push(*report),
            Reply::Refused { reason } => return Err(failure(interface, &reason)),
            Reply::Config(_) | Reply::Stats(_) | Reply::Group(_) | Reply::Done { .. } => {}
            Reply::End | Reply::Settings { .. } | Reply::Ending => {}
            Reply::Happened(_) | Reply::Missed { .. } | Reply::Vitals(_) | Reply::Facts(_) => {}
            Reply::Why(_) | Reply::Peers(_) => {}
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
            Reply::Interface(_) | Reply::Config(_) | Reply::Stats(_) | Reply::Group(_) => {}
            Reply::End | Reply::Settings { .. } | Reply::Ending => {}
            Reply::Happened(_) | Reply::Missed { .. } | Reply::Vitals(_) | Reply::Facts(_) => {}
            Reply::Why(_) | Reply::Peers(_) => {}
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

/// A word that is neither a command nor an interface may be a misspelt command.
fn not_a_name(word: &str, error: crate::name::NotACarpName) -> Failure {
    let program = Cli::command();
    let commands = program.get_subcommands().map(clap::Command::get_name);
    let hint = match words::nearest(word, commands) {
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

/// Bits of the first octet of a MAC address: for a group of hosts; not given by a manufacturer.
const IS_GROUP: u8 = 1;
const IS_LOCAL: u8 = 2;
