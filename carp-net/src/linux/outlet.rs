//! A packet socket that sends and hears nothing: for as many frames as the machine can carry.

use std::io;

use carp_fsm::carp_proto::MacAddress;
use socket2::{Domain, Socket, Type};

use super::sys;

/// A way out of an interface, past what queues there.
#[derive(Debug)]
pub(crate) struct Outlet(Socket);

impl Outlet {
    /// How many frames go at once.
    pub(crate) const TOGETHER: usize = sys::TOGETHER;

    /// Opens one for the interface with this index.
    pub(crate) fn open(interface: u32) -> io::Result<Self> {
        // Protocol 0, also where it is bound: no frame is handed to it.
        let socket = Socket::new(Domain::PACKET, Type::RAW.cloexec(), None)?;
        sys::set_option(&socket, libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, 1)?;
        let nobody = MacAddress([0; 6]);
        socket.bind(&sys::link_address(interface, 0, nobody)?)?;
        Ok(Self(socket))
    }

    /// Sends the first of these whole frames, no more than [`TOGETHER`](Self::TOGETHER); returns
    /// how many the interface took.
    pub(crate) fn send(&self, frames: &[Vec<u8>]) -> io::Result<usize> {
        match sys::send_together(&self.0, frames) {
            // Who receives has no room for the first of them.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(0),
            sent => sent,
        }
    }
}
