//! What client and service say to each other: one JSON object a line, `{"version":1,"message":…}`.
//!
//! A line is at most [`MAX_LINE`] bytes in either direction. The version is looked at before
//! anything else, so that a service and a client of different ages understand at least that.

mod answer;
pub(crate) use answer::{Answer, Assigned, Done, Measured, answers};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::vocabulary::change::Change;
use crate::vocabulary::demotion::{Demand, GroupReport};
use crate::vocabulary::group::GroupName;
use crate::vocabulary::hooks::order::{Finished, Order};
use crate::vocabulary::metrics::{Facts, Vitals};
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::rehearsal::Rehearsal;
use crate::vocabulary::report::Report;
use crate::vocabulary::settings::{Assignment, Settings};
use crate::vocabulary::stats::Stats;
use crate::vocabulary::watch::Happening;
use crate::vocabulary::watch::peers::Peers;
use crate::vocabulary::watch::why::Why;

/// The version of this protocol.
pub(crate) const VERSION: u32 = 1;

/// The longest line, its end included, in bytes.
pub(crate) const MAX_LINE: usize = 64 * 1024;

/// What a client asks. One at a time, each answered before the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Request {
    /// Tell of this interface, or of all.
    Show { interface: Option<InterfaceName> },
    /// Tell what this interface was told to be, or all; with its key, which is for root only.
    Config {
        interface: Option<InterfaceName>,
        key: bool,
    },
    /// Tell what was counted, of this interface or of all, and of the whole service.
    Stats { interface: Option<InterfaceName> },
    /// Tell what Prometheus is told.
    Metrics,
    /// Change an interface. For root only.
    Change {
        interface: InterfaceName,
        change: Change,
    },
    /// Tell what a change would do, and do nothing. With a key, which could be guessed in this way,
    /// it is for root only.
    Rehearse {
        interface: InterfaceName,
        change: Change,
    },
    /// Tell the settings of the whole service, after changing some, which is for root only.
    Settings { assign: Vec<Assignment> },
    /// Tell of an interface group.
    Group { group: GroupName },
    /// Change who demotes an interface group. For root only.
    Demote { group: GroupName, demand: Demand },
    /// Start the service anew, with all it has. For root only.
    Restart,
    /// Tell why this interface is what it is, or all are what they are.
    Why { interface: Option<InterfaceName> },
    /// Tell whom this interface hears, or all of them do.
    Peers { interface: Option<InterfaceName> },
    /// Give a hook to run, as soon as there is one, to this client, which has `finished` the one
    /// before. For root only.
    Work { finished: Option<Finished> },
    /// Tell of these interfaces, or of all, and then what happens to them, for as long as the client
    /// stays. It may ask nothing more.
    Watch { interfaces: Vec<InterfaceName> },
    /// Take note that it is being configured anew, for as long as the connection lasts. For root
    /// only.
    Reload,
}

/// What the service answers: for `Show` any number of `Interface` and an `End`, for `Config`, `Why`,
/// `Peers` and `Stats` in the same way, where `Stats` begins with the whole service; for `Metrics`
/// its `Vitals`, the `Facts` of each interface and an `End`; for `Watch` what `Show` has and then any
/// number of `Happened` and `Missed`; else one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reply {
    /// One interface as it stands.
    Interface(Box<Report>),
    /// What an interface was told to be.
    Config(Box<Told>),
    /// What was counted, of the service or of one interface.
    Stats(Box<Stats>),
    /// What is measured of the service.
    Vitals(Box<Vitals>),
    /// What is measured of one interface.
    Facts(Box<Facts>),
    /// What a change would do.
    Rehearsal(Box<Rehearsal>),
    /// An interface group as it stands.
    Group(Box<GroupReport>),
    /// There are no more interfaces.
    End,
    /// Why one interface is what it is.
    Why(Box<Why>),
    /// Whom one interface hears.
    Peers(Box<Peers>),
    /// Something happened.
    Happened(Box<Happening>),
    /// So many things happened here that the client was too slow for.
    Missed { count: u64 },
    /// A hook that is to run.
    Hook(Box<Order>),
    /// The change is done; the notes are for the operator.
    Done { notes: Vec<String> },
    /// The settings, as they were and as they are.
    Settings { before: Settings, now: Settings },
    /// It was not done, and nothing was changed.
    Refused { reason: String },
    /// It was not done because the service is about to end, having nothing left to serve: a new
    /// one can be started.
    Ending,
}

impl Request {
    /// Whether it must be told to nobody but a service that is trusted.
    pub(crate) const fn holds_a_key(&self) -> bool {
        match self {
            Self::Change { change, .. } | Self::Rehearse { change, .. } => change.key.is_some(),
            Self::Show { .. } | Self::Config { .. } | Self::Stats { .. } | Self::Metrics => false,
            Self::Settings { .. } | Self::Group { .. } | Self::Demote { .. } => false,
            Self::Restart | Self::Watch { .. } | Self::Reload => false,
            Self::Why { .. } | Self::Peers { .. } | Self::Work { .. } => false,
        }
    }
}

impl Reply {
    /// Whether another reply to the same request follows.
    pub(crate) const fn has_more_behind_it(&self) -> bool {
        matches!(
            self,
            Self::Interface(_)
                | Self::Config(_)
                | Self::Stats(_)
                | Self::Vitals(_)
                | Self::Facts(_)
                | Self::Why(_)
                | Self::Peers(_)
        )
    }
}

/// What an interface was told to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) interface: InterfaceName,
    /// The change that makes it out of nothing, without its key where that was not asked for.
    pub(crate) change: Change,
    /// Whether it has a key.
    pub(crate) has_key: bool,
}

/// Why a line cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProtocolError {
    #[error(
        "the other side speaks version {0} of the control protocol, this one version {VERSION}: \
             use the same carpctl for both (restart the service after an upgrade)"
    )]
    Version(u32),
    #[error("a control message is longer than {MAX_LINE} bytes")]
    TooLong,
    /// The text of the error may hold parts of the message, so it is kept out of this one.
    #[error("a control message cannot be understood")]
    Malformed,
}

#[derive(Serialize)]
struct Outgoing<'a, T> {
    version: u32,
    message: &'a T,
}

#[derive(Deserialize)]
struct Incoming<T> {
    message: T,
}

#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// Writes `message` as a line. The line is wiped when dropped, as it may hold a key.
pub(crate) fn encode<T: Serialize>(message: &T) -> Result<Zeroizing<Vec<u8>>, ProtocolError> {
    let mut line = Zeroizing::new(Vec::with_capacity(2048));
    let outgoing = Outgoing {
        version: VERSION,
        message,
    };
    serde_json::to_writer(&mut *line, &outgoing).map_err(|_| ProtocolError::Malformed)?;
    line.push(b'\n');
    if line.len() > MAX_LINE {
        return Err(ProtocolError::TooLong);
    }
    Ok(line)
}

/// Reads a line, with or without its end.
pub(crate) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, ProtocolError> {
    if line.len() > MAX_LINE {
        return Err(ProtocolError::TooLong);
    }
    let head: Head = serde_json::from_slice(line).map_err(|_| ProtocolError::Malformed)?;
    if head.version != VERSION {
        return Err(ProtocolError::Version(head.version));
    }
    let incoming: Incoming<T> =
        serde_json::from_slice(line).map_err(|_| ProtocolError::Malformed)?;
    Ok(incoming.message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn show() -> Request {
        Request::Show {
            interface: Some("carp0".parse().unwrap()),
        }
    }

    #[test]
    fn a_request_on_the_wire() {
        let line = encode(&show()).unwrap();
        let expected = "{\"version\":1,\"message\":{\"show\":{\"interface\":\"carp0\"}}}\n";
        assert_eq!(std::str::from_utf8(&line).unwrap(), expected);
        assert_eq!(decode::<Request>(&line).unwrap(), show());
    }

    #[test]
    fn another_version_is_named_whatever_else_it_says() {
        let error = decode::<Request>(br#"{"message":{"leap":7},"version":2}"#).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the other side speaks version 2"),
            "{error}"
        );
    }

    #[test]
    fn errors_hold_nothing_of_the_message() {
        let line =
            br#"{"version":1,"message":{"change":{"interface":"carp0","change":{"key":"5368"}}}}"#;
        let error = decode::<Request>(line).unwrap_err();
        assert_eq!(error.to_string(), "a control message cannot be understood");
    }

    #[test]
    fn message_beyond_the_bound_is_refused_on_both_sides() {
        let long = Reply::Refused {
            reason: "x".repeat(MAX_LINE),
        };
        assert!(matches!(encode(&long), Err(ProtocolError::TooLong)));
        let line = vec![b' '; MAX_LINE + 1];
        assert!(matches!(
            decode::<Request>(&line),
            Err(ProtocolError::TooLong)
        ));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(line in proptest::collection::vec(any::<u8>(), 0..512)) {
            drop(decode::<Request>(&line));
        }

        #[test]
        fn damaged_request_is_read_or_refused(position in 0usize..60, byte in any::<u8>()) {
            let mut line = encode(&show()).unwrap();
            if let Some(slot) = line.get_mut(position) {
                *slot = byte;
            }
            drop(decode::<Request>(&line));
        }
    }
}
