//! What an interface was told to be.
//!
//! It may lack a vhid or a carpdev, as on OpenBSD, where an interface is made with one command
//! and told the rest with others. Once it has both it is a virtual host.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use carp_net::carp_fsm::carp_proto::{
    AdvBase, AdvSkew, Family, Key, OutOfRange, Vhid, VirtualAddress,
};
use carp_net::carp_fsm::{DemotionForm, Dialect, Lladdr, VirtualHost};

use crate::vocabulary::change::{
    AddressChange, CarriedKey, Change, GroupChange, Less, LladdrWish, Manner, MtuWish, Peers,
};
use crate::vocabulary::description::Description;
use crate::vocabulary::group::GroupName;
use crate::vocabulary::hooks::Hooks;

/// The configuration of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) carpdev: Option<String>,
    pub(crate) vhid: Option<Vhid>,
    pub(crate) key: Key,
    pub(crate) advbase: AdvBase,
    pub(crate) advskew: AdvSkew,
    pub(crate) lladdr: Lladdr,
    /// Whose CARP the peers speak.
    pub(crate) dialect: Dialect,
    /// Where adverts say that the node is demoted, where that is not as the dialect has it.
    pub(crate) advdemote: Option<DemotionForm>,
    /// Whom adverts of IPv4 go to, instead of the multicast group.
    pub(crate) inet_peers: Vec<Ipv4Addr>,
    /// The same of IPv6.
    pub(crate) inet6_peers: Vec<Ipv6Addr>,
    /// How large packets can be, in bytes, where that is not as on the carpdev.
    pub(crate) mtu: Option<u16>,
    pub(crate) description: Description,
    /// The interface groups it is in beside `carp`.
    pub(crate) groups: Vec<GroupName>,
    pub(crate) hooks: Hooks,
    pub(crate) up: bool,
    pub(crate) addresses: Vec<VirtualAddress>,
    /// Those of them that are alone because nobody has said a prefix length and no network of the
    /// carpdev holds them: they join the first one that does.
    pub(crate) alone: BTreeSet<IpAddr>,
}

/// Why a configuration cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
    #[error("an address needs a carpdev: say `carpdev INTERFACE' too")]
    AddressWithoutCarpdev,
    #[error("`state' needs a vhid and a carpdev first")]
    StateWithoutHost,
    #[error("`state' needs the interface to be up")]
    StateWhileDown,
    #[error("{0}: no such address here")]
    NoSuchAddress(IpAddr),
    #[error("no {0} address here")]
    NoAddressOf(Family),
    #[error(
        "with `lladdr carpdev' the mtu is that of the carpdev: set it there, and say `-mtu' here"
    )]
    MtuOfCarpdev,
    #[error("mtu {0}: IPv6 addresses need {INET6_MTU} bytes or more")]
    MtuTooSmall(u16),
    #[error("more than {MAX_ADDRESSES} addresses on one interface")]
    TooManyAddresses,
    #[error("{0} is an address of this interface, which all nodes share: name that of the peer")]
    PeerIsOwn(IpAddr),
    #[error("more than {MAX_PEERS} peers of one family")]
    TooManyPeers,
    #[error("not in group {0}")]
    NotInGroup(GroupName),
    #[error("in more than {MAX_GROUPS} groups")]
    TooManyGroups,
}

impl Config {
    /// This configuration with `change` applied to it, and what the operator should know.
    ///
    /// # Errors
    ///
    /// What stands in the way; the change is possible as a whole or not at all.
    pub(crate) fn with(&self, change: &Change) -> Result<(Self, Vec<String>), ConfigError> {
        let mut new = if change.anew {
            Self::default()
        } else {
            self.clone()
        };
        let mut notes = Vec::new();
        if let Some(carpdev) = &change.carpdev {
            new.carpdev = Some(carpdev.clone());
        }
        if let Some(vhid) = change.vhid {
            new.vhid = Some(Vhid::new(vhid)?);
        }
        if let Some(advbase) = change.advbase {
            new.advbase = AdvBase::new(advbase)?;
        }
        if let Some(advskew) = change.advskew {
            new.advskew = AdvSkew::new(advskew)?;
        }
        if let Some(key) = &change.key {
            new.key = key.0.clone();
        }
        if let Some(lladdr) = change.lladdr {
            new.lladdr = match lladdr {
                LladdrWish::Vhid | LladdrWish::Random => Lladdr::Virtual,
                LladdrWish::Carpdev => Lladdr::Carpdev,
                LladdrWish::Manual(mac) => Lladdr::Manual(mac),
            };
        }
        if let Some(peers) = change.peers {
            new.dialect = peers.0;
        }
        if let Some(advdemote) = change.advdemote {
            new.advdemote = advdemote.form();
        }
        if let Some(peers) = &change.inet_peers {
            new.inet_peers.clone_from(peers);
        }
        if let Some(peers) = &change.inet6_peers {
            new.inet6_peers.clone_from(peers);
        }
        for hook in &change.hooks {
            new.hooks.change(hook);
        }
        for group in &change.groups {
            new.change_group(group)?;
        }
        if let Some(up) = change.up {
            new.up = up;
        }
        if let Some(mtu) = change.mtu {
            new.mtu = match mtu {
                MtuWish::Carpdev => None,
                MtuWish::Bytes(bytes) => Some(bytes),
            };
        }
        if let Some(description) = &change.description {
            new.description.clone_from(description);
        }
        new.take_away(Family::Inet, change.inet_less)?;
        new.take_away(Family::Inet6, change.inet6_less)?;
        for address in &change.addresses {
            new.change_address(address, &mut notes)?;
        }
        let is_there = |ip: &IpAddr| new.addresses.iter().any(|own| own.ip() == *ip);
        new.alone.retain(is_there);
        new.check()?;
        if change.state.is_some() && new.host().is_none() {
            return Err(ConfigError::StateWithoutHost);
        }
        if change.state.is_some() && !new.up {
            return Err(ConfigError::StateWhileDown);
        }
        Ok((new, notes))
    }

    /// The change that makes this configuration anew: it names every setting.
    pub(crate) fn as_change(&self) -> Change {
        let Self {
            carpdev,
            vhid,
            key,
            advbase,
            advskew,
            lladdr,
            dialect,
            advdemote,
            inet_peers,
            inet6_peers,
            mtu,
            description,
            groups,
            hooks,
            up,
            addresses,
            alone,
        } = self;
        let first = addresses.iter().position(|a| a.family() == Family::Inet);
        let addresses = addresses.iter().enumerate().map(|(position, address)| {
            AddressChange {
                ip: address.ip(),
                prefixlen: (!alone.contains(&address.ip())).then(|| address.prefix_len()),
                broadcast: own_broadcast(address),
                // As it is read where `alias' is not said.
                manner: if Some(position) == first {
                    Manner::Set
                } else {
                    Manner::Add
                },
            }
        });
        let groups = groups.iter().map(|name| GroupChange {
            name: name.clone(),
            member: true,
        });
        Change {
            create: false,
            destroy: false,
            anew: true,
            carpdev: carpdev.clone(),
            vhid: vhid.map(Vhid::get),
            advbase: Some(advbase.get()),
            advskew: Some(advskew.get()),
            key: Some(CarriedKey(key.clone())),
            lladdr: Some(match lladdr {
                Lladdr::Carpdev => LladdrWish::Carpdev,
                Lladdr::Manual(mac) => LladdrWish::Manual(*mac),
                Lladdr::Virtual | _ => LladdrWish::Vhid,
            }),
            up: Some(*up),
            state: None,
            peers: Some(Peers(*dialect)),
            advdemote: Some((*advdemote).into()),
            mtu: Some(mtu.map_or(MtuWish::Carpdev, MtuWish::Bytes)),
            description: Some(description.clone()),
            inet_peers: Some(inet_peers.clone()),
            inet6_peers: Some(inet6_peers.clone()),
            inet_less: None,
            inet6_less: None,
            groups: groups.collect(),
            hooks: hooks.as_changes(),
            addresses: addresses.collect(),
        }
    }

    /// The change that makes this configuration out of the one that is there by default, and
    /// says no more than that takes.
    pub(crate) fn as_told(&self) -> Change {
        fn said<T: PartialEq>(own: Option<T>, usual: Option<T>) -> Option<T> {
            own.filter(|own| Some(own) != usual.as_ref())
        }
        let own = self.as_change();
        let usual = Self::default().as_change();
        Change {
            anew: false,
            advbase: said(own.advbase, usual.advbase),
            advskew: said(own.advskew, usual.advskew),
            key: said(own.key, usual.key),
            lladdr: said(own.lladdr, usual.lladdr),
            up: said(own.up, usual.up),
            peers: said(own.peers, usual.peers),
            advdemote: said(own.advdemote, usual.advdemote),
            mtu: said(own.mtu, usual.mtu),
            description: said(own.description, usual.description),
            inet_peers: said(own.inet_peers, usual.inet_peers),
            inet6_peers: said(own.inet6_peers, usual.inet6_peers),
            ..own
        }
    }

    /// The carpdev and the virtual host that this configuration is, once it has all it needs.
    pub(crate) fn host(&self) -> Option<(&str, VirtualHost)> {
        let carpdev = self.carpdev.as_deref()?;
        let host = VirtualHost::new(self.vhid?, self.key.clone())
            .advbase(self.advbase.get())
            .and_then(|host| host.advskew(self.advskew.get()))
            .ok()?
            .lladdr(self.lladdr)
            .speaking(self.dialect)
            .demotion_in(self.advdemote)
            .with_peers(self.peers())
            .with_groups(self.groups.iter().map(GroupName::as_str))
            .with_mtu(self.mtu.map(u32::from))
            .enabled(self.up)
            .with_addresses(self.addresses.iter().copied());
        Some((carpdev, host))
    }

    /// Whom adverts go to instead of the multicast groups.
    pub(crate) fn peers(&self) -> impl Iterator<Item = IpAddr> {
        let inet = self.inet_peers.iter().copied().map(IpAddr::V4);
        let inet6 = self.inet6_peers.iter().copied().map(IpAddr::V6);
        inet.chain(inet6)
    }

    /// What no change may lead to.
    fn check(&self) -> Result<(), ConfigError> {
        if self.addresses.len() > MAX_ADDRESSES {
            return Err(ConfigError::TooManyAddresses);
        }
        if !self.addresses.is_empty() && self.carpdev.is_none() {
            return Err(ConfigError::AddressWithoutCarpdev);
        }
        if self.inet_peers.len().max(self.inet6_peers.len()) > MAX_PEERS {
            return Err(ConfigError::TooManyPeers);
        }
        let is_own = |peer: &IpAddr| self.addresses.iter().any(|own| own.ip() == *peer);
        if let Some(own) = self.peers().find(is_own) {
            return Err(ConfigError::PeerIsOwn(own));
        }
        if self.mtu.is_some() && self.lladdr == Lladdr::Carpdev {
            return Err(ConfigError::MtuOfCarpdev);
        }
        let has_inet6 = self
            .addresses
            .iter()
            .any(|own| own.family() == Family::Inet6);
        if let Some(mtu) = self.mtu.filter(|mtu| *mtu < INET6_MTU && has_inet6) {
            return Err(ConfigError::MtuTooSmall(mtu));
        }
        if self.groups.len() > MAX_GROUPS {
            return Err(ConfigError::TooManyGroups);
        }
        Ok(())
    }

    fn change_group(&mut self, change: &GroupChange) -> Result<(), ConfigError> {
        let GroupChange { name, member } = change;
        let there = self.groups.iter().position(|group| group == name);
        match (there, member) {
            (None, true) if !name.is_carp() => self.groups.push(name.clone()),
            (Some(position), false) => drop(self.groups.remove(position)),
            (None, false) => return Err(ConfigError::NotInGroup(name.clone())),
            (Some(_) | None, true) => {}
        }
        Ok(())
    }

    fn take_away(&mut self, family: Family, less: Option<Less>) -> Result<(), ConfigError> {
        let mut own = self.addresses.iter();
        match less {
            None => {}
            Some(Less::All) => self.addresses.retain(|own| own.family() != family),
            Some(Less::First) => {
                let first = own.position(|own| own.family() == family);
                let first = first.ok_or(ConfigError::NoAddressOf(family))?;
                self.addresses.remove(first);
            }
        }
        Ok(())
    }

    fn change_address(
        &mut self,
        change: &AddressChange,
        notes: &mut Vec<String>,
    ) -> Result<(), ConfigError> {
        let same = self.addresses.iter().position(|a| a.ip() == change.ip);
        if change.manner == Manner::Remove {
            let position = same.ok_or(ConfigError::NoSuchAddress(change.ip))?;
            self.addresses.remove(position);
            return Ok(());
        }
        let before = same
            .and_then(|position| self.addresses.get(position))
            .copied();
        let address = new_address(change, before)?;
        if change.prefixlen.is_none() && is_alone(&address) {
            self.alone.insert(change.ip);
        } else {
            self.alone.remove(&change.ip);
        }
        let first = self
            .addresses
            .iter()
            .position(|a| a.family() == Family::Inet);
        let replaced = match change.manner {
            Manner::Set if change.ip.is_ipv4() => same.or(first),
            Manner::Set | Manner::Add | Manner::Remove => same,
        };
        match replaced.and_then(|position| self.addresses.get_mut(position)) {
            Some(slot) => {
                let old = std::mem::replace(slot, address);
                if old.ip() != address.ip() {
                    notes.push(format!(
                        "{old} is replaced by {address} (`alias' would add it)"
                    ));
                }
            }
            None => self.addresses.push(address),
        }
        Ok(())
    }
}

impl Default for Config {
    /// What `create` makes: nothing set, and up as soon as it can be.
    fn default() -> Self {
        Self {
            carpdev: None,
            vhid: None,
            key: Key::none(),
            advbase: AdvBase::default(),
            advskew: AdvSkew::default(),
            lladdr: Lladdr::default(),
            dialect: Dialect::default(),
            advdemote: None,
            inet_peers: Vec::new(),
            inet6_peers: Vec::new(),
            mtu: None,
            description: Description::default(),
            groups: Vec::new(),
            hooks: Hooks::default(),
            up: true,
            addresses: Vec::new(),
            alone: BTreeSet::new(),
        }
    }
}

/// What is said of an address that comes without a prefix length.
pub(crate) fn no_prefix_length(ip: IpAddr, taken: &str) -> String {
    format!("{ip} has no prefix length: taken as {taken}")
}

/// Whether no other address is in the network of `address`.
pub(crate) fn is_alone(address: &VirtualAddress) -> bool {
    address.prefix_len() == bits(address.ip())
}

/// The prefix length of an address alone.
pub(crate) const fn bits(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

/// The broadcast address, where it is not the one that follows from the network.
pub(crate) fn own_broadcast(address: &VirtualAddress) -> Option<Ipv4Addr> {
    let plain = VirtualAddress::new(address.ip(), address.prefix_len()).ok();
    let is_own = plain.is_none_or(|plain| plain != *address);
    address.broadcast().filter(|_| is_own)
}

/// The address that `change` asks for. What it leaves open stays as it was `before`; a new one
/// without a prefix length is an address alone.
fn new_address(
    change: &AddressChange,
    before: Option<VirtualAddress>,
) -> Result<VirtualAddress, OutOfRange> {
    let address = match (change.prefixlen, before) {
        (None, Some(before)) => before,
        (prefixlen, _) => {
            let length = prefixlen.unwrap_or_else(|| bits(change.ip));
            VirtualAddress::new(change.ip, length)?
        }
    };
    Ok(match change.broadcast {
        Some(broadcast) => address.with_broadcast(broadcast),
        None => address,
    })
}

/// As many as a report has room for, several times over.
const MAX_ADDRESSES: usize = 256;

/// More nodes than a cluster has.
const MAX_PEERS: usize = 16;

const MAX_GROUPS: usize = 16;

/// The smallest mtu that IPv6 works with; with less the kernel takes its addresses away.
const INET6_MTU: u16 = 1280;

#[cfg(test)]
mod tests;
