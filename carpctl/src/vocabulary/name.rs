//! The name of a carp interface: `carp` and a number.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `carp0`, `carp1`, …, in the order of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct InterfaceName(u64);

/// The text is not the name of a carp interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a carp interface (carp0, carp1, ...)")]
pub(crate) struct NotACarpName;

impl FromStr for InterfaceName {
    type Err = NotACarpName;

    fn from_str(text: &str) -> Result<Self, NotACarpName> {
        let digits = text.strip_prefix(PREFIX).ok_or(NotACarpName)?;
        let number = digits.parse().map_err(|_| NotACarpName)?;
        let name = Self(number);
        // One number has one name: no signs, no leading zeros.
        if text.len() > LONGEST_NAME || name.to_string() != text {
            return Err(NotACarpName);
        }
        Ok(name)
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

impl TryFrom<String> for InterfaceName {
    type Error = NotACarpName;

    fn try_from(text: String) -> Result<Self, NotACarpName> {
        text.parse()
    }
}

impl From<InterfaceName> for String {
    fn from(name: InterfaceName) -> Self {
        name.to_string()
    }
}

/// What all carp interfaces are called; also the name of their interface group.
pub(crate) const PREFIX: &str = "carp";

/// The longest name that Linux takes for an interface, in bytes.
pub(crate) const LONGEST_NAME: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_carp_and_a_number() {
        for text in ["carp0", "carp9", "carp10", "carp12345678901"] {
            let name: InterfaceName = text.parse().unwrap();
            assert_eq!(name.to_string(), text);
        }
        for text in [
            "carp",
            "carp01",
            "carp-1",
            "carp+1",
            "vmx0",
            "carp0x",
            "carp123456789012",
            "",
        ] {
            assert_eq!(text.parse::<InterfaceName>(), Err(NotACarpName), "{text}");
        }
    }

    #[test]
    fn order_is_that_of_the_numbers() {
        let name = |text: &str| text.parse::<InterfaceName>().unwrap();
        assert!(name("carp2") < name("carp10"));
    }
}
