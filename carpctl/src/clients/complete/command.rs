//! What may stand behind a command, as `clap` knows it.

use clap::{Arg, ArgAction, Command};

use super::{Offer, Setting, manual, wait};

/// What may stand behind `before` among the words of `command`, one of those of `program`.
pub(super) fn offers(
    program: &Command,
    command: &Command,
    before: &[&str],
    current: &str,
) -> Vec<Offer> {
    if let Some(at) = before.iter().position(|word| *word == "--") {
        let is_first = at + 1 == before.len();
        return vec![if is_first {
            Offer::Commands
        } else {
            Offer::Files
        }];
    }
    let last = before.last().copied().unwrap_or_default();
    let option = command.get_arguments().find(|it| is_called(it, last));
    if let Some(option) = option.filter(|it| takes_value(it)) {
        return values(program, command, option);
    }
    if current.starts_with('-') {
        return options(command);
    }
    let behind = before.iter().filter(|word| !word.starts_with('-')).count();
    let mut positionals: Vec<&Arg> = command.get_positionals().collect();
    // What comes behind `--` is not in this place.
    positionals.retain(|it| !it.is_last_set());
    let repeats = |it: &&&Arg| matches!(it.get_action(), ArgAction::Append);
    let place = positionals.get(behind);
    let place = place.or_else(|| positionals.last().filter(repeats));
    let mut offers = place.map_or_else(Vec::new, |it| values(program, command, it));
    if offers.is_empty() && current.is_empty() {
        offers = options(command);
    }
    offers
}

/// All options of `command`, in their longest spelling.
pub(super) fn options(command: &Command) -> Vec<Offer> {
    let shown = command.get_opts().chain(flags(command));
    let shown = shown.filter(|it| !it.is_hide_set());
    shown
        .filter_map(|it| {
            let long = it.get_long().map(|name| format!("--{name}"));
            let name = long.or_else(|| it.get_short().map(|letter| format!("-{letter}")))?;
            let help = it.get_help().map(ToString::to_string);
            Some(Offer::Word(name, help.unwrap_or_default()))
        })
        .collect()
}

/// What `command` is for.
pub(super) fn about(command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string);
    about.unwrap_or_default()
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    let all = command.get_arguments();
    all.filter(|it| !it.is_positional() && !takes_value(it))
}

fn takes_value(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
}

fn is_called(argument: &Arg, word: &str) -> bool {
    let long = word.strip_prefix("--");
    long.is_some() && long == argument.get_long()
}

/// What `argument` may be, by its values, or by the name that the help gives them.
fn values(program: &Command, command: &Command, argument: &Arg) -> Vec<Offer> {
    let possible = argument.get_possible_values();
    if !possible.is_empty() {
        let help = |it: &clap::builder::PossibleValue| {
            it.get_help().map(ToString::to_string).unwrap_or_default()
        };
        let shown = possible.iter().filter(|it| !it.is_hide_set());
        return shown
            .map(|it| Offer::word(it.get_name(), &help(it)))
            .collect();
    }
    let names = argument.get_value_names().unwrap_or_default();
    let name = names.first().map_or("", |name| name.as_str());
    match (command.get_name(), name) {
        (_, "INTERFACE") => vec![Offer::Interfaces],
        (_, "STATE") => Offer::words(wait::states()),
        (_, "FILE" | "DIR" | "CLUSTER.toml") => vec![Offer::Files],
        (_, "NAME[=VALUE]") => {
            let all = Setting::ALL.into_iter();
            all.map(|it| Offer::word(it.name(), it.summary())).collect()
        }
        ("help", "WORD") => Offer::words(manual::names(program)),
        ("decode", "WORD") => Offer::words(["pass", "passfile", "vhid", "lladdr"]),
        ("demote", "WORD") => Offer::words(["group", "owner"]),
        _ => Vec::new(),
    }
}
