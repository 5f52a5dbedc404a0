//! Up to which `net.inet.carp.log` a message is silent (`docs/carp-protocol.md §7.4`).
//!
//! The levels are those that OpenBSD gives its messages. What only this service tells has the level
//! of what is most like it there.

use carp_net::Event;
use carp_net::carp_fsm::{self, Refusal, State};
use tracing::Level;

/// The level of `event` in OpenBSD's counting; `level` is how this machine's operator takes it.
pub(super) fn loudness(event: &Event, level: Level) -> u8 {
    if level > Level::INFO {
        return EVERYTHING;
    }
    match event {
        Event::Node { event, .. } => of_node(event),
        Event::HoldFailed { .. }
        | Event::NotMended { .. }
        | Event::ConfigureFailed { .. }
        | Event::Limited { .. } => ERRORS,
        Event::Refused(refused) => of_refusal(refused.refusal),
        Event::Gone { .. } | Event::Configured { .. } | _ => INFORMATION,
    }
}

fn of_node(event: &carp_fsm::Event) -> u8 {
    use carp_fsm::Event as E;
    match event {
        E::Transition { from, to, .. } if State::Init == *from || State::Init == *to => WARNINGS,
        E::Transition { .. } => ELECTIONS,
        E::Demoted { .. } | E::HoldFailed { .. } => ERRORS,
        E::Frozen(_) | E::Damaged { .. } | E::Mended { .. } => WARNINGS,
        E::Adopted { .. } | E::Released { .. } | E::Removed { .. } | _ => INFORMATION,
    }
}

fn of_refusal(refusal: Refusal) -> u8 {
    match refusal {
        Refusal::Reflected => WARNINGS,
        Refusal::BadHopLimit | Refusal::BadVersion => NOTICES,
        Refusal::BadInterface
        | Refusal::BadLength
        | Refusal::BadChecksum
        | Refusal::BadVhid
        | Refusal::BadDigest
        | Refusal::NotAllowed
        | _ => INFORMATION,
    }
}

// The severities of syslog, by which OpenBSD names them.
const ELECTIONS: u8 = 2;
const ERRORS: u8 = 3;
const WARNINGS: u8 = 4;
const NOTICES: u8 = 5;
const INFORMATION: u8 = 6;
const EVERYTHING: u8 = 7;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use carp_net::carp_fsm::{HostId, LinkState, Reason};

    use super::super::testing::facts;
    use super::*;

    fn id() -> HostId {
        serde_json::from_str("1").unwrap()
    }

    fn transition(from: State, to: State) -> Event {
        let (interface, id) = ("carp0".to_owned(), id());
        let reason = Reason::Link(LinkState::Up);
        let event = carp_fsm::Event::Transition {
            id,
            from,
            to,
            reason,
            facts: facts(),
        };
        Event::Node { interface, event }
    }

    #[test]
    fn elections_are_louder_than_what_starts_and_stops_an_interface() {
        for (from, to, expected) in [
            (State::Backup, State::Master, 2),
            (State::Master, State::Backup, 2),
            (State::Init, State::Backup, 4),
            (State::Master, State::Init, 4),
        ] {
            let event = transition(from, to);
            assert_eq!(loudness(&event, Level::INFO), expected, "{from} -> {to}");
            assert_eq!(loudness(&event, Level::DEBUG), 7, "{from} -> {to}");
        }
        let frozen = Event::Node {
            interface: String::new(),
            event: carp_fsm::Event::Frozen(Duration::from_secs(7)),
        };
        assert_eq!(loudness(&frozen, Level::WARN), 4);
    }

    #[test]
    fn refusals_are_as_loud_as_on_openbsd() {
        for (refusal, expected) in [
            (Refusal::Reflected, 4),
            (Refusal::BadHopLimit, 5),
            (Refusal::BadVersion, 5),
            (Refusal::BadInterface, 6),
            (Refusal::BadLength, 6),
            (Refusal::BadChecksum, 6),
            (Refusal::BadDigest, 6),
        ] {
            assert_eq!(of_refusal(refusal), expected, "{refusal}");
        }
    }
}
