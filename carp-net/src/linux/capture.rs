//! Packet sockets that see whole frames, for people who want to look: the protocol itself hears
//! through raw IP sockets, because a packet socket costs every frame of the host.

#![expect(
    unsafe_code,
    reason = "the statistics and the addresses of packet sockets have no safe wrapper"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::time::Duration;

use carp_fsm::carp_proto::MacAddress;
use rustix::net::sockopt;
use socket2::{Domain, SockAddr, SockFilter, Socket, Type};

use super::{control, sys};

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
        let nobody = MacAddress([0; 6]);
        socket.bind(&sys::link_address(interface, ETH_P_ALL, nobody)?)?;
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
        #[expect(clippy::cast_possible_truncation, reason = "8 bytes")]
        let mut length = size_of_val(&statistics) as libc::socklen_t;
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
        if done != 0 {
            return Err(io::Error::last_os_error());
        }
        // The kernel counts from the last question on.
        self.dropped += u64::from(statistics.tp_drops);
        Ok(self.dropped)
    }

    fn receive_message(&mut self) -> io::Result<Seen> {
        let mut control = [0; CONTROL_LEN];
        let received = sys::receive(&self.socket, &mut self.buffer, &mut control)?;
        let control = control.get(..received.control_length).unwrap_or_default();
        let stamp = control::find(control, libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS);
        let tag = control::find(control, libc::SOL_PACKET, libc::PACKET_AUXDATA);
        let tag = tag.and_then(decode_tag);
        let frame = self.buffer.get(..received.length).unwrap_or(&self.buffer);
        let from = packet_address(&received.source);
        Ok(Seen {
            interface: u32::try_from(from.sll_ifindex).unwrap_or_default(),
            outgoing: from.sll_pkttype == libc::PACKET_OUTGOING,
            stamp: stamp.and_then(decode_stamp).unwrap_or_default(),
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

/// Where a frame was seen, as the kernel tells.
fn packet_address(source: &SockAddr) -> libc::sockaddr_ll {
    let source = source.as_ptr().cast::<libc::sockaddr_ll>();
    // SAFETY: it points to storage that has room for any kind of address and is initialised, and
    // a sockaddr_ll is made of numbers.
    unsafe { source.read() }
}

/// A `struct timespec`: two longs.
fn decode_stamp(data: &[u8]) -> Option<Duration> {
    let (seconds, rest) = data.split_first_chunk()?;
    let seconds = u64::try_from(libc::c_long::from_ne_bytes(*seconds)).ok()?;
    let nanoseconds = libc::c_long::from_ne_bytes(*rest.first_chunk()?);
    Some(Duration::new(seconds, u32::try_from(nanoseconds).ok()?))
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

/// More than a time stamp and a `tpacket_auxdata` need.
const CONTROL_LEN: usize = 128;

/// The longest frame: what offloading can hand over in one piece.
const LONGEST: usize = 65_536 + 18;

/// Room for about half a second of small frames at 20,000 a second.
const RECEIVE_BUFFER: usize = 16 << 20;

const ETH_P_ALL: u16 = 3;
const ETH_P_8021Q: u16 = 0x8100;
