//! Hearing: raw sockets for protocol 112, one for each family.
//!
//! The kernel checks the IP header, a firewall can judge the packet, and no other traffic of the
//! host pays for it. With macvlans in bridge mode adverts that carry our own virtual MAC address
//! as source come in here too (`docs/carp-protocol.md §11.3`).
//!
//! They hear every interface: what comes in on one that is not watched is for the node to count.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use carp_fsm::LinkId;
use carp_fsm::carp_proto::{Envelope, Family, GROUP_V4, GROUP_V6, PROTOCOL, decode_ip_packet};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use super::inherit::Inherited;
use super::{control, sys};
use crate::backend::UNWATCHED;
use crate::error::About as _;
use crate::{Packet, Result};

/// The raw sockets, and which links are watched.
#[derive(Debug)]
pub(super) struct Hear {
    inet: Socket,
    /// Not there where the kernel has no IPv6.
    inet6: Option<Socket>,
    links: BTreeMap<u32, LinkId>,
    places: BTreeSet<u32>,
}

impl Hear {
    /// Opens the sockets, or goes on with those of a former process and what waits there; they
    /// hear nothing yet.
    pub(super) fn open(inherited: &mut Inherited) -> Result<Self> {
        let mut open = |name, domain| {
            let protocol = Some(Protocol::from(i32::from(PROTOCOL)));
            let known = inherited.take(name, domain, Type::RAW, protocol);
            known.map_or_else(|| raw(domain), Ok)
        };
        let about = "raw IPv4 socket for protocol 112 (needs CAP_NET_RAW)";
        let inet = open(INET, Domain::IPV4).about(about)?;
        sys::set_option(&inet, libc::IPPROTO_IP, libc::IP_PKTINFO, 1).about("IP_PKTINFO")?;
        let inet6 = match open(INET6, Domain::IPV6) {
            Ok(socket) => Some(socket),
            Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => None,
            Err(error) => return Err(error).about("raw IPv6 socket for protocol 112"),
        };
        if let Some(inet6) = &inet6 {
            let level = libc::IPPROTO_IPV6;
            sys::set_option(inet6, level, libc::IPV6_RECVPKTINFO, 1).about("IPV6_RECVPKTINFO")?;
            inet6
                .set_recv_hoplimit_v6(true)
                .about("IPV6_RECVHOPLIMIT")?;
            inet6.set_recv_tclass_v6(true).about("IPV6_RECVTCLASS")?;
        }
        Ok(Self {
            inet,
            inet6,
            links: BTreeMap::new(),
            places: BTreeSet::new(),
        })
    }

    /// What can be waited for: the IPv4 socket, and the IPv6 one if there is IPv6.
    pub(super) fn sockets(&self) -> (BorrowedFd<'_>, Option<BorrowedFd<'_>>) {
        (self.inet.as_fd(), self.inet6.as_ref().map(AsFd::as_fd))
    }

    /// The same for a successor, by name.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = (&'static str, BorrowedFd<'_>)> {
        let (inet, inet6) = self.sockets();
        [(INET, Some(inet)), (INET6, inet6)]
            .into_iter()
            .filter_map(|(name, socket)| Some((name, socket?)))
    }

    /// What comes in on the interface with this index is heard on `link`.
    pub(super) fn listen(&mut self, index: u32, link: LinkId) {
        self.links.insert(index, link);
    }

    /// What comes in on the interface with this index is heard on no link.
    pub(super) fn ignore(&mut self, index: u32) {
        self.links.remove(&index);
    }

    /// The next IPv4 packet, if one waits; allocates nothing.
    pub(super) fn receive_inet(&self) -> io::Result<Option<Packet>> {
        receive(&self.inet, |bytes, control, _| {
            let info = control::find(control, libc::IPPROTO_IP, libc::IP_PKTINFO)?;
            let (index, info) = info.split_first_chunk()?;
            let (mut envelope, payload) = decode_ip_packet(bytes).ok()?;
            if envelope.is_unicast() && !is_for_this_host(info) {
                envelope.destination = Ipv4Addr::BROADCAST.into();
            }
            Some(Packet::new(self.link(index)?, envelope, payload))
        })
    }

    /// The next IPv6 packet, if one waits; allocates nothing.
    pub(super) fn receive_inet6(&self) -> io::Result<Option<Packet>> {
        let Some(socket) = &self.inet6 else {
            return Ok(None);
        };
        receive(socket, |bytes, control, source| {
            // No header comes with the packet: RFC 3542 §3.
            let level = libc::IPPROTO_IPV6;
            let info = control::find(control, level, libc::IPV6_PKTINFO)?;
            let (destination, info) = info.split_first_chunk::<16>()?;
            let link = self.link(info.first_chunk()?)?;
            let hop_limit = control::find(control, level, libc::IPV6_HOPLIMIT)?;
            let hop_limit = i32::from_ne_bytes(*hop_limit.first_chunk()?);
            let class = control::find(control, level, libc::IPV6_TCLASS);
            let class = class.and_then(|class| class.first_chunk());
            let class = class.map(|class| i32::from_ne_bytes(*class));
            let envelope = Envelope {
                source: source?,
                destination: Ipv6Addr::from(*destination).into(),
                hop_limit: u8::try_from(hop_limit).ok()?,
                traffic_class: class.and_then(|class| u8::try_from(class).ok()),
                identification: None,
            };
            Some(Packet::new(link, envelope, bytes))
        })
    }

    /// The link of the interface whose index a control message tells; none for one that carries
    /// addresses, because what it hears its carpdev has heard.
    fn link(&self, index: &[u8; 4]) -> Option<LinkId> {
        let index = u32::from_ne_bytes(*index);
        let watched = self.links.get(&index).copied();
        watched.or_else(|| (!self.places.contains(&index)).then_some(UNWATCHED))
    }

    /// The interface that carries the addresses of a virtual host is `now` this one, and was that one
    /// `before`.
    pub(super) fn place_changed(&mut self, before: Option<u32>, now: Option<u32>) {
        if let Some(before) = before {
            self.places.remove(&before);
        }
        self.places.extend(now);
    }
}

/// Membership in the groups of CARP on one interface; ends when dropped.
///
/// The raw sockets hear every group that anybody on this host has joined. That membership is
/// held by sockets of its own, one pair for each interface, gets around the limit of 20 groups a
/// socket (`net.ipv4.igmp_max_memberships`).
#[derive(Debug)]
pub(super) struct Membership {
    inet: Socket,
    inet6: Option<Socket>,
}

impl Membership {
    /// Joins the groups on the interface with this index, or goes on with the membership of a
    /// former process.
    pub(super) fn join(index: u32, inherited: &mut Inherited) -> io::Result<Self> {
        let mut open = |family, domain| {
            let known = inherited.take(&name(family, index), domain, Type::DGRAM, None);
            known.map_or_else(|| Socket::new(domain, Type::DGRAM.cloexec(), None), Ok)
        };
        let inet = open(Family::Inet, Domain::IPV4)?;
        let at = InterfaceIndexOrAddress::Index(index);
        known_or(inet.join_multicast_v4_n(&GROUP_V4, &at))?;
        // Fails where the interface has no IPv6; adverts over IPv4 are heard all the same.
        let inet6 = open(Family::Inet6, Domain::IPV6).and_then(|inet6| {
            known_or(inet6.join_multicast_v6(&GROUP_V6, index))?;
            Ok(inet6)
        });
        Ok(Self {
            inet,
            inet6: inet6
                .inspect_err(|error| tracing::debug!(index, %error, "IPv6 group not joined"))
                .ok(),
        })
    }

    /// Copies of the sockets for a successor, by name. Whoever closes the last of them may have
    /// to wait for the kernel.
    pub(super) fn copies(&self, index: u32) -> Vec<(String, OwnedFd)> {
        let copy = |family, socket: &Socket| {
            let copy = socket.try_clone().ok()?;
            Some((name(family, index), copy.into()))
        };
        let inet6 = self.inet6.as_ref();
        let copies = [
            copy(Family::Inet, &self.inet),
            inet6.and_then(|inet6| copy(Family::Inet6, inet6)),
        ];
        copies.into_iter().flatten().collect()
    }
}

fn name(family: Family, index: u32) -> String {
    match family {
        Family::Inet => format!("group-inet-{index}"),
        Family::Inet6 => format!("group-inet6-{index}"),
    }
}

/// A socket of a former process is a member already.
fn known_or(joined: io::Result<()>) -> io::Result<()> {
    match joined {
        Err(error) if error.raw_os_error() == Some(libc::EADDRINUSE) => Ok(()),
        joined => joined,
    }
}

fn raw(domain: Domain) -> io::Result<Socket> {
    let kind = Type::RAW.cloexec().nonblocking();
    Socket::new(domain, kind, Some(Protocol::from(i32::from(PROTOCOL))))
}

/// Whether a packet that went to one address went to one of this host, by the rest of its
/// `struct in_pktinfo`: the address that answers would come from, and the destination. They differ
/// where that is the broadcast address of a network.
fn is_for_this_host(info: &[u8]) -> bool {
    let addresses = info.split_first_chunk::<4>();
    addresses.is_some_and(|(own, destination)| own == destination)
}

/// Receives until a packet is one that `read` makes something of, or none waits, or there were
/// many of the other kind.
fn receive(
    socket: &Socket,
    read: impl Fn(&[u8], &[u8], Option<IpAddr>) -> Option<Packet>,
) -> io::Result<Option<Packet>> {
    let mut data = [0; LONGEST];
    let mut control = [0; CONTROL];
    for _ in 0..TRIES {
        let received = match sys::receive(socket, &mut data, &mut control) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = data.get(..received.length).unwrap_or_default();
        let control = control.get(..received.control_length).unwrap_or_default();
        let source = received
            .source
            .as_socket_ipv6()
            .map(|from| (*from.ip()).into());
        if let Some(packet) = read(bytes, control, source) {
            return Ok(Some(packet));
        }
    }
    Ok(None)
}

/// The names by which a successor gets the sockets.
const INET: &str = "hear-inet";
const INET6: &str = "hear-inet6";
const TRIES: usize = 16;
/// Longer than any Ethernet packet; what is longer still is no advertisement.
const LONGEST: usize = 2048;
/// Room for the three control messages of IPv6.
const CONTROL: usize = 256;
