//! Why an interface is what it is, and whom it hears.

use carp_net::Backend;
use carp_net::carp_fsm::carp_proto::Family;
use carp_net::carp_fsm::{self, HostView};

use super::Control;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::watch::peers::{Peer, Peers, Stranger};
use crate::vocabulary::watch::why::{Now, Transition, Wait, Why};
use crate::vocabulary::watch::{Cause, Clock, Moment, micros};

impl<B: Backend> Control<B> {
    /// Why the interface `name` is what it is.
    pub(crate) fn why(&self, name: InterfaceName) -> Option<Why> {
        let report = self.report(name)?;
        let interface = self.interfaces.get(&name)?;
        let host = interface.host.and_then(|id| self.driver.node().host(id));
        let moment = Moment::now(self.driver.now());
        let transitions = host.map(|host| transitions(moment, host));
        let is_master = |host: &HostView<'_>| host.state() == carp_fsm::State::Master;
        let every = |host: HostView<'_>| micros(host.claim().interval.advert());
        let carp = report.carp.as_ref();
        Some(Why {
            name: report.name,
            transitions: transitions.unwrap_or_default(),
            now: Now {
                time: moment.wall(moment.node),
                state: carp.map_or(crate::vocabulary::report::State::Init, |carp| carp.state),
                configured: host.is_some(),
                up: interface.config.up,
                carpdev: carp.and_then(|carp| carp.carpdev.clone()),
                carpdev_state: carp.and_then(|carp| carp.carpdev_state),
                held_back: host.is_some_and(|host| host.is_held_back()),
                advertises_every_us: host.filter(is_master).map(every),
                waits: host.map(|host| waits(moment, host)).unwrap_or_default(),
            },
            demotion: report.demotion,
            demotions: report.demotions,
        })
    }

    /// Whom the interface `name` hears; nobody while it lacks a vhid or a carpdev.
    pub(crate) fn peers(&self, name: InterfaceName) -> Option<Peers> {
        let interface = self.interfaces.get(&name)?;
        let host = interface.host.and_then(|id| self.driver.node().host(id));
        let now = self.driver.now();
        let peers = host.map(|host| host.peers()).unwrap_or_default();
        let strangers = host.into_iter().flat_map(|host| host.strangers());
        Some(Peers {
            name: name.to_string(),
            peers: peers.iter().map(|peer| Peer::new(now, peer)).collect(),
            refused: strangers.map(|it| Stranger::new(now, it)).collect(),
        })
    }
}

fn transitions(now: Moment, host: HostView<'_>) -> Vec<Transition> {
    let transition = |it: &carp_fsm::Transition| Transition {
        time: now.wall(it.at),
        ago_us: micros(now.node - it.at),
        from: it.from.into(),
        to: it.to.into(),
        cause: Cause::new(now, &it.reason, &it.facts),
    };
    host.transitions().map(transition).collect()
}

/// What a backup waits for.
fn waits(now: Moment, host: HostView<'_>) -> Vec<Wait> {
    let wait = |family: Family| {
        let clock = host.master_down(family)?;
        let end = clock.wait.since + clock.wait.length;
        Some(Wait {
            clock: Clock::master_down(now, &family.to_string(), clock),
            ends_in_us: micros(end - now.node),
        })
    };
    Family::ALL.into_iter().filter_map(wait).collect()
}
