//! The settings of a whole service: `carpctl sysctl`, with the names that OpenBSD and FreeBSD have
//! for them and two of our own.

use std::ops::RangeInclusive;
use std::time::Duration;

use carp_net::carp_fsm::{Node, NodeConfig};
use serde::{Deserialize, Serialize};

use crate::vocabulary::demotion::MOST;
use crate::vocabulary::words::nearest;

mod details;
pub(crate) use details::help;

/// All settings, as they stand. The default is that of a service to which nothing was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// Whether adverts of others are taken in (`docs/carp-protocol.md §3`, step 2).
    pub(crate) allow: bool,
    /// Whether a backup takes over from a master that is worse (`docs/carp-protocol.md §5.1`).
    pub(crate) preempt: bool,
    /// Up to which level messages are logged (`docs/carp-protocol.md §7.4`).
    pub(crate) log: u8,
    /// Whether addresses are held by lease.
    pub(crate) lease: bool,
    /// The seconds between two announcements of a master; 0: none after the first seconds.
    pub(crate) announce: u16,
    /// By how much group `carp` is demoted; writing adds (`docs/carp-protocol.md §5.3`). It is no
    /// setting, but is read and written like one.
    pub(crate) demotion: i32,
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Setting {
    Allow,
    Preempt,
    Log,
    Lease,
    Announce,
    Demotion,
}

/// A setting and the value it is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Assignment {
    pub(crate) setting: Setting,
    pub(crate) value: i32,
}

/// What `carpctl sysctl` is asked: some settings, or one to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Query {
    All,
    One(Setting),
    Assign(Assignment),
}

/// A query that cannot be understood, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}': {problem}")]
pub(crate) struct QueryError {
    /// The name, with the value where that is what is wrong.
    pub(crate) word: String,
    pub(crate) problem: QueryProblem,
}

/// Why a query cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryProblem {
    #[error("unknown name{}", suggestion(.0))]
    Unknown(Option<&'static str>),
    #[error("not supported here (`carpctl sysctl' shows what is)")]
    Unsupported,
    #[error("not a number from {}", .0.allowed())]
    NotANumber(Setting),
    #[error("out of range ({})", .0.allowed())]
    OutOfRange(Setting),
}

impl Setting {
    /// All there are.
    pub(crate) const ALL: [Self; 6] = [
        Self::Allow,
        Self::Preempt,
        Self::Log,
        Self::Lease,
        Self::Announce,
        Self::Demotion,
    ];

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Allow => "net.inet.carp.allow",
            Self::Preempt => "net.inet.carp.preempt",
            Self::Log => "net.inet.carp.log",
            Self::Lease => "net.inet.carp.lease",
            Self::Announce => "net.inet.carp.announce",
            Self::Demotion => "net.inet.carp.demotion",
        }
    }

    const fn range(self) -> RangeInclusive<i32> {
        match self {
            Self::Allow | Self::Preempt | Self::Lease => 0..=1,
            Self::Log => 0..=7,
            Self::Announce => 0..=3600,
            Self::Demotion => -MOST..=MOST,
        }
    }

    /// The values it can have, in words.
    pub(crate) fn allowed(self) -> String {
        let range = self.range();
        let unit = match self {
            Self::Allow | Self::Preempt | Self::Log | Self::Lease => "",
            Self::Announce => " seconds, 0 for none",
            Self::Demotion => ", which is added",
        };
        format!("{} to {}{unit}", range.start(), range.end())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allow: true,
            preempt: false,
            log: 6,
            lease: true,
            announce: 60,
            demotion: 0,
        }
    }
}

impl Settings {
    /// The value of `setting`, as a number.
    pub(crate) fn get(self, setting: Setting) -> i32 {
        match setting {
            Setting::Allow => self.allow.into(),
            Setting::Preempt => self.preempt.into(),
            Setting::Log => self.log.into(),
            Setting::Lease => self.lease.into(),
            Setting::Announce => self.announce.into(),
            Setting::Demotion => self.demotion,
        }
    }

    /// These settings with all of `assignments` made.
    ///
    /// # Errors
    ///
    /// The first value that cannot be; no client of ours sends one.
    pub(crate) fn with(mut self, assignments: &[Assignment]) -> Result<Self, QueryError> {
        for Assignment { setting, value } in assignments.iter().copied() {
            if !setting.range().contains(&value) {
                let word = format!("{}={value}", setting.name());
                return Err(wrong(&word, QueryProblem::OutOfRange(setting)));
            }
            match setting {
                Setting::Allow => self.allow = value != 0,
                Setting::Preempt => self.preempt = value != 0,
                Setting::Log => self.log = value.try_into().unwrap_or(u8::MAX),
                Setting::Lease => self.lease = value != 0,
                Setting::Announce => self.announce = value.try_into().unwrap_or(u16::MAX),
                Setting::Demotion => self.demotion = self.demotion.saturating_add(value),
            }
        }
        Ok(self)
    }

    /// Those that are not as in a service to which nothing was said.
    pub(crate) fn unusual(self) -> impl Iterator<Item = Setting> {
        let is_unusual =
            move |setting: &Setting| self.get(*setting) != Self::default().get(*setting);
        Setting::ALL.into_iter().filter(is_unusual)
    }

    /// How often a master announces its addresses.
    pub(crate) const fn announce_every(self) -> Duration {
        Duration::from_secs(self.announce as u64)
    }

    /// The settings of a node, for a service that begins with these.
    pub(crate) const fn of_node(self) -> NodeConfig {
        Node::builder()
            .allow(self.allow)
            .preempt(self.preempt)
            .lease(self.lease)
            .announce_every(self.announce_every())
            .tell_peers(true)
    }
}

impl Query {
    /// Understands `NAME`, `NAME=VALUE`, or the beginning that all names have.
    pub(crate) fn parse(query: &str) -> Result<Self, QueryError> {
        let (name, value) = match query.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (query, None),
        };
        let name = with_dots(name);
        let name = name.as_str();
        if value.is_none() && BEGINNINGS.contains(&name) {
            return Ok(Self::All);
        }
        let found = Setting::ALL.into_iter().find(|known| known.name() == name);
        let Some(setting) = found else {
            if ELSEWHERE.contains(&name) {
                return Err(wrong(name, QueryProblem::Unsupported));
            }
            let nearest = nearest(name, Setting::ALL.map(Setting::name));
            return Err(wrong(name, QueryProblem::Unknown(nearest)));
        };
        let Some(value) = value else {
            return Ok(Self::One(setting));
        };
        let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong(query, QueryProblem::NotANumber(setting)));
        }
        match value.parse().ok().filter(|n| setting.range().contains(n)) {
            Some(value) => Ok(Self::Assign(Assignment { setting, value })),
            None => Err(wrong(query, QueryProblem::OutOfRange(setting))),
        }
    }
}

/// `name` with dots between its parts: where a slash comes first, slashes are
/// (sysctl(8) of Linux).
pub(crate) fn with_dots(name: &str) -> String {
    let separator = name.find(['.', '/']);
    let is_slash = separator.is_some_and(|at| name.get(at..=at) == Some("/"));
    if !is_slash {
        return name.to_owned();
    }
    let swapped = name.chars().map(|letter| match letter {
        '/' => '.',
        '.' => '/',
        other => other,
    });
    swapped.collect()
}

fn wrong(word: &str, problem: QueryProblem) -> QueryError {
    let word = word.to_owned();
    QueryError { word, problem }
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}'?)"))
}

/// What stands for all settings.
const BEGINNINGS: &[&str] = &["net", "net.inet", "net.inet.carp"];

/// Names that some BSD has.
const ELSEWHERE: &[&str] = &[
    "net.inet.carp.arpbalance",
    "net.inet.carp.dscp",
    "net.inet.carp.ifdown_demotion_factor",
    "net.inet.carp.senderr_demotion_factor",
    "net.inet.carp.stats",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values() {
        assert_eq!(
            Query::parse("net/inet/carp/log"),
            Ok(Query::One(Setting::Log))
        );
        assert_eq!(Query::parse("net.inet.carp"), Ok(Query::All));
        for setting in Setting::ALL {
            assert_eq!(Query::parse(setting.name()), Ok(Query::One(setting)));
            for value in [*setting.range().start(), *setting.range().end()] {
                let query = format!("{}={value}", setting.name());
                let expected = Query::Assign(Assignment { setting, value });
                assert_eq!(Query::parse(&query), Ok(expected));
                let settings = Settings::default().with(&[Assignment { setting, value }]);
                assert_eq!(settings.unwrap().get(setting), value);
            }
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
            refusal("net.inet.carp.dscp=0"),
            "`net.inet.carp.dscp': not supported here (`carpctl sysctl' shows what is)"
        );
        for (name, value, expected) in [
            ("preempt", "2", "out of range (0 to 1)"),
            ("preempt", "-1", "out of range (0 to 1)"),
            ("preempt", "", "not a number from 0 to 1"),
            ("lease", "yes", "not a number from 0 to 1"),
            ("lease", "4", "out of range (0 to 1)"),
            ("log", "8", "out of range (0 to 7)"),
            (
                "announce",
                "3601",
                "out of range (0 to 3600 seconds, 0 for none)",
            ),
            (
                "announce",
                "99999",
                "out of range (0 to 3600 seconds, 0 for none)",
            ),
            (
                "demotion",
                "256",
                "out of range (-255 to 255, which is added)",
            ),
            (
                "announce",
                "1.5",
                "not a number from 0 to 3600 seconds, 0 for none",
            ),
        ] {
            let query = format!("net.inet.carp.{name}={value}");
            assert_eq!(refusal(&query), format!("`{query}': {expected}"));
        }
    }

    #[test]
    fn writing_a_demotion_adds() {
        let assign = |value| Assignment {
            setting: Setting::Demotion,
            value,
        };
        let settings = Settings::default().with(&[assign(50), assign(-70)]);
        assert_eq!(settings.unwrap().demotion, -20);
        let signed = |value: &str| Query::parse(&format!("net.inet.carp.demotion={value}"));
        assert_eq!(signed("+5"), Ok(Query::Assign(assign(5))));
        assert_eq!(signed("-5"), Ok(Query::Assign(assign(-5))));
        for value in ["+", "+-5", "-+5", "++5"] {
            let refused = signed(value).unwrap_err().problem;
            assert_eq!(
                refused,
                QueryProblem::NotANumber(Setting::Demotion),
                "{value}"
            );
        }
    }

    #[test]
    fn values_that_no_client_of_ours_sends_change_nothing() {
        let assign = |setting, value| Assignment { setting, value };
        let error = Settings::default()
            .with(&[assign(Setting::Preempt, 1), assign(Setting::Lease, 2)])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "`net.inet.carp.lease=2': out of range (0 to 1)"
        );
    }

    #[test]
    fn what_an_older_service_says_or_leaves_out_is_the_default() {
        let settings: Settings = serde_json::from_str(r#"{"preempt":true}"#).unwrap();
        let default = Settings::default();
        assert_eq!(
            settings,
            Settings {
                preempt: true,
                ..default
            }
        );
        let unusual: Vec<Setting> = settings.unusual().collect();
        assert_eq!(unusual, [Setting::Preempt]);
    }

    #[test]
    fn the_default_is_that_of_a_node() {
        assert_eq!(
            Settings::default().of_node(),
            Node::builder().tell_peers(true)
        );
    }
}
