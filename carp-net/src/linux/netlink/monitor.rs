//! News of links, addresses and routes, as they come.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, retry_on_intr};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socket_with, sockopt};

use super::wire;

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

const DATAGRAM: usize = 64 * 1024;
const RECEIVE_BUFFER: usize = 1024 * 1024;
/// Groups of `linux/rtnetlink.h`.
pub(crate) const LINKS: u32 = 0x1;
const INET_ADDRESSES: u32 = 0x10;
const INET6_ADDRESSES: u32 = 0x100;
const INET_ROUTES: u32 = 0x40;
pub(crate) const INET6_ROUTES: u32 = 0x400;
