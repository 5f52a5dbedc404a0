//! Requests and their answers, one after another: it blocks until the kernel has answered.

use std::io;
use std::os::fd::OwnedFd;

use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST};
use netlink_packet_route::RouteNetlinkMessage;
use rustix::io::retry_on_intr;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
    sockopt,
};

use super::{Refusal, wire};
use crate::linux::sys;

/// A socket for requests. The kernel works while it takes a request in, for as long as it must
/// wait for its own lock, so this is nothing for a thread that may not wait.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: OwnedFd,
    next_seq: u32,
    buffer: Vec<u8>,
}

/// A message to the kernel; `flags` are those beyond "request" and "acknowledge".
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) message: RouteNetlinkMessage,
    pub(crate) flags: u16,
}

impl Request {
    pub(crate) const fn new(message: RouteNetlinkMessage, flags: u16) -> Self {
        Self { message, flags }
    }
}

/// A message from the kernel: its type (see [`kind`](super::kind)) and what follows its header.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) kind: u16,
    pub(crate) payload: Vec<u8>,
}

impl Connection {
    /// Opens a connection to the network namespace of the calling thread; it stays there
    /// whichever thread uses it.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            None,
        )?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0))?;
        // Each makes an answer better, none is there in every kernel: text in errors (4.12),
        // short errors (4.3), and dumps that are filtered by the kernel (4.20).
        for option in [
            libc::NETLINK_EXT_ACK,
            libc::NETLINK_CAP_ACK,
            libc::NETLINK_GET_STRICT_CHK,
        ] {
            if let Err(error) = sys::set_option(&socket, libc::SOL_NETLINK, option, 1) {
                tracing::debug!(option, %error, "netlink option not set");
            }
        }
        if sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err() {
            // Without privilege the limit of the host holds, enough but for thousands of acks.
            sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
        }
        Ok(Self {
            socket,
            next_seq: 1,
            buffer: vec![0; DATAGRAM],
        })
    }

    /// Does one thing. `flags` are those beyond "request" and "acknowledge".
    pub(crate) fn request(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(), Refusal> {
        self.all(vec![Request::new(message, flags)])
    }

    /// Asks for one thing, such as a link by its name. The answer is empty where the kernel says
    /// nothing but yes.
    pub(crate) fn get(&mut self, message: RouteNetlinkMessage) -> Result<Vec<Message>, Refusal> {
        let mut answer = Vec::new();
        let verdicts = self.exchange(vec![Request::new(message, 0)], |_, kind, payload| {
            answer.push(Message {
                kind,
                payload: payload.to_vec(),
            });
        })?;
        verdicts.into_iter().collect::<Result<(), _>>()?;
        Ok(answer)
    }

    /// Does several things in order, in one system call where they are few. All are tried; the
    /// first refusal is the result.
    pub(crate) fn all(&mut self, requests: Vec<Request>) -> Result<(), Refusal> {
        self.each(requests)?.into_iter().collect()
    }

    /// Does several things in order, as [`all`](Self::all), and tells how each went.
    pub(crate) fn each(
        &mut self,
        requests: Vec<Request>,
    ) -> Result<Vec<Result<(), Refusal>>, Refusal> {
        self.exchange(requests, |_, _, _| {})
    }

    /// Does several things in order, as [`each`](Self::each), for whoever need not know how each of
    /// them went: the kernel says nothing but yes to the last of a batch.
    pub(crate) fn tell(&mut self, requests: Vec<Request>) -> Result<(), Refusal> {
        let mut requests = requests.into_iter().peekable();
        let mut datagram = Vec::new();
        while requests.peek().is_some() {
            datagram.clear();
            let mut last = self.next_seq;
            let mut batch = requests.by_ref().take(BATCH).peekable();
            while let Some(request) = batch.next() {
                last = self.next_seq;
                self.next_seq = last.wrapping_add(1);
                let ack = if batch.peek().is_none() { NLM_F_ACK } else { 0 };
                let flags = request.flags | NLM_F_REQUEST | ack;
                wire::append(&mut datagram, request.message, flags, last);
            }
            self.send(&datagram)?;
            let mut done = false;
            while !done {
                let answers = wire::messages(receive(&self.socket, &mut self.buffer)?);
                done = answers.fold(done, |done, answer| done || answer.seq == last);
            }
        }
        Ok(())
    }

    /// The number by which the kernel tells this connection from others.
    pub(super) fn port(&self) -> io::Result<u32> {
        let address = SocketAddrNetlink::try_from(rustix::net::getsockname(&self.socket)?)?;
        Ok(address.pid())
    }

    /// As [`each`](Self::each), and hands every message that comes before a verdict to
    /// `on_message`, with the number of the request it answers.
    pub(crate) fn exchange(
        &mut self,
        requests: Vec<Request>,
        mut on_message: impl FnMut(usize, u16, &[u8]),
    ) -> Result<Vec<Result<(), Refusal>>, Refusal> {
        let mut verdicts = Vec::with_capacity(requests.len());
        let mut requests = requests.into_iter().peekable();
        while requests.peek().is_some() {
            let done = verdicts.len();
            let first = self.next_seq;
            let mut datagram = Vec::new();
            for request in requests.by_ref().take(BATCH) {
                let flags = request.flags | NLM_F_REQUEST | NLM_F_ACK;
                wire::append(&mut datagram, request.message, flags, self.next_seq);
                self.next_seq = self.next_seq.wrapping_add(1);
            }
            let sent = self.next_seq.wrapping_sub(first) as usize;
            self.send(&datagram)?;
            let mut open = sent;
            let mut batch: Vec<Option<Result<(), Refusal>>> = Vec::new();
            batch.resize_with(sent, || None);
            while open > 0 {
                for received in wire::messages(receive(&self.socket, &mut self.buffer)?) {
                    let place = received.seq.wrapping_sub(first) as usize;
                    let Some(verdict) = batch.get_mut(place) else {
                        continue; // An answer to what an earlier failure left behind.
                    };
                    if received.kind != wire::ERROR {
                        on_message(done + place, received.kind, received.payload);
                    } else if verdict.replace(received.verdict()).is_none() {
                        open -= 1;
                    }
                }
            }
            verdicts.extend(batch.into_iter().flatten());
        }
        Ok(verdicts)
    }

    /// Asks for all there is of something. What changes meanwhile makes it ask again.
    pub(crate) fn dump(&mut self, message: &RouteNetlinkMessage) -> Result<Vec<Message>, Refusal> {
        for _ in 0..DUMP_ATTEMPTS {
            if let Some(found) = self.try_dump(message.clone())? {
                return Ok(found);
            }
        }
        Err(io::Error::new(
            io::ErrorKind::Interrupted,
            "the kernel's tables change faster than they can be read",
        )
        .into())
    }

    fn try_dump(&mut self, message: RouteNetlinkMessage) -> Result<Option<Vec<Message>>, Refusal> {
        let seq = self.next_seq;
        self.next_seq = self.next_seq.wrapping_add(1);
        let mut datagram = Vec::new();
        wire::append(&mut datagram, message, NLM_F_REQUEST | NLM_F_DUMP, seq);
        self.send(&datagram)?;
        let mut found = Vec::new();
        let mut consistent = true;
        loop {
            for received in wire::messages(receive(&self.socket, &mut self.buffer)?) {
                if received.seq != seq {
                    continue;
                }
                consistent &= received.flags & wire::FLAG_DUMP_INTERRUPTED == 0;
                match received.kind {
                    wire::ERROR => {
                        received.verdict()?;
                        return Ok(Some(found));
                    }
                    wire::DONE => {
                        received.verdict()?;
                        return Ok(consistent.then_some(found));
                    }
                    kind => found.push(Message {
                        kind,
                        payload: received.payload.to_vec(),
                    }),
                }
            }
        }
    }

    fn send(&self, datagram: &[u8]) -> Result<(), Refusal> {
        let kernel = SocketAddrNetlink::new(0, 0);
        retry_on_intr(|| sendto(&self.socket, datagram, SendFlags::empty(), &kernel))?;
        Ok(())
    }
}

/// The next datagram, waiting for it.
fn receive<'a>(socket: &OwnedFd, buffer: &'a mut [u8]) -> Result<&'a [u8], Refusal> {
    let (_, length) = retry_on_intr(|| recv(socket, &mut *buffer, RecvFlags::TRUNC))?;
    match buffer.get(..length) {
        Some(datagram) => Ok(datagram),
        None => Err(io::Error::from_raw_os_error(libc::EMSGSIZE).into()),
    }
}

/// The kernel makes its datagrams no longer than 32 KiB.
const DATAGRAM: usize = 64 * 1024;
const RECEIVE_BUFFER: usize = 1024 * 1024;
/// So few that their acknowledgements fit into any receive buffer.
const BATCH: usize = 64;
const DUMP_ATTEMPTS: usize = 16;
