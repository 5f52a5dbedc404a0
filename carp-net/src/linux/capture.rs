//! Packet sockets that see whole frames, for people who want to look: the protocol itself hears
//! through raw IP sockets, because a packet socket costs every frame of the host.

#![expect(
    unsafe_code,
    reason = "packet addresses, their options and ancillary data have no safe wrapper"
)]

use std::ffi::c_int;
use std::io::{self, IoSliceMut};
use std::mem;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::time::Duration;

use rustix::net::sockopt;
use socket2::{Domain, SockFilter, Socket, Type};

use super::sys;

/// A socket that sees every frame of an interface, both ways.
#[derive(Debug)]
pub(crate) struct Capture {
    socket: Socket,
    buffer: Box<[u8]>,
    dropped: u64,
}

/// A frame that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The index of the interface.
    pub(crate) interface: u32,
    /// Whether this host sent it through the interface, rather than received it there.
    pub(crate) outgoing: bool,
    /// When the kernel saw it, since the Unix epoch.
    pub(crate) stamp: Duration,
    /// The frame from its destination address on, VLAN tag included, without check sequence.
    pub(crate) frame: Vec<u8>,
}

impl Capture {
    /// Begins to see frames on the interface with this index (0: on all of the calling thread's
    /// network namespace), those that pass `filter` where one is given.
    pub(crate) fn open(interface: u32, filter: &[SockFilter]) -> io::Result<Self> {
        // Created deaf (protocol 0) and bound last: no frame can slip past the filter.
        let kind = Type::RAW.nonblocking().cloexec();
        let socket = Socket::new(Domain::PACKET, kind, None)?;
        if !filter.is_empty() {
            socket.attach_filter(filter)?;
        }
        sys::set_option(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
        sys::set_option(&socket, libc::SOL_PACKET, libc::PACKET_AUXDATA, 1)?;
        grow_buffer(&socket)?;
        bind(&socket, interface)?;
        Ok(Self {
            socket,
            buffer: vec![0; LONGEST].into_boxed_slice(),
            dropped: 0,
        })
    }

    /// The next frame, if one waits. An interface that goes down is no error.
    pub(crate) fn receive(&mut self) -> io::Result<Option<Seen>> {
        loop {
            match self.receive_message() {
                Ok(seen) => return Ok(Some(seen)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Told once for each time the interface goes down.
                Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a whole frame through the interface it is bound to.
    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.socket.send(frame).map(drop)
    }

    /// How many frames the kernel had no room for, since the start.
    pub(crate) fn dropped(&mut self) -> io::Result<u64> {
        let mut statistics = libc::tpacket_stats {
            tp_packets: 0,
            tp_drops: 0,
        };
        let mut length = socklen(size_of_val(&statistics));
        // SAFETY: the pointer and the length describe `statistics`, which lives through the call.
        let done = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut length,
            )
        };
        check(done)?;
        // The kernel counts from the last question on.
        self.dropped += u64::from(statistics.tp_drops);
        Ok(self.dropped)
    }

    fn receive_message(&mut self) -> io::Result<Seen> {
        let mut from = packet_address(0);
        let mut control = Control([0; CONTROL_LEN]);
        let mut slices = [IoSliceMut::new(&mut self.buffer)];
        // SAFETY: a msghdr is numbers and pointers, for which all zeros are valid.
        let mut message: libc::msghdr = unsafe { mem::zeroed() };
        message.msg_name = (&raw mut from).cast();
        message.msg_namelen = socklen(size_of_val(&from));
        // `IoSliceMut` is an iovec by contract.
        message.msg_iov = slices.as_mut_ptr().cast();
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = CONTROL_LEN;
        // SAFETY: every pointer in `message` is to a live local of the length given with it.
        let length = unsafe { libc::recvmsg(self.socket.as_raw_fd(), &raw mut message, 0) };
        let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;

        let frame = self.buffer.get(..length).unwrap_or(&self.buffer);
        let control = control.0.get(..message.msg_controllen).unwrap_or_default();
        let mut stamp = Duration::ZERO;
        let mut tag = None;
        for (level, kind, data) in control_messages(control) {
            match (level, kind) {
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => stamp = decode_stamp(data),
                (libc::SOL_PACKET, libc::PACKET_AUXDATA) => tag = decode_tag(data),
                _ => {}
            }
        }
        Ok(Seen {
            interface: u32::try_from(from.sll_ifindex).unwrap_or_default(),
            outgoing: from.sll_pkttype == libc::PACKET_OUTGOING,
            stamp,
            frame: tag.map_or_else(|| frame.to_vec(), |tag| with_tag(frame, tag)),
        })
    }
}

impl AsFd for Capture {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Asks for room for a burst; who may not exceed the system's limit gets that.
fn grow_buffer(socket: &Socket) -> io::Result<()> {
    sockopt::set_socket_recv_buffer_size_force(socket, RECEIVE_BUFFER)
        .or_else(|_| sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER))?;
    Ok(())
}

fn bind(socket: &Socket, interface: u32) -> io::Result<()> {
    let index = c_int::try_from(interface).map_err(io::Error::other)?;
    let address = packet_address(index);
    // SAFETY: the pointer and the length describe `address`, which lives through the call.
    let done = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            socklen(size_of_val(&address)),
        )
    };
    check(done)
}

fn packet_address(interface: c_int) -> libc::sockaddr_ll {
    libc::sockaddr_ll {
        sll_family: AF_PACKET,
        sll_protocol: ETH_P_ALL.to_be(),
        sll_ifindex: interface,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    }
}

/// Walks the ancillary data of a message: level, type and content of each (cmsg(3)).
fn control_messages(mut rest: &[u8]) -> impl Iterator<Item = (c_int, c_int, &[u8])> {
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk()?;
        let (level, after) = after.split_first_chunk()?;
        let (kind, _) = after.split_first_chunk()?;
        let length = usize::from_ne_bytes(*length);
        let header = size_of::<usize>() + 2 * size_of::<c_int>();
        let data = rest.get(header..length)?;
        rest = rest
            .get(length.next_multiple_of(size_of::<usize>())..)
            .unwrap_or_default();
        Some((
            c_int::from_ne_bytes(*level),
            c_int::from_ne_bytes(*kind),
            data,
        ))
    })
}

/// A `struct timespec`: two longs.
fn decode_stamp(data: &[u8]) -> Duration {
    const LEN: usize = size_of::<libc::c_long>();
    let long = |bytes: [u8; LEN]| u64::try_from(libc::c_long::from_ne_bytes(bytes)).ok();
    let decode = || {
        let (seconds, rest) = data.split_first_chunk()?;
        let nanoseconds = long(*rest.first_chunk()?)?;
        Some(Duration::from_secs(long(*seconds)?) + Duration::from_nanos(nanoseconds))
    };
    decode().unwrap_or_default()
}

/// The VLAN tag in a `struct tpacket_auxdata`, which the kernel has taken out of the frame.
fn decode_tag(data: &[u8]) -> Option<[u8; 4]> {
    let status = u32::from_ne_bytes(*data.first_chunk()?);
    // After status, length, captured length (32 bits each) and two offsets (16 bits each).
    let (control, rest) = data.get(16..)?.split_first_chunk()?;
    let protocol = u16::from_ne_bytes(*rest.first_chunk()?);
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let known = status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
    let protocol = if known { protocol } else { ETH_P_8021Q };
    let [a, b] = protocol.to_be_bytes();
    let [c, d] = u16::from_ne_bytes(*control).to_be_bytes();
    Some([a, b, c, d])
}

/// Puts a VLAN tag back where it was on the wire: behind the two addresses.
fn with_tag(frame: &[u8], tag: [u8; 4]) -> Vec<u8> {
    let (addresses, rest) = frame.split_at_checked(12).unwrap_or((frame, &[]));
    [addresses, &tag, rest].concat()
}

fn check(done: c_int) -> io::Result<()> {
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The length of a C structure as the socket calls take it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "these structures are small"
)]
const fn socklen(length: usize) -> libc::socklen_t {
    length as libc::socklen_t
}

/// Room for ancillary data, aligned as the kernel's structures are.
#[repr(align(8))]
struct Control([u8; CONTROL_LEN]);

/// More than a time stamp and a `tpacket_auxdata` need.
const CONTROL_LEN: usize = 128;

/// The longest frame: what offloading can hand over in one piece.
const LONGEST: usize = 65_536 + 18;

/// Room for about half a second of small frames at 20,000 a second.
const RECEIVE_BUFFER: usize = 16 << 20;

const AF_PACKET: u16 = 17;
const ETH_P_ALL: u16 = 3;
const ETH_P_8021Q: u16 = 0x8100;
