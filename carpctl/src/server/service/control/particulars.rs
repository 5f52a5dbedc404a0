//! What a program finds in systemd's journal about an event, beside the line that people read. The
//! names and numbers are promised in `docs/log.md`.

use carp_net::Event;
use carp_net::carp_fsm::{self, Owner};

use super::happenings::interface_of;

/// The fields of one message; what an event has not is left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Particulars<'a> {
    pub(super) kind: Option<&'static str>,
    pub(super) interface: Option<&'a str>,
    pub(super) state: Option<String>,
    pub(super) previous: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) group: Option<&'a str>,
    pub(super) demotion: Option<i32>,
    pub(super) owner: Option<&'a str>,
    pub(super) carpdev: Option<&'a str>,
    pub(super) source: Option<String>,
    pub(super) vhid: Option<u8>,
}

impl<'a> Particulars<'a> {
    /// Those of `event`.
    pub(super) fn of(event: &'a Event) -> Self {
        let interface = Some(interface_of(event)).filter(|name| !name.is_empty());
        let particulars = match event {
            Event::Node { event, .. } => Self::of_node(event),
            Event::HoldFailed { error, .. }
            | Event::NotMended { error, .. }
            | Event::ConfigureFailed { error, .. }
            | Event::Limited {
                error: Some(error), ..
            } => Self {
                kind: Some(FAILURE),
                reason: Some(error.to_string()),
                ..Self::default()
            },
            Event::Refused(refused) => Self {
                kind: Some(REFUSAL),
                reason: Some(refused.refusal.to_string()),
                carpdev: Some(refused.carpdev.as_str()).filter(|name| !name.is_empty()),
                source: Some(refused.source.to_string()),
                vhid: refused.vhid,
                ..Self::default()
            },
            Event::Configured { .. } | Event::Gone { .. } | _ => Self::default(),
        };
        Self {
            interface,
            ..particulars
        }
    }

    /// Those of something that could not be done to `interface`.
    pub(super) fn of_failure(interface: &'a str, reason: &str) -> Self {
        Self {
            kind: Some(FAILURE),
            interface: Some(interface),
            reason: Some(reason.to_owned()),
            ..Self::default()
        }
    }

    fn of_node(event: &'a carp_fsm::Event) -> Self {
        use carp_fsm::Event as E;
        match event {
            E::Transition {
                from, to, reason, ..
            } => Self {
                kind: Some(TRANSITION),
                state: Some(to.to_string()),
                previous: Some(from.to_string()),
                reason: Some(reason.to_string()),
                ..Self::default()
            },
            E::Demoted {
                group,
                owner,
                total,
                ..
            } => Self {
                kind: Some(DEMOTION),
                group: Some(group),
                demotion: Some(*total),
                reason: Some(owner.to_string()),
                owner: match owner {
                    Owner::Named(name) => Some(name),
                    Owner::Host(..) | _ => None,
                },
                ..Self::default()
            },
            E::Damaged { damage, .. } | E::Mended { damage, .. } => Self {
                kind: Some(DAMAGE),
                reason: Some(damage.to_string()),
                ..Self::default()
            },
            E::HoldFailed { .. } | E::Released { .. } | E::Removed { .. } => Self::default(),
            E::Adopted { .. } | E::Frozen(_) | _ => Self::default(),
        }
    }
}

/// Writes a line to the log, with its particulars for the journal.
macro_rules! write_log {
    ($level:ident, $particulars:expr, $text:expr) => {{
        let it = &$particulars;
        tracing::$level!(
            MESSAGE_ID = it.kind,
            CARP_INTERFACE = it.interface,
            CARP_STATE = it.state,
            CARP_PREVIOUS = it.previous,
            CARP_REASON = it.reason,
            CARP_GROUP = it.group,
            CARP_DEMOTION = it.demotion,
            CARP_OWNER = it.owner,
            CARP_CARPDEV = it.carpdev,
            CARP_SOURCE = it.source,
            CARP_VHID = it.vhid,
            "{}",
            $text
        )
    }};
}
pub(super) use write_log;

// What kind of message it is, as the journal has it: numbers drawn once and for all.
const TRANSITION: &str = "3e91310c85b34cea8f2d4da4747e530e";
const DEMOTION: &str = "13dc1a11350449cdb6661dc22a1fd50e";
const REFUSAL: &str = "54b3ef5fc8364e22bcae955bf372f34b";
const DAMAGE: &str = "0403878d9de2439eb4c02bb065f969d6";
const FAILURE: &str = "0c8609a269494597bc93239d841e865b";

#[cfg(test)]
mod tests;
