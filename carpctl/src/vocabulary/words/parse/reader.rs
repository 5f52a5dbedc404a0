//! One word after the other, the values of keywords, and what is wrong with a word that is neither.

use std::ffi::OsStr;

use super::Parser;
use crate::vocabulary::words::{
    KEYWORDS, Keyword, Meaning, Problem, Takes, WordError, find, nearest,
};

impl<'a> Parser<'a> {
    /// Whether the word that was read last stands behind a password.
    pub(super) fn is_behind_password(&self) -> bool {
        self.password_end
            .is_some_and(|end| end + 1 == self.position)
    }

    /// What is wrong with a word that is none of ours. One behind a password may be a part of it, and
    /// what stands behind `=` may be one, so neither is shown.
    pub(super) fn unknown(&self, word: &str) -> WordError {
        let (name, equals) = match word.split_once('=') {
            Some((name, _)) => (name, "="),
            None => (word, ""),
        };
        if let Some(keyword) = find(name) {
            return error(&format!("{name}="), Problem::Equals(keyword));
        }
        let nearest = nearest_keyword(name);
        if nearest.is_none() && self.is_behind_password() {
            return behind_password();
        }
        if nearest.is_none() && self.draft.awaits_address() {
            let family = self.draft.family.unwrap_or(4);
            let is_name = true;
            let problem = Problem::NotAPeerAddress { family, is_name };
            return error(&format!("{} {name}{equals}", self.draft.began), problem);
        }
        error(&format!("{name}{equals}"), Problem::Unknown { nearest })
    }

    pub(super) fn next_os(&mut self) -> Option<&'a OsStr> {
        let word = self.words.get(self.position)?;
        self.position += 1;
        Some(word)
    }

    pub(super) fn next(&mut self) -> Result<Option<&'a str>, WordError> {
        let Some(word) = self.next_os() else {
            return Ok(None);
        };
        match word.to_str() {
            None if self.is_behind_password() => Err(behind_password()),
            None => Err(not_text(word)),
            word => Ok(word),
        }
    }

    pub(super) fn value_os(&mut self, keyword: &Keyword) -> Result<&'a OsStr, WordError> {
        self.next_os().ok_or_else(|| no_value(keyword))
    }

    /// The value of `keyword`, whatever it is.
    pub(super) fn text(&mut self, keyword: &Keyword) -> Result<&'a str, WordError> {
        let value = self.value_os(keyword)?;
        let unreadable = || error_in(keyword, &value.to_string_lossy(), Problem::NotText);
        value.to_str().ok_or_else(unreadable)
    }

    /// The value of `keyword`, which cannot be a keyword itself.
    pub(super) fn value(&mut self, keyword: &Keyword) -> Result<&'a str, WordError> {
        let value = self.text(keyword)?;
        if find(value).is_some() {
            return Err(no_value(keyword));
        }
        Ok(value)
    }

    pub(super) fn number<T: TryFrom<u16>>(&mut self, keyword: &Keyword) -> Result<T, WordError> {
        let value = self.value(keyword)?;
        let number = keyword.number(value);
        number.map_err(|problem| error_in(keyword, value, problem))
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        keyword: &Keyword,
        choices: &[(&str, T)],
    ) -> Result<T, WordError> {
        let value = self.text(keyword)?;
        if keyword.meaning == Meaning::State && value.eq_ignore_ascii_case("init") {
            return Err(error_in(keyword, value, Problem::Refused(LEADS_TO_INIT)));
        }
        let words = match keyword.takes {
            Takes::OneOf(words) => words,
            Takes::Nothing | Takes::Number(..) | Takes::Value(..) => &[],
        };
        let mut choices = choices.iter();
        let found = choices.find(|(name, _)| name.eq_ignore_ascii_case(value));
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let nearest = nearest(value, words.iter().copied());
            error_in(keyword, value, Problem::NotOneOf { words, nearest })
        })
    }
}

fn nearest_keyword(word: &str) -> Option<&'static str> {
    let known = KEYWORDS
        .iter()
        .filter(|keyword| !matches!(keyword.meaning, Meaning::Refused(_)));
    nearest(word, known.map(|keyword| keyword.name))
}

pub(super) fn behind_password() -> WordError {
    error("pass", Problem::BehindPassword)
}

pub(super) fn error(word: &str, problem: Problem) -> WordError {
    let word = word.to_owned();
    WordError { word, problem }
}

pub(super) fn no_value(keyword: &Keyword) -> WordError {
    let wants = keyword.wants();
    error(keyword.name, Problem::NoValue { wants })
}

pub(super) fn error_in(keyword: &Keyword, value: &str, problem: Problem) -> WordError {
    error(&format!("{} {value}", keyword.name), problem)
}

fn not_text(word: &OsStr) -> WordError {
    let word = word.to_string_lossy();
    let shown = word.split_inclusive('=').next();
    error(shown.unwrap_or_default(), Problem::NotText)
}

const LEADS_TO_INIT: &str = "`down' leads to INIT, and keeps it there";
