//! Words into a [`Change`].
//!
//! The order of the words is free. What belongs to an address (`netmask`, `alias`, …) belongs to
//! the one before it, or to the first one where none came before; `alias` and `delete` belong to
//! the address behind them where one follows, as in `inet alias 192.0.2.11`.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use carp_net::carp_fsm::Dialect;

use super::values::{
    inet_peer, inet6_peer, is_host_address, link_name, lladdr, looks_like_address, program, xparam,
};
use super::{Keyword, Meaning, Problem, WordError, find};
use crate::vocabulary::change::{
    AdvDemoteWish, Change, GroupChange, Less, Manner, MtuWish, Peers, StateWish,
};
use crate::vocabulary::description::Description;
use crate::vocabulary::group::GroupName;
use crate::vocabulary::hooks::HookChange;

mod addresses;
use addresses::Draft;
mod reader;
use reader::{behind_password, error, error_in, no_value};

/// A command line, understood.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) change: Change,
    /// Where the password is to be had, if one was given; it is in no word.
    pub(crate) secret: Option<SecretSource>,
}

/// Where a password is to be had.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// `pass -`: the first line of standard input.
    StandardInput,
    /// `passfile FILE`: the first line of a file.
    File(PathBuf),
    /// `pass ''`: there shall be none.
    None,
}

/// Why words cannot be understood, and how many were read until then.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stopped {
    pub(crate) error: WordError,
    pub(crate) read: usize,
}

/// Understands `words` as said of `interface`.
pub(crate) fn parse(interface: &str, words: &[OsString]) -> Result<Parsed, WordError> {
    parse_lines(interface, words, &[words.len()]).map_err(|stopped| stopped.error)
}

/// The same of words that stand on lines, which end before each of `ends`: a value stands on the
/// line of its keyword, and what belongs to an address on the line of the address.
pub(crate) fn parse_lines(
    interface: &str,
    words: &[OsString],
    ends: &[usize],
) -> Result<Parsed, Stopped> {
    let mut parser = Parser {
        interface,
        words: &[],
        position: 0,
        parsed: Parsed::default(),
        draft: Draft::default(),
        said_inet_address: false,
        password_end: None,
    };
    let mut lines = ends.iter().filter_map(|end| words.get(..*end));
    let read = lines.try_for_each(|up_to_here| {
        parser.words = up_to_here;
        parser.line()
    });
    match read.and_then(|()| parser.agree()) {
        Ok(()) => Ok(parser.parsed),
        Err(error) => Err(Stopped {
            error,
            read: parser.position,
        }),
    }
}

struct Parser<'a> {
    interface: &'a str,
    /// Those up to the end of the line that is read.
    words: &'a [OsString],
    position: usize,
    parsed: Parsed,
    draft: Draft,
    said_inet_address: bool,
    /// How many words were read when the last one was a password.
    password_end: Option<usize>,
}

impl Parser<'_> {
    fn line(&mut self) -> Result<(), WordError> {
        while let Some(word) = self.next()? {
            match find(word) {
                Some(keyword) => self.keyword(keyword)?,
                None if looks_like_address(word) && !word.contains('=') => {
                    let may_be_password = self.is_behind_password();
                    let hidden = |error: WordError| {
                        if may_be_password && error.problem == Problem::NotAnAddress {
                            return behind_password();
                        }
                        error
                    };
                    self.address(word).map_err(hidden)?;
                }
                None => return Err(self.unknown(word)),
            }
        }
        self.finish_draft()
    }

    // ---- keywords ----

    fn keyword(&mut self, keyword: &Keyword) -> Result<(), WordError> {
        match keyword.meaning {
            Meaning::Vhid => {
                let vhid = self.number(keyword)?;
                once(&mut self.parsed.change.vhid, vhid, keyword)
            }
            Meaning::AdvBase => {
                let advbase = self.number(keyword)?;
                once(&mut self.parsed.change.advbase, advbase, keyword)
            }
            Meaning::AdvSkew => {
                let advskew = self.number(keyword)?;
                once(&mut self.parsed.change.advskew, advskew, keyword)
            }
            Meaning::Pass => {
                let value = self.value_os(keyword)?;
                self.password_end = Some(self.position);
                // A password in the words was taken out of them before (see `secret`).
                let source = if value.is_empty() {
                    SecretSource::None
                } else {
                    SecretSource::StandardInput
                };
                once(&mut self.parsed.secret, source, keyword)
            }
            Meaning::PassFile => {
                let file = PathBuf::from(self.value_os(keyword)?);
                once(&mut self.parsed.secret, SecretSource::File(file), keyword)
            }
            Meaning::NoPass => once(&mut self.parsed.secret, SecretSource::None, keyword),
            Meaning::Description => {
                let value = self.text(keyword)?;
                let description = value
                    .parse()
                    .map_err(|problem| error_in(keyword, value, Problem::Description(problem)))?;
                once(&mut self.parsed.change.description, description, keyword)
            }
            Meaning::NoDescription => {
                let none = Description::default();
                once(&mut self.parsed.change.description, none, keyword)
            }
            Meaning::Mtu => {
                let wish = MtuWish::Bytes(self.number(keyword)?);
                once(&mut self.parsed.change.mtu, wish, keyword)
            }
            Meaning::NoMtu => once(&mut self.parsed.change.mtu, MtuWish::Carpdev, keyword),
            Meaning::Carpdev => {
                let value = self.value(keyword)?;
                let carpdev = link_name(value).map_err(|it| error_in(keyword, value, it))?;
                once(&mut self.parsed.change.carpdev, carpdev, keyword)
            }
            Meaning::Lladdr => {
                let value = self.text(keyword)?;
                let wish = lladdr(value).map_err(|problem| error_in(keyword, value, problem))?;
                once(&mut self.parsed.change.lladdr, wish, keyword)
            }
            Meaning::Peers => {
                let choices = Dialect::ALL.map(|dialect| (dialect.name(), Peers(dialect)));
                let wish = self.choice(keyword, &choices)?;
                once(&mut self.parsed.change.peers, wish, keyword)
            }
            Meaning::AdvDemote => {
                let wish = self.choice(keyword, &ADVDEMOTE)?;
                once(&mut self.parsed.change.advdemote, wish, keyword)
            }
            Meaning::Peer => {
                let peer = self.peer(keyword, "-carppeer", inet_peer)?;
                add_peer(&mut self.parsed.change.inet_peers, peer, keyword)
            }
            Meaning::Peer6 => {
                let peer = self.peer(keyword, "mcast6", inet6_peer)?;
                add_peer(&mut self.parsed.change.inet6_peers, peer, keyword)
            }
            Meaning::Multicast => {
                self.no_address(keyword)?;
                no_peers(&mut self.parsed.change.inet_peers, keyword)
            }
            Meaning::Multicast6 => {
                self.no_address(keyword)?;
                no_peers(&mut self.parsed.change.inet6_peers, keyword)
            }
            Meaning::Group => self.group(true, keyword),
            Meaning::LeaveGroup => self.group(false, keyword),
            Meaning::Script(hook) => {
                let value = self.text(keyword)?;
                let file = program(value).map_err(|problem| error_in(keyword, value, problem))?;
                let file = Some(file);
                self.hook(HookChange::Script { hook, file }, keyword)
            }
            Meaning::NoScript(hook) => self.hook(HookChange::Script { hook, file: None }, keyword),
            Meaning::Xparam => {
                let value = self.text(keyword)?;
                let xparam = xparam(value).map_err(|problem| error_in(keyword, value, problem))?;
                self.hook(HookChange::Xparam(Some(xparam)), keyword)
            }
            Meaning::NoXparam => self.hook(HookChange::Xparam(None), keyword),
            Meaning::HookTimeout => {
                let seconds = self.number(keyword)?;
                self.hook(HookChange::Timeout(seconds), keyword)
            }
            Meaning::State => {
                let choices = [("master", StateWish::Master), ("backup", StateWish::Backup)];
                let wish = self.choice(keyword, &choices)?;
                once(&mut self.parsed.change.state, wish, keyword)
            }
            Meaning::Up => self.up_or_down(true, keyword),
            Meaning::Down => self.up_or_down(false, keyword),
            Meaning::Create => said(&mut self.parsed.change.create, keyword),
            Meaning::Destroy => said(&mut self.parsed.change.destroy, keyword),
            Meaning::Inet => self.family(4, keyword),
            Meaning::Inet6 => self.family(6, keyword),
            Meaning::Alias => self.manner(Manner::Add, keyword),
            Meaning::Remove => self.manner(Manner::Remove, keyword),
            Meaning::NoInet => once(&mut self.parsed.change.inet_less, Less::All, keyword),
            Meaning::NoInet6 => once(&mut self.parsed.change.inet6_less, Less::All, keyword),
            Meaning::Netmask => self.netmask(keyword),
            Meaning::Prefixlen => {
                let value = self.value(keyword)?;
                let wrong = Problem::PrefixLength(self.draft.longest());
                let number = keyword.number(value);
                let prefixlen = number.map_err(|_| error_in(keyword, value, wrong))?;
                self.draft.open(keyword.name);
                once(&mut self.draft.prefixlen, prefixlen, keyword)
            }
            Meaning::Broadcast => {
                let value = self.value(keyword)?;
                let broadcast = value.parse();
                let broadcast =
                    broadcast.map_err(|_| error_in(keyword, value, Problem::WrongFamily(4)))?;
                self.draft.open(keyword.name);
                once(&mut self.draft.broadcast, broadcast, keyword)
            }
            Meaning::Refused(why) => Err(self.refused(keyword, why)),
        }
    }

    fn refused(&self, keyword: &Keyword, why: &'static str) -> WordError {
        let next = self.words.get(self.position).and_then(|word| word.to_str());
        let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
        match (keyword.name, next.filter(is_number)) {
            (name @ ("carpdemote" | "-carpdemote"), Some(amount)) => {
                error(name, Problem::OfGroup(format!("{name} {amount}")))
            }
            (name, _) => error(name, Problem::Refused(why)),
        }
    }

    fn up_or_down(&mut self, up: bool, keyword: &Keyword) -> Result<(), WordError> {
        match self.parsed.change.up {
            Some(before) if before != up => {
                let before = if before { "up" } else { "down" }.to_owned();
                Err(error(keyword.name, Problem::Contradicts { before }))
            }
            _ => once(&mut self.parsed.change.up, up, keyword),
        }
    }

    fn group(&mut self, member: bool, keyword: &Keyword) -> Result<(), WordError> {
        let value = self.value(keyword)?;
        let wrong = |problem| error_in(keyword, value, problem);
        let name: GroupName = value
            .parse()
            .map_err(|error| wrong(Problem::Group(error)))?;
        if name.is_carp() && !member {
            return Err(wrong(Problem::Refused(
                "every carp interface is in carp, and stays in it",
            )));
        }
        if self.parsed.change.groups.iter().any(|it| it.name == name) {
            return Err(wrong(Problem::Twice));
        }
        let change = GroupChange { name, member };
        self.parsed.change.groups.push(change);
        Ok(())
    }

    fn hook(&mut self, change: HookChange, keyword: &Keyword) -> Result<(), WordError> {
        let hooks = &mut self.parsed.change.hooks;
        if hooks.iter().any(|it| it.is_about_the_same(&change)) {
            return Err(error(keyword.name, Problem::Twice));
        }
        hooks.push(change);
        Ok(())
    }

    // ---- peers ----

    /// The peer that follows `keyword`; `back` is what there is instead of a peer.
    fn peer<T: Into<IpAddr> + Copy>(
        &mut self,
        keyword: &Keyword,
        back: &'static str,
        read: impl Fn(&str, &Keyword) -> Result<T, Problem>,
    ) -> Result<T, WordError> {
        let value = self.value(keyword)?;
        let wrong = |problem| error_in(keyword, value, problem);
        let peer = read(value, keyword).map_err(wrong)?;
        if !is_host_address(peer.into()) {
            return Err(wrong(Problem::NotAPeer { back }));
        }
        Ok(peer)
    }

    /// An address behind `-carppeer` would become one of the interface, which nobody means.
    fn no_address(&self, keyword: &Keyword) -> Result<(), WordError> {
        let next = self.words.get(self.position).and_then(|word| word.to_str());
        match next.filter(|next| next.parse::<IpAddr>().is_ok()) {
            Some(next) => Err(error_in(keyword, next, Problem::TakesNoAddress)),
            None => Ok(()),
        }
    }

    // ---- the whole ----

    /// What no word says alone.
    fn agree(&self) -> Result<(), WordError> {
        let change = &self.parsed.change;
        if change.destroy && self.words.len() > 1 {
            return Err(error("destroy", Problem::Alone));
        }
        if let (Some(false), Some(_)) = (change.up, change.state) {
            let before = "down".to_owned();
            return Err(error("state", Problem::Contradicts { before }));
        }
        Ok(())
    }
}

fn once<T>(slot: &mut Option<T>, value: T, keyword: &Keyword) -> Result<(), WordError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(error(keyword.name, Problem::Twice)),
    }
}

fn add_peer<T: PartialEq>(
    slot: &mut Option<Vec<T>>,
    peer: T,
    keyword: &Keyword,
) -> Result<(), WordError> {
    match slot {
        None => *slot = Some(vec![peer]),
        Some(peers) if peers.is_empty() => {
            let before = "multicast".to_owned();
            return Err(error(keyword.name, Problem::Contradicts { before }));
        }
        Some(peers) if peers.contains(&peer) => return Err(error(keyword.name, Problem::Twice)),
        Some(peers) => peers.push(peer),
    }
    Ok(())
}

fn no_peers<T>(slot: &mut Option<Vec<T>>, keyword: &Keyword) -> Result<(), WordError> {
    let is_said = |peers: &Vec<T>| !peers.is_empty();
    if slot.as_ref().is_some_and(is_said) {
        let before = "a peer".to_owned();
        return Err(error(keyword.name, Problem::Contradicts { before }));
    }
    once(slot, Vec::new(), keyword)
}

fn said(slot: &mut bool, keyword: &Keyword) -> Result<(), WordError> {
    if std::mem::replace(slot, true) {
        return Err(error(keyword.name, Problem::Twice));
    }
    Ok(())
}

const ADVDEMOTE: [(&str, AdvDemoteWish); 4] = [
    ("byte", AdvDemoteWish::Byte),
    ("skew", AdvDemoteWish::Skew),
    ("both", AdvDemoteWish::Both),
    ("auto", AdvDemoteWish::Auto),
];
