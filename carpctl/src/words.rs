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
    let word = |position| words.get(position).map(AsRef::as_ref);
    let mut position = 0;
    while let Some(found) = word(position) {
        let keyword = found.to_str().and_then(find);
        let has_value = keyword.is_some_and(|keyword| keyword.takes != Takes::Nothing);
        if keyword.is_some_and(|keyword| keyword.meaning == Meaning::Pass)
            && word(position + 1).is_some_and(|value| value != "-" && !value.is_empty())
        {
            return Some(position + 1);
        }
        position += if has_value { 2 } else { 1 };
    }
    None
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
