//! The socket that scrapers connect to, and their ends of it: a Unix socket or a loopback port.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use mio::event::Source;
use mio::net::{TcpListener, TcpStream, UnixStream};
use rustix::fs::Gid;

use crate::paths::Paths;
use crate::server::service::socket::{ClaimError, Listener};
use crate::vocabulary::metrics::MetricsAddress;

/// A listening socket for scrapers. The file of a Unix socket goes when this goes.
#[derive(Debug)]
pub(crate) enum Door {
    Unix(Listener),
    Loopback(TcpListener),
}

/// A connection.
#[derive(Debug)]
pub(super) enum Stream {
    Unix(UnixStream),
    Loopback(TcpStream),
}

impl Door {
    /// Makes the socket, a Unix socket for everyone, or for root and `group`. What another program
    /// has left there is replaced; one that runs is not.
    ///
    /// # Errors
    ///
    /// Where somebody listens there, or the kernel refuses.
    pub(crate) fn open(
        address: &MetricsAddress,
        paths: &Paths,
        group: Option<Gid>,
    ) -> io::Result<Self> {
        let of_metrics = |what: String| io::Error::other(format!("metrics: {what}"));
        let taken = || of_metrics(format!("{address}: another program listens there"));
        match address {
            MetricsAddress::Unix(path) => match Listener::bind(paths, path, group) {
                Ok(listener) => Ok(Self::Unix(listener)),
                Err(ClaimError::RunsAlready(_)) => Err(taken()),
                Err(ClaimError::Io(error)) => Err(of_metrics(error.to_string())),
            },
            MetricsAddress::Loopback(address) => match TcpListener::bind(*address) {
                Ok(listener) => Ok(Self::Loopback(listener)),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(taken()),
                Err(error) => Err(of_metrics(format!("{address}: {error}"))),
            },
        }
    }

    /// The socket of another process, which it made for `address`.
    pub(crate) fn inherit(address: &MetricsAddress, socket: OwnedFd) -> io::Result<Self> {
        match address {
            MetricsAddress::Unix(path) => Listener::inherit(path, socket, None).map(Self::Unix),
            MetricsAddress::Loopback(_) => {
                let socket = std::net::TcpListener::from(socket);
                socket.set_nonblocking(true)?;
                Ok(Self::Loopback(TcpListener::from_std(socket)))
            }
        }
    }

    /// Leaves the file where it is when this goes, for a successor.
    pub(super) const fn leave(&mut self) {
        if let Self::Unix(listener) = self {
            listener.leave();
        }
    }

    /// The next one that waits, if one does.
    pub(super) fn accept(&self) -> io::Result<Option<Stream>> {
        match self {
            Self::Unix(listener) => Ok(listener.accept()?.map(Stream::Unix)),
            Self::Loopback(listener) => match listener.accept() {
                Ok((stream, _)) => Ok(Some(Stream::Loopback(stream))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    pub(super) fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Unix(listener) => listener.source(),
            Self::Loopback(listener) => listener,
        }
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(listener) => listener.as_fd(),
            Self::Loopback(listener) => listener.as_fd(),
        }
    }
}

impl Stream {
    /// Nothing more is written.
    pub(super) fn end(&self) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
            Self::Loopback(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    pub(super) fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Unix(stream) => stream,
            Self::Loopback(stream) => stream,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Loopback(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(bytes),
            Self::Loopback(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
