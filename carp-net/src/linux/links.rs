//! What the kernel says about links and their addresses, kept as the news tell it.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use carp_fsm::carp_proto::{MacAddress, Vhid, VirtualAddress};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::LinkFlags;

use super::addresses::MARK;
use super::netlink::{Attributes, Connection, Refusal, kind};
use super::{interface, routes};
use crate::Setup;

/// All links and all addresses of a network namespace.
#[derive(Debug, Default)]
pub(super) struct Links {
    links: BTreeMap<u32, Link>,
    names: HashMap<String, u32>,
    addresses: BTreeMap<u32, Vec<Address>>,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The link with this index came, went or changed.
    Link(u32),
    /// An address came, went or changed on the link with this index.
    Address {
        /// The link.
        index: u32,
        /// The address.
        ip: IpAddr,
    },
    /// A route through the link with this index came or went.
    Route(u32),
}

impl Links {
    /// Asks for everything there is.
    pub(super) fn survey(connection: &mut Connection) -> Result<Self, Refusal> {
        let mut links = Self::default();
        for message in connection.dump(&interface::every_link())? {
            links.take_in(message.kind, &message.payload);
        }
        let all = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        for message in connection.dump(&all)? {
            links.take_in(message.kind, &message.payload);
        }
        Ok(links)
    }

    /// All links.
    pub(super) fn all(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// Takes in one message of the kernel.
    pub(super) fn take_in(&mut self, kind: u16, payload: &[u8]) -> Option<Change> {
        match kind {
            kind::NEW_LINK => {
                let link = Link::read(payload)?;
                let index = link.index;
                self.insert(link);
                Some(Change::Link(index))
            }
            kind::DEL_LINK => {
                let index = Link::read(payload)?.index;
                self.remove(index);
                Some(Change::Link(index))
            }
            kind::NEW_ADDRESS | kind::DEL_ADDRESS => {
                let (index, address) = Address::read(payload)?;
                let ip = address.ip;
                let known = self.addresses.entry(index).or_default();
                let place = known.iter().position(|other| other.is_same_as(&address));
                let known_one = place.and_then(|place| known.get_mut(place));
                match (known_one, kind) {
                    (Some(known_one), kind::NEW_ADDRESS) => {
                        // The news of a renewal, by the thousand.
                        if *known_one == address {
                            return None;
                        }
                        *known_one = address;
                    }
                    (None, kind::NEW_ADDRESS) => known.push(address),
                    _ => known.retain(|other| !other.is_same_as(&address)),
                }
                Some(Change::Address { index, ip })
            }
            kind::NEW_ROUTE | kind::DEL_ROUTE => routes::way_out(payload).map(Change::Route),
            _ => None,
        }
    }

    pub(super) fn get(&self, index: u32) -> Option<&Link> {
        self.links.get(&index)
    }

    pub(super) fn by_name(&self, name: &str) -> Option<&Link> {
        self.names.get(name).and_then(|index| self.get(*index))
    }

    /// The addresses of a link, in the kernel's order as far as it is known.
    pub(super) fn addresses(&self, index: u32) -> &[Address] {
        self.addresses.get(&index).map_or(&[], Vec::as_slice)
    }

    /// The addresses that the host itself has on the link called `name`: those without our mark.
    pub(super) fn networks(&self, name: &str) -> Vec<VirtualAddress> {
        let index = self.by_name(name).map(|link| link.index);
        let there = index.map(|index| self.addresses(index));
        let own = there.unwrap_or_default().iter();
        own.filter(|address| address.mark != MARK)
            .filter_map(Address::network)
            .collect()
    }

    /// The links that have the address `ip`.
    pub(super) fn holders(&self, ip: IpAddr) -> impl Iterator<Item = (&Link, &Address)> {
        self.addresses.iter().flat_map(move |(index, addresses)| {
            let link = self.get(*index);
            let same = addresses.iter().filter(move |address| address.ip == ip);
            link.into_iter()
                .flat_map(move |link| same.clone().map(move |address| (link, address)))
        })
    }

    fn insert(&mut self, link: Link) {
        let index = link.index;
        self.forget_name(index);
        self.names.insert(link.name.clone(), index);
        self.links.insert(index, link);
    }

    fn remove(&mut self, index: u32) {
        self.forget_name(index);
        self.links.remove(&index);
        self.addresses.remove(&index);
    }

    /// Unless another link has taken the name in the meantime.
    fn forget_name(&mut self, index: u32) {
        if let Some(link) = self.links.get(&index)
            && self.names.get(&link.name) == Some(&index)
        {
            self.names.remove(&link.name);
        }
    }
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) name: String,
    /// None where it is of another length than that of Ethernet.
    pub(super) mac: Option<MacAddress>,
    pub(super) mtu: u32,
    /// What made it, such as `macvlan`; none for hardware.
    pub(super) kind: Option<String>,
    /// The bridge, bond or team that it belongs to.
    pub(super) master: Option<u32>,
    /// The link that this one runs on, in this network namespace.
    pub(super) lower: Option<u32>,
    /// Whether it is a macvlan in bridge mode.
    is_bridge_mode: bool,
    /// The vhid in its alias, where it has that of a carp interface.
    aliased: Option<Vhid>,
    ethernet: bool,
    flags: LinkFlags,
}

impl Link {
    /// Reads an `RTM_NEWLINK` or `RTM_DELLINK`.
    ///
    /// Messages of other families than `AF_UNSPEC` tell of something else: one of `AF_BRIDGE`
    /// with `RTM_DELLINK` says that a port has left its bridge. Those with news of a wireless
    /// driver tell next to nothing.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let (header, _) = payload.split_first_chunk::<HEADER>()?;
        let &[
            family,
            _,
            t0,
            t1,
            i0,
            i1,
            i2,
            i3,
            f0,
            f1,
            f2,
            f3,
            _,
            _,
            _,
            _,
        ] = header;
        let attributes = Attributes::behind(payload, HEADER);
        if family != 0 || attributes.get(attribute::WIRELESS).is_some() {
            return None;
        }
        let text = |kind| attributes.get(kind).map(|value| value.text());
        let number = |kind| attributes.get(kind).and_then(|value| value.u32());
        let mac = attributes.get(attribute::ADDRESS);
        let info = attributes.get(attribute::LINK_INFO);
        Some(Self {
            index: u32::from_ne_bytes([i0, i1, i2, i3]),
            name: text(attribute::NAME)?,
            mac: mac
                .and_then(|mac| <[u8; 6]>::try_from(mac.bytes()).ok())
                .map(MacAddress),
            mtu: number(attribute::MTU).unwrap_or_default(),
            kind: info
                .and_then(|info| info.nested().get(attribute::INFO_KIND))
                .map(|kind| kind.text()),
            master: number(attribute::MASTER),
            lower: number(attribute::LINK)
                .filter(|_| attributes.get(attribute::LINK_NAMESPACE).is_none()),
            is_bridge_mode: info
                .and_then(|info| info.nested().get(attribute::INFO_DATA))
                .and_then(|data| data.nested().get(attribute::MACVLAN_MODE))
                .and_then(|mode| mode.u32())
                == Some(MACVLAN_MODE_BRIDGE),
            aliased: text(attribute::ALIAS).and_then(|alias| interface::vhid_in(&alias)),
            ethernet: u16::from_ne_bytes([t0, t1]) == libc::ARPHRD_ETHER,
            flags: LinkFlags::from_bits_retain(u32::from_ne_bytes([f0, f1, f2, f3])),
        })
    }

    /// How large packets through a carp interface on this link are that is told `mtu`.
    pub(super) fn mtu_on_it(&self, mtu: Option<u32>) -> u32 {
        mtu.unwrap_or_else(|| u16::MAX.into()).min(self.mtu)
    }

    pub(super) fn is_up(&self) -> bool {
        self.flags.contains(LinkFlags::Up)
    }

    /// Whether it is up and carries, or does not know: the kernel says `IFF_RUNNING` then.
    pub(super) fn is_running(&self) -> bool {
        self.flags.contains(LinkFlags::Up | LinkFlags::Running)
    }

    /// Whether it is up and has a carrier. The state behind [`is_running`](Self::is_running)
    /// follows up to a second later.
    pub(super) fn has_carrier(&self) -> bool {
        self.flags.contains(LinkFlags::Up | LinkFlags::LowerUp)
    }

    /// Whether it is Ethernet with multicast.
    pub(super) fn can_carry_carp(&self) -> bool {
        let lacks = LinkFlags::Loopback | LinkFlags::Noarp | LinkFlags::Pointopoint;
        self.ethernet
            && self.mac.is_some()
            && self.flags.contains(LinkFlags::Multicast)
            && !self.flags.intersects(lacks)
    }

    /// Whether it is a macvlan as this backend makes them: with its alias, or with a virtual MAC
    /// address, which was all that former versions had to know theirs by.
    pub(super) fn is_carp(&self) -> bool {
        self.carp_mark().is_some()
    }

    /// The vhid that it is for, if it is what this backend makes.
    pub(super) fn carp_vhid(&self) -> Option<Vhid> {
        self.carp_mark().filter(|_| self.is_bridge_mode)
    }

    /// Whether it is what this backend makes for `setup` on the carpdev with this index.
    pub(super) fn is_carp_on(&self, carpdev: u32, setup: &Setup) -> bool {
        setup.interface_mac().is_some_and(|mac| {
            self.carp_vhid() == Some(setup.vhid)
                && self.mac == Some(mac)
                && self.lower == Some(carpdev)
        })
    }

    fn carp_mark(&self) -> Option<Vhid> {
        let of_virtual_mac = || {
            let MacAddress([.., last]) = self.mac?;
            let vhid = Vhid::new(last).ok()?;
            (self.mac == Some(vhid.virtual_mac())).then_some(vhid)
        };
        if self.kind.as_deref() != Some("macvlan") {
            return None;
        }
        self.aliased
            .filter(|_| self.is_bridge_mode)
            .or_else(of_virtual_mac)
    }
}

/// An address on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) ip: IpAddr,
    pub(super) prefix_len: u8,
    /// Who put it there: our mark, or 0 where nobody says.
    pub(super) mark: u8,
    flags: u32,
}

impl Address {
    /// Reads an `RTM_NEWADDR` or `RTM_DELADDR`: the index of the link, and the address.
    pub(super) fn read(payload: &[u8]) -> Option<(u32, Self)> {
        let (header, _) = payload.split_first_chunk::<ADDRESS_HEADER>()?;
        let &[_family, prefix_len, flags, _scope, i0, i1, i2, i3] = header;
        let attributes = Attributes::behind(payload, ADDRESS_HEADER);
        let ip = |kind| attributes.get(kind).and_then(|value| value.ip());
        let all_flags = attributes.get(attribute::ADDRESS_FLAGS);
        let mark = attributes.get(attribute::ADDRESS_MARK);
        let address = Self {
            // Point to point, the other one is the peer's.
            ip: ip(attribute::ADDRESS_LOCAL).or_else(|| ip(attribute::ADDRESS_ADDRESS))?,
            prefix_len,
            mark: mark.and_then(|mark| mark.u8()).unwrap_or_default(),
            flags: all_flags
                .and_then(|flags| flags.u32())
                .unwrap_or_else(|| flags.into()),
        };
        Some((u32::from_ne_bytes([i0, i1, i2, i3]), address))
    }

    /// The network it is in.
    pub(super) fn network(&self) -> Option<VirtualAddress> {
        VirtualAddress::new(self.ip, self.prefix_len).ok()
    }

    /// Whether it goes by itself some day.
    pub(super) const fn expires(&self) -> bool {
        self.flags & libc::IFA_F_PERMANENT == 0
    }

    /// Whether the host does not choose it as a source by itself.
    pub(super) const fn is_deprecated(&self) -> bool {
        self.flags & libc::IFA_F_DEPRECATED != 0
    }

    /// Whether the host prefers others as a source: a secondary one of IPv4, a temporary one of IPv6.
    pub(super) const fn is_secondary(&self) -> bool {
        self.flags & libc::IFA_F_SECONDARY != 0
    }

    /// Whether packets may have it as their source: duplicate address detection is through, or
    /// there is none.
    pub(super) const fn is_usable(&self) -> bool {
        self.flags & (libc::IFA_F_TENTATIVE | libc::IFA_F_DADFAILED) == 0
            || self.flags & libc::IFA_F_OPTIMISTIC != 0
    }

    fn is_same_as(&self, other: &Self) -> bool {
        (self.ip, self.prefix_len) == (other.ip, other.prefix_len)
    }
}

/// `MACVLAN_MODE_BRIDGE` of `linux/if_link.h`.
const MACVLAN_MODE_BRIDGE: u32 = 4;
/// `struct ifinfomsg`.
const HEADER: usize = 16;
/// `struct ifaddrmsg`.
const ADDRESS_HEADER: usize = 8;

/// Attributes of `linux/if_link.h` and `linux/if_addr.h`.
mod attribute {
    pub(super) const ADDRESS: u16 = 1;
    pub(super) const NAME: u16 = 3;
    pub(super) const MTU: u16 = 4;
    pub(super) const LINK: u16 = 5;
    pub(super) const MASTER: u16 = 10;
    pub(super) const WIRELESS: u16 = 11;
    pub(super) const LINK_INFO: u16 = 18;
    pub(super) const ALIAS: u16 = 20;
    pub(super) const LINK_NAMESPACE: u16 = 37;
    pub(super) const INFO_KIND: u16 = 1;
    pub(super) const INFO_DATA: u16 = 2;
    pub(super) const MACVLAN_MODE: u16 = 1;

    pub(super) const ADDRESS_ADDRESS: u16 = 1;
    pub(super) const ADDRESS_LOCAL: u16 = 2;
    pub(super) const ADDRESS_FLAGS: u16 = 8;
    pub(super) const ADDRESS_MARK: u16 = 11;
}

#[cfg(test)]
mod tests;
