//! What happens, in the log: each thing once, and as a warning where somebody should look.

use std::collections::BTreeMap;
use std::time::Duration;

use carp_net::Event;
use carp_net::carp_fsm::{self, Ailment, LinkState, Owner, Reason, Timestamp};
use tracing::Level;

use super::loudness::loudness;
use super::obstacles::told;
use super::particulars::{Particulars, write_log};
use super::refused::{level_of_refused, remedy};

/// The log, and what it remembers so as not to repeat itself.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// When damage to each interface was last told, and whether the last damage was.
    damages: BTreeMap<String, (Timestamp, bool)>,
}

impl Journal {
    /// Writes down `event`, which happened at `now`, unless it is louder than `most`; what is, only
    /// those see who look for faults in the service itself.
    pub(super) fn write(&mut self, now: Timestamp, event: &Event, most: u8) {
        let (level, text) = self.entry(now, event);
        let particulars = Particulars::of(event);
        match (loudness(event, level) <= most, level) {
            (true, Level::WARN) => write_log!(warn, particulars, text),
            (true, _) => write_log!(info, particulars, text),
            (false, _) => write_log!(debug, particulars, text),
        }
    }

    fn entry(&mut self, now: Timestamp, event: &Event) -> (Level, String) {
        match event {
            Event::Node { interface, event } => {
                let (level, text) = self.entry_of_node(now, interface, event);
                (level, about(interface, &text))
            }
            Event::HoldFailed {
                interface, error, ..
            } => {
                let error = told(interface, "", error);
                let text = format!("addresses could not be put in place: {error}");
                (Level::WARN, about(interface, &text))
            }
            Event::NotMended {
                interface, error, ..
            } => {
                let text = format!("not mended: {}", told(interface, "", error));
                (Level::WARN, about(interface, &text))
            }
            Event::Limited {
                interface,
                error: Some(error),
                ..
            } => {
                let text = format!("{}: limited to that", told(interface, "", error));
                (Level::WARN, about(interface, &text))
            }
            Event::Limited { .. } => (Level::INFO, event.to_string()),
            Event::Refused(refused) => {
                let text = format!("{refused} ({})", remedy(refused));
                (level_of_refused(refused), text)
            }
            Event::Gone { interface, .. } => {
                self.damages.remove(interface);
                (Level::INFO, event.to_string())
            }
            // Why one could not be made is found out first, see `Control::not_made`.
            Event::Configured { .. } | Event::ConfigureFailed { .. } | _ => {
                (Level::DEBUG, event.to_string())
            }
        }
    }

    fn entry_of_node(
        &mut self,
        now: Timestamp,
        interface: &str,
        event: &carp_fsm::Event,
    ) -> (Level, String) {
        use carp_fsm::Event as E;
        let mut text = event.to_string();
        match event {
            E::Transition { reason, .. } => {
                if matches!(reason, Reason::TakenDown(_)) {
                    text.push_str(&format!("; `carpctl {interface} up' brings it back"));
                }
                (level_of(reason), text)
            }
            E::Damaged { .. } => {
                let told_at = self.damages.get(interface).map(|(at, _)| *at);
                let told_just_now = told_at.filter(|at| now - *at < ONE_INCIDENT);
                let entry = (told_just_now.unwrap_or(now), told_just_now.is_none());
                self.damages.insert(interface.to_owned(), entry);
                let level = if entry.1 { Level::WARN } else { Level::DEBUG };
                (level, text)
            }
            E::Mended { .. } if self.is_told(interface) => (Level::INFO, text),
            E::Demoted {
                group,
                owner,
                change,
                total,
            } => {
                let is_worse = *change > 0;
                let of_damage = matches!(owner, Owner::Host(_, Ailment::Damage(_)));
                if of_damage && !self.is_told(interface) {
                    (Level::DEBUG, text)
                } else if is_worse {
                    (Level::WARN, text)
                } else {
                    // Of a name the rest may stay.
                    let how = match owner {
                        Owner::Named(_) => "less by",
                        Owner::Host(..) | _ => "no longer:",
                    };
                    let text = format!("group {group} demoted to {total} ({how} {owner})");
                    (Level::INFO, text)
                }
            }
            E::Frozen(_) => (Level::WARN, text),
            E::Adopted { .. } => (Level::INFO, text),
            // What follows from it is told.
            E::PeerHeard { .. } | E::PeerLost { .. } => (Level::DEBUG, text),
            // The driver tells why.
            E::HoldFailed { .. } => (Level::DEBUG, text),
            E::Mended { .. } | E::Released { .. } | E::Removed { .. } => (Level::DEBUG, text),
            _ => (Level::INFO, text),
        }
    }

    /// Whether the last damage to `interface` was told, and so what comes of it should be.
    fn is_told(&self, interface: &str) -> bool {
        self.damages.get(interface).is_some_and(|(_, told)| *told)
    }
}

/// How an operator of this machine takes a transition: a warning where the trouble is here.
fn level_of(reason: &Reason) -> Level {
    match reason {
        Reason::Frozen(_) | Reason::Lapsed | Reason::HoldFailed => Level::WARN,
        Reason::Link(LinkState::Absent | LinkState::Down) => Level::WARN,
        Reason::TakenDown(_) => Level::WARN,
        Reason::Configured
        | Reason::MasterDown(_)
        | Reason::Yielded(_)
        | Reason::Preempted(_)
        | Reason::MoreDemoted(_)
        | Reason::Leaving(_)
        | Reason::Command(_)
        | Reason::Link(LinkState::Up)
        | Reason::Stopped
        | Reason::ConfiguredElsewhere
        | _ => Level::INFO,
    }
}

/// `text`, and which interface it is about, if it is about one.
fn about(interface: &str, text: &str) -> String {
    if interface.is_empty() {
        return text.to_owned();
    }
    format!("{interface}: {text}")
}

/// What happens within this time of damage that was told is part of it.
const ONE_INCIDENT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use carp_net::carp_fsm::{Damage, HostId, State, TakenDown};
    use carp_net::{Error, ErrorKind};

    use super::super::testing::facts;
    use super::*;

    const CARP0: &str = "carp0";

    fn id() -> HostId {
        serde_json::from_str("1").unwrap()
    }

    fn of_node(event: carp_fsm::Event) -> Event {
        let interface = CARP0.to_owned();
        Event::Node { interface, event }
    }

    fn second(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// What is in the log after `events`, each at its second, without what only `debug` shows.
    fn log(events: impl IntoIterator<Item = (u64, Event)>) -> Vec<String> {
        let mut journal = Journal::default();
        let entries = events
            .into_iter()
            .map(|(at, event)| journal.entry(second(at), &event));
        let shown = entries.filter(|(level, _)| *level < Level::DEBUG);
        shown
            .map(|(level, text)| format!("{level} {text}"))
            .collect()
    }

    fn transition(reason: Reason) -> Event {
        let (id, from, to) = (id(), State::Master, State::Init);
        of_node(carp_fsm::Event::Transition {
            id,
            from,
            to,
            reason,
            facts: facts(),
        })
    }

    #[test]
    fn transitions_are_warnings_where_the_trouble_is_here() {
        let seconds = Duration::from_millis(10_003);
        let frozen = Event::Node {
            interface: String::new(),
            event: carp_fsm::Event::Frozen(seconds),
        };
        assert_eq!(
            log([
                (0, transition(Reason::Configured)),
                (0, frozen),
                (0, transition(Reason::Frozen(seconds))),
                (0, transition(Reason::Link(LinkState::Absent))),
                (0, transition(Reason::TakenDown(TakenDown::SetDown))),
            ]),
            [
                "INFO carp0: state transition: MASTER -> INIT (configured)",
                "WARN frozen for 10.003 s",
                "WARN carp0: state transition: MASTER -> INIT (frozen for 10.003 s)",
                "WARN carp0: state transition: MASTER -> INIT (carpdev is absent)",
                "WARN carp0: state transition: MASTER -> INIT (set down by another program); \
                 `carpctl carp0 up' brings it back",
            ]
        );
    }

    #[test]
    fn damage_that_goes_on_and_on_is_told_once_a_second() {
        let damage = Damage::LinkAddress;
        let damaged = || {
            let demoted = |change: i32, total| {
                of_node(carp_fsm::Event::Demoted {
                    group: "carp".to_owned(),
                    owner: Owner::Host(id(), Ailment::Damage(damage)),
                    change,
                    total,
                })
            };
            [
                of_node(carp_fsm::Event::Damaged { id: id(), damage }),
                demoted(1, 1),
                of_node(carp_fsm::Event::Mended { id: id(), damage }),
                demoted(-1, 0),
            ]
        };
        let often = (0..3).flat_map(|_| damaged());
        assert_eq!(
            log(often.map(|event| (7, event))),
            [
                "WARN carp0: MAC address changed by another program",
                "WARN carp0: group carp demoted to 1 (MAC address changed by another program)",
                "INFO carp0: mended: MAC address changed by another program",
                "INFO carp0: group carp demoted to 0 (no longer: MAC address changed by another \
                 program)",
            ]
        );
        assert_eq!(
            log([7, 9].into_iter().flat_map(|at| damaged().map(|e| (at, e)))).len(),
            8
        );
    }

    #[test]
    fn errors_name_the_interface_once() {
        let failed = |about: &str| Event::NotMended {
            interface: CARP0.to_owned(),
            id: id(),
            error: Error::new(about, ErrorKind::NameTaken),
        };
        let held = Event::HoldFailed {
            interface: CARP0.to_owned(),
            id: id(),
            error: Error::new("192.0.2.10", std::io::Error::from_raw_os_error(13)),
        };
        let limited = |error| Event::Limited {
            interface: CARP0.to_owned(),
            id: id(),
            error,
        };
        let too_large = ErrorKind::MtuTooLarge {
            mtu: 9_000,
            carpdev: "vmx0".to_owned(),
            most: 1_500,
        };
        let of_node = of_node(carp_fsm::Event::HoldFailed { id: id() });
        assert_eq!(
            log([
                (0, failed(CARP0)),
                (0, failed("vmx0")),
                (0, held),
                (0, limited(Some(Error::new(CARP0, too_large)))),
                (0, limited(None)),
                (0, of_node)
            ]),
            [
                "WARN carp0: not mended: an interface of this name exists already and is not \
                 a carp interface",
                "WARN carp0: not mended: vmx0: an interface of this name exists already and is \
                 not a carp interface",
                "WARN carp0: addresses could not be put in place: 192.0.2.10: Permission denied \
                 (os error 13)",
                "WARN carp0: mtu 9000: vmx0 takes 1500 bytes at most: limited to that",
                "INFO carp0: mtu as configured",
            ]
        );
    }
}
