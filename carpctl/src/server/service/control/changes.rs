//! A change of one interface: what comes of it at once, and what is waited for.

use carp_net::Backend;
use carp_net::carp_fsm::carp_proto::VirtualAddress;
use carp_net::carp_fsm::{Command, HostId, HostView, LinkState, Owner, State};

use super::plan::Plan;
use super::{Control, NO_SUCH_INTERFACE, Order, STOPPING, Ticket, Undo, Work, told};
use crate::vocabulary::change::Change;
use crate::vocabulary::config::Config;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::protocol::Reply;
use crate::vocabulary::settings::{Setting, Settings};

impl<B: Backend> Control<B> {
    pub(super) fn try_change(
        &mut self,
        ticket: Ticket,
        name: InterfaceName,
        change: &Change,
    ) -> Result<(), String> {
        if self.stopping {
            return Err(STOPPING.to_owned());
        }
        if change.destroy {
            return self.destroy(ticket, name);
        }
        let Plan {
            before,
            config,
            commands,
            notes,
            ..
        } = self.plan(name, change)?;
        let there = self.interfaces.get(&name);
        let id = there.and_then(|interface| interface.host);
        let follows = self.apply(name, id, &config)?;
        let order = Order {
            ticket,
            notes,
            commands,
        };
        let readdressed = before
            .as_ref()
            .is_some_and(|before| before.addresses != config.addresses);
        let undo = match (id, before) {
            (Some(_), Some(before)) => Undo::Change(before),
            (_, before) => Undo::Remove(before),
        };
        let host = follows.host;
        let (work, done) = if follows.configured {
            (Some(Work::Configuring { order, undo }), None)
        } else if readdressed && self.is_still_to_hold(host, &config) {
            self.holders.insert(name);
            (Some(Work::Holding { order, undo }), None)
        } else {
            (None, Some(order))
        };
        self.forget_other_scripts(name, &config);
        let interface = self.interfaces.entry(name).or_default();
        interface.config = config;
        interface.host = host;
        interface.work = work.map(Box::new);
        self.touch(name);
        self.destroyed_last = false;
        if let Some(order) = done {
            self.carry_out(name, order);
        }
        self.take_events();
        Ok(())
    }

    /// Has the driver make `config` of `name`, or checks as much of it as there is.
    fn apply(
        &mut self,
        name: InterfaceName,
        id: Option<HostId>,
        config: &Config,
    ) -> Result<Follows, String> {
        let Some((carpdev, host)) = config.host() else {
            self.check_carpdev(name, config)?;
            return Ok(Follows::default());
        };
        let told = |error| told(&name.to_string(), carpdev, &error);
        let Some(id) = id else {
            let id = self.driver.add(&name.to_string(), carpdev, host);
            let id = id.map_err(told)?;
            self.set_whether_it_asks(id, config);
            return Ok(Follows {
                host: Some(id),
                configured: true,
            });
        };
        let same_but_up = self.driver.node().host(id).is_some_and(|view| {
            view.config().clone().enabled(config.up) == host
                && self.carpdev_of(name) == Some(carpdev)
        });
        // `up` and `down` alone are commands, so that they work while the carpdev is gone.
        let configured = if same_but_up {
            if !config.up {
                self.driver.command(id, Command::Down).map_err(told)?;
            }
            false
        } else {
            self.driver.change(id, carpdev, host).map_err(told)?
        };
        self.set_whether_it_asks(id, config);
        Ok(Follows {
            host: Some(id),
            configured,
        })
    }

    pub(super) fn link_state(&self, id: HostId) -> LinkState {
        let node = self.driver.node();
        let state = |host: HostView<'_>| node.link_state(host.link());
        node.host(id).map_or(LinkState::Absent, state)
    }

    /// Whether it is master and has not all of its addresses yet.
    pub(super) fn is_still_to_hold(&self, host: Option<HostId>, config: &Config) -> bool {
        let is_master = |id: &HostId| {
            let view = self.driver.node().host(*id);
            view.is_some_and(|view| view.state() == State::Master)
        };
        host.filter(is_master).is_some_and(|id| {
            let installed = self.driver.inspect(id).installed;
            let is_there =
                |address: &VirtualAddress| installed.iter().any(|it| it.ip() == address.ip());
            !config.addresses.iter().all(is_there)
        })
    }

    fn destroy(&mut self, ticket: Ticket, name: InterfaceName) -> Result<(), String> {
        let lost = self.lost_with(name, Mood::Indicative);
        let interface = self.interfaces.get_mut(&name).ok_or(NO_SUCH_INTERFACE)?;
        let notes = Vec::from_iter(lost);
        let reply = Reply::Done { notes };
        let Some(id) = interface.host else {
            self.forget(name, None);
            self.reply(ticket, reply);
            return Ok(());
        };
        interface.work = Some(Box::new(Work::Leaving {
            ticket,
            reply,
            rest: None,
        }));
        self.driver.remove(id).map_err(|error| error.to_string())?;
        self.take_events();
        Ok(())
    }

    /// What the operator should know before `name` goes: with the last one goes the service, unless
    /// a demotion keeps it.
    pub(super) fn lost_with(&self, name: InterfaceName, mood: Mood) -> Option<String> {
        let is_last = self.interfaces.len() == 1 && self.has(name);
        if !is_last || !self.on_demand {
            return None;
        }
        self.kept_by_demotions(mood)
            .or_else(|| self.settings_lost(mood))
    }

    /// What the operator should know before a service goes that he has told something.
    pub(super) fn settings_lost(&self, mood: Mood) -> Option<String> {
        let default = Settings::default();
        let (ends, is) = match mood {
            Mood::Indicative => ("the service ends with its last interface", "is"),
            Mood::Conditional => ("the service would end with its last interface", "would be"),
        };
        let again =
            |setting: Setting| format!("{} {is} {} again", setting.name(), default.get(setting));
        let again: Vec<String> = self.settings.unusual().map(again).collect();
        (!again.is_empty()).then(|| format!("{ends}: {}", again.join(", ")))
    }

    /// What the operator should know of a service that stays without an interface.
    fn kept_by_demotions(&self, mood: Mood) -> Option<String> {
        let mut demotions = self.driver.node().demotions();
        let by_name = demotions.find(|entry| matches!(entry.owner, Owner::Named(_)))?;
        let group = by_name.group;
        let goes_on = match mood {
            Mood::Indicative => "goes on",
            Mood::Conditional => "would go on",
        };
        Some(format!(
            "the service {goes_on} without an interface, because somebody demotes group {group} \
             (`carpctl -g {group}' shows who)"
        ))
    }
}

/// Whether something is done or only rehearsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Indicative,
    Conditional,
}

/// What comes of applying a configuration.
#[derive(Debug, Default)]
struct Follows {
    /// The virtual host that it is.
    host: Option<HostId>,
    /// Whether the driver will tell how it went.
    configured: bool,
}
