//! A `hostname.carp0` as hostname.if(5) has it, understood: one change that says all there is to
//! say of an interface, and the commands that are to run after it.
//!
//! What the words mean is the business of [`words`]; here stands what a file adds to
//! a command line (`docs/carp-protocol.md §7.3`): the netmask, broadcast address and prefix length
//! that need no word of their own, and what would be another thing each time the file is read.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::lines::{Line, LineError, ShellCommand, Word, lines};
use crate::vocabulary::change::{AddressChange, Change, Less, LladdrWish, Manner};
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::words::{self, Parsed, SecretSource, Stopped, Takes, password_position};

/// What a file says of its interface.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hostname {
    /// All there is to say of the interface, but for its key.
    pub(crate) change: Change,
    /// Where its password is to be had; none for one without.
    pub(crate) password: Option<Password>,
    /// What is to run once the interface is as it should be.
    pub(crate) commands: Vec<ShellCommand>,
    /// The words of all lines, without the password.
    words: Vec<Word>,
}

/// Where a password is to be had.
#[derive(PartialEq, Eq)]
pub(crate) enum Password {
    /// In the file itself.
    Here(Zeroizing<Vec<u8>>),
    /// In a file of this name, which stands on this line.
    File { path: PathBuf, line: usize },
}

/// Understands `text` as said of `interface`.
///
/// # Errors
///
/// The first thing that is wrong, and the line it is on.
pub(crate) fn parse(interface: InterfaceName, text: &[u8]) -> Result<Hostname, LineError> {
    let mut words = Vec::new();
    let mut ends = Vec::new();
    let mut taken = None;
    let mut commands = Vec::new();
    let mut ups = Vec::new();
    for line in lines(text)? {
        match line {
            Line::Words(line) => match line.as_slice() {
                [only] if only.is("up") => ups.push(only.clone()),
                _ => {
                    let mut line = with_keywords(line);
                    take_password(&mut line, &mut taken)?;
                    words.extend(line);
                    ends.push(words.len());
                }
            },
            Line::Command(command) => commands.push(expanded(command, interface)),
        }
    }
    // Most files of OpenBSD end in a line `up', whatever the others say.
    if !words.iter().any(|word| word.is("up")) {
        words.extend(ups.into_iter().next());
        ends.push(words.len());
    }
    let shown: Vec<OsString> = words.iter().map(Word::to_os_string).collect();
    let parsed = words::parse_lines(&interface.to_string(), &shown, &ends);
    let Parsed { mut change, secret } = parsed.map_err(|error| located(&words, &error))?;
    let password = match (secret, taken) {
        (Some(SecretSource::StandardInput), Some(password)) => Some(Password::Here(password)),
        (Some(SecretSource::StandardInput), None) => {
            return Err(LineError {
                line: line_of(&words, |word| word.is("pass")),
                problem: format!("pass -: {NO_STANDARD_INPUT}"),
            });
        }
        (Some(SecretSource::File(path)), _) => {
            let line = line_of(&words, |word| word.is(PASSFILE));
            Some(Password::File { path, line })
        }
        (Some(SecretSource::None) | None, _) => None,
    };
    check_that_it_lasts(&change, &words)?;
    // There is nothing to replace.
    for address in &mut change.addresses {
        address.manner = Manner::Add;
    }
    change.anew = true;
    change.create = false;
    Ok(Hostname {
        change,
        password,
        commands,
        words,
    })
}

impl Hostname {
    /// The line of the word that `reason` is about, where it names one: a keyword, an address or
    /// the carpdev.
    pub(crate) fn line_about(&self, reason: &str) -> Option<usize> {
        let named = reason
            .split(|letter: char| letter.is_whitespace() || "`',;()".contains(letter))
            .map(|word| word.trim_end_matches(':'));
        let is_telling = |word: &&str| {
            let takes_a_value = |keyword: &words::Keyword| keyword.takes != Takes::Nothing;
            words::find(word).is_some_and(takes_a_value)
                || word.parse::<IpAddr>().is_ok()
                || self.change.carpdev.as_deref() == Some(word)
        };
        let found = named.filter(is_telling).find_map(|name| {
            let begin = |word: &Word| word.as_str()?.split('/').next().map(ToOwned::to_owned);
            let mut words = self.words.iter().rev();
            words.find(|word| begin(word).as_deref() == Some(name))
        });
        found.map(|word| word.line)
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here(_) => f.write_str("Here(..)"),
            Self::File { path, .. } => f.debug_tuple("File").field(path).finish(),
        }
    }
}

// ---- lines ----

/// `line` with the words that hostname.if(5) allows to leave out:
/// `inet [alias] ADDRESS [NETMASK [BROADCAST|NONE]]` and `inet6 [alias] ADDRESS [LENGTH]`.
fn with_keywords(mut line: Vec<Word>) -> Vec<Word> {
    let is_inet = line.first().is_some_and(|word| word.is("inet"));
    let is_inet6 = line.first().is_some_and(|word| word.is("inet6"));
    if !is_inet && !is_inet6 {
        return line;
    }
    let manners = ["alias", "-alias", "delete"];
    let has_manner = line
        .get(1)
        .is_some_and(|word| manners.iter().any(|manner| word.is(manner)));
    let mask = if has_manner { 3 } else { 2 };
    let is_value = |word: &Word| {
        word.as_str()
            .is_some_and(|text| text.starts_with(|first: char| first.is_ascii_digit()))
    };
    let values = line.iter().skip(mask).take_while(|word| is_value(word));
    let values = values.count();
    if is_inet6 {
        let is_length = |word: &&Word| word.text.iter().all(u8::is_ascii_digit);
        if let Some(number) = line.get(mask).filter(is_length).map(|word| word.line) {
            line.insert(mask, Word::new(b"prefixlen", number));
        }
        return line;
    }
    let broadcast = mask + 1;
    if values > 0 && line.get(broadcast).is_some_and(|word| word.is("NONE")) {
        line.remove(broadcast);
    } else if values > 1
        && let Some(number) = line.get(broadcast).map(|word| word.line)
    {
        line.insert(broadcast, Word::new(b"broadcast", number));
    }
    if values > 0
        && let Some(number) = line.get(mask).map(|word| word.line)
    {
        line.insert(mask, Word::new(b"netmask", number));
    }
    line
}

/// `command` with the name of the interface where it says `$if` or `\$if`.
fn expanded(command: ShellCommand, interface: InterfaceName) -> ShellCommand {
    let mut text = Vec::new();
    let mut rest = command.text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let variable = rest.strip_prefix(b"\\").unwrap_or(rest);
        let behind_variable = variable.strip_prefix(b"$if");
        let is_in_a_name = |rest: &[u8]| {
            let next = rest.first();
            next.is_some_and(|next| next.is_ascii_alphanumeric() || *next == b'_')
        };
        rest = match behind_variable.filter(|rest| !is_in_a_name(rest)) {
            Some(rest) => {
                text.extend_from_slice(interface.to_string().as_bytes());
                rest
            }
            None => {
                text.push(*byte);
                behind
            }
        };
    }
    ShellCommand {
        text: OsStr::from_bytes(&text).to_owned(),
        ..command
    }
}

// ---- the password ----

/// Takes the password out of the words of `line`, which say `pass -` then; `taken` is the one of
/// the lines before.
fn take_password(
    line: &mut [Word],
    taken: &mut Option<Zeroizing<Vec<u8>>>,
) -> Result<(), LineError> {
    while let Some(word) = password_position(line).and_then(|at| line.get_mut(at)) {
        let hidden = Word::new(b"-", word.line);
        let Word { text, line } = std::mem::replace(word, hidden);
        // Found here, so that it does not show.
        if taken.replace(text).is_some() {
            let problem = "pass: said twice".to_owned();
            return Err(LineError { line, problem });
        }
    }
    Ok(())
}

// ---- what is wrong ----

/// What would be another thing each time that the file is read, or nothing at all.
fn check_that_it_lasts(change: &Change, words: &[Word]) -> Result<(), LineError> {
    let is_said = |it: &&str| words.iter().any(|word| word.is(it));
    let removing = ["-alias"].into_iter().find(is_said).unwrap_or("delete");
    let is_removal = |address: &AddressChange| address.manner == Manner::Remove;
    let problem = if change.destroy {
        ("destroy", NOT_DESTROYED)
    } else if change.lladdr == Some(LladdrWish::Random) {
        ("random", NOT_RANDOM)
    } else if [change.inet_less, change.inet6_less].contains(&Some(Less::First)) {
        (removing, NOT_REMOVED)
    } else if let Some(removed) = change.addresses.iter().find(|it| is_removal(it)) {
        return Err(LineError {
            line: line_of(words, |word| word.is(removing)),
            problem: format!("{}: {NOT_REMOVED}", removed.ip),
        });
    } else {
        return Ok(());
    };
    let (word, why) = problem;
    Err(LineError {
        line: line_of(words, |found| found.is(word)),
        problem: format!("{word}: {why}"),
    })
}

/// The line of the last of `words` that `is_it`.
fn line_of(words: &[Word], is_it: impl Fn(&Word) -> bool) -> usize {
    let found = words.iter().rev().find(|word| is_it(word));
    found.or_else(|| words.last()).map_or(1, |word| word.line)
}

/// `error`, which stopped the reading of `words`, with the line of the word it is about: a keyword
/// or a value, or a keyword and its value.
fn located(words: &[Word], error: &Stopped) -> LineError {
    let read = words.get(..error.read).unwrap_or(words);
    let about = error.error.word.as_bytes();
    let is_it = |at: usize| {
        let behind = words
            .get(at)
            .and_then(|word| about.strip_prefix(word.text.as_slice()));
        let value = words.get(at + 1);
        behind.is_some_and(|behind| match behind.strip_prefix(b" ") {
            Some(behind) => value.is_some_and(|value| *value.text == behind),
            None => behind.is_empty(),
        })
    };
    let found = (0..read.len()).rev().find(|at| is_it(*at));
    let word = found.and_then(|at| words.get(at)).or_else(|| read.last());
    LineError {
        line: word.map_or(1, |word| word.line),
        problem: format!("{}: {}", error.error.word, error.error.problem),
    }
}

const PASSFILE: &str = "passfile";

const NOT_DESTROYED: &str = "not in a file: remove the file instead, and the interface with \
                             `carpctl INTERFACE destroy'";

const NOT_RANDOM: &str = "would be another one each time: write the MAC address, the same on all \
                          nodes";

const NOT_REMOVED: &str = "a file holds the addresses that there are: leave it out";

const NO_STANDARD_INPUT: &str = "a file has no standard input: write the password, or `passfile \
                                 FILE'";

#[cfg(test)]
mod tests;
