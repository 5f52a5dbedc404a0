//! The words of `carpctl carp0 …`, which are those of OpenBSD's `ifconfig` where it has them.
//!
//! [`KEYWORDS`] is the one place that knows them: the parser, the help, the suggestions for
//! misspelt words and the search for a password in the command line all read it.

use std::ffi::OsStr;

mod details;
pub(crate) use details::details;
mod error;
pub(crate) use error::{Problem, WordError};
mod parse;
pub(crate) use parse::{Parsed, SecretSource, Stopped, parse, parse_lines};
mod refused;
#[cfg(test)]
pub(crate) use refused::REFUSED;
mod table;
pub(crate) use table::{KEYWORDS, Keyword, Meaning, Takes, find, nearest, one_of};
mod values;
mod write;
pub(crate) use write::write;

/// Where in `words` a password stands, if one does: behind `pass`, and not `-`, which says that
/// it comes on standard input.
pub(crate) fn password_position(words: &[impl AsRef<OsStr>]) -> Option<usize> {
    let is_password = |value: &OsStr| value != "-" && !value.is_empty();
    said(words)
        .filter(|(_, word)| find_os(word).is_some_and(|it| it.meaning == Meaning::Pass))
        .map(|(position, _)| position + 1)
        .find(|value| words.get(*value).is_some_and(|it| is_password(it.as_ref())))
}

/// `words` without those that a keyword before them takes for a text, whatever they are: each with
/// its position.
pub(crate) fn said<W: AsRef<OsStr>>(words: &[W]) -> impl Iterator<Item = (usize, &OsStr)> {
    let mut is_text = false;
    let all = words.iter().map(AsRef::as_ref).enumerate();
    all.filter(move |(_, word)| {
        let is_said = !is_text;
        is_text = is_said && find_os(word).is_some_and(takes_any_text);
        is_said
    })
}

/// Other values are never keywords or options; `inet` only announces an address.
fn takes_any_text(keyword: &Keyword) -> bool {
    let is_family = matches!(keyword.meaning, Meaning::Inet | Meaning::Inet6);
    matches!(keyword.takes, Takes::Value(..)) && !is_family
}

fn find_os(word: &OsStr) -> Option<&'static Keyword> {
    word.to_str().and_then(find)
}

/// The words as they are shown by `carpctl --help`.
pub(crate) fn help() -> String {
    let shown = KEYWORDS.iter().filter(|keyword| !keyword.help.is_empty());
    shown.fold(String::new(), |mut text, keyword| {
        let mut left = keyword.usage();
        if left.chars().count() > USAGE_WIDTH {
            text.push_str(&format!("  {left}\n"));
            left.clear();
        }
        for line in keyword.help.lines() {
            text.push_str(&format!("  {left:<USAGE_WIDTH$} {line}\n"));
            left.clear();
        }
        text
    })
}

/// How wide the left column of the help is; what is longer stands alone.
const USAGE_WIDTH: usize = 21;

#[cfg(test)]
mod tests;
