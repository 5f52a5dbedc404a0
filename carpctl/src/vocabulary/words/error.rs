//! What can be wrong with a word.

use std::fmt;

use super::Keyword;
use crate::vocabulary::hooks::MAX_TEXT;

/// A word that cannot be understood, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WordError {
    /// The word, with the keyword it follows where it is a value.
    pub(crate) word: String,
    pub(crate) problem: Problem,
}

/// Why a word cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("unknown keyword ({})", suggestion(.nearest))]
    Unknown { nearest: Option<&'static str> },
    #[error("no `=' stands between a word and its value: write `{}'", .0.usage())]
    Equals(&'static Keyword),
    #[error("a word that is not known, and not shown, follows the password: quote one with spaces")]
    BehindPassword,
    #[error("not readable as text")]
    NotText,
    #[error("{wants} must follow")]
    NoValue { wants: String },
    #[error("not a number from {min} to {max}")]
    NotANumber { min: u16, max: u16 },
    #[error("out of range ({min} to {max})")]
    OutOfRange { min: u16, max: u16 },
    #[error("must be {}{}", super::one_of(.words), meant(.nearest))]
    NotOneOf {
        words: &'static [&'static str],
        nearest: Option<&'static str>,
    },
    #[error("said twice")]
    Twice,
    #[error("contradicts `{before}'")]
    Contradicts { before: String },
    #[error("must be the only word")]
    Alone,
    #[error("{0}")]
    Refused(&'static str),
    /// The word is what is said of a group.
    #[error("a group is demoted, not an interface: `carpctl -g carp {0}'")]
    OfGroup(String),
    #[error("not an interface name (1 to 15 characters, no slash or white space)")]
    NotALinkName,
    #[error("not an IPv4 or IPv6 address")]
    NotAnAddress,
    #[error("not an IPv{0} address")]
    WrongFamily(u8),
    #[error("not an address that a host can have")]
    NotAHostAddress,
    #[error("looks like a netmask: write `netmask {0}'")]
    BareNetmask(String),
    #[error("the prefix length must be a number from 1 to {0}")]
    PrefixLength(u8),
    #[error("not a netmask (such as 255.255.255.0 or 0xffffff00)")]
    NotANetmask,
    #[error("not the address of one host: `{back}' goes back to the multicast group")]
    NotAPeer { back: &'static str },
    #[error("only IPv4 addresses supported for the {0} (`peer6' takes IPv6)")]
    PeerNotInet(&'static str),
    #[error("not an IPv{family} address{}", if *.is_name { " (names are not looked up)" } else { "" })]
    NotAPeerAddress { family: u8, is_name: bool },
    #[error("no scope must follow: a peer is reached through the carpdev")]
    PeerScope,
    #[error("takes no address: it goes back to the multicast group")]
    TakesNoAddress,
    #[error(
        "must be vhid, carpdev, random or a MAC address such as 02:00:5e:12:34:56{}",
        meant(.nearest)
    )]
    NotALladdr { nearest: Option<&'static str> },
    #[error("not the MAC address of one host")]
    NotAHostLladdr,
    #[error(transparent)]
    Group(#[from] crate::vocabulary::group::NotAGroupName),
    #[error("must be an absolute path, such as /etc/carpctl/script")]
    NotAbsolute,
    #[error("longer than {MAX_TEXT} bytes")]
    TooLong,
    #[error("holds a character that is not printable")]
    NotPrintable,
    #[error("is empty: `{0}' takes it away")]
    Empty(&'static str),
    #[error(transparent)]
    Description(#[from] crate::vocabulary::description::NotADescription),
    #[error("there is no address that it belongs to")]
    NoAddress,
    #[error("the scope is not this interface")]
    WrongScope,
}

impl fmt::Display for WordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}': {}", self.word, self.problem)
    }
}

impl std::error::Error for WordError {}

fn suggestion(nearest: &Option<&'static str>) -> String {
    match nearest {
        Some(name) => format!("did you mean `{name}'?"),
        None => "`carpctl --help' shows all".to_owned(),
    }
}

fn meant(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}'?)"))
}
