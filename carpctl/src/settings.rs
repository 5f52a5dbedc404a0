//! The settings of a whole service: `carpctl sysctl`, with the names that OpenBSD has for them.

use serde::{Deserialize, Serialize};

use crate::words::nearest;

/// All settings, as they stand (`docs/carp-protocol.md §5.1`). The default is that of a service
/// to which nothing was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Whether a backup takes over from a master that is worse.
    pub(crate) preempt: bool,
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Setting {
    Preempt,
}

/// A setting and the value it is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Assignment {
    pub(crate) setting: Setting,
    pub(crate) value: bool,
}

/// What `carpctl sysctl` is asked: some settings, or one to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Query {
    All,
    One(Setting),
    Assign(Assignment),
}

/// Why a query cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryError {
    #[error("`{name}': unknown name{}", suggestion(.nearest))]
    Unknown {
        name: String,
        nearest: Option<&'static str>,
    },
    #[error("`{0}': not supported here (only {PREEMPT} is)")]
    Unsupported(String),
    #[error("`{query}': out of range (0 to 1)")]
    OutOfRange { query: String },
}

impl Setting {
    /// All there are.
    pub(crate) const ALL: [Self; 1] = [Self::Preempt];

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Preempt => PREEMPT,
        }
    }
}

impl Settings {
    /// The value of `setting`, as a number.
    pub(crate) fn get(self, setting: Setting) -> u8 {
        match setting {
            Setting::Preempt => u8::from(self.preempt),
        }
    }
}

impl Query {
    /// Understands `NAME`, `NAME=VALUE`, or the beginning that all names have.
    pub(crate) fn parse(query: &str) -> Result<Self, QueryError> {
        let (name, value) = match query.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (query, None),
        };
        if value.is_none() && BEGINNINGS.contains(&name) {
            return Ok(Self::All);
        }
        let found = Setting::ALL.into_iter().find(|known| known.name() == name);
        let Some(setting) = found else {
            let name = name.to_owned();
            if ELSEWHERE.contains(&name.as_str()) {
                return Err(QueryError::Unsupported(name));
            }
            let nearest = nearest(&name, Setting::ALL.map(Setting::name));
            return Err(QueryError::Unknown { name, nearest });
        };
        match value {
            None => Ok(Self::One(setting)),
            Some("0") => Ok(Self::Assign(Assignment {
                setting,
                value: false,
            })),
            Some("1") => Ok(Self::Assign(Assignment {
                setting,
                value: true,
            })),
            Some(_) => Err(QueryError::OutOfRange {
                query: query.to_owned(),
            }),
        }
    }
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}'?)"))
}

const PREEMPT: &str = "net.inet.carp.preempt";

/// What stands for all settings.
const BEGINNINGS: &[&str] = &["net", "net.inet", "net.inet.carp"];

/// Names that some BSD has.
const ELSEWHERE: &[&str] = &[
    "net.inet.carp.allow",
    "net.inet.carp.arpbalance",
    "net.inet.carp.demotion",
    "net.inet.carp.dscp",
    "net.inet.carp.ifdown_demotion_factor",
    "net.inet.carp.log",
    "net.inet.carp.senderr_demotion_factor",
    "net.inet.carp.stats",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values() {
        let preempt = Setting::Preempt;
        assert_eq!(Query::parse("net.inet.carp"), Ok(Query::All));
        assert_eq!(
            Query::parse("net.inet.carp.preempt"),
            Ok(Query::One(preempt))
        );
        for (text, value) in [("0", false), ("1", true)] {
            let query = format!("net.inet.carp.preempt={text}");
            let setting = preempt;
            let expected = Query::Assign(Assignment { setting, value });
            assert_eq!(Query::parse(&query), Ok(expected));
        }
    }

    #[test]
    fn errors_say_what_there_is() {
        let refusal = |query: &str| Query::parse(query).unwrap_err().to_string();
        assert_eq!(
            refusal("net.inet.carp.premept=1"),
            "`net.inet.carp.premept': unknown name (did you mean `net.inet.carp.preempt'?)"
        );
        assert_eq!(refusal("kern.hostname"), "`kern.hostname': unknown name");
        assert_eq!(
            refusal("net.inet.carp.allow=0"),
            "`net.inet.carp.allow': not supported here (only net.inet.carp.preempt is)"
        );
        for value in ["2", "", "yes", "-1", "01"] {
            let query = format!("net.inet.carp.preempt={value}");
            assert_eq!(refusal(&query), format!("`{query}': out of range (0 to 1)"));
        }
    }
}
