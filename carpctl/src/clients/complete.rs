//! Completion: what may stand at the end of a command line.
//!
//! Shells ask the hidden command `carpctl complete -- WORD...`, so that they offer what this very
//! program understands, and nothing about it is written down for a shell. It answers with a word a
//! line, a tab and what it means behind it; `:files` or `:commands` leave the place to the shell.

use std::collections::BTreeSet;

use crate::clients::manual;
use crate::clients::watch::wait;
use crate::vocabulary::settings::Setting;
use crate::vocabulary::words::{self, KEYWORDS, Keyword, Meaning, Takes};

mod command;
pub(crate) mod live;

/// The words of `carpctl complete`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompleteOptions {
    /// The command line as far as the cursor, without `carpctl`; the last word may be empty
    #[arg(value_name = "WORD", last = true)]
    words: Vec<String>,
}

impl CompleteOptions {
    /// What to offer, a line each.
    pub(crate) fn answer(&self, program: &clap::Command) -> String {
        let (current, before) = match self.words.split_last() {
            Some((current, before)) => (current.as_str(), before),
            None => ("", &[][..]),
        };
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        let offers = offers(&before, current, program);
        let all = offers.into_iter().flat_map(live::words);
        let fitting = all.filter(|(word, _)| word.starts_with(current) || word.starts_with(':'));
        let mut offered = BTreeSet::new();
        fitting.fold(String::new(), |mut text, (word, about)| {
            if offered.insert(word.clone()) {
                let about = about.lines().collect::<Vec<_>>().join(" ");
                text.push_str(format!("{word}\t{about}").trim_end());
                text.push('\n');
            }
            text
        })
    }
}

/// Something that may stand in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// This word, and what it means.
    Word(String, String),
    /// The name of a carp interface that there is, or whose file there is.
    Interfaces,
    /// The name of an interface that one can run on.
    Carpdevs,
    /// The name of an interface group.
    Groups,
    /// Who demotes this group.
    Owners(String),
    /// The name of a file, which the shell knows best.
    Files,
    /// The name of a command of the system.
    Commands,
}

impl Offer {
    fn word(word: &str, about: &str) -> Self {
        Self::Word(word.to_owned(), about.to_owned())
    }

    fn words(words: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Self> {
        let words = words.into_iter();
        words.map(|word| Self::word(word.as_ref(), "")).collect()
    }
}

/// What may stand behind the words `before`, where `current` has been begun.
pub(crate) fn offers(before: &[&str], current: &str, program: &clap::Command) -> Vec<Offer> {
    let is_flag = |word: &&&str| word.starts_with('-') && **word != "-g";
    let flags = before.iter().take_while(is_flag).count();
    match before.get(flags..).unwrap_or_default() {
        [] if current.starts_with('-') => {
            let mut all = command::options(program);
            all.push(Offer::word("-g", "Show or demote an interface group"));
            all
        }
        [] => {
            let commands = program.get_subcommands().filter(|it| !it.is_hide_set());
            let commands = commands.map(|it| Offer::word(it.get_name(), &command::about(it)));
            std::iter::once(Offer::Interfaces).chain(commands).collect()
        }
        ["-g", behind @ ..] => of_group(behind),
        [name, behind @ ..] => match program.find_subcommand(name) {
            Some(found) => command::offers(program, found, behind, current),
            None => of_interface(behind),
        },
    }
}

/// What may stand behind the words for an interface.
fn of_interface(before: &[&str]) -> Vec<Offer> {
    let last = before.last().and_then(|word| words::find(word));
    if let Some(keyword) = last.filter(|keyword| keyword.takes != Takes::Nothing) {
        let mut offers = of_value(keyword);
        if matches!(keyword.meaning, Meaning::Inet | Meaning::Inet6) {
            offers.push(Offer::word("alias", "add the address to those there are"));
        }
        return offers;
    }
    let works = |keyword: &&Keyword| !matches!(keyword.meaning, Meaning::Refused(_));
    let keywords = KEYWORDS.iter().filter(works);
    keywords
        .map(|keyword| Offer::word(keyword.name, keyword.help))
        .collect()
}

/// What may follow a keyword.
fn of_value(keyword: &Keyword) -> Vec<Offer> {
    match keyword.takes {
        Takes::Nothing | Takes::Number(..) => Vec::new(),
        Takes::OneOf(choices) => Offer::words(choices.iter().copied()),
        Takes::Value("INTERFACE", _) => vec![Offer::Carpdevs],
        Takes::Value("FILE", _) => vec![Offer::Files],
        Takes::Value("NAME", _) => vec![Offer::Groups],
        // `vhid|carpdev|MAC`: what is small is meant as it stands.
        Takes::Value(name, _) => {
            let is_word = |word: &&str| word.chars().all(|letter| letter.is_ascii_lowercase());
            Offer::words(name.split('|').filter(is_word))
        }
    }
}

/// What may stand behind `-g`.
fn of_group(before: &[&str]) -> Vec<Offer> {
    match before {
        [] => vec![Offer::Groups],
        [_] => vec![
            Offer::word("carpdemote", "demote it by more"),
            Offer::word("-carpdemote", "demote it by less"),
            Offer::word("--json", "show it as JSON"),
        ],
        [group, .., "owner"] => vec![Offer::Owners((*group).to_owned())],
        [_, "carpdemote" | "-carpdemote"] | [_, "carpdemote", _] => {
            vec![Offer::word("owner", "in the name that follows")]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
