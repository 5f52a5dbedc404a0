//! News of links, addresses and routes, as they come.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, retry_on_intr};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socket_with, sockopt};
use socket2::{SockFilter, SockRef};

use super::{kind, wire};

/// A non-blocking socket that hears every change of a link, an address or a route.
#[derive(Debug)]
pub(crate) struct Monitor {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

/// What a [`Monitor`] has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// There was something, and it was told.
    Told,
    /// There is nothing more.
    Nothing,
    /// Something was lost: everything must be asked for again.
    Lost,
}

impl Monitor {
    /// Opens a monitor of links, addresses and routes in the network namespace of the calling
    /// thread.
    pub(crate) fn open() -> io::Result<Self> {
        Self::of(LINKS | INET_ADDRESSES | INET6_ADDRESSES | INET_ROUTES | INET6_ROUTES)
    }

    /// Opens a monitor of these groups, as [`open`](Self::open) does.
    pub(crate) fn of(groups: u32) -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        if sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err() {
            sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
        }
        SockRef::from(&socket).attach_filter(&no_routing_daemons())?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups))?;
        Ok(Self {
            socket,
            buffer: vec![0; DATAGRAM],
        })
    }

    /// Reads once and hands what came, message type and payload, to `tell`.
    pub(crate) fn read(&mut self, mut tell: impl FnMut(u16, &[u8])) -> io::Result<News> {
        let received = retry_on_intr(|| recv(&self.socket, &mut *self.buffer, RecvFlags::TRUNC));
        let length = match received {
            Ok((_, length)) => length,
            Err(Errno::AGAIN) => return Ok(News::Nothing),
            Err(Errno::NOBUFS) => return Ok(News::Lost),
            Err(error) => return Err(error.into()),
        };
        let Some(datagram) = self.buffer.get(..length) else {
            return Ok(News::Lost);
        };
        for message in wire::messages(datagram) {
            tell(message.kind, message.payload);
        }
        Ok(News::Told)
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A filter that leaves out the routes of routing daemons: they come by the million, and none is
/// that of a network which a carpdev is in.
///
/// The kernel tells of each route in a datagram of its own.
fn no_routing_daemons() -> Vec<SockFilter> {
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const IS: u16 = 0x15;
    const RETURN: u16 = 0x06;
    // BPF loads big-endian numbers, netlink has those of the machine.
    let kind = |kind: u16| u32::from(u16::from_be_bytes(kind.to_ne_bytes()));
    // As far as the end, where all is taken; nothing is taken one further.
    let mut filter = vec![
        SockFilter::new(LOAD_HALF, 0, 0, MESSAGE_TYPE),
        SockFilter::new(IS, 1, 0, kind(kind::NEW_ROUTE)),
        SockFilter::new(IS, 0, DAEMONS + 1, kind(kind::DEL_ROUTE)),
        SockFilter::new(LOAD_BYTE, 0, 0, ROUTE_PROTOCOL),
    ];
    for (daemon, left) in ROUTING_DAEMONS.into_iter().zip((1..=DAEMONS).rev()) {
        filter.push(SockFilter::new(IS, left, 0, daemon.into()));
    }
    filter.push(SockFilter::new(RETURN, 0, 0, u32::MAX));
    filter.push(SockFilter::new(RETURN, 0, 0, 0));
    filter
}

const DAEMONS: u8 = 15;
/// Where a netlink message has its type, and behind its header a `struct rtmsg` its protocol.
const MESSAGE_TYPE: u32 = 4;
const ROUTE_PROTOCOL: u32 = 16 + 5;
/// Of `linux/rtnetlink.h`: gated, MRT, Zebra, BIRD, DECnet, XORP, NTK, mrouted, Babel, Open/R, BGP,
/// IS-IS, OSPF, RIP, EIGRP.
const ROUTING_DAEMONS: [u8; DAEMONS as usize] = [
    8, 10, 11, 12, 13, 14, 15, 17, 42, 99, 186, 187, 188, 189, 192,
];
const DATAGRAM: usize = 64 * 1024;
const RECEIVE_BUFFER: usize = 1024 * 1024;
/// Groups of `linux/rtnetlink.h`.
pub(crate) const LINKS: u32 = 0x1;
const INET_ADDRESSES: u32 = 0x10;
const INET6_ADDRESSES: u32 = 0x100;
const INET_ROUTES: u32 = 0x40;
pub(crate) const INET6_ROUTES: u32 = 0x400;
