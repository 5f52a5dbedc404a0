//! What the node asks for, carried out on the platform.

use carp_fsm::carp_proto::Family;
use carp_fsm::{Action, HostId, Input};

use super::{Driver, setup_of};
use crate::{Backend, Event, Outgoing};

impl<B: Backend> Driver<B> {
    pub(super) fn drain(&mut self) {
        loop {
            while let Some(action) = self.node.poll_action() {
                self.obey(action);
            }
            let Some(event) = self.node.poll_event() else {
                break;
            };
            let id = event.host();
            let removed = matches!(event, carp_fsm::Event::Removed { .. });
            let interface = id.map_or_else(String::new, |id| self.name_of(id));
            self.events.push_back(Event::Node { interface, event });
            match id {
                Some(id) if removed => {
                    self.index.set_addresses(id, &[]);
                    self.tear_down(id);
                }
                Some(id) => {
                    self.configure(id);
                }
                None => {}
            }
        }
        if self.stopping && self.node.is_stopped() {
            let all: Vec<HostId> = self.interfaces.keys().copied().collect();
            for id in all {
                self.tear_down(id);
            }
        }
    }

    pub(super) fn drain_and_say_whether_configured(&mut self, id: HostId) -> bool {
        let before = self.interfaces.get(&id).map(|found| found.setup.clone());
        self.drain();
        self.configure(id);
        self.interfaces.get(&id).map(|found| &found.setup) != before.as_ref()
    }

    fn obey(&mut self, action: Action) {
        match action {
            Action::Send {
                id,
                link: _,
                to,
                payload,
                checksum,
                traffic_class,
            } => {
                let advert = Outgoing::new(to, payload, checksum, traffic_class);
                let input = match self.backend.send(id, &advert) {
                    Ok(source) => Input::Sent { id, source },
                    Err(error) => {
                        tracing::debug!(interface = self.name_of(id), %error, "advert not sent");
                        Input::SendFailed {
                            id,
                            family: Family::of(to),
                            no_memory: error.is_out_of_memory(),
                        }
                    }
                };
                self.node.handle(self.backend.now(), input);
            }
            Action::Hold(id) => self.hold_or_ask(id),
            Action::Renew { id, lease } => self.backend.renew(id, lease),
            Action::HandOver(id) => self.backend.hand_over(id),
            Action::Release(id) => {
                self.give_up_asking(id);
                self.backend.release(id);
            }
            Action::Announce { id, address } => self.backend.announce(id, address),
        }
    }

    /// Has the interface made as its virtual host is now, where that differs from before.
    pub(super) fn configure(&mut self, id: HostId) {
        let Some(view) = self.node.host(id) else {
            return;
        };
        let Some(interface) = self.interfaces.get_mut(&id) else {
            return;
        };
        let up = view.config().is_enabled() || view.holds();
        let setup = setup_of(&interface.name, view.link(), view.config(), up);
        // What is taken away in a moment is not set down before, which takes the kernel a while.
        if !interface.tearing_down && !self.stopping && interface.setup != setup {
            interface.setup = setup;
            self.backend.configure(id, &interface.setup);
        }
    }

    fn tear_down(&mut self, id: HostId) {
        if let Some(interface) = self.interfaces.get_mut(&id)
            && !interface.tearing_down
        {
            interface.tearing_down = true;
            self.backend.tear_down(id);
        }
    }
}
