//! A [`Change`] into the words that say it: the inverse of the parser.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;

use crate::vocabulary::change::{
    AddressChange, Change, Less, LladdrWish, Manner, MtuWish, StateWish,
};
use crate::vocabulary::hooks::HookChange;

/// The words that say `change`, in the order of the how-to. Where a key is among what changes,
/// `pass` is the password of it; without one it is to come on standard input.
///
/// Read again they are the same change, but for a password and for what it is applied to.
pub(crate) fn write(change: &Change, pass: Option<&OsStr>) -> Vec<OsString> {
    let Change {
        create,
        destroy,
        anew: _,
        carpdev,
        vhid,
        advbase,
        advskew,
        key,
        lladdr,
        up,
        state,
        peers,
        advdemote,
        mtu,
        description,
        inet_peers,
        inet6_peers,
        groups,
        hooks,
        inet_less,
        inet6_less,
        addresses,
    } = change;
    let mut words = Words::default();
    words.say_if(*create, "create");
    words.say_if(*destroy, "destroy");
    words.say_value("vhid", vhid);
    if let Some(key) = key {
        words.say("pass");
        let none = key.0.is_none().then_some(OsStr::new(""));
        let word = none.or(pass).unwrap_or_else(|| OsStr::new("-"));
        words.0.push(word.to_owned());
    }
    words.say_value("carpdev", carpdev);
    words.say_value("advbase", advbase);
    words.say_value("advskew", advskew);
    words.say_value("lladdr", &lladdr.map(lladdr_word));
    words.say_value("peers", &peers.map(|peers| peers.0));
    words.say_value("advdemote", advdemote);
    words.peers("carppeer", "-carppeer", inet_peers.as_deref());
    words.peers("peer6", "mcast6", inet6_peers.as_deref());
    match mtu {
        None => {}
        Some(MtuWish::Carpdev) => words.say("-mtu"),
        Some(MtuWish::Bytes(bytes)) => words.say_value("mtu", &Some(bytes)),
    }
    match description {
        None => {}
        Some(none) if none.is_empty() => words.say("-description"),
        Some(text) => words.say_value("description", &Some(text)),
    }
    for group in groups {
        words.say(if group.member { "group" } else { "-group" });
        words.say(&group.name.to_string());
    }
    for hook in hooks {
        words.hook(hook);
    }
    words.say_if(*inet_less == Some(Less::All), "-inet");
    words.say_if(*inet6_less == Some(Less::All), "-inet6");
    words.addresses(addresses);
    // Behind the addresses, and named by their families, so as to belong to none of them.
    words.say_if(*inet_less == Some(Less::First), "inet");
    words.say_if(*inet_less == Some(Less::First), "delete");
    words.say_if(*inet6_less == Some(Less::First), "inet6");
    words.say_if(*inet6_less == Some(Less::First), "delete");
    if let Some(up) = up {
        words.say(if *up { "up" } else { "down" });
    }
    if let Some(state) = state {
        let word = match state {
            StateWish::Master => "master",
            StateWish::Backup => "backup",
        };
        words.say_value("state", &Some(word));
    }
    words.0
}

#[derive(Default)]
struct Words(Vec<OsString>);

impl Words {
    fn say(&mut self, word: &str) {
        self.0.push(word.into());
    }

    fn say_if(&mut self, said: bool, word: &str) {
        if said {
            self.say(word);
        }
    }

    fn say_value(&mut self, keyword: &str, value: &Option<impl ToString>) {
        if let Some(value) = value {
            self.say(keyword);
            self.say(&value.to_string());
        }
    }

    fn peers<T: ToString>(&mut self, keyword: &str, none: &str, peers: Option<&[T]>) {
        match peers {
            None => {}
            Some([]) => self.say(none),
            Some(peers) => {
                for peer in peers {
                    self.say_value(keyword, &Some(peer.to_string()));
                }
            }
        }
    }

    fn hook(&mut self, change: &HookChange) {
        match change {
            HookChange::Script { hook, file } => self.say_or_not(hook.keyword(), file),
            HookChange::Xparam(text) => self.say_or_not("xparam", text),
            HookChange::Timeout(seconds) => self.say_value("hooktimeout", &Some(seconds)),
        }
    }

    fn say_or_not(&mut self, keyword: &str, value: &Option<String>) {
        match value {
            Some(_) => self.say_value(keyword, value),
            None => self.say(&format!("-{keyword}")),
        }
    }

    fn addresses(&mut self, addresses: &[AddressChange]) {
        let mut said_inet = false;
        for address in addresses {
            let usual = if address.ip.is_ipv4() && !said_inet {
                Manner::Set
            } else {
                Manner::Add
            };
            said_inet |= address.ip.is_ipv4();
            self.address(address, usual);
        }
    }

    /// Writes an address that is treated in the manner that is `usual` without a word.
    fn address(&mut self, address: &AddressChange, usual: Manner) {
        let ip = address.ip;
        if address.prefixlen.is_none() {
            // Which tells it from the address of a peer, whatever stands before it.
            self.say(if ip.is_ipv4() { "inet" } else { "inet6" });
        }
        match address.manner {
            Manner::Remove => self.say("-alias"),
            Manner::Add if usual == Manner::Set => self.say("alias"),
            Manner::Add | Manner::Set => {}
        }
        match address.prefixlen {
            Some(length) => self.say(&format!("{ip}/{length}")),
            None => self.say(&ip.to_string()),
        }
        if let (IpAddr::V4(_), Some(broadcast)) = (ip, address.broadcast) {
            self.say_value("broadcast", &Some(broadcast));
        }
    }
}

fn lladdr_word(wish: LladdrWish) -> String {
    match wish {
        LladdrWish::Vhid => "vhid".to_owned(),
        LladdrWish::Carpdev => "carpdev".to_owned(),
        LladdrWish::Random => "random".to_owned(),
        LladdrWish::Manual(mac) => mac.to_string(),
    }
}
