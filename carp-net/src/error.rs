//! The one error of this crate: a kind to act on, and what it is about to read.

use std::fmt;
use std::io;
use std::net::IpAddr;

use carp_fsm::carp_proto::{Family, MacAddress, Vhid};
use carp_fsm::{ConfigError, HostId};

/// Something that cannot be done, or was refused by the operating system.
#[derive(Debug, thiserror::Error)]
#[error("{about}: {kind}")]
pub struct Error {
    about: String,
    #[source]
    kind: ErrorKind,
}

/// What kind of thing went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no interface of this name.
    #[error("no such interface")]
    NoSuchInterface,
    /// The interface cannot carry CARP: not Ethernet, no multicast, or a loopback.
    #[error("not an Ethernet interface with multicast")]
    NotEthernet,
    /// The interface is itself a carp interface.
    #[error("a carp interface cannot be a carpdev")]
    CarpdevIsCarp,
    /// The interface is a port of a bridge, so its traffic belongs to the bridge.
    #[error("is a port of {bridge}: use carpdev {bridge}")]
    BridgePort {
        /// The bridge to use instead.
        bridge: String,
    },
    /// The interface is part of a bond or team.
    #[error("belongs to {master}: use carpdev {master}")]
    Enslaved {
        /// The interface to use instead.
        master: String,
    },
    /// An interface of the name that is to be made exists and is not ours.
    #[error("an interface of this name exists already and is not a carp interface")]
    NameTaken,
    /// The name cannot be that of an interface.
    #[error("not an interface name (1 to 15 characters, no slash or white space)")]
    BadName,
    /// Packets cannot be larger than on the carpdev.
    #[error("mtu {mtu}: {carpdev} takes {most} bytes at most")]
    MtuTooLarge {
        /// What was asked for.
        mtu: u32,
        /// The carpdev.
        carpdev: String,
        /// What it has.
        most: u32,
    },
    /// Another virtual host of this node has the vhid on the same carpdev.
    #[error("vhid {vhid} is already used on this carpdev by {by}")]
    VhidInUse {
        /// The vhid.
        vhid: Vhid,
        /// The interface that has it.
        by: String,
    },
    /// The address is on another interface of this machine.
    #[error("{address} is already on {interface} of this machine")]
    AddressInUse {
        /// The address.
        address: IpAddr,
        /// The interface that has it.
        interface: String,
    },
    /// A link-layer address that no interface can have.
    #[error("{0} is a group or nobody: lladdr takes the address of one interface")]
    BadLinkAddress(MacAddress),
    /// The link-layer address of the operator's choice is the carpdev's own.
    #[error("{mac} is the address of {carpdev}: use lladdr carpdev")]
    LinkAddressOfCarpdev {
        /// The link-layer address.
        mac: MacAddress,
        /// The carpdev.
        carpdev: String,
    },
    /// Another interface of this machine has the link-layer address.
    #[error("{mac} is the address of {interface}: use another lladdr, the same on all nodes")]
    LinkAddressInUse {
        /// The link-layer address.
        mac: MacAddress,
        /// The interface that has it.
        interface: String,
    },
    /// The carpdev has no address that adverts to a unicast peer can come from.
    #[error("{carpdev} has no {family} address of its own to send it from: give {carpdev} one")]
    NoSource {
        /// The carpdev.
        carpdev: String,
        /// The family of the peer.
        family: Family,
    },
    /// There is no such virtual host (any more).
    #[error("no such virtual host")]
    UnknownHost(HostId),
    /// The driver was asked to stop.
    #[error("stopping")]
    Stopping,
    /// Permission to become master was refused, for this reason.
    #[error("{0}")]
    NotPermitted(String),
    /// The key file does not hold a key.
    #[error("{0}")]
    BadKey(&'static str),
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` about `about`: an interface, a file, an operation.
    pub fn new(about: impl Into<String>, kind: impl Into<ErrorKind>) -> Self {
        Self {
            about: about.into(),
            kind: kind.into(),
        }
    }

    /// What it is about: an interface, a file, an operation.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// What kind of error it is.
    pub const fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Whether the operating system had no memory for a packet (`docs/carp-protocol.md §4.7`,
    /// item 1).
    pub(crate) fn is_out_of_memory(&self) -> bool {
        matches!(&self.kind, ErrorKind::Io(error) if error.raw_os_error() == Some(libc::ENOBUFS))
    }

    pub(crate) fn from_config(
        interface: &str,
        error: ConfigError,
        by: impl FnOnce(HostId) -> String,
    ) -> Self {
        let kind = match error {
            ConfigError::VhidInUse { vhid, by: id } => ErrorKind::VhidInUse { vhid, by: by(id) },
            ConfigError::Stopping => ErrorKind::Stopping,
            ConfigError::UnknownHost | _ => ErrorKind::Io(io::Error::other(error)),
        };
        Self::new(interface, kind)
    }
}

/// Adds what an I/O error is about.
pub(crate) trait About<T> {
    fn about(self, about: impl fmt::Display) -> Result<T>;
}

impl<T> About<T> for io::Result<T> {
    fn about(self, about: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error::new(about.to_string(), error))
    }
}

#[cfg(target_os = "linux")]
impl<T> About<T> for rustix::io::Result<T> {
    fn about(self, about: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error::new(about.to_string(), io::Error::from(error)))
    }
}
