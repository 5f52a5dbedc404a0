//! Demotion of interface groups, as the operator, programs and this service say it
//! (`docs/carp-protocol.md §5.2`): an entry for each owner, so that none can leak.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::vocabulary::name::PREFIX;
use crate::vocabulary::report::Demotion;

/// Who demotes a group: `operator`, `sysctl`, or whatever a program calls itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct OwnerName(String);

/// The text is not the name of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an owner (1 to {LONGEST} letters, digits or marks of ASCII)")]
pub(crate) struct NotAnOwner;

impl OwnerName {
    /// Whoever says `carpdemote` without an owner.
    pub(crate) fn operator() -> Self {
        Self("operator".to_owned())
    }

    /// Whoever writes `net.inet.carp.demotion`.
    pub(crate) fn sysctl() -> Self {
        Self("sysctl".to_owned())
    }

    /// A machine that boots.
    pub(crate) fn boot() -> Self {
        Self("boot".to_owned())
    }

    /// Whether commands without an owner use it.
    pub(crate) fn is_ours(&self) -> bool {
        *self == Self::operator() || *self == Self::sysctl()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OwnerName {
    type Err = NotAnOwner;

    fn from_str(text: &str) -> Result<Self, NotAnOwner> {
        let is_readable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > LONGEST || !is_readable {
            return Err(NotAnOwner);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for OwnerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for OwnerName {
    type Error = NotAnOwner;

    fn try_from(text: String) -> Result<Self, NotAnOwner> {
        text.parse()
    }
}

impl From<OwnerName> for String {
    fn from(name: OwnerName) -> Self {
        name.0
    }
}

/// What is asked of the demotion of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Demand {
    /// Add this to what the operator has there, or subtract it.
    Add(i16),
    /// Make it what this owner has there.
    Set { owner: OwnerName, amount: u8 },
    /// Take away what this owner has there.
    Clear(OwnerName),
    /// The same as `Set` for as long as the connection lasts. Only `holder`, a random number, may
    /// take the demotion over from a connection that has ended.
    Hold {
        owner: OwnerName,
        amount: u8,
        holder: u64,
    },
}

/// An interface group as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupReport {
    pub(crate) group: String,
    /// The sum of all its demotions.
    pub(crate) demotion: i32,
    /// Whose they are; not all where there are very many.
    pub(crate) demotions: Vec<Demotion>,
    /// The interfaces that are in it.
    pub(crate) interfaces: Vec<String>,
}

impl Default for GroupReport {
    /// The group `carp` of a service to which nothing was said.
    fn default() -> Self {
        Self {
            group: PREFIX.to_owned(),
            demotion: 0,
            demotions: Vec::new(),
            interfaces: Vec::new(),
        }
    }
}

/// By how much one command or owner demotes at most, and all together (§5.2, item 3).
pub(crate) const MOST_AT_ONCE: u8 = 128;
pub(crate) const MOST: i32 = 255;

/// The longest name of an owner, in bytes.
const LONGEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_words() {
        for text in ["haproxy", "check:web/1", "x", &"y".repeat(32)] {
            assert_eq!(text.parse::<OwnerName>().unwrap().to_string(), text);
        }
        for text in ["", "a b", "caf\u{e9}", "a\n", &"y".repeat(33)] {
            assert_eq!(text.parse::<OwnerName>(), Err(NotAnOwner), "{text}");
        }
    }

    #[test]
    fn demands_on_the_wire() {
        let owner = OwnerName::operator();
        for (demand, expected) in [
            (Demand::Add(-128), r#"{"add":-128}"#),
            (Demand::Clear(owner.clone()), r#"{"clear":"operator"}"#),
            (
                Demand::Set { owner, amount: 50 },
                r#"{"set":{"owner":"operator","amount":50}}"#,
            ),
        ] {
            let text = serde_json::to_string(&demand).unwrap();
            assert_eq!(text, expected);
            assert_eq!(serde_json::from_str::<Demand>(&text).unwrap(), demand);
        }
    }
}
