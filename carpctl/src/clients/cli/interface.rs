//! `carpctl INTERFACE [WORD...]`: shows an interface, or changes it.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use carp_net::carp_fsm::carp_proto::MacAddress;
use clap::CommandFactory as _;

use super::list::{self, View};
use super::{Asked, Cli, complain, failure, freebsd, paths, print, print_json, show};
use crate::clients::client;
use crate::clients::hooks::trust;
use crate::clients::random;
use crate::clients::secret;
use crate::clients::stage::Stage;
use crate::failure::{Failure, printable};
use crate::process;
use crate::vocabulary::change::{Change, LladdrWish};
use crate::vocabulary::group::GroupName;
use crate::vocabulary::hooks::HookChange;
use crate::vocabulary::name::{InterfaceName, NotACarpName, PREFIX};
use crate::vocabulary::protocol::{Request, Told};
use crate::vocabulary::report::AddressFamily;
use crate::vocabulary::words;

/// `carpctl INTERFACE|GROUP [inet|inet6]` and `carpctl INTERFACE WORD...`. Flags behind the name come
/// among the words.
pub(super) fn run(words: &[OsString], asked: Asked) -> Result<(), Failure> {
    let Some((name, words)) = words.split_first() else {
        no_rehearsal(asked)?;
        return list::show(View::default(), asked);
    };
    let name = name.to_string_lossy();
    secret::leave_command_line(words).map_err(|error| Failure::about(&name, error))?;
    let is_flag = |flag: &str| words::said(words).any(|(_, word)| word == flag);
    if is_flag("--help") || is_flag("-h") {
        return print(&format!(
            "Usage: carpctl {} WORD...\n\n{}",
            printable(&name),
            words::help()
        ));
    }
    let asked = Asked {
        json: asked.json || is_flag("--json"),
        key: asked.key || is_flag("-k"),
        ..asked
    };
    let flags = words::said(words).filter(|(_, word)| *word == "--json" || *word == "-k");
    let flags: Vec<usize> = flags.map(|(position, _)| position).collect();
    let others = words.iter().enumerate();
    let words: Vec<OsString> = others
        .filter(|(position, _)| !flags.contains(position))
        .map(|(_, word)| word.clone())
        .collect();
    if let Some(view) = view(&name, &words) {
        no_rehearsal(asked)?;
        return list::show(view, asked);
    }
    let interface = match name.parse() {
        Ok(interface) => interface,
        Err(error) => {
            if let (Ok(group), Some(family)) = (name.parse(), family_alone(&words)) {
                no_rehearsal(asked)?;
                return show_group(&name, &group, family, asked);
            }
            return Err(not_a_name(&name, &words, error));
        }
    };
    if asked.rehearsal {
        return rehearse(interface, &words, asked);
    }
    for (said, option) in [(asked.json, "--json"), (asked.key, "-k")] {
        if said {
            let why =
                format!("{name}: `{option}': is about what is shown, and a change shows nothing");
            return Err(Failure::Usage(why));
        }
    }
    change(interface, &words)
}

/// What is to be shown, where `name` and `words` say to show an interface or all of them.
fn view<'a>(name: &str, words: &[OsString]) -> Option<View<'a>> {
    let all = View::default();
    if let (Some(family), []) = (family(name), words) {
        return Some(View {
            family: Some(family),
            ..all
        });
    }
    let family = family_alone(words)?;
    if name == PREFIX {
        return Some(View { family, ..all });
    }
    let interface = Some(name.parse().ok()?);
    Some(View {
        interface,
        family,
        ..all
    })
}

/// The family that `words` say and nothing else; none where there are no words.
fn family_alone(words: &[OsString]) -> Option<Option<AddressFamily>> {
    match words {
        [] => Some(None),
        [word] => family(word.to_str()?).map(Some),
        _ => None,
    }
}

fn family(word: &str) -> Option<AddressFamily> {
    match word {
        "inet" => Some(AddressFamily::Inet),
        "inet6" => Some(AddressFamily::Inet6),
        _ => None,
    }
}

/// Shows the interfaces of a group. A group that has none may be a misspelt command.
fn show_group(
    name: &str,
    group: &GroupName,
    family: Option<AddressFamily>,
    asked: Asked,
) -> Result<(), Failure> {
    let view = View {
        group: Some(group),
        family,
        ..View::default()
    };
    if !list::has_group(group)? {
        return Err(not_a_name(name, &[], NotACarpName));
    }
    list::show(view, asked)
}

/// Nothing is done where something is shown.
fn no_rehearsal(asked: Asked) -> Result<(), Failure> {
    if asked.rehearsal {
        let why = "`-n': goes with an interface and words that change it (`carpctl -n carp0 down')";
        return Err(Failure::Usage(why.to_owned()));
    }
    Ok(())
}

/// What `words` say, with the key and the MAC address that they speak of.
fn understood(name: InterfaceName, words: &[OsString]) -> Result<Change, Failure> {
    let mut parsed = words::parse(&name.to_string(), words)
        .map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
    if let Some(source) = &parsed.secret {
        process::stay_out_of_core_dumps();
        let secret = secret::read(source).map_err(|error| failure(Some(name), &error))?;
        if let Some(exposure) = &secret.exposure {
            note(name, exposure);
        }
        if secret.was_cut {
            note(name, secret::CUT_NOTICE);
        }
        parsed.change.key = Some(crate::vocabulary::change::CarriedKey(secret.key));
    }
    if parsed.change.lladdr == Some(LladdrWish::Random) {
        let mac = random_lladdr().map_err(|error| failure(Some(name), &error))?;
        note(
            name,
            &format!("lladdr is {mac}: say `lladdr {mac}' on the other nodes"),
        );
        parsed.change.lladdr = Some(LladdrWish::Manual(mac));
    }
    note_scripts(name, &parsed.change);
    Ok(parsed.change)
}

/// Says which scripts could not be run as they are now; that may be about to change.
fn note_scripts(name: InterfaceName, change: &Change) {
    for hook in &change.hooks {
        if let HookChange::Script {
            hook,
            file: Some(file),
        } = hook
            && let Err(why) = trust::check(Path::new(file))
        {
            note(name, &format!("`{} {file}': {why}", hook.keyword()));
        }
    }
}

/// Says what `words` would do.
fn rehearse(name: InterfaceName, words: &[OsString], asked: Asked) -> Result<(), Failure> {
    let change = understood(name, words)?;
    let paths = paths()?;
    let rehearsal = Stage::new(&paths).rehearse(name, &change);
    let rehearsal = rehearsal.map_err(|reason| failure(Some(name), &reason))?;
    rehearsal.notes.iter().for_each(|text| note(name, text));
    if asked.json {
        return print_json(&rehearsal);
    }
    print(&rehearsal.to_string())
}

fn change(name: InterfaceName, words: &[OsString]) -> Result<(), Failure> {
    let request = Request::Change {
        interface: name,
        change: understood(name, words)?,
    };
    let notes = client::change(&paths()?, &request).map_err(|error| failure(Some(name), &error))?;
    notes.iter().for_each(|text| note(name, text));
    Ok(())
}

/// A MAC address that no network card has, as OpenBSD draws it.
fn random_lladdr() -> io::Result<MacAddress> {
    let mut octets: [u8; 6] = random::octets()?;
    let [first, ..] = &mut octets;
    *first = (*first & !IS_GROUP) | IS_LOCAL;
    Ok(MacAddress(octets))
}

/// A word that is neither a command nor an interface may be a misspelt command, or a carpdev, which
/// FreeBSD's `ifconfig` is told the words about.
fn not_a_name(word: &str, words: &[OsString], error: NotACarpName) -> Failure {
    let program = Cli::command();
    let commands = program.get_subcommands().map(clap::Command::get_name);
    let hint = match words::nearest(word, commands) {
        Some(command) => format!("{word}: unknown command (did you mean `{command}'?)"),
        None if word.is_empty() => format!("`': {error}"),
        None => match (resembled(word), freebsd::meant(word, words, interfaces)) {
            (Some(name), _) => format!("{word}: unknown interface (did you mean `{name}'?)"),
            (None, Some(meant)) => format!("{word}: {}: `{meant}'", freebsd::WHY),
            (None, None) => format!("{word}: {error}"),
        },
    };
    Failure::Usage(hint)
}

/// The interface whose name `word` resembles, unless it is that of a network card.
fn resembled(word: &str) -> Option<InterfaceName> {
    let digits = word.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let letters = word.strip_suffix(digits)?;
    let prefix = words::nearest(letters, [PREFIX]).filter(|prefix| *prefix != letters)?;
    let is_there = Path::new("/sys/class/net").join(word).exists();
    format!("{prefix}{digits}")
        .parse()
        .ok()
        .filter(|_| !is_there)
}

/// What there is, as far as a service tells.
fn interfaces() -> Vec<Told> {
    show::ask(None, false).unwrap_or_default()
}

/// Tells the operator something that is no failure.
fn note(name: InterfaceName, text: &str) {
    complain(&format!("{name}: {text}"));
}

/// Bits of the first octet of a MAC address: for a group of hosts; not given by a manufacturer.
const IS_GROUP: u8 = 1;
const IS_LOCAL: u8 = 2;
