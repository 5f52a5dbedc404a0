//! The words behind the file: how the sender of the adverts is configured.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::slice;

use carp_net::carp_fsm::carp_proto::{MacAddress, VirtualAddress};

use crate::vocabulary::words::{Keyword, Meaning, Problem, SecretSource, WordError, find, nearest};

/// What the operator said of the sender.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sender {
    /// The one to verify, all others being somebody else's.
    pub(super) vhid: Option<u8>,
    pub(super) secret: Option<SecretSource>,
    pub(super) addresses: Vec<IpAddr>,
    /// The link-layer address that its operator chose, which OpenBSD's digest covers.
    pub(super) lladdr: Option<MacAddress>,
}

impl Sender {
    /// Understands the words, which are those of an interface as far as a digest covers them.
    pub(super) fn parse(words: &[OsString]) -> Result<Self, WordError> {
        let mut sender = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let text = text(word)?;
            match find(text) {
                Some(keyword) => sender.keyword(keyword, &mut words)?,
                None if text == "--json" => {}
                None => sender.addresses.push(address(text)?),
            }
        }
        Ok(sender)
    }

    pub(super) fn has_secret_on_stdin(&self) -> bool {
        self.secret == Some(SecretSource::StandardInput)
    }

    fn keyword(
        &mut self,
        keyword: &Keyword,
        words: &mut slice::Iter<'_, OsString>,
    ) -> Result<(), WordError> {
        let mut value = || words.next().ok_or_else(|| no_value(keyword));
        match keyword.meaning {
            Meaning::Vhid => {
                let value = text(value()?)?;
                let number = keyword.number(value);
                let in_value = |problem| error(&format!("{} {value}", keyword.name), problem);
                once(&mut self.vhid, number.map_err(in_value)?, keyword)
            }
            Meaning::Pass => {
                // A password in the words is taken out of them before it is asked for.
                let source = if value()?.is_empty() {
                    SecretSource::None
                } else {
                    SecretSource::StandardInput
                };
                once(&mut self.secret, source, keyword)
            }
            Meaning::PassFile => {
                let file = PathBuf::from(value()?);
                once(&mut self.secret, SecretSource::File(file), keyword)
            }
            Meaning::Lladdr => {
                let value = text(value()?)?;
                let in_value = |_| error(&format!("{} {value}", keyword.name), NOT_A_MAC);
                let lladdr = value.parse().map_err(in_value)?;
                once(&mut self.lladdr, lladdr, keyword)
            }
            Meaning::Inet | Meaning::Inet6 | Meaning::Alias => Ok(()), // the address follows
            Meaning::AdvBase
            | Meaning::AdvSkew
            | Meaning::NoPass
            | Meaning::Description
            | Meaning::NoDescription
            | Meaning::Mtu
            | Meaning::NoMtu
            | Meaning::NoInet
            | Meaning::NoInet6
            | Meaning::Carpdev
            | Meaning::Peers
            | Meaning::AdvDemote
            | Meaning::Peer
            | Meaning::Peer6
            | Meaning::Multicast
            | Meaning::Multicast6
            | Meaning::Group
            | Meaning::LeaveGroup
            | Meaning::Script(_)
            | Meaning::NoScript(_)
            | Meaning::Xparam
            | Meaning::NoXparam
            | Meaning::HookTimeout
            | Meaning::State
            | Meaning::Up
            | Meaning::Down
            | Meaning::Create
            | Meaning::Destroy
            | Meaning::Remove
            | Meaning::Netmask
            | Meaning::Prefixlen
            | Meaning::Broadcast
            | Meaning::Refused(_) => Err(error(keyword.name, Problem::Refused(NOT_COVERED))),
        }
    }
}

/// Reads `ADDRESS[%SCOPE][/LENGTH]`; a digest covers neither scope nor length.
fn address(word: &str) -> Result<IpAddr, WordError> {
    let (address, length) = match word.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (word, None),
    };
    let ip: IpAddr = match address.split_once('%') {
        Some((address, _)) => address.parse::<Ipv6Addr>().map(IpAddr::V6),
        None => address.parse(),
    }
    .map_err(|_| error(word, not_an_address(word)))?;
    if let Some(length) = length {
        let most = if ip.is_ipv4() { 32 } else { 128 };
        format!("{ip}/{length}")
            .parse::<VirtualAddress>()
            .map_err(|_| error(word, Problem::PrefixLength(most)))?;
    }
    Ok(ip)
}

fn not_an_address(word: &str) -> Problem {
    if word.starts_with(|first: char| first.is_ascii_digit()) || word.contains([':', '/']) {
        return Problem::NotAnAddress;
    }
    let nearest = nearest(word, ["pass", "passfile", "vhid"]);
    Problem::Unknown { nearest }
}

fn once<T>(slot: &mut Option<T>, value: T, keyword: &Keyword) -> Result<(), WordError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(error(keyword.name, Problem::Twice)),
    }
}

fn no_value(keyword: &Keyword) -> WordError {
    let wants = keyword.wants();
    error(keyword.name, Problem::NoValue { wants })
}

fn text(word: &OsStr) -> Result<&str, WordError> {
    let unreadable = || error(&word.to_string_lossy(), Problem::NotText);
    word.to_str().ok_or_else(unreadable)
}

fn error(word: &str, problem: Problem) -> WordError {
    let word = word.to_owned();
    WordError { word, problem }
}

const NOT_COVERED: &str = "no digest covers it (allowed: pass, passfile, vhid, lladdr, ADDRESS)";
const NOT_A_MAC: Problem = Problem::Refused("not a MAC address such as 02:00:5e:12:34:56");

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Sender, String> {
        // Two quotes are an empty word, as for a shell.
        let words = line.split(' ').filter(|word| !word.is_empty());
        let words: Vec<OsString> = words.map(|word| word.replace("''", "").into()).collect();
        Sender::parse(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn words_are_those_of_an_interface() {
        let file = SecretSource::File("/etc/carp.key".into());
        for line in [
            "vhid 99 passfile /etc/carp.key 192.0.2.10 2001:db8::10 fe80::10",
            "192.0.2.10/24 2001:db8::10/64 fe80::10%em0/64 passfile /etc/carp.key vhid 99",
            "inet 192.0.2.10 inet6 alias 2001:db8::10 fe80::10 vhid 99 passfile /etc/carp.key",
            "--json vhid 99 passfile /etc/carp.key 192.0.2.10 2001:db8::10 fe80::10 --json",
        ] {
            let sender = parse(line).unwrap();
            assert_eq!(sender.vhid, Some(99), "{line}");
            assert_eq!(sender.secret.as_ref(), Some(&file), "{line}");
            let addresses = ["192.0.2.10", "2001:db8::10", "fe80::10"];
            let addresses = addresses.map(|text| text.parse::<IpAddr>().unwrap());
            assert_eq!(sender.addresses, addresses, "{line}");
        }
        let lladdr = parse("lladdr 02:11:22:33:44:55").unwrap().lladdr;
        assert_eq!(lladdr, Some(MacAddress([2, 0x11, 0x22, 0x33, 0x44, 0x55])));
        assert_eq!(parse(""), Ok(Sender::default()));
        assert_eq!(parse("pass ''").unwrap().secret, Some(SecretSource::None));
        assert!(parse("pass -").unwrap().has_secret_on_stdin());
    }

    #[test]
    fn other_words_are_refused() {
        let not_covered = "no digest covers it (allowed: pass, passfile, vhid, lladdr, ADDRESS)";
        for (line, expected) in [
            ("advskew 100", format!("`advskew': {not_covered}")),
            ("down", format!("`down': {not_covered}")),
            (
                "lladdr carpdev",
                "`lladdr carpdev': not a MAC address such as 02:00:5e:12:34:56".to_owned(),
            ),
            ("pass - pass -", "`pass': said twice".to_owned()),
            ("pass", "`pass': a password must follow".to_owned()),
            ("vhid 0", "`vhid 0': out of range (1 to 255)".to_owned()),
            (
                "vhid",
                "`vhid': a number from 1 to 255 must follow".to_owned(),
            ),
            (
                "psas x",
                "`psas': unknown keyword (did you mean `pass'?)".to_owned(),
            ),
            (
                "hello",
                "`hello': unknown keyword (`carpctl --help' shows all)".to_owned(),
            ),
            (
                "192.0.2.1000",
                "`192.0.2.1000': not an IPv4 or IPv6 address".to_owned(),
            ),
            (
                "192.0.2.10%em0",
                "`192.0.2.10%em0': not an IPv4 or IPv6 address".to_owned(),
            ),
            (
                "192.0.2.10/33",
                "`192.0.2.10/33': the prefix length must be a number from 1 to 32".to_owned(),
            ),
        ] {
            assert_eq!(parse(line), Err(expected), "{line}");
        }
    }
}
