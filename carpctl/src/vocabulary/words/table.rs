//! The table of keywords.

use super::Problem;
use super::refused::REFUSED;
use crate::vocabulary::hooks::{Hook, MAX_TIMEOUT};

/// A word and what it means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Keyword {
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
    pub(crate) meaning: Meaning,
    /// What `--help` says; empty for words it does not show.
    pub(crate) help: &'static str,
}

/// What must follow a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    /// A number of this range.
    Number(u16, u16),
    /// Something, as the help writes it and in words.
    Value(&'static str, &'static str),
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// What a keyword is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Vhid,
    AdvBase,
    AdvSkew,
    Pass,
    PassFile,
    /// No password any more.
    NoPass,
    Description,
    NoDescription,
    Mtu,
    /// The mtu of the carpdev again.
    NoMtu,
    Carpdev,
    Peers,
    AdvDemote,
    /// `carppeer A`: a peer of IPv4.
    Peer,
    /// `peer6 A`: a peer of IPv6.
    Peer6,
    /// Back to the multicast group of IPv4.
    Multicast,
    /// The same of IPv6.
    Multicast6,
    Group,
    LeaveGroup,
    /// The script of a hook.
    Script(Hook),
    /// No script for a hook.
    NoScript(Hook),
    Xparam,
    NoXparam,
    HookTimeout,
    Lladdr,
    State,
    Up,
    Down,
    Create,
    Destroy,
    Inet,
    Inet6,
    Alias,
    Remove,
    /// No address of IPv4 any more.
    NoInet,
    /// The same of IPv6.
    NoInet6,
    Netmask,
    Prefixlen,
    Broadcast,
    /// A word of some `ifconfig` that does not work here, and why.
    Refused(&'static str),
}

impl Keyword {
    /// The keyword and what follows it, such as `vhid N`.
    pub(crate) fn usage(&self) -> String {
        match self.takes {
            Takes::Nothing => self.name.to_owned(),
            Takes::Number(..) => format!("{} N", self.name),
            Takes::Value(name, _) => format!("{} {name}", self.name),
            Takes::OneOf(words) => format!("{} {}", self.name, words.join("|")),
        }
    }

    /// What must follow, in words; nothing where nothing must.
    pub(crate) fn wants(&self) -> String {
        match self.takes {
            Takes::Nothing => String::new(),
            Takes::Number(min, max) => format!("a number from {min} to {max}"),
            Takes::Value(_, what) => what.to_owned(),
            Takes::OneOf(words) => one_of(words),
        }
    }

    /// Reads the number that follows this keyword.
    pub(crate) fn number<T: TryFrom<u16>>(&self, value: &str) -> Result<T, Problem> {
        let Takes::Number(min, max) = self.takes else {
            return Err(Problem::NotANumber { min: 0, max: 0 });
        };
        let digits = value.strip_prefix('-').unwrap_or(value);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Problem::NotANumber { min, max });
        }
        let number = value.parse().ok().filter(|n| (min..=max).contains(n));
        let number = number.and_then(|number| number.try_into().ok());
        number.ok_or(Problem::OutOfRange { min, max })
    }
}

/// `words` as a choice: `a, b or c`.
pub(crate) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
    }
}

/// The keyword called `name`, whether it works here or not.
pub(crate) fn find(name: &str) -> Option<&'static Keyword> {
    let mut all = KEYWORDS.iter().chain(REFUSED);
    all.find(|keyword| keyword.name == name)
}

/// The one of `names` that `word` may have been meant to be; large letters count as small ones.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let small = word.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&small, &name.to_lowercase());
    let allowed = (word.chars().count() / 3).clamp(1, 2);
    names
        .into_iter()
        .map(|name| (distance(name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

const fn plain(name: &'static str, meaning: Meaning, help: &'static str) -> Keyword {
    Keyword {
        name,
        takes: Takes::Nothing,
        meaning,
        help,
    }
}

const fn taking(name: &'static str, takes: Takes, meaning: Meaning, help: &'static str) -> Keyword {
    Keyword {
        name,
        takes,
        meaning,
        help,
    }
}

pub(super) const fn refused(name: &'static str, why: &'static str) -> Keyword {
    plain(name, Meaning::Refused(why), "")
}

const FILE: Takes = Takes::Value("FILE", "the absolute path of a program");

/// All keywords that do something, in the order in which the help shows them (`docs/carp-protocol.md §7.1`).
pub(crate) static KEYWORDS: &[Keyword] = &[
    taking(
        "vhid",
        Takes::Number(1, 255),
        Meaning::Vhid,
        "virtual host id, 1 to 255, the same on all nodes",
    ),
    taking(
        "carpdev",
        Takes::Value("INTERFACE", "an interface"),
        Meaning::Carpdev,
        "the network card to run on",
    ),
    taking(
        "pass",
        Takes::Value("PASSWORD", "a password"),
        Meaning::Pass,
        "shared secret, 19 bytes count; visible to other users\n\
         for a moment, unlike `pass -' (first line of standard\n\
         input)",
    ),
    taking(
        "passfile",
        Takes::Value("FILE", "a file"),
        Meaning::PassFile,
        "the same from the first line of a file",
    ),
    plain("-pass", Meaning::NoPass, "no password any more"),
    taking(
        "advbase",
        Takes::Number(0, 254),
        Meaning::AdvBase,
        "seconds between adverts, 0 to 254 (1)",
    ),
    taking(
        "advskew",
        Takes::Number(0, 254),
        Meaning::AdvSkew,
        "256ths of a second more, 0 to 254 (0); the node with\n\
         the smallest interval is master",
    ),
    taking(
        "inet",
        Takes::Value("ADDRESS", "an address"),
        Meaning::Inet,
        "IPv4 address, with or without /LENGTH; takes the place\n\
         of the first one unless `alias' is said. `inet' and\n\
         `inet6' may be left out",
    ),
    taking(
        "inet6",
        Takes::Value("ADDRESS", "an address"),
        Meaning::Inet6,
        "IPv6 address, with or without /LENGTH",
    ),
    taking(
        "netmask",
        Takes::Value("MASK", "a netmask"),
        Meaning::Netmask,
        "of the address: 255.255.255.0 or 0xffffff00",
    ),
    taking(
        "prefixlen",
        Takes::Number(1, 128),
        Meaning::Prefixlen,
        "the same as a length",
    ),
    taking(
        "broadcast",
        Takes::Value("ADDRESS", "an address"),
        Meaning::Broadcast,
        "of the address, where it is not the last of the network",
    ),
    plain(
        "alias",
        Meaning::Alias,
        "add the address to those there are",
    ),
    plain(
        "-alias",
        Meaning::Remove,
        "take the address away (also `delete'); without one,\n\
         the first IPv4 address, after `inet6' the first IPv6 one",
    ),
    plain("delete", Meaning::Remove, ""),
    plain("-inet", Meaning::NoInet, "take all IPv4 addresses away"),
    plain("-inet6", Meaning::NoInet6, "take all IPv6 addresses away"),
    taking(
        "peers",
        Takes::OneOf(&[
            "openbsd",
            "openbsd-old",
            "freebsd",
            "netbsd",
            "ucarp",
            "portable",
        ]),
        Meaning::Peers,
        "whose CARP the other nodes speak: of OpenBSD, the one\n\
         before 2022, and so on; portable (default) works with\n\
         all",
    ),
    taking(
        "advdemote",
        Takes::OneOf(&["byte", "skew", "both", "auto"]),
        Meaning::AdvDemote,
        "where adverts say that this node is demoted: in byte 4,\n\
         for OpenBSD; in a larger advskew, for the others; in\n\
         both; or as the peers do (default)",
    ),
    taking(
        "carppeer",
        Takes::Value("ADDRESS", "an IPv4 address"),
        Meaning::Peer,
        "send to this peer, not to the multicast group; several\n\
         in one command are all there are (also `peer')",
    ),
    taking(
        "peer",
        Takes::Value("ADDRESS", "an IPv4 address"),
        Meaning::Peer,
        "",
    ),
    taking(
        "peer6",
        Takes::Value("ADDRESS", "an IPv6 address"),
        Meaning::Peer6,
        "the same for adverts over IPv6",
    ),
    plain(
        "-carppeer",
        Meaning::Multicast,
        "back to the multicast group (also `mcast')",
    ),
    plain("mcast", Meaning::Multicast, ""),
    plain("mcast6", Meaning::Multicast6, "the same for IPv6"),
    taking(
        "lladdr",
        Takes::Value(
            "vhid|carpdev|random|MAC",
            "vhid, carpdev, random or a MAC address",
        ),
        Meaning::Lladdr,
        "use the virtual MAC address (default); the one of the\n\
         carpdev, for networks that allow no other; or one of\n\
         your choice, the same on all nodes",
    ),
    taking(
        "mtu",
        Takes::Number(68, 65_535),
        Meaning::Mtu,
        "largest packet in bytes, 68 to 65535, at most that of\n\
         the carpdev (that of the carpdev)",
    ),
    plain("-mtu", Meaning::NoMtu, "that of the carpdev again"),
    taking(
        "description",
        Takes::Value("TEXT", "a text"),
        Meaning::Description,
        "a remark for people, up to 63 bytes (also `descr')",
    ),
    taking(
        "descr",
        Takes::Value("TEXT", "a text"),
        Meaning::Description,
        "",
    ),
    plain(
        "-description",
        Meaning::NoDescription,
        "no remark any more (also `-descr')",
    ),
    plain("-descr", Meaning::NoDescription, ""),
    taking(
        "group",
        Takes::Value("NAME", "the name of a group"),
        Meaning::Group,
        "put it into an interface group; all of them are in\n\
         `carp' (see `carpctl -g')",
    ),
    taking(
        "-group",
        Takes::Value("NAME", "the name of a group"),
        Meaning::LeaveGroup,
        "take it out of a group",
    ),
    taking(
        "state",
        Takes::OneOf(&["master", "backup"]),
        Meaning::State,
        "take over now; or hand over and hold back until\n\
         `state master', `up', or the other master is lost",
    ),
    taking(
        "upscript",
        FILE,
        Meaning::Script(Hook::Up),
        "program to run when it has become master, with the\n\
         arguments CARPDEV ADDRESS [XPARAM] as ucarp gives them\n\
         (`-upscript': none)",
    ),
    taking(
        "backupscript",
        FILE,
        Meaning::Script(Hook::Backup),
        "the same for when it stands by (`-backupscript')",
    ),
    taking(
        "downscript",
        FILE,
        Meaning::Script(Hook::Down),
        "and when it takes no part any more (`-downscript')",
    ),
    taking(
        "preparescript",
        FILE,
        Meaning::Script(Hook::Prepare),
        "program that is asked before it takes over: an exit\n\
         status other than 0 within 2 s refuses\n\
         (`-preparescript')",
    ),
    taking(
        "xparam",
        Takes::Value("TEXT", "a text"),
        Meaning::Xparam,
        "third argument of all these programs (`-xparam')",
    ),
    taking(
        "hooktimeout",
        Takes::Number(1, MAX_TIMEOUT as u16),
        Meaning::HookTimeout,
        "seconds after which such a program is ended, 1 to 60\n\
         (30)",
    ),
    plain("-upscript", Meaning::NoScript(Hook::Up), ""),
    plain("-backupscript", Meaning::NoScript(Hook::Backup), ""),
    plain("-downscript", Meaning::NoScript(Hook::Down), ""),
    plain("-preparescript", Meaning::NoScript(Hook::Prepare), ""),
    plain("-xparam", Meaning::NoXparam, ""),
    plain("up", Meaning::Up, "take part (default)"),
    plain("down", Meaning::Down, "hand over and take no part"),
    plain(
        "create",
        Meaning::Create,
        "make it, with nothing set; any other word does, too",
    ),
    plain("destroy", Meaning::Destroy, "hand over and remove it"),
];
