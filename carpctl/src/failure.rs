//! How a command ends when it does not end well, and the one line that says why.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};

/// What is said on standard error, and what the exit status is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line could not be understood: exit status 2.
    #[error("{0}")]
    Usage(String),
    /// It was understood, but could not be done: exit status 1.
    #[error("{0}")]
    Failed(String),
    /// Nobody reads the output any more, which is no failure: exit status 0.
    #[error("nobody reads the output")]
    NobodyListens,
}

impl Failure {
    /// The exit status.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::from(1),
            Self::NobodyListens => ExitCode::SUCCESS,
        }
    }

    /// An error about the interface `name`.
    pub(crate) fn about(name: &str, error: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{name}: {error}"))
    }

    /// An error of writing to standard output.
    pub(crate) fn of_output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::NobodyListens;
        }
        Self::Failed(format!("standard output: {error}"))
    }

    /// What `clap`, which knows `commands`, found wrong with `words`: one line that points at the
    /// word, as all other errors do. That of `clap` has several.
    pub(crate) fn of_command_line(
        error: &clap::Error,
        words: &[OsString],
        mut commands: clap::Command,
    ) -> Self {
        let name = subcommand(words, &commands);
        commands.build();
        let command = name
            .as_deref()
            .and_then(|name| commands.find_subcommand(name));
        let problem = problem(error, words, command.unwrap_or(&commands));
        Self::Usage(match name {
            Some(name) => format!("{name}: {problem}; see `carpctl {name} --help'"),
            None => format!("{problem}; see `carpctl --help'"),
        })
    }
}

/// `text` with everything escaped that would not show as itself: line breaks, what moves the
/// cursor of a terminal, what changes the direction of writing.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        let escaped = letter.escape_debug();
        if escaped.len() == 1 || matches!(letter, '\'' | '"' | '\\') {
            shown.push(letter);
        } else {
            shown.extend(escaped);
        }
    }
    shown
}

// ---- what clap says, in our words ----

/// The subcommand that `words` were understood to be for: the first word that is no option of all
/// commands, if it is one.
fn subcommand(words: &[OsString], commands: &clap::Command) -> Option<String> {
    let is_option = |word: &str| {
        commands
            .get_arguments()
            .flat_map(spellings)
            .any(|it| it == word)
    };
    let mut words = words.iter().map(|word| word.to_string_lossy());
    let word = words.find(|word| !is_option(word))?;
    let command = commands.find_subcommand(&*word)?;
    Some(command.get_name().to_owned())
}

fn problem(error: &clap::Error, words: &[OsString], command: &clap::Command) -> String {
    let kind = error.kind();
    let said = |kind| error.get(kind).map(ToString::to_string);
    let value = said(ContextKind::InvalidValue).unwrap_or_default();
    // An option comes with a name for its value, as in `--group <NAME|GID>`.
    let option = said(ContextKind::InvalidArg).unwrap_or_default();
    let (option, wants) = option.split_once(' ').unwrap_or((&option, ""));
    let choices = said(ContextKind::ValidValue).unwrap_or_default();
    let choices = choices.replace(", ", " or ");

    if kind == ErrorKind::InvalidUtf8 {
        let word = words.iter().find(|word| word.to_str().is_none());
        let word = word.map(|word| word.to_string_lossy()).unwrap_or_default();
        return format!("`{word}': not readable as text");
    }
    if kind == ErrorKind::MissingRequiredArgument {
        let missing = error.get(ContextKind::InvalidArg).map(ToString::to_string);
        let missing = bare(&missing.unwrap_or_default());
        return format!("{} must follow", missing.replace(", ", " and "));
    }
    if kind == ErrorKind::UnknownArgument {
        let what = if option.starts_with('-') {
            "unknown option"
        } else {
            "unexpected word"
        };
        let hint = match said(ContextKind::SuggestedArg) {
            Some(meant) => format!("did you mean `{meant}'?"),
            None => format!("allowed: {}", allowed(command)),
        };
        return format!("`{option}': {what} ({hint})");
    }
    if kind == ErrorKind::InvalidSubcommand {
        let word = said(ContextKind::InvalidSubcommand).unwrap_or_default();
        return format!("`{word}': unknown command");
    }
    if kind == ErrorKind::InvalidValue && value.is_empty() {
        let wants = if choices.is_empty() {
            wants.trim_matches(['<', '>'])
        } else {
            &choices
        };
        return format!("`{option}': {wants} must follow");
    }
    if kind == ErrorKind::InvalidValue && option.starts_with('<') {
        return format!("`{value}': must be {choices}");
    }
    if kind == ErrorKind::InvalidValue {
        return format!("`{option} {value}': must be {choices}");
    }
    if kind == ErrorKind::ValueValidation {
        let why = std::error::Error::source(error).map(ToString::to_string);
        return format!("`{option} {value}': {}", why.unwrap_or_default());
    }
    if kind == ErrorKind::TooManyValues {
        return format!("`{option}={value}': takes no value");
    }
    if kind == ErrorKind::ArgumentConflict {
        let before = said(ContextKind::PriorArg).unwrap_or_default();
        if before == option {
            return format!("`{option}': said twice");
        }
        let before = bare(&before);
        return format!("`{option}': cannot be said together with {before}");
    }
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// The name of an argument without what `clap` puts around it, as in `[NAME[=VALUE]]...`.
fn bare(names: &str) -> String {
    let names = names.split(", ").map(|name| {
        let name = name.strip_suffix("...").unwrap_or(name);
        let inner = name.strip_prefix(['[', '<']);
        inner
            .and_then(|it| it.strip_suffix([']', '>']))
            .unwrap_or(name)
    });
    names.collect::<Vec<_>>().join(", ")
}

/// What `command` takes, each in its longest spelling.
fn allowed(command: &clap::Command) -> String {
    let shown = command.get_arguments().filter(|it| !it.is_hide_set());
    let names: Vec<String> = shown.filter_map(|it| spellings(it).pop()).collect();
    names.join(", ")
}

/// How `argument` may be written, the longest way last.
fn spellings(argument: &clap::Arg) -> Vec<String> {
    let short = argument.get_short().map(|letter| format!("-{letter}"));
    let long = argument.get_long().map(|name| format!("--{name}"));
    let value = argument.is_positional().then(|| argument.get_value_names());
    let value = value.flatten().and_then(|names| names.first());
    let value = value.map(|name| name.to_string());
    [short, long, value].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_printable_is_escaped() {
        assert_eq!(
            printable("`/etc/carp key': \"é\" \\ 網"),
            "`/etc/carp key': \"é\" \\ 網"
        );
        assert_eq!(printable("a\nb\r\t\0"), "a\\nb\\r\\t\\0");
        assert_eq!(
            printable("\u{1b}[2J\u{7f}\u{9b}"),
            "\\u{1b}[2J\\u{7f}\\u{9b}"
        );
        assert_eq!(printable("\u{202e}\u{2028}"), "\\u{202e}\\u{2028}");
    }
}
