//! What a driver tells: the node's events with names, and how work on the platform went.

use std::fmt;

use carp_fsm::HostId;

use crate::{Error, Refused};

/// Something worth telling.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The election did something.
    Node {
        /// The interface it is about; empty for the whole node.
        interface: String,
        /// What it did.
        event: carp_fsm::Event,
    },
    /// The interface of a virtual host is as it should be.
    Configured {
        /// Its name.
        interface: String,
        /// Its virtual host.
        id: HostId,
    },
    /// The interface of a virtual host could not be made so.
    ConfigureFailed {
        /// Its name.
        interface: String,
        /// Its virtual host.
        id: HostId,
        /// Why.
        error: Error,
    },
    /// A virtual host is about to become master and asks whether it may: see
    /// [`Driver::ask_before_hold`](crate::Driver::ask_before_hold).
    HoldWanted {
        /// The interface.
        interface: String,
        /// Its virtual host.
        id: HostId,
    },
    /// The addresses of a virtual host could not be put in place.
    HoldFailed {
        /// The interface.
        interface: String,
        /// Its virtual host.
        id: HostId,
        /// Why.
        error: Error,
    },
    /// Somebody else has changed what a virtual host needs, and it could not be mended.
    NotMended {
        /// The interface.
        interface: String,
        /// Its virtual host.
        id: HostId,
        /// Why.
        error: Error,
    },
    /// The carpdev takes smaller packets than the interface of a virtual host is to take, which
    /// takes no larger ones then; or that is over.
    Limited {
        /// The interface.
        interface: String,
        /// Its virtual host.
        id: HostId,
        /// What the carpdev takes; none where it is over.
        error: Option<Error>,
    },
    /// The addresses that the host itself has on a carpdev have changed: see
    /// [`Driver::networks`](crate::Driver::networks).
    Networks {
        /// The name of the carpdev.
        carpdev: String,
    },
    /// Packets were refused, for one of the reasons that there can be.
    Refused(Refused),
    /// Nothing is left of a virtual host that was removed.
    Gone {
        /// The interface it had.
        interface: String,
        /// The virtual host.
        id: HostId,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { interface, event } if interface.is_empty() => write!(f, "{event}"),
            Self::Node { interface, event } => write!(f, "{interface}: {event}"),
            Self::Configured { interface, .. } => write!(f, "{interface}: configured"),
            Self::ConfigureFailed { error, .. } | Self::HoldFailed { error, .. } => {
                write!(f, "{error}")
            }
            Self::HoldWanted { interface, .. } => write!(f, "{interface}: may it take over?"),
            Self::NotMended { error, .. } => write!(f, "not mended: {error}"),
            Self::Limited {
                error: Some(error), ..
            } => write!(f, "{error}"),
            Self::Limited { interface, .. } => write!(f, "{interface}: mtu as configured"),
            Self::Networks { carpdev } => write!(f, "{carpdev}: other addresses"),
            Self::Refused(refused) => write!(f, "{refused}"),
            Self::Gone { interface, .. } => write!(f, "{interface}: gone"),
        }
    }
}
