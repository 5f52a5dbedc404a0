//! The system calls that no library wraps, each behind a safe function.
#![expect(
    unsafe_code,
    reason = "the calls of libc; each block says why it is sound"
)]

use std::io;
#[cfg(feature = "lab")]
use std::mem::MaybeUninit;
use std::mem::size_of;
use std::net::Ipv6Addr;
#[cfg(feature = "lab")]
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd as _};

use carp_fsm::carp_proto::MacAddress;
#[cfg(feature = "lab")]
use socket2::{MaybeUninitSlice, MsgHdrMut};
use socket2::{SockAddr, Socket};

/// Sets a socket option that is an `int`.
pub(super) fn set_option(
    socket: impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    #[expect(clippy::cast_possible_truncation, reason = "an int has 4 bytes")]
    const LENGTH: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;
    let fd = socket.as_fd().as_raw_fd();
    let value: *const libc::c_int = &raw const value;
    // SAFETY: `fd` is open while `socket` is borrowed, and `value` points to `LENGTH` bytes.
    let result = unsafe { libc::setsockopt(fd, level, name, value.cast(), LENGTH) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The number of the network namespace of a socket, which the kernel gives no other until the next
/// start (Linux 5.14).
pub(super) fn namespace(socket: impl AsFd) -> io::Result<u64> {
    #[expect(clippy::cast_possible_truncation, reason = "a number has 8 bytes")]
    const LENGTH: libc::socklen_t = size_of::<u64>() as libc::socklen_t;
    let mut cookie = 0_u64;
    let mut length = LENGTH;
    let (level, name) = (libc::SOL_SOCKET, SO_NETNS_COOKIE);
    let (value, fd) = (&raw mut cookie, socket.as_fd().as_raw_fd());
    // SAFETY: `fd` is open while `socket` is borrowed; `value` points to `length` bytes.
    let result = unsafe { libc::getsockopt(fd, level, name, value.cast(), &raw mut length) };
    if result == 0 {
        Ok(cookie)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Keeps every descriptor beyond the standard three from the programs that are started from now on,
/// also those that this process was given by its caller, such as a lock.
///
/// # Errors
///
/// Where the kernel cannot (before Linux 5.11).
pub fn keep_descriptors_from_programs() -> io::Result<()> {
    let flags = libc::CLOSE_RANGE_CLOEXEC.cast_signed();
    // SAFETY: this sets a flag of descriptors and closes none of them.
    let result = unsafe { libc::close_range(3, libc::c_uint::MAX, flags) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Gives the calling thread `SCHED_FIFO` with this priority. With `reset_on_fork` the threads and
/// programs that it starts are scheduled as they would be without.
pub(super) fn schedule_first_in_first_out(priority: u8, reset_on_fork: bool) -> io::Result<()> {
    let policy = match reset_on_fork {
        true => libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK,
        false => libc::SCHED_FIFO,
    };
    let parameter = libc::sched_param {
        sched_priority: priority.into(),
    };
    // SAFETY: 0 is the calling thread; the kernel reads the parameter and keeps no pointer to it.
    let result = unsafe { libc::sched_setscheduler(0, policy, &raw const parameter) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Has the kernel run `program` ahead of every system call of all threads, and log what it refuses.
pub(super) fn filter_system_calls(program: &mut [libc::sock_filter]) -> io::Result<()> {
    let whole = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: program.as_mut_ptr(),
    };
    let mode = libc::SECCOMP_SET_MODE_FILTER;
    let flags = libc::SECCOMP_FILTER_FLAG_TSYNC | libc::SECCOMP_FILTER_FLAG_LOG;
    // SAFETY: the kernel copies the program, which is as long as is said, and keeps no pointer.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const whole) };
    match result {
        0 => Ok(()),
        thread if thread > 0 => Err(io::Error::other(format!(
            "thread {thread} has another filter"
        ))),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Of `asm-generic/socket.h`.
const SO_NETNS_COOKIE: libc::c_int = 71;

/// What [`receive`] received.
#[cfg(feature = "lab")]
#[derive(Debug)]
pub(super) struct Received {
    /// How many bytes of data there are.
    pub(super) length: usize,
    /// How many bytes of control messages there are.
    pub(super) control_length: usize,
    /// Who sent it.
    pub(super) source: SockAddr,
}

/// Receives a packet into `data` and what the kernel has to say about it into `control`; what
/// does not fit is cut off.
#[cfg(feature = "lab")]
pub(super) fn receive(
    socket: &Socket,
    data: &mut [u8],
    control: &mut [u8],
) -> io::Result<Received> {
    // Room for an address of either family.
    let nobody = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0);
    let mut source = SockAddr::from(nobody);
    let mut buffers = [MaybeUninitSlice::new(as_uninit(data))];
    let mut header = MsgHdrMut::new()
        .with_addr(&mut source)
        .with_buffers(&mut buffers)
        .with_control(as_uninit(control));
    let length = socket.recvmsg(&mut header, 0)?;
    let control_length = header.control_len();
    Ok(Received {
        length,
        control_length,
        source,
    })
}

/// Room for packets that are received together, with what the kernel has to say about each.
#[derive(Debug)]
pub(super) struct Batch {
    slots: Box<[Slot]>,
    /// How many of them are filled.
    filled: usize,
}

/// A packet of a [`Batch`].
#[derive(Clone, Debug)]
pub(super) struct Slot {
    data: [u8; Self::DATA],
    length: usize,
    control: [u8; Self::CONTROL],
    control_length: usize,
    source: [u8; Self::SOURCE],
}

impl Slot {
    /// Longer than any Ethernet packet; what is longer still is no advertisement.
    const DATA: usize = 2048;
    /// Room for the three control messages of IPv6.
    const CONTROL: usize = 256;
    /// A `struct sockaddr_in6`.
    const SOURCE: usize = 28;

    /// The packet, which may have been cut off.
    pub(super) fn data(&self) -> &[u8] {
        self.data.get(..self.length).unwrap_or(&self.data)
    }

    /// The control messages.
    pub(super) fn control(&self) -> &[u8] {
        let there = self.control.get(..self.control_length);
        there.unwrap_or(&self.control)
    }

    /// Who sent it over IPv6: family, port and flow come before the address.
    pub(super) fn source_inet6(&self) -> Option<Ipv6Addr> {
        let family = libc::sa_family_t::from_ne_bytes(*self.source.first_chunk()?);
        let address: [u8; 16] = *self.source.get(8..)?.first_chunk()?;
        (i32::from(family) == libc::AF_INET6).then(|| address.into())
    }
}

impl Batch {
    /// How many packets have room.
    const LENGTH: usize = 16;

    pub(super) fn new() -> Self {
        let empty = Slot {
            data: [0; Slot::DATA],
            length: 0,
            control: [0; Slot::CONTROL],
            control_length: 0,
            source: [0; Slot::SOURCE],
        };
        Self {
            slots: vec![empty; Self::LENGTH].into_boxed_slice(),
            filled: 0,
        }
    }

    /// What was received last.
    pub(super) fn packets(&self) -> &[Slot] {
        self.slots.get(..self.filled).unwrap_or_default()
    }

    /// Receives the packets that wait at a socket, in one call; says whether there may be more.
    ///
    /// # Errors
    ///
    /// What the kernel says instead of the first of them, but not that there is none.
    pub(super) fn receive(&mut self, socket: &Socket) -> io::Result<bool> {
        self.filled = 0;
        let mut buffers: [libc::iovec; Self::LENGTH] = std::array::from_fn(|_| libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: Slot::DATA,
        });
        // SAFETY: a `mmsghdr` is made of numbers and pointers, and may be zero.
        let mut headers: [libc::mmsghdr; Self::LENGTH] = unsafe { std::mem::zeroed() };
        let all = self.slots.iter_mut().zip(&mut buffers).zip(&mut headers);
        for ((slot, buffer), header) in all {
            buffer.iov_base = slot.data.as_mut_ptr().cast();
            let header = &mut header.msg_hdr;
            header.msg_iov = &raw mut *buffer;
            header.msg_iovlen = 1;
            header.msg_name = slot.source.as_mut_ptr().cast();
            #[expect(clippy::cast_possible_truncation, reason = "28")]
            const NAME: libc::socklen_t = Slot::SOURCE as libc::socklen_t;
            header.msg_namelen = NAME;
            header.msg_control = slot.control.as_mut_ptr().cast();
            header.msg_controllen = Slot::CONTROL;
        }
        let (fd, flags) = (socket.as_raw_fd(), libc::MSG_DONTWAIT);
        #[expect(clippy::cast_possible_truncation, reason = "16")]
        const LENGTH: libc::c_uint = Batch::LENGTH as libc::c_uint;
        let headers_at = headers.as_mut_ptr();
        // SAFETY: there are `LENGTH` headers, and each points to memory of `self` or of this
        // function that is as long as it says and is borrowed mutably meanwhile.
        let received =
            unsafe { libc::recvmmsg(fd, headers_at, LENGTH, flags, std::ptr::null_mut()) };
        let Ok(received) = usize::try_from(received) else {
            let error = io::Error::last_os_error();
            let kind = error.kind();
            let goes_on = kind == io::ErrorKind::Interrupted;
            let is_none = kind == io::ErrorKind::WouldBlock;
            return if goes_on || is_none {
                Ok(goes_on)
            } else {
                Err(error)
            };
        };
        for (slot, header) in self.slots.iter_mut().zip(&headers).take(received) {
            slot.length = header.msg_len as usize;
            slot.control_length = header.msg_hdr.msg_controllen;
        }
        self.filled = received;
        Ok(received == Self::LENGTH)
    }
}

/// How many frames [`send_together`] takes at most.
#[cfg(feature = "lab")]
pub(super) const TOGETHER: usize = 64;

/// Sends frames through a packet socket that is bound to an interface, in one call and no more than
/// [`TOGETHER`]; returns how many the kernel took.
///
/// # Errors
///
/// What the kernel says instead of taking the first of them.
#[cfg(feature = "lab")]
pub(super) fn send_together(socket: impl AsFd, frames: &[Vec<u8>]) -> io::Result<usize> {
    // SAFETY: an `iovec` is made of a number and a pointer, and may be zero.
    let mut buffers: [libc::iovec; TOGETHER] = unsafe { std::mem::zeroed() };
    // SAFETY: a `mmsghdr` is made of numbers and pointers, and may be zero.
    let mut headers: [libc::mmsghdr; TOGETHER] = unsafe { std::mem::zeroed() };
    let mut count: libc::c_uint = 0;
    for ((frame, buffer), header) in frames.iter().zip(&mut buffers).zip(&mut headers) {
        // The kernel only reads it.
        buffer.iov_base = frame.as_ptr().cast_mut().cast();
        buffer.iov_len = frame.len();
        header.msg_hdr.msg_iov = &raw mut *buffer;
        header.msg_hdr.msg_iovlen = 1;
        count += 1;
    }
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: `count` headers are filled in, each with one buffer of this function, which points to
    // a frame that is borrowed meanwhile and as long as it says; the kernel writes only `msg_len`.
    let sent = unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), count, 0) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// The same bytes, for a function that asks for uninitialised ones. Only for functions that
/// write nothing uninitialised into them, as the kernel does not.
#[cfg(feature = "lab")]
fn as_uninit(bytes: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    let bytes: *mut [u8] = bytes;
    // SAFETY: both have the same layout, the borrow goes on, and no caller here writes
    // uninitialised bytes.
    unsafe { &mut *(bytes as *mut [MaybeUninit<u8>]) }
}

/// The address that makes a packet socket send a frame of `ethertype` to `destination` out of
/// the interface with this index.
pub(super) fn link_address(
    index: u32,
    ethertype: u16,
    destination: MacAddress,
) -> io::Result<SockAddr> {
    #[expect(clippy::cast_possible_truncation, reason = "17")]
    const FAMILY: libc::sa_family_t = libc::AF_PACKET as libc::sa_family_t;
    let index = i32::try_from(index).map_err(|_| io::ErrorKind::InvalidInput)?;
    let [a, b, c, d, e, f] = destination.octets();
    let address = libc::sockaddr_ll {
        sll_family: FAMILY,
        sll_protocol: ethertype.to_be(),
        sll_ifindex: index,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: [a, b, c, d, e, f, 0, 0],
    };
    let init = |storage: *mut socket2::SockAddrStorage, length: *mut libc::socklen_t| {
        #[expect(clippy::cast_possible_truncation, reason = "20 bytes")]
        const LENGTH: libc::socklen_t = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the storage is made for any kind of address.
        unsafe { storage.cast::<libc::sockaddr_ll>().write(address) };
        // SAFETY: points to a length.
        unsafe { length.write(LENGTH) };
        Ok(())
    };
    // SAFETY: `init` writes an address and its length.
    let ((), address) = unsafe { SockAddr::try_init(init) }?;
    Ok(address)
}
