//! What the platform reports, on its way to the node.

use carp_fsm::carp_proto::Vhid;
use carp_fsm::{HostId, HostView, Input, Refusal, State, Timestamp};

use super::Driver;
use super::refusals::Told;
use crate::{Backend, Event, Report};

impl<B: Backend> Driver<B> {
    pub(super) fn take_in(&mut self, now: Timestamp, report: Report) {
        match report {
            Report::Packet(packet) => {
                // The node counts what it refuses.
                let refused =
                    self.node
                        .handle_packet(now, packet.link(), packet.envelope(), packet.bytes());
                if let Err(refusal) = refused
                    && refusal != Refusal::NotAllowed
                {
                    tracing::trace!(link = %packet.link(), source = %packet.envelope().source, %refusal);
                    if let Some(told) = self.refusals.note(now, refusal, &packet) {
                        self.tell_refused(told);
                    }
                }
            }
            Report::Filtered(count) => self.node.handle(now, Input::Filtered(count)),
            Report::Link { link, state } => self.node.handle(now, Input::Link { link, state }),
            Report::Networks(link) => {
                let found = self.links.iter().find(|(_, known)| known.id == link);
                if let Some((carpdev, _)) = found {
                    let carpdev = carpdev.clone();
                    self.events.push_back(Event::Networks { carpdev });
                }
            }
            Report::Held(id) => self.node.handle(now, Input::Held(id)),
            Report::HoldFailed(id, error) => {
                self.tell(id, |interface| Event::HoldFailed {
                    interface,
                    id,
                    error,
                });
                self.node.handle(now, Input::HoldFailed(id));
            }
            Report::Silenced(id) => self.node.handle(now, Input::Silenced(id)),
            Report::Adopted(id) => self.node.handle(now, Input::Adopted(id)),
            Report::NotAdopted(id) => self.not_adopted(now, id),
            Report::Lapsed(id) => self.node.handle(now, Input::Lapsed(id)),
            Report::Damaged { id, damage } => self.node.handle(now, Input::Damaged { id, damage }),
            Report::Mended(id) => self.node.handle(now, Input::Mended(id)),
            Report::NotMended(id, error) => {
                self.tell(id, |interface| Event::NotMended {
                    interface,
                    id,
                    error,
                });
                self.node.handle(now, Input::NotMended(id));
            }
            Report::Limited { id, error } => {
                self.tell(id, |interface| Event::Limited {
                    interface,
                    id,
                    error,
                });
            }
            Report::TakenDown { id, how } => self.node.handle(now, Input::TakenDown { id, how }),
            Report::Configured(id) => {
                self.tell(id, |interface| Event::Configured { interface, id });
            }
            Report::ConfigureFailed(id, error) => {
                self.tell(id, |interface| Event::ConfigureFailed {
                    interface,
                    id,
                    error,
                });
            }
            Report::TornDown(id) => {
                if let Some(interface) = self.interfaces.remove(&id) {
                    self.release_link(&interface.carpdev);
                    let interface = interface.name;
                    self.index.remove_name(&interface);
                    self.events.push_back(Event::Gone { interface, id });
                }
            }
        }
    }

    /// Tells something about the interface of `id`.
    fn tell(&mut self, id: HostId, event: impl FnOnce(String) -> Event) {
        let interface = self.name_of(id);
        self.events.push_back(event(interface));
    }

    pub(super) fn tell_refused(&mut self, told: Told) {
        let link = told.last.link;
        let vhid = told.last.vhid.and_then(|vhid| Vhid::new(vhid).ok());
        let host = vhid.and_then(|vhid| self.node.by_vhid(link, vhid));
        let interface = host.map_or_else(String::new, |id| self.name_of(id));
        let carpdev = self.links.iter().find(|(_, known)| known.id == link);
        let carpdev = carpdev.map_or_else(String::new, |(name, _)| name.clone());
        let refused = told.with_names(interface, carpdev);
        self.events.push_back(Event::Refused(refused));
    }

    /// A host that another process has left while it handed over holds nothing any more. One that is
    /// new has nothing to lose.
    fn not_adopted(&mut self, now: Timestamp, id: HostId) {
        let retires = |host: HostView<'_>| host.holds() && host.state() != State::Master;
        if self.node.host(id).is_some_and(retires) {
            self.node.handle(now, Input::Lapsed(id));
        }
    }
}
