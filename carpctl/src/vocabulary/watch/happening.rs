//! Something that happened: what the service tells its readers, and what `monitor --json` shows.

use std::net::IpAddr;

use carp_net::carp_fsm::{self, Owner};
use carp_net::{Event, Refused};
use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use super::cause::{Cause, Heard, Moment, micros};
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::report::State;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Happening {
    /// When, by the clock on the wall.
    pub(crate) time: Timestamp,
    /// The interface that it is about; `None` for the whole node.
    pub(crate) interface: Option<InterfaceName>,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum What {
    /// The state changed.
    Transition {
        from: State,
        to: State,
        #[serde(flatten)]
        cause: Cause,
    },
    /// Another node is heard that was not.
    PeerHeard {
        #[serde(flatten)]
        heard: Heard,
    },
    /// It is not heard any more.
    PeerLost {
        #[serde(flatten)]
        last: Heard,
        /// Whether it said that it goes.
        bowed_out: bool,
        /// For how long it was not heard.
        silent_us: u64,
    },
    /// The demotion of a group changed.
    Demotion {
        group: String,
        /// By how much.
        change: i32,
        /// What it is now.
        total: i32,
        /// Whoever said so by name, where it was not the service itself.
        owner: Option<String>,
        reason: String,
    },
    /// Packets were refused, for one reason.
    Refused {
        /// How many; more than one where they came within a minute of the first.
        count: u64,
        reason: String,
        /// Of the last: whom it says it is from, where it came in, its vhid.
        source: IpAddr,
        carpdev: Option<String>,
        vhid: Option<u8>,
    },
    /// Another program changed what the interface needs.
    Damaged { damage: String },
    /// That is as it was.
    Mended { damage: String },
    /// The node did nothing for so long.
    Frozen { milliseconds: u64 },
    /// Addresses of a former run were found in place.
    Adopted,
    /// Something could not be done.
    Error { reason: String },
    /// The interface was destroyed.
    Gone,
    /// So many things happened that this reader was too slow for.
    Missed { count: u64 },
    /// There is no service (any more); whoever watches waits for one.
    ServiceGone,
    /// There is one (again); what happened in between is not known.
    ServiceCame,
    /// Something that this program is too old for.
    #[serde(other)]
    Unknown,
}

impl Happening {
    /// Something that happened just now.
    pub(crate) fn now(interface: Option<InterfaceName>, what: What) -> Self {
        let time = Timestamp::now();
        Self {
            // To the microsecond, as everything here.
            time: time.round(Unit::Microsecond).unwrap_or(time),
            interface,
            what,
        }
    }
}

impl What {
    /// What `event` says, which happened `now`, if it is for anybody but the service; `why` puts an
    /// error into words.
    pub(crate) fn of(
        now: Moment,
        event: &Event,
        why: impl Fn(&carp_net::Error) -> String,
    ) -> Option<Self> {
        match event {
            Event::Node { event, .. } => Self::of_node(now, event),
            Event::ConfigureFailed { error, .. }
            | Event::HoldFailed { error, .. }
            | Event::NotMended { error, .. }
            | Event::Limited {
                error: Some(error), ..
            } => Some(Self::Error { reason: why(error) }),
            Event::Refused(refused) => Some(Self::from(refused)),
            Event::Gone { .. } => Some(Self::Gone),
            Event::Configured { .. } | _ => None,
        }
    }

    fn of_node(now: Moment, event: &carp_fsm::Event) -> Option<Self> {
        use carp_fsm::Event as E;
        Some(match event {
            E::Transition {
                from,
                to,
                reason,
                facts,
                ..
            } => Self::Transition {
                from: (*from).into(),
                to: (*to).into(),
                cause: Cause::new(now, reason, facts),
            },
            E::PeerHeard { heard, .. } => Self::PeerHeard {
                heard: (*heard).into(),
            },
            E::PeerLost { last, .. } => Self::PeerLost {
                last: last.heard.into(),
                bowed_out: last.heard.claim.interval.is_bow_out(),
                silent_us: micros(now.node - last.at),
            },
            E::Demoted {
                group,
                owner,
                change,
                total,
            } => Self::Demotion {
                group: group.clone(),
                change: *change,
                total: *total,
                owner: match owner {
                    Owner::Named(name) => Some(name.clone()),
                    Owner::Host(..) | _ => None,
                },
                reason: owner.to_string(),
            },
            E::Damaged { damage, .. } => Self::Damaged {
                damage: damage.to_string(),
            },
            E::Mended { damage, .. } => Self::Mended {
                damage: damage.to_string(),
            },
            E::Frozen(late) => Self::Frozen {
                milliseconds: u64::try_from(late.as_millis()).unwrap_or(u64::MAX),
            },
            E::Adopted { .. } => Self::Adopted,
            // The driver tells why, and when nothing is left.
            E::HoldFailed { .. } | E::Released { .. } | E::Removed { .. } | _ => return None,
        })
    }
}

impl From<&Refused> for What {
    fn from(refused: &Refused) -> Self {
        Self::Refused {
            count: refused.count,
            reason: refused.refusal.to_string(),
            source: refused.source,
            carpdev: Some(refused.carpdev.clone()).filter(|name| !name.is_empty()),
            vhid: refused.vhid,
        }
    }
}
