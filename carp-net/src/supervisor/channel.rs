//! One end of the pair of sockets between supervisor and engine. Nothing here ever waits.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair, sockopt,
};
use zeroize::{Zeroize as _, Zeroizing};

use super::frame::Frame;

/// An end.
#[derive(Debug)]
pub(super) struct Channel(OwnedFd);

/// What became of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Yes,
    /// There is no room now.
    NotNow,
    /// Nobody has the other end any more.
    Gone,
}

/// What there was to receive.
pub(super) enum Received<'a> {
    Frame(Frame<'a>, Option<OwnedFd>),
    /// Something that cannot be understood, and is no matter.
    Skipped,
    /// Nothing yet.
    Nothing,
    /// Nothing ever again.
    End,
}

/// Room for the longest frame. It may hold a key, so it is wiped after use.
pub(super) struct Buffer {
    bytes: Zeroizing<Vec<u8>>,
    /// How many of them may have been written to.
    used: usize,
}

impl Channel {
    /// A pair of ends; the second is for another process.
    pub(super) fn pair() -> io::Result<(Self, OwnedFd)> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        for end in [&ours, &theirs] {
            // Room for several of the longest frames, whatever the default of the machine is; the
            // kernel takes what it allows.
            sockopt::set_socket_send_buffer_size(end, ROOM)?;
        }
        Ok((Self(ours), theirs))
    }

    /// The end that `descriptor` is.
    ///
    /// # Errors
    ///
    /// Where it is none, or the other end was made by somebody else than root or oneself.
    pub(super) fn of(descriptor: OwnedFd) -> io::Result<Self> {
        let not_one = || io::Error::from(io::ErrorKind::InvalidInput);
        let is_unix = sockopt::socket_domain(&descriptor).map_err(|_| not_one())?;
        let kind = sockopt::socket_type(&descriptor).map_err(|_| not_one())?;
        if is_unix != AddressFamily::UNIX || kind != SocketType::SEQPACKET {
            return Err(not_one());
        }
        let peer = sockopt::socket_peercred(&descriptor)?.uid;
        if !peer.is_root() && peer != rustix::process::geteuid() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(Self(descriptor))
    }

    /// Another descriptor of the same end.
    pub(super) fn try_clone(&self) -> io::Result<OwnedFd> {
        self.0.try_clone()
    }

    /// Sends `frame`, with `descriptor` beside it.
    ///
    /// # Errors
    ///
    /// Where this frame can never be sent.
    pub(super) fn send(
        &self,
        frame: &Frame<'_>,
        descriptor: Option<BorrowedFd<'_>>,
    ) -> io::Result<Sent> {
        let bytes = frame.encode();
        let descriptors = descriptor.as_slice();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        loop {
            return match sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut control, flags) {
                Ok(_) => Ok(Sent::Yes),
                Err(Errno::INTR) => continue,
                // The last: more descriptors are on their way than one may have.
                Err(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM | Errno::TOOMANYREFS) => {
                    Ok(Sent::NotNow)
                }
                Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => Ok(Sent::Gone),
                Err(error) => Err(error.into()),
            };
        }
    }

    /// Receives the next frame, if there is one.
    ///
    /// # Errors
    ///
    /// Where the socket fails, which it does not while both ends are in order.
    pub(super) fn receive<'a>(&self, buffer: &'a mut Buffer) -> io::Result<Received<'a>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let received = loop {
            let mut room = [IoSliceMut::new(&mut buffer.bytes)];
            match recvmsg(&self.0, &mut room, &mut control, flags) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(Received::Nothing),
                Err(Errno::CONNRESET) => return Ok(Received::End),
                received => break received?,
            }
        };
        let mut descriptor = None;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                // One at most was sent; others are closed here.
                descriptor = descriptors.last();
            }
        }
        // A frame has three bytes at least, so nothing at all is the end.
        if received.bytes == 0 {
            return Ok(Received::End);
        }
        buffer.used = buffer.used.max(received.bytes);
        let bytes = buffer.bytes.get(..received.bytes).unwrap_or_default();
        let cut = ReturnFlags::TRUNC | ReturnFlags::CTRUNC;
        match Frame::decode(bytes) {
            Some(frame) if !received.flags.intersects(cut) => {
                Ok(Received::Frame(frame, descriptor))
            }
            _ => Ok(Received::Skipped),
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self {
            bytes: Zeroizing::new(vec![0; Frame::MAX]),
            used: 0,
        }
    }

    /// Forgets what was received.
    pub(super) fn wipe(&mut self) {
        if let Some(used) = self.bytes.get_mut(..self.used) {
            used.zeroize();
        }
        self.used = 0;
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buffer").finish_non_exhaustive()
    }
}

/// How many bytes may be on their way.
const ROOM: usize = 256 * 1024;
