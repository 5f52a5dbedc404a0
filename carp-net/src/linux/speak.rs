//! Speaking: whole frames through a packet socket that only sends.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use carp_fsm::carp_proto::{Frame, MacAddress};
use socket2::{Domain, MsgHdr, Protocol, SockAddr, Socket, Type};

use super::source::Way;
use super::{control, sys};
use crate::Result;
use crate::error::About as _;

/// The sockets to send with.
#[derive(Debug)]
pub(super) struct Speak {
    frames: Socket,
    inet: Socket,
    /// Not there where the kernel has no IPv6.
    inet6: Option<Socket>,
}

impl Speak {
    /// The priority of all that is sent, `SO_PRIORITY`: that of OpenBSD's `llprio`.
    pub(super) const PRIORITY: u8 = 3;

    /// Opens the sockets. None of them receives anything.
    pub(super) fn open() -> Result<Self> {
        let kind = Type::RAW.cloexec().nonblocking();
        // Protocol 0: this socket gets no frame, so the host pays nothing for it.
        let about = "packet socket (needs CAP_NET_RAW)";
        let frames = Socket::new(Domain::PACKET, kind, None).about(about)?;
        let raw = Some(Protocol::from(libc::IPPROTO_RAW));
        let inet = Socket::new(Domain::IPV4, kind, raw).about("raw IPv4 socket")?;
        let inet6 = Socket::new(Domain::IPV6, kind, raw).ok();
        for socket in [Some(&frames), Some(&inet), inet6.as_ref()]
            .into_iter()
            .flatten()
        {
            socket
                .set_priority(Self::PRIORITY.into())
                .about("SO_PRIORITY")?;
        }
        for socket in [Some(&inet), inet6.as_ref()].into_iter().flatten() {
            // What waits for the address of a neighbour that does not answer counts, for all of them
            // together and some seconds; too little room would take it from the others. Root in a
            // user namespace has to do with what anybody may have.
            let forced = sys::set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, ROOM);
            let asked = forced
                .or_else(|_| sys::set_option(socket, libc::SOL_SOCKET, libc::SO_SNDBUF, ROOM));
            asked.about("SO_SNDBUF")?;
        }
        Ok(Self {
            frames,
            inet,
            inet6,
        })
    }

    /// Sends a frame out of the interface with this index.
    pub(super) fn frame(&self, index: u32, frame: &Frame) -> io::Result<()> {
        let (destination, ethertype) = header(frame).ok_or(io::ErrorKind::InvalidInput)?;
        let to = sys::link_address(index, ethertype, destination)?;
        retry(|| self.frames.send_to(frame, &to))
    }

    /// Sends the IP packet in a frame to a host: the kernel finds the host's Ethernet address, or
    /// that of a router on the way, and puts the interface's own as source
    /// (`docs/carp-protocol.md §1.4`). An address that is link-local is one of the interface with
    /// this index.
    pub(super) fn packet(&self, index: u32, way: Way, to: IpAddr, frame: &Frame) -> io::Result<()> {
        let packet = frame.get(ETHERNET_LEN..).unwrap_or_default();
        let buffers = [IoSlice::new(packet)];
        let address = match to {
            IpAddr::V4(_) => SocketAddr::new(to, 0),
            IpAddr::V6(ip) => {
                let scope = if ip.is_unicast_link_local() { index } else { 0 };
                SocketAddrV6::new(ip, 0, 0, scope).into()
            }
        };
        let address = SockAddr::from(address);
        let (socket, control) = match way.source {
            IpAddr::V4(source) => (&self.inet, pktinfo_v4(way.index, source)),
            IpAddr::V6(source) => {
                let inet6 = self.inet6.as_ref();
                let inet6 =
                    inet6.ok_or_else(|| io::Error::from_raw_os_error(libc::EAFNOSUPPORT))?;
                (inet6, pktinfo_v6(way.index, source))
            }
        };
        let message = MsgHdr::new()
            .with_addr(&address)
            .with_buffers(&buffers)
            .with_control(&control);
        retry(|| socket.sendmsg(&message, 0))
    }
}

/// The destination and the type of a frame.
fn header(frame: &Frame) -> Option<(MacAddress, u16)> {
    let (header, _) = frame.split_first_chunk::<ETHERNET_LEN>()?;
    let &[a, b, c, d, e, f, _, _, _, _, _, _, t0, t1] = header;
    let destination = MacAddress([a, b, c, d, e, f]);
    Some((destination, u16::from_be_bytes([t0, t1])))
}

/// A control message with `struct in_pktinfo`. Where no interface is given, the source is what
/// rules for routes go by.
fn pktinfo_v4(index: Option<u32>, source: Ipv4Addr) -> Vec<u8> {
    let mut info = index.unwrap_or_default().to_ne_bytes().to_vec();
    info.extend(source.octets());
    info.resize(12, 0);
    control::build(libc::IPPROTO_IP, libc::IP_PKTINFO, &info)
}

/// A control message with `struct in6_pktinfo`. With a source the interface would be a wish, and
/// one that the host does not have would be refused.
fn pktinfo_v6(index: Option<u32>, source: Ipv6Addr) -> Vec<u8> {
    let source = if index.is_some() {
        Ipv6Addr::UNSPECIFIED
    } else {
        source
    };
    let mut info = source.octets().to_vec();
    info.extend(index.unwrap_or_default().to_ne_bytes());
    control::build(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info)
}

fn retry(mut send: impl FnMut() -> io::Result<usize>) -> io::Result<()> {
    loop {
        match send() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(_) => return Ok(()),
        }
    }
}

const ETHERNET_LEN: usize = 14;
/// Room for what waits, in bytes.
const ROOM: libc::c_int = 4 << 20;
