//! The description of an interface: a remark for people.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A remark of one line; an empty one is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Description(String);

/// The text cannot be a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotADescription {
    #[error("a description is at most {LONGEST} bytes long")]
    TooLong,
    #[error("a description is one line of printable text")]
    Unprintable,
}

impl Description {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Description {
    type Err = NotADescription;

    fn from_str(text: &str) -> Result<Self, NotADescription> {
        if text.len() > LONGEST {
            return Err(NotADescription::TooLong);
        }
        // As it comes out of the shell, so that it is shown without a change.
        if crate::failure::printable(text) != text {
            return Err(NotADescription::Unprintable);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Description {
    type Error = NotADescription;

    fn try_from(text: String) -> Result<Self, NotADescription> {
        text.parse()
    }
}

impl From<Description> for String {
    fn from(description: Description) -> Self {
        description.0
    }
}

/// The longest description on OpenBSD, in bytes.
const LONGEST: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_one_line_as_long_as_on_openbsd() {
        for text in [
            "",
            "uplink to \u{6771}\u{4eac}, rack 7 \"left\"",
            &"x".repeat(63),
        ] {
            assert_eq!(text.parse::<Description>().unwrap().to_string(), text);
        }
        for (text, error) in [
            (&*"x".repeat(64), NotADescription::TooLong),
            ("a\nb", NotADescription::Unprintable),
            ("\u{1b}[2J", NotADescription::Unprintable),
            ("\u{202e}", NotADescription::Unprintable),
        ] {
            assert_eq!(text.parse::<Description>(), Err(error), "{text:?}");
        }
    }
}
