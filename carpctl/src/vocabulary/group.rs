//! Interface groups: their names, and whose demotion is counted there (`docs/carp-protocol.md §5.2`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::vocabulary::name::PREFIX;

/// The name of an interface group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct GroupName(String);

/// The text is not the name of an interface group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAGroupName {
    #[error("the name of a group is at most {LONGEST} characters long")]
    TooLong,
    #[error("the name of a group does not end in a digit, that of an interface does")]
    EndsInDigit,
    #[error("the name of a group is made of letters, digits, `_', `-' and `.'")]
    Unwritable,
}

impl GroupName {
    /// Whether it is the group that every carp interface is in.
    pub(crate) fn is_carp(&self) -> bool {
        self.0 == PREFIX
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GroupName {
    type Err = NotAGroupName;

    fn from_str(text: &str) -> Result<Self, NotAGroupName> {
        let is_writable = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if text.is_empty() || !text.bytes().all(is_writable) {
            return Err(NotAGroupName::Unwritable);
        }
        if text.len() > LONGEST {
            return Err(NotAGroupName::TooLong);
        }
        // As on OpenBSD, so that no group is taken for an interface.
        if text.ends_with(|last: char| last.is_ascii_digit()) {
            return Err(NotAGroupName::EndsInDigit);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for GroupName {
    type Error = NotAGroupName;

    fn try_from(text: String) -> Result<Self, NotAGroupName> {
        text.parse()
    }
}

impl From<GroupName> for String {
    fn from(name: GroupName) -> Self {
        name.0
    }
}

/// The longest name of a group on OpenBSD, in bytes.
const LONGEST: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_openbsd() {
        for text in ["carp", "web", "a23456789012-xy", "dmz2b", "Web_1.x"] {
            assert_eq!(text.parse::<GroupName>().unwrap().to_string(), text);
        }
        for (text, error) in [
            ("", NotAGroupName::Unwritable),
            ("a b", NotAGroupName::Unwritable),
            ("''", NotAGroupName::Unwritable),
            ("a/b", NotAGroupName::Unwritable),
            ("caf\u{e9}", NotAGroupName::Unwritable),
            ("a234567890123456", NotAGroupName::TooLong),
            ("carp0", NotAGroupName::EndsInDigit),
        ] {
            assert_eq!(text.parse::<GroupName>(), Err(error), "{text}");
        }
    }

    #[test]
    fn carp_is_the_group_of_all() {
        assert!("carp".parse::<GroupName>().unwrap().is_carp());
        assert!(!"web".parse::<GroupName>().unwrap().is_carp());
    }
}
