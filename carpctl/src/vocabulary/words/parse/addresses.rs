//! The words of addresses, and what belongs to them.

use std::net::{IpAddr, Ipv4Addr};

use super::super::values::{
    is_bare_netmask, is_host_address, looks_like_address, parse_netmask, prefix_length,
    split_address,
};
use super::super::{Keyword, Meaning, Problem, WordError, find};
use super::{Parser, error, error_in, no_value, once};
use crate::vocabulary::change::{AddressChange, Less, Manner};

/// An address and what was said of it so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The first word of it, for errors.
    pub(super) began: String,
    pub(super) ip: Option<IpAddr>,
    /// What `inet`, `inet6` or the address itself says it is: 4 or 6.
    pub(super) family: Option<u8>,
    /// `netmask` and its value, which only an IPv4 address has.
    pub(super) netmask: Option<String>,
    pub(super) prefixlen: Option<u8>,
    pub(super) broadcast: Option<Ipv4Addr>,
    pub(super) manner: Option<Manner>,
}

impl Parser<'_> {
    pub(super) fn family(&mut self, family: u8, keyword: &Keyword) -> Result<(), WordError> {
        if self.draft.ip.is_some() {
            self.finish_draft()?;
        }
        if self.draft.is_removal_of_the_first() && self.draft.family.is_some() {
            self.finish_draft()?;
        }
        if self.draft.family.is_some() {
            return Err(no_value(keyword));
        }
        // What was said before waits for the address that this word announces.
        keyword.name.clone_into(&mut self.draft.began);
        self.draft.family = Some(family);
        Ok(())
    }

    pub(super) fn manner(&mut self, manner: Manner, keyword: &Keyword) -> Result<(), WordError> {
        let next = self.words.get(self.position).and_then(|word| word.to_str());
        if self.draft.ip.is_some() && next.is_some_and(looks_like_address) {
            self.finish_draft()?;
        }
        self.draft.open(keyword.name);
        once(&mut self.draft.manner, manner, keyword)
    }

    pub(super) fn netmask(&mut self, keyword: &Keyword) -> Result<(), WordError> {
        let value = self.value(keyword)?;
        let prefixlen = parse_netmask(value)
            .and_then(prefix_length)
            .ok_or_else(|| error_in(keyword, value, Problem::NotANetmask))?;
        if prefixlen == 0 {
            return Err(error_in(keyword, value, Problem::PrefixLength(32)));
        }
        self.draft.open(keyword.name);
        self.draft.netmask = Some(format!("{} {value}", keyword.name));
        once(&mut self.draft.prefixlen, prefixlen, keyword)
    }

    pub(super) fn address(&mut self, word: &str) -> Result<(), WordError> {
        let wrong = |problem| error(word, problem);
        if self.draft.ip.is_some() && is_bare_netmask(word) {
            return Err(wrong(Problem::BareNetmask(word.to_owned())));
        }
        let (ip, length) = split_address(word, self.interface).map_err(wrong)?;
        if self.draft.ip.is_some() {
            self.finish_draft()?;
        }
        let family = if ip.is_ipv4() { 4 } else { 6 };
        if let Some(asked) = self.draft.family.filter(|asked| *asked != family) {
            return Err(wrong(Problem::WrongFamily(asked)));
        }
        if !is_host_address(ip) {
            return Err(wrong(Problem::NotAHostAddress));
        }
        self.draft.ip = Some(ip);
        self.draft.family = Some(family);
        word.clone_into(&mut self.draft.began);
        if let Some(length) = length
            && self.draft.prefixlen.replace(length).is_some()
        {
            return Err(wrong(Problem::Twice));
        }
        Ok(())
    }

    /// `delete` without an address: as OpenBSD's `ifconfig`, of IPv4 where nothing else is said.
    fn remove_first(&mut self, draft: &Draft) -> Result<(), WordError> {
        let slot = if draft.family == Some(6) {
            &mut self.parsed.change.inet6_less
        } else {
            &mut self.parsed.change.inet_less
        };
        match slot.replace(Less::First) {
            None => Ok(()),
            Some(_) => Err(error(&draft.began, Problem::Twice)),
        }
    }

    pub(super) fn finish_draft(&mut self) -> Result<(), WordError> {
        let draft = std::mem::take(&mut self.draft);
        if draft.is_removal_of_the_first() {
            return self.remove_first(&draft);
        }
        let wrong = |problem| Err(error(&draft.began, problem));
        let Some(ip) = draft.ip else {
            return match find(&draft.began) {
                None => Ok(()), // nothing was begun
                Some(keyword) if matches!(keyword.meaning, Meaning::Inet | Meaning::Inet6) => {
                    Err(no_value(keyword))
                }
                Some(_) => wrong(Problem::NoAddress),
            };
        };
        if let (IpAddr::V6(_), Some(netmask)) = (ip, &draft.netmask) {
            let why = "an IPv6 address has no netmask: use prefixlen";
            return Err(error(netmask, Problem::Refused(why)));
        }
        let most = draft.longest();
        if draft.prefixlen.is_some_and(|length| length > most) {
            return wrong(Problem::PrefixLength(most));
        }
        if draft.broadcast.is_some() && ip.is_ipv6() {
            return wrong(Problem::Refused("an IPv6 address has no broadcast address"));
        }
        // The second address of a command cannot be meant to replace the first one.
        let first = ip.is_ipv4() && !self.said_inet_address;
        let usual = if first { Manner::Set } else { Manner::Add };
        self.said_inet_address |= ip.is_ipv4();
        self.parsed.change.addresses.push(AddressChange {
            ip,
            prefixlen: draft.prefixlen,
            broadcast: draft.broadcast,
            manner: draft.manner.unwrap_or(usual),
        });
        Ok(())
    }
}

impl Draft {
    pub(super) fn open(&mut self, word: &str) {
        if self.began.is_empty() {
            word.clone_into(&mut self.began);
        }
    }

    /// Whether it says to take an address away, and not which.
    fn is_removal_of_the_first(&self) -> bool {
        self.manner == Some(Manner::Remove)
            && self.ip.is_none()
            && self.prefixlen.is_none()
            && self.broadcast.is_none()
    }

    /// Whether the next word can only be an address, or another word about it.
    pub(super) const fn awaits_address(&self) -> bool {
        self.family.is_some() && self.ip.is_none()
    }

    /// The longest prefix that the address can have, as far as its family is known.
    pub(super) fn longest(&self) -> u8 {
        if self.family == Some(4) { 32 } else { 128 }
    }
}
