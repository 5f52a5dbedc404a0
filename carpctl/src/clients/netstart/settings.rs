//! The `net.inet.carp` lines of a `sysctl.conf`, as sysctl.conf(5) and sysctl.d(5) have them.
//!
//! The system's own files are full of other names, which are the kernel's business. In the file of
//! carpctl another name is a mistake.

use std::ffi::OsString;

use super::lines::LineError;
use crate::vocabulary::demotion::MOST_AT_ONCE;
use crate::vocabulary::settings::{Assignment, Query, Setting, with_dots};

/// What the files say, the later ones taking precedence.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    assignments: Vec<Assignment>,
    /// Writing a demotion adds, and files are read again and again: this one is a demotion of its
    /// own, under a name.
    demotion: Option<u8>,
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    System,
    Own,
}

impl Wanted {
    /// Takes in the lines of a file, and returns those that cannot be.
    pub(crate) fn read(&mut self, text: &[u8], whose: Whose) -> Vec<LineError> {
        let text = String::from_utf8_lossy(text);
        let lines = text.lines().zip(1..);
        let errors = lines.filter_map(|(text, line)| {
            let problem = self.take(text.trim(), whose).err()?;
            Some(LineError { line, problem })
        });
        errors.collect()
    }

    /// The settings that are to be, but for the demotion.
    pub(crate) fn assignments(&self) -> &[Assignment] {
        &self.assignments
    }

    /// The settings, each as one word.
    pub(crate) fn words(&self) -> Vec<OsString> {
        let word = |it: &Assignment| format!("{}={}", it.setting.name(), it.value).into();
        self.assignments.iter().map(word).collect()
    }

    /// By how much group `carp` is to be demoted.
    pub(crate) const fn demotion(&self) -> Option<u8> {
        self.demotion
    }

    fn take(&mut self, line: &str, whose: Whose) -> Result<(), String> {
        let line = without_comment(line).trim_end();
        if line.is_empty() || line.starts_with(';') {
            return Ok(());
        }
        // In front of what may fail.
        let (may_fail, line) = match line.strip_prefix('-') {
            Some(line) => (true, line.trim_start()),
            None => (false, line),
        };
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (line, None),
        };
        let name = with_dots(name);
        if whose == Whose::System && !name.starts_with(PREFIX) {
            return Ok(());
        }
        match self.assign(&name, value) {
            Err(_) if may_fail => Ok(()),
            done => done,
        }
    }

    fn assign(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        let Some(value) = value else {
            return Err(format!("{name}: no value (write NAME=VALUE)"));
        };
        let query = Query::parse(&format!("{name}={value}"));
        let query = query.map_err(|error| format!("{}: {}", error.word, error.problem))?;
        let Query::Assign(assignment) = query else {
            return Ok(()); // not with a value
        };
        let Assignment { setting, value } = assignment;
        if setting == Setting::Demotion {
            let amount = u8::try_from(value).ok().filter(|it| *it <= MOST_AT_ONCE);
            let wrong = || format!("{name}={value}: out of range (0 to {MOST_AT_ONCE} in a file)");
            self.demotion = Some(amount.ok_or_else(wrong)?);
            return Ok(());
        }
        self.assignments.retain(|it| it.setting != setting);
        self.assignments.push(assignment);
        Ok(())
    }
}

/// What stands before a comment, which begins with a `#` behind white space, as in the
/// `sysctl.conf` that OpenBSD ships. No value that counts here has one in it.
fn without_comment(text: &str) -> &str {
    let mut marks = text.match_indices('#').map(|(at, _)| text.split_at(at).0);
    let before = marks.find(|before| before.is_empty() || before.ends_with(char::is_whitespace));
    before.unwrap_or(text)
}

/// In whose name a file demotes.
pub(crate) const OWNER: &str = "sysctl.conf";

const PREFIX: &str = "net.inet.carp.";

#[cfg(test)]
mod tests;
