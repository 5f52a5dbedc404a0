//! Links, addresses and routes of one namespace, changed and read through rtnetlink.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use carp_fsm::carp_proto::{Family, MacAddress, VirtualAddress};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use netlink_packet_route::link::{
    BridgeStpState, InfoBridge, InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind,
    InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::neighbour::NeighbourMessage;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::error::About as _;
use crate::linux::namespace::Namespace;
use crate::linux::netlink::{Attributes, Connection, Message, Monitor, News, Refusal};
use crate::{Error, ErrorKind, Result};

use super::clock;
use super::worker::wait;

/// A connection to the tables of one namespace.
#[derive(Debug)]
pub(super) struct Links(Mutex<Connection>);

impl Links {
    pub(super) fn open(namespace: &Namespace) -> Result<Self> {
        let connection = namespace.enter(Connection::open)?.about("rtnetlink")?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Makes a bridge that learns and floods at once: no spanning tree, no delay, no snooping.
    pub(super) fn add_bridge(&self, name: &str) -> Result<()> {
        let settings = vec![
            InfoBridge::StpState(BridgeStpState::Disabled),
            InfoBridge::ForwardDelay(0),
            InfoBridge::MulticastSnooping(false),
        ];
        let mut message = named(name);
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Bridge),
            LinkInfo::Data(InfoData::Bridge(settings)),
        ]));
        self.create(message, name)
    }

    /// Makes a cable: one end here, a port of the bridge with index `bridge`, the other one in
    /// the namespace `far`. Both are down.
    pub(super) fn add_cable(
        &self,
        near: &Port<'_>,
        bridge: u32,
        far: &Port<'_>,
        namespace: &Namespace,
    ) -> Result<()> {
        let mut peer = named(far.name);
        let fd = namespace.as_fd().as_raw_fd();
        peer.attributes.push(LinkAttribute::NetNsFd(fd));
        peer.attributes.push(link_address(far.mac));
        let mut message = named(near.name);
        message.attributes.push(link_address(near.mac));
        message.attributes.push(LinkAttribute::Controller(bridge));
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.create(message, near.name)
    }

    /// Takes a link away, and with a cable both its ends.
    pub(super) fn delete(&self, name: &str) -> Result<()> {
        let message = RouteNetlinkMessage::DelLink(named(name));
        self.request(message, 0).about(name)
    }

    pub(super) fn index(&self, name: &str) -> Result<u32> {
        // struct ifinfomsg: family, padding, type (4 bytes in all), index.
        let index = self
            .get(name)?
            .first()
            .and_then(|link| word(&link.payload, 4));
        index.ok_or_else(|| Error::new(name, ErrorKind::NoSuchInterface))
    }

    fn get(&self, name: &str) -> Result<Vec<Message>> {
        match self.lock().get(RouteNetlinkMessage::GetLink(named(name))) {
            Err(refusal) if refusal.is(libc::ENODEV) => {
                Err(Error::new(name, ErrorKind::NoSuchInterface))
            }
            answer => answer.map_err(io::Error::from).about(name),
        }
    }

    pub(super) fn set_up(&self, name: &str, up: bool) -> Result<()> {
        let mut message = named(name);
        message.header.flags = if up {
            LinkFlags::Up
        } else {
            LinkFlags::empty()
        };
        message.header.change_mask = LinkFlags::Up;
        let message = RouteNetlinkMessage::SetLink(message);
        self.request(message, 0).about(name)
    }

    /// Whether a port exchanges frames with other isolated ports.
    pub(super) fn set_port_isolated(&self, name: &str, isolated: bool) -> Result<()> {
        self.set_port(name, InfoBridgePort::Isolated(isolated))
    }

    /// Plugs a port into the bridge with this index, or (0) into none; its link stays up.
    pub(super) fn plug(&self, name: &str, bridge: u32) -> Result<()> {
        let mut message = named(name);
        message.attributes.push(LinkAttribute::Controller(bridge));
        let message = RouteNetlinkMessage::SetLink(message);
        self.request(message, 0).about(name)
    }

    /// Waits until a port of a bridge passes frames.
    pub(super) fn wait_until_forwarding(&self, name: &str, news: &mut Monitor) -> Result<()> {
        self.wait_until(name, news, Self::is_forwarding)
    }

    /// Waits until an interface does not drop what it is given to send: its queue is activated
    /// some time after it has got its carrier.
    pub(super) fn wait_until_sending(&self, name: &str, news: &mut Monitor) -> Result<()> {
        self.wait_until(name, news, Self::is_sending)
    }

    fn wait_until(
        &self,
        name: &str,
        news: &mut Monitor,
        is_so: impl Fn(&Self, &str) -> Result<bool>,
    ) -> Result<()> {
        let deadline = clock::now() + PATIENCE;
        while !is_so(self, name)? {
            let left = deadline - clock::now();
            if left.is_zero() {
                return Err(io::Error::from(io::ErrorKind::TimedOut)).about(name);
            }
            wait([news.as_fd()], Some(left))?;
            while news.read(|_, _| {}).about(name)? != News::Nothing {}
        }
        Ok(())
    }

    /// The operational state follows in the same step, under the same lock.
    fn is_sending(&self, name: &str) -> Result<bool> {
        let links = self.get(name)?;
        let state = links.first().and_then(|link| {
            let link = Attributes::behind(&link.payload, 16);
            link.get(IFLA_OPERSTATE)?.u8()
        });
        Ok(state == Some(IF_OPER_UP))
    }

    fn is_forwarding(&self, name: &str) -> Result<bool> {
        let links = self.get(name)?;
        let state = links.first().and_then(|link| {
            let link = Attributes::behind(&link.payload, 16);
            let port = link
                .get(IFLA_LINKINFO)?
                .nested()
                .get(IFLA_INFO_SLAVE_DATA)?;
            port.nested().get(IFLA_BRPORT_STATE)?.u8()
        });
        Ok(state == Some(BR_STATE_FORWARDING))
    }

    fn set_port(&self, name: &str, setting: InfoBridgePort) -> Result<()> {
        let mut message = named(name);
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(InfoPortData::BridgePort(vec![setting])),
        ]));
        // Settings of a port are taken by "new link" only, here without leave to create one.
        let message = RouteNetlinkMessage::NewLink(message);
        self.request(message, 0).about(name)
    }

    /// Adds an address that can be used at once (IPv6: without duplicate address detection).
    pub(super) fn add_address(&self, name: &str, address: VirtualAddress) -> Result<()> {
        let mut message = self.address(name, address)?;
        if address.family() == Family::Inet6 {
            message
                .attributes
                .push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        self.request(RouteNetlinkMessage::NewAddress(message), flags)
            .about(format_args!("{name}: {address}"))
    }

    pub(super) fn remove_address(&self, name: &str, address: VirtualAddress) -> Result<()> {
        let message = RouteNetlinkMessage::DelAddress(self.address(name, address)?);
        self.request(message, 0)
            .about(format_args!("{name}: {address}"))
    }

    fn address(&self, name: &str, address: VirtualAddress) -> Result<AddressMessage> {
        let mut message = AddressMessage::default();
        message.header.family = family(address.family());
        message.header.prefix_len = address.prefix_len();
        message.header.index = self.index(name)?;
        message.header.scope = AddressScope::Universe;
        message.attributes = vec![
            AddressAttribute::Local(address.ip()),
            AddressAttribute::Address(address.ip()),
        ];
        let broadcast = address.broadcast().map(AddressAttribute::Broadcast);
        message.attributes.extend(broadcast);
        Ok(message)
    }

    /// Adds a route to a network through a gateway.
    pub(super) fn add_route(&self, network: VirtualAddress, gateway: IpAddr) -> Result<()> {
        let mut message = RouteMessage::default();
        message.header.address_family = family(network.family());
        message.header.destination_prefix_length = network.prefix_len();
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Static;
        message.header.scope = RouteScope::Universe;
        message.header.kind = RouteType::Unicast;
        if network.prefix_len() > 0 {
            let destination = RouteAddress::from(network.network());
            message
                .attributes
                .push(RouteAttribute::Destination(destination));
        }
        message
            .attributes
            .push(RouteAttribute::Gateway(gateway.into()));
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        self.request(RouteNetlinkMessage::NewRoute(message), flags)
            .about(format_args!("route to {network} via {gateway}"))
    }

    /// The name of the port behind which the bridges of this namespace have seen `mac`.
    pub(super) fn port_of(&self, mac: MacAddress) -> Result<Option<String>> {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Bridge;
        message.header.kind = RouteType::Unspec;
        let entries = self.dump(&RouteNetlinkMessage::GetNeighbour(message), "switch")?;
        let port = entries.iter().find_map(|entry| {
            // struct ndmsg: family and padding (4 bytes), index, state (2 bytes), flags, type.
            let state = u16::from_ne_bytes(*entry.payload.get(8..)?.first_chunk()?);
            let address = Attributes::behind(&entry.payload, 12).get(NDA_LLADDR)?;
            let learned = state & NUD_PERMANENT == 0 && address.bytes() == mac.octets();
            learned.then(|| word(&entry.payload, 4))?
        });
        let Some(port) = port else { return Ok(None) };
        let links = self.links()?;
        let link = links
            .iter()
            .find(|link| word(&link.payload, 4) == Some(port));
        Ok(link.and_then(|link| {
            Some(
                Attributes::behind(&link.payload, 16)
                    .get(IFLA_IFNAME)?
                    .text(),
            )
        }))
    }

    pub(super) fn links(&self) -> Result<Vec<Message>> {
        let message = RouteNetlinkMessage::GetLink(LinkMessage::default());
        self.dump(&message, "links")
    }

    pub(super) fn addresses(&self) -> Result<Vec<Message>> {
        let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        self.dump(&message, "addresses")
    }

    fn dump(
        &self,
        message: &RouteNetlinkMessage,
        about: impl fmt::Display,
    ) -> Result<Vec<Message>> {
        let found = self.lock().dump(message);
        found.map_err(io::Error::from).about(about)
    }

    fn create(&self, message: LinkMessage, name: &str) -> Result<()> {
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        self.request(RouteNetlinkMessage::NewLink(message), flags)
            .about(name)
    }

    fn request(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let done: Result<(), Refusal> = self.lock().request(message, flags);
        Ok(done?)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // Requests are numbered: what a panic left unread is skipped.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One end of a cable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port<'a> {
    pub(super) name: &'a str,
    pub(super) mac: MacAddress,
}

fn named(name: &str) -> LinkMessage {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::IfName(name.to_owned()));
    message
}

fn link_address(mac: MacAddress) -> LinkAttribute {
    LinkAttribute::Address(mac.octets().to_vec())
}

const fn family(family: Family) -> AddressFamily {
    match family {
        Family::Inet => AddressFamily::Inet,
        Family::Inet6 => AddressFamily::Inet6,
    }
}

/// The 32-bit number at an offset of a message.
pub(super) fn word(payload: &[u8], at: usize) -> Option<u32> {
    let bytes = payload.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

/// A port needs some milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of `linux/if_link.h`.
pub(super) const IFLA_IFNAME: u16 = 3;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_SLAVE_DATA: u16 = 5;
const IFLA_BRPORT_STATE: u16 = 1;
/// Of `linux/if.h`.
const IF_OPER_UP: u8 = 6;
/// Of `linux/if_bridge.h`.
const BR_STATE_FORWARDING: u8 = 3;
/// Of `linux/neighbour.h`.
const NDA_LLADDR: u16 = 2;
const NUD_PERMANENT: u16 = 0x80;
