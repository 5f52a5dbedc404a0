//! News of links, addresses and routes, as they come.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, retry_on_intr};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socket_with, sockopt};
use socket2::{SockFilter, SockRef};

use super::{Connection, kind, wire};

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
    #[cfg(feature = "lab")]
    pub(crate) fn open() -> io::Result<Self> {
        Self::of(ALL)
    }

    /// Opens such a monitor that does not hear how `renewals` has put off the end of IPv4
    /// addresses: that is no news, and comes by the thousand a second.
    pub(crate) fn open_but_for(renewals: &Connection) -> io::Result<Self> {
        let filter = filter(Some(renewals.port()?));
        Self::filtered(ALL, &filter)
    }

    /// Opens a monitor of these groups, as [`open`](Self::open) does.
    pub(crate) fn of(groups: u32) -> io::Result<Self> {
        Self::filtered(groups, &filter(None))
    }

    fn filtered(groups: u32, filter: &[SockFilter]) -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        if sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err() {
            sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
        }
        SockRef::from(&socket).attach_filter(filter)?;
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
/// that of a network which a carpdev is in. Also leaves out IPv4 addresses whose end was put off by
/// the connection with the port `renewals`; one that it has put there anew is news.
///
/// The kernel tells of each route and address in a datagram of its own.
fn filter(renewals: Option<u32>) -> Vec<SockFilter> {
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const LOAD_WORD: u16 = 0x20;
    const LOAD_WORD_BEHIND: u16 = 0x40;
    const SET: u16 = 0x00;
    const SET_X: u16 = 0x01;
    const X_IS_A: u16 = 0x07;
    const STORE: u16 = 0x02;
    const RECALL_X: u16 = 0x61;
    const IS: u16 = 0x15;
    const IS_X: u16 = 0x1d;
    const RETURN: u16 = 0x06;
    // BPF loads big-endian numbers, netlink has those of the machine.
    let kind = |kind: u16| u32::from(u16::from_be_bytes(kind.to_ne_bytes()));
    let mut filter = vec![SockFilter::new(LOAD_HALF, 0, 0, MESSAGE_TYPE)];
    if let Some(port) = renewals {
        let port = u32::from_be_bytes(port.to_ne_bytes());
        filter.extend([
            SockFilter::new(IS, 0, 14, kind(kind::NEW_ADDRESS)),
            SockFilter::new(LOAD_WORD, 0, 0, MESSAGE_PORT),
            SockFilter::new(IS, 0, 10, port),
            // Where the attribute with the moments is; 0 where there is none.
            SockFilter::new(SET_X, 0, 0, ADDRESS_MOMENTS),
            SockFilter::new(SET, 0, 0, ADDRESS_ATTRIBUTES),
            SockFilter::new(LOAD_WORD, 0, 0, FIND_ATTRIBUTE),
            SockFilter::new(IS, 6, 0, 0),
            SockFilter::new(X_IS_A, 0, 0, 0),
            SockFilter::new(LOAD_WORD_BEHIND, 0, 0, CREATED),
            SockFilter::new(STORE, 0, 0, 0),
            SockFilter::new(LOAD_WORD_BEHIND, 0, 0, UPDATED),
            SockFilter::new(RECALL_X, 0, 0, 0),
            SockFilter::new(IS_X, 0, 1, 0),
            SockFilter::new(RETURN, 0, 0, u32::MAX),
            SockFilter::new(RETURN, 0, 0, 0),
        ]);
    }
    // As far as the end, where all is taken; nothing is taken one further.
    filter.extend([
        SockFilter::new(IS, 1, 0, kind(kind::NEW_ROUTE)),
        SockFilter::new(IS, 0, DAEMONS + 1, kind(kind::DEL_ROUTE)),
        SockFilter::new(LOAD_BYTE, 0, 0, ROUTE_PROTOCOL),
    ]);
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
/// The port of who asked for what is told.
const MESSAGE_PORT: u32 = 12;
/// Behind the header and a `struct ifaddrmsg`; `IFA_CACHEINFO`; in that attribute when the address
/// was made, and when it was changed.
const ADDRESS_ATTRIBUTES: u32 = 16 + 8;
const ADDRESS_MOMENTS: u32 = 6;
const CREATED: u32 = 4 + 8;
const UPDATED: u32 = 4 + 12;
/// `SKF_AD_OFF + SKF_AD_NLATTR`: where the attribute of kind X is, looked for from A on.
const FIND_ATTRIBUTE: u32 = 0xffff_f000 + 12;
const DATAGRAM: usize = 64 * 1024;
const RECEIVE_BUFFER: usize = 1024 * 1024;
/// Groups of `linux/rtnetlink.h`.
pub(crate) const LINKS: u32 = 0x1;
const INET_ADDRESSES: u32 = 0x10;
const INET6_ADDRESSES: u32 = 0x100;
const INET_ROUTES: u32 = 0x40;
pub(crate) const INET6_ROUTES: u32 = 0x400;
const ALL: u32 = LINKS | INET_ADDRESSES | INET6_ADDRESSES | INET_ROUTES | INET6_ROUTES;
