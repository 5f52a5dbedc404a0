//! What other programs do to what the virtual hosts need, and what becomes of what was asked of
//! the platform.

use super::Node;
use crate::demotion::{Ailment, CARP, Owner};
use crate::host::{Host, Stimulus};
use crate::{Damage, Event, HostId, Reason, State, TakenDown};

impl Node {
    pub(super) fn hold_answered(&mut self, id: HostId, held: bool) {
        self.with(id, |host, around| host.hold_answered(around, held));
        let is_master = |host: &Host| host.state() == State::Master;
        if held {
            self.ail(id, Ailment::Hold, false);
        } else if self.hosts.get(id).is_some_and(is_master) {
            self.ail(id, Ailment::Hold, true);
        }
    }

    /// A demotion that lasts as long as the damage. The others are told with the next advert; at
    /// once where the damage cannot be mended or keeps everything from this node. A lost address is
    /// back before either.
    pub(super) fn damaged(&mut self, id: HostId, damage: Damage) {
        let Some(host) = self.hosts.get_mut(id) else {
            return;
        };
        let before = host.run.counters.incidents;
        let too_many = host.damaged(self.now, &mut self.queue, damage);
        self.counters.incidents += host.run.counters.incidents - before;
        self.events.push_back(Event::Damaged { id, damage });
        if damage != Damage::Address {
            let amount = self.demotes_by();
            self.set_demotion(CARP, Owner::Host(id, Ailment::Damage(damage)), amount);
        }
        if damage == Damage::LinkAddress {
            self.step(id, Stimulus::Interrupted);
            self.tell_demotion(CARP);
        }
        if too_many {
            self.ail(id, Ailment::Restless, true);
        }
    }

    pub(super) fn mended(&mut self, id: HostId) {
        if let Some(damage) = self.hosts.get_mut(id).and_then(Host::mended) {
            self.events.push_back(Event::Mended { id, damage });
        }
        self.forget_damage(id);
        self.step(id, Stimulus::Mended);
    }

    pub(super) fn not_mended(&mut self, id: HostId) {
        let trouble = self.hosts.get(id).and_then(Host::trouble);
        if let Some(trouble) = trouble.filter(|trouble| !trouble.mended) {
            let owner = Owner::Host(id, Ailment::Damage(trouble.damage));
            let amount = self.demotes_by();
            self.set_demotion(CARP, owner, amount);
            self.tell_demotion(CARP);
        }
    }

    pub(super) fn forget_damage(&mut self, id: HostId) {
        for damage in [Damage::Address, Damage::LinkAddress, Damage::Inet6Disabled] {
            self.ail(id, Ailment::Damage(damage), false);
        }
    }

    pub(super) fn quieted(&mut self, id: HostId) {
        if let Some(host) = self.hosts.get_mut(id) {
            host.quieted();
        }
        self.ail(id, Ailment::Restless, false);
    }

    /// Like `down`, but there is nothing left to hand over. What is set down may turn out to be
    /// deleted.
    pub(super) fn taken_down(&mut self, id: HostId, how: TakenDown) {
        if let Some(host) = self.hosts.get_mut(id) {
            host.config.set_enabled(false);
            host.correct(Reason::TakenDown(how));
        }
        self.step(id, Stimulus::Drop(Reason::TakenDown(how)));
        self.update_demotion(id);
    }

    pub(super) fn set_lease(&mut self, lease: bool) {
        if core::mem::replace(&mut self.config.lease, lease) != lease {
            for id in self.all() {
                self.with(id, Host::reassure);
            }
        }
    }
}
