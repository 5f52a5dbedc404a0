//! What differs between two configurations, one thing at a time.

use std::fmt;
use std::net::IpAddr;

use carp_net::carp_fsm::carp_proto::{Key, VirtualAddress};
use serde::{Deserialize, Serialize};

use crate::vocabulary::change::{AdvDemoteWish, Change};
use crate::vocabulary::config::{Config, own_broadcast};
use crate::vocabulary::rehearsal::COLUMNS;
use crate::vocabulary::words;

/// A thing that changes, in the words that say it: `advskew: 0 -> 100`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Difference {
    pub(crate) what: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

impl Difference {
    fn new(what: &str, before: &str, after: &str) -> Self {
        Self {
            what: what.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        }
    }

    /// That of an interface that is made or goes.
    pub(super) fn existence(before: &str, after: &str) -> Self {
        Self::new("interface", before, after)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            before,
            after,
        } = self;
        let line = format!("{what}: {before} -> {after}");
        if line.chars().count() <= COLUMNS {
            return f.write_str(&line);
        }
        write!(f, "{what}: {before}\n    -> {after}")
    }
}

/// What differs, in the order in which it is shown. No key is in it.
pub(super) fn differences(before: Option<&Config>, after: &Config) -> Vec<Difference> {
    let default = Config::default();
    let mut all = Vec::new();
    if before.is_none() {
        all.push(Difference::existence("none", "created"));
    }
    let before = before.unwrap_or(&default);
    let of_before = settings(before);
    for ((what, old), (_, new)) in of_before.into_iter().zip(settings(after)) {
        if old != new {
            all.push(Difference::new(what, &old, &new));
        }
    }
    if before.key != after.key {
        let is_set = |key: &Key| if key.is_none() { "none" } else { "set" };
        let new = match (before.key.is_none(), after.key.is_none()) {
            (false, false) => "another one",
            (true, false) | (_, true) => is_set(&after.key),
        };
        all.push(Difference::new("pass", is_set(&before.key), new));
    }
    all.extend(addresses(&before.addresses, &after.addresses));
    all
}

/// Everything that has one value, in the words that say it.
fn settings(config: &Config) -> Vec<(&'static str, String)> {
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let list = |all: Vec<String>, none: &str| {
        if all.is_empty() {
            none.to_owned()
        } else {
            all.join(" ")
        }
    };
    let peers = |is_it: fn(&IpAddr) -> bool| {
        let of_family = config.peers().filter(is_it);
        list(
            of_family.map(|peer| peer.to_string()).collect(),
            "multicast",
        )
    };
    let groups = config.groups.iter().map(ToString::to_string).collect();
    let told = config.as_change();
    let lladdr = said(&Change {
        lladdr: told.lladdr,
        ..Change::default()
    });
    let hooks = said(&Change {
        hooks: told.hooks,
        ..Change::default()
    });
    let description = config.description.to_string();
    vec![
        ("vhid", or_none(config.vhid.map(|vhid| vhid.to_string()))),
        ("carpdev", or_none(config.carpdev.clone())),
        ("advbase", config.advbase.get().to_string()),
        ("advskew", config.advskew.get().to_string()),
        ("lladdr", lladdr.trim_start_matches("lladdr ").to_owned()),
        ("peers", config.dialect.to_string()),
        (
            "advdemote",
            AdvDemoteWish::from(config.advdemote).to_string(),
        ),
        ("carppeer", peers(IpAddr::is_ipv4)),
        ("peer6", peers(IpAddr::is_ipv6)),
        (
            "mtu",
            config
                .mtu
                .map_or_else(|| "as the carpdev".to_owned(), |mtu| mtu.to_string()),
        ),
        (
            "description",
            or_none(Some(description).filter(|text| !text.is_empty())),
        ),
        ("group", list(groups, "none")),
        (
            "hooks",
            or_none(Some(hooks).filter(|text| !text.is_empty())),
        ),
        (
            "interface",
            if config.up { "up" } else { "down" }.to_owned(),
        ),
    ]
}

/// `change` in words.
fn said(change: &Change) -> String {
    let words = words::write(change, None);
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

/// A line for each address that comes, goes or gets another prefix or broadcast address.
fn addresses(before: &[VirtualAddress], after: &[VirtualAddress]) -> Vec<Difference> {
    let text = |address: Option<&VirtualAddress>| match address {
        None => "none".to_owned(),
        Some(address) => match own_broadcast(address) {
            None => address.to_string(),
            Some(broadcast) => format!("{address} broadcast {broadcast}"),
        },
    };
    let what = |address: &VirtualAddress| {
        if address.ip().is_ipv4() {
            "inet"
        } else {
            "inet6"
        }
    };
    let same_in = |all: &[VirtualAddress], address: &VirtualAddress| {
        all.iter().find(|it| it.ip() == address.ip()).copied()
    };
    let mut lines = Vec::new();
    for old in before {
        let new = same_in(after, old);
        if new != Some(*old) {
            lines.push(Difference::new(
                what(old),
                &text(Some(old)),
                &text(new.as_ref()),
            ));
        }
    }
    for new in after.iter().filter(|new| same_in(before, new).is_none()) {
        lines.push(Difference::new(what(new), "none", &text(Some(new))));
    }
    lines
}
