//! What is to be known of a word or a setting beyond its line in the help, and how it is laid out.

use std::fmt::Write as _;

/// What is to be known of a word or a setting beyond its line in the help.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Details {
    /// What it stands with.
    pub(crate) chapter: Chapter,
    /// What it is: whole sentences, words of the command line in `quotes'.
    pub(crate) text: &'static str,
    /// What a number counts; empty where there is none.
    pub(crate) unit: &'static str,
    /// What counts where nothing is said; empty for what is done, not set.
    pub(crate) default: &'static str,
    /// What a change does, to the election above all.
    pub(crate) change: &'static str,
    /// A whole command line.
    pub(crate) example: &'static str,
    /// The section of `docs/carp-protocol.md`; empty for what is no part of the protocol.
    pub(crate) section: &'static str,
}

/// What is explained together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chapter {
    Host,
    Election,
    Addresses,
    Peers,
    Hooks,
    Settings,
}

impl Chapter {
    /// Those of words for an interface, in the order in which they are shown.
    pub(crate) const OF_WORDS: [Self; 5] = [
        Self::Host,
        Self::Election,
        Self::Addresses,
        Self::Peers,
        Self::Hooks,
    ];

    /// Its heading in the manual.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Host => "The virtual host",
            Self::Election => "The election",
            Self::Addresses => "Addresses",
            Self::Peers => "Other nodes",
            Self::Hooks => "Hooks",
            Self::Settings => "Settings",
        }
    }

    /// Its name in the help.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Election => "election",
            Self::Addresses => "addresses",
            Self::Peers => "peers",
            Self::Hooks => "hooks",
            Self::Settings => "settings",
        }
    }
}

/// `text` in lines that fit a terminal. The first begins with `first`, the others with as many
/// spaces as that is wide. Words with [`NO_BREAK`] between them stay together.
pub(crate) fn filled(first: &str, text: &str) -> String {
    filled_within(COLUMNS, first, text)
}

/// The same, in lines of `columns`.
pub(crate) fn filled_within(columns: usize, first: &str, text: &str) -> String {
    let indent = first.chars().count();
    let mut filled = first.to_owned();
    let mut column = indent;
    for (number, word) in text
        .split([' ', '\n'])
        .filter(|it| !it.is_empty())
        .enumerate()
    {
        let width = word.chars().count();
        if number > 0 && column + 1 + width > columns {
            // Writing to a string cannot go wrong.
            let (Ok(()) | Err(_)) = write!(filled, "\n{:indent$}", "");
            column = indent;
        } else if number > 0 {
            filled.push(' ');
            column += 1;
        }
        filled.push_str(&word.replace(NO_BREAK, " "));
        column += width;
    }
    filled.push('\n');
    filled
}

/// A space at which no line ends.
pub(crate) const NO_BREAK: &str = "\u{a0}";

/// How wide a terminal is taken to be.
pub(crate) const COLUMNS: usize = 80;
