//! What a host's network looks like, line by line, to be compared before and after.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use carp_fsm::carp_proto::MacAddress;

use crate::Result;
use crate::error::About as _;
use crate::linux::namespace::Namespace;
use crate::linux::netlink::Attributes;

use super::links::{IFLA_IFNAME, Links, word};

/// Links, addresses, group memberships and settings at one moment. Counters, timers and indexes
/// are left out: two snapshots differ where somebody changed something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    lines: BTreeSet<String>,
}

impl Snapshot {
    pub(super) fn take(namespace: &Namespace, links: &Links) -> Result<Self> {
        let mut lines = BTreeSet::new();
        add_links(&mut lines, links)?;
        add_addresses(&mut lines, links)?;
        namespace.enter(|| {
            add_memberships(&mut lines)?;
            for family in ["ipv4", "ipv6"] {
                add_settings(&mut lines, &format!("net/{family}/conf"));
                add_settings(&mut lines, &format!("net/{family}/neigh"));
            }
            Ok(())
        })??;
        Ok(Self { lines })
    }

    /// Its lines, sorted. Each begins with what it is about: `link`, `address`, `group` or
    /// `setting`.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// The lines that begin with `start`.
    #[must_use]
    pub fn only(&self, start: &str) -> Self {
        let kept = self.lines.iter().filter(|line| line.starts_with(start));
        Self {
            lines: kept.cloned().collect(),
        }
    }

    /// What is different from an earlier one: lines that went with `-`, new ones with `+`.
    pub fn changes_since(&self, earlier: &Self) -> Vec<String> {
        let gone = earlier.lines.difference(&self.lines);
        let new = self.lines.difference(&earlier.lines);
        gone.map(|line| format!("-{line}"))
            .chain(new.map(|line| format!("+{line}")))
            .collect()
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().try_for_each(|line| writeln!(f, "{line}"))
    }
}

fn add_links(lines: &mut BTreeSet<String>, links: &Links) -> Result<()> {
    for link in links.links()? {
        let attributes = Attributes::behind(&link.payload, 16);
        let number = |kind| attributes.get(kind).and_then(|value| value.u32());
        let text = |kind| attributes.get(kind).map(|value| value.text());
        let name = text(IFLA_IFNAME).unwrap_or_default();
        let mac = attributes.get(1).and_then(|value| {
            let octets = value.bytes().first_chunk()?;
            Some(MacAddress(*octets).to_string())
        });
        // struct ifinfomsg: family, padding, type, index (8 bytes in all), flags.
        let flags = word(&link.payload, 8).unwrap_or_default();
        let facts = [
            ("mac", mac),
            ("mtu", number(4).map(|mtu| mtu.to_string())),
            ("qdisc", text(6)),
            ("queue", number(13).map(|length| length.to_string())),
            (
                "state",
                attributes
                    .get(16)
                    .and_then(|value| value.u8())
                    .map(|state| state.to_string()),
            ),
            ("alias", text(20)),
            ("group", number(27).map(|group| group.to_string())),
            ("promiscuous", number(30).map(|users| users.to_string())),
            (
                "protodown",
                attributes
                    .get(39)
                    .and_then(|value| value.u8())
                    .map(|on| on.to_string()),
            ),
            ("allmulticast", number(61).map(|users| users.to_string())),
        ];
        let facts: String = facts
            .into_iter()
            .filter_map(|(name, value)| Some(format!(" {name} {}", value?)))
            .collect();
        lines.insert(format!("link {name} flags {flags:#x}{facts}"));
    }
    Ok(())
}

fn add_addresses(lines: &mut BTreeSet<String>, links: &Links) -> Result<()> {
    let names: Vec<(Option<u32>, String)> = links
        .links()?
        .iter()
        .map(|link| {
            let name = Attributes::behind(&link.payload, 16).get(IFLA_IFNAME);
            let name = name.map(|name| name.text()).unwrap_or_default();
            (word(&link.payload, 4), name)
        })
        .collect();
    for address in links.addresses()? {
        let attributes = Attributes::behind(&address.payload, 8);
        // struct ifaddrmsg: family, prefix length, flags, scope, index.
        let index = word(&address.payload, 4);
        let name = names.iter().find(|(found, _)| *found == index);
        let name = name.map_or("?", |(_, name)| name);
        let ip = attributes.get(2).or_else(|| attributes.get(1));
        let Some(ip) = ip.and_then(|value| value.ip()) else {
            continue;
        };
        let prefix = address.payload.get(1).copied().unwrap_or_default();
        let flags = attributes
            .get(8)
            .and_then(|value| value.u32())
            .unwrap_or_default();
        let broadcast = attributes.get(4).and_then(|value| value.ip());
        let broadcast = broadcast
            .map(|ip| format!(" broadcast {ip}"))
            .unwrap_or_default();
        lines.insert(format!(
            "address {name} {ip}/{prefix}{broadcast} flags {flags:#x}"
        ));
    }
    Ok(())
}

/// Groups that are listened to, with the number of listeners: of link, IPv4 and IPv6.
fn add_memberships(lines: &mut BTreeSet<String>) -> Result<()> {
    let read = |file| {
        let path = format!("/proc/thread-self/net/{file}");
        fs::read_to_string(&path).about(path)
    };
    for line in read("dev_mcast")?.lines() {
        if let [_, name, users, _, mac] = *words(line) {
            lines.insert(format!("group {name} {mac} users {users}"));
        }
    }
    let mut name = String::new();
    for line in read("igmp")?.lines().skip(1) {
        // A device, then its groups indented; their bytes as a number of this machine.
        match *words(line) {
            [group, users, ..] if line.starts_with('\t') => {
                let group = u32::from_str_radix(group, 16).unwrap_or_default();
                let group = Ipv4Addr::from(group.to_ne_bytes());
                lines.insert(format!("group {name} {group} users {users}"));
            }
            [_, device, ..] => device.clone_into(&mut name),
            _ => {}
        }
    }
    // A kernel without IPv6 has no such file.
    for line in read("igmp6").unwrap_or_default().lines() {
        if let [_, name, group, users, ..] = *words(line) {
            let group = u128::from_str_radix(group, 16).unwrap_or_default();
            let group = Ipv6Addr::from(group);
            lines.insert(format!("group {name} {group} users {users}"));
        }
    }
    Ok(())
}

/// The settings of each interface under a directory of `/proc/sys`.
fn add_settings(lines: &mut BTreeSet<String>, directory: &str) {
    let root = Path::new("/proc/sys");
    for interface in entries(&root.join(directory)) {
        for setting in entries(&interface) {
            // Some cannot be read (a secret that is not set), some are counters or timers.
            let Ok(value) = fs::read_to_string(&setting) else {
                continue;
            };
            let setting = setting.strip_prefix(root).unwrap_or(&setting);
            lines.insert(format!("setting {} = {}", setting.display(), value.trim()));
        }
    }
}

fn entries(directory: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path()))
}

fn words(line: &str) -> Box<[&str]> {
    line.split_whitespace().collect()
}
