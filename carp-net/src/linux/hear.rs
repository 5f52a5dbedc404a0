//! Hearing: raw sockets for protocol 112, one for each family.
//!
//! The kernel checks the IP header, a firewall can judge the packet, and no other traffic of the
//! host pays for it. With macvlans in bridge mode adverts that carry our own virtual MAC address
//! as source come in here too (`docs/carp-protocol.md §11.3`).
//!
//! They hear every interface: what comes in on one that is not watched is for the node to count.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use carp_fsm::LinkId;
use carp_fsm::carp_proto::{Envelope, Family, GROUP_V4, GROUP_V6, PROTOCOL, decode_ip_packet};
use rustix::net::sockopt;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use super::inherit::Inherited;
use super::sys::{Batch, Slot};
use super::{control, sieve, sys};
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
    batch: Batch,
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
        make_room(&inet).about("SO_RCVBUF")?;
        // A former process may have put it on.
        sieve::detach(&inet).about("SO_DETACH_FILTER")?;
        sys::set_option(&inet, libc::IPPROTO_IP, libc::IP_PKTINFO, 1).about("IP_PKTINFO")?;
        let inet6 = match open(INET6, Domain::IPV6) {
            Ok(socket) => Some(socket),
            Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => None,
            Err(error) => return Err(error).about("raw IPv6 socket for protocol 112"),
        };
        if let Some(inet6) = &inet6 {
            make_room(inet6).about("SO_RCVBUF")?;
            sieve::detach(inet6).about("SO_DETACH_FILTER")?;
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
            batch: Batch::new(),
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

    /// Takes in the packets of one family that wait, as far as there is room for them at once, and
    /// hands those over that may be adverts; allocates nothing. Says whether more may wait.
    pub(super) fn receive(
        &mut self,
        family: Family,
        mut hand_over: impl FnMut(Packet),
    ) -> io::Result<bool> {
        let socket = match family {
            Family::Inet => Some(&self.inet),
            Family::Inet6 => self.inet6.as_ref(),
        };
        let Some(socket) = socket else {
            return Ok(false);
        };
        let more = self.batch.receive(socket)?;
        for slot in self.batch.packets() {
            let packet = match family {
                Family::Inet => self.read_inet(slot),
                Family::Inet6 => self.read_inet6(slot),
            };
            if let Some(packet) = packet {
                hand_over(packet);
            }
        }
        Ok(more)
    }

    fn read_inet(&self, slot: &Slot) -> Option<Packet> {
        let info = control::find(slot.control(), libc::IPPROTO_IP, libc::IP_PKTINFO)?;
        let (index, info) = info.split_first_chunk()?;
        let (mut envelope, payload) = decode_ip_packet(slot.data()).ok()?;
        if envelope.is_unicast() && !is_for_this_host(info) {
            envelope.destination = Ipv4Addr::BROADCAST.into();
        }
        Some(Packet::new(self.link(index)?, envelope, payload))
    }

    /// No header comes with the packet: RFC 3542 §3.
    fn read_inet6(&self, slot: &Slot) -> Option<Packet> {
        let (control, level) = (slot.control(), libc::IPPROTO_IPV6);
        let info = control::find(control, level, libc::IPV6_PKTINFO)?;
        let (destination, info) = info.split_first_chunk::<16>()?;
        let link = self.link(info.first_chunk()?)?;
        let hop_limit = control::find(control, level, libc::IPV6_HOPLIMIT)?;
        let hop_limit = i32::from_ne_bytes(*hop_limit.first_chunk()?);
        let class = control::find(control, level, libc::IPV6_TCLASS);
        let class = class.and_then(|class| class.first_chunk());
        let class = class.map(|class| i32::from_ne_bytes(*class));
        let envelope = Envelope {
            source: slot.source_inet6()?.into(),
            destination: Ipv6Addr::from(*destination).into(),
            hop_limit: u8::try_from(hop_limit).ok()?,
            traffic_class: class.and_then(|class| u8::try_from(class).ok()),
            identification: None,
        };
        Some(Packet::new(link, envelope, slot.data()))
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

/// Makes room for what comes in while the loop does something else: the adverts of thousands of
/// virtual hosts in one moment, or of a flood. Who may not have more than others gets that.
fn make_room(socket: &Socket) -> io::Result<()> {
    sockopt::set_socket_recv_buffer_size_force(socket, ROOM)
        .or_else(|_| sockopt::set_socket_recv_buffer_size(socket, ROOM))?;
    Ok(())
}

/// Whether a packet that went to one address went to one of this host, by the rest of its
/// `struct in_pktinfo`: the address that answers would come from, and the destination. They differ
/// where that is the broadcast address of a network.
fn is_for_this_host(info: &[u8]) -> bool {
    let addresses = info.split_first_chunk::<4>();
    addresses.is_some_and(|(own, destination)| own == destination)
}

/// The names by which a successor gets the sockets.
const INET: &str = "hear-inet";
const INET6: &str = "hear-inet6";
/// The kernel counts about 800 bytes for an advert and doubles this: room for 10,000 of them.
const ROOM: usize = 4 << 20;
