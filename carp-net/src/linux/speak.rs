//! Speaking: whole frames through a packet socket that only sends.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};

use carp_fsm::carp_proto::{Frame, MacAddress};
use socket2::{Domain, MsgHdr, Protocol, SockAddr, Socket, Type};

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

    /// Sends the IP packet in a frame to a host, by the route through the interface with this
    /// index: the kernel finds the host's Ethernet address, and puts the interface's own as source
    /// (`docs/carp-protocol.md §1.4`).
    pub(super) fn packet(&self, index: u32, to: IpAddr, frame: &Frame) -> io::Result<()> {
        let packet = frame.get(ETHERNET_LEN..).unwrap_or_default();
        let buffers = [IoSlice::new(packet)];
        let address = SockAddr::from(SocketAddr::new(to, 0));
        let (socket, control) = match to {
            IpAddr::V4(_) => (&self.inet, pktinfo_v4(index)),
            IpAddr::V6(_) => {
                let inet6 = self.inet6.as_ref();
                let inet6 =
                    inet6.ok_or_else(|| io::Error::from_raw_os_error(libc::EAFNOSUPPORT))?;
                (inet6, pktinfo_v6(index))
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

/// A control message with `struct in_pktinfo`: only the interface is given.
fn pktinfo_v4(index: u32) -> Vec<u8> {
    let mut info = index.to_ne_bytes().to_vec();
    info.resize(12, 0);
    control::build(libc::IPPROTO_IP, libc::IP_PKTINFO, &info)
}

/// A control message with `struct in6_pktinfo`: only the interface is given.
fn pktinfo_v6(index: u32) -> Vec<u8> {
    let mut info = vec![0; 16];
    info.extend(index.to_ne_bytes());
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
