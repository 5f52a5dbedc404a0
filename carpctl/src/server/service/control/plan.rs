//! What a change comes to, before anything of it is done, and without: a rehearsal.

use carp_net::Backend;
use carp_net::carp_fsm::{Command, LinkState};

use super::changes::Mood;
use super::{Control, NO_SUCH_INTERFACE, STOPPING, told};
use crate::vocabulary::change::{Change, StateWish};
use crate::vocabulary::config::Config;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::rehearsal::{Hold, Rehearsal, Scene};

/// What a change comes to.
#[derive(Debug)]
pub(super) struct Plan {
    /// What there is; nothing where the interface is not there yet.
    pub(super) before: Option<Config>,
    pub(super) config: Config,
    /// What the carpdev is like.
    link: LinkState,
    /// What is done once the configuration is in place.
    pub(super) commands: Vec<Command>,
    /// What the operator should know.
    pub(super) notes: Vec<String>,
}

impl<B: Backend> Control<B> {
    /// What `change` of `name` comes to, as far as that can be known before the driver is asked.
    pub(super) fn plan(&mut self, name: InterfaceName, change: &Change) -> Result<Plan, String> {
        let there = self.interfaces.get(&name);
        if change.create && there.is_some() {
            return Err("exists already".to_owned());
        }
        let before = there.map(|interface| interface.config.clone());
        let is_new = there.is_none_or(|interface| interface.host.is_none());
        let says_where = is_new || change.carpdev.is_some() || change.up == Some(true);
        let (change, mut notes) = self.with_prefixes(before.as_ref(), change);
        let (mut config, more) = before
            .clone()
            .unwrap_or_default()
            .with(&change)
            .map_err(|error| error.to_string())?;
        notes.extend(more);
        notes.extend(self.join(&mut config));
        let commands = commands(&change, before.as_ref(), &config);
        if commands.iter().any(|command| *command != Command::Up) {
            self.check_link(name, &config)?;
        }
        let carpdev = config.host().map(|(carpdev, _)| carpdev);
        let link = carpdev.map_or(LinkState::Absent, |it| self.driver.link_state(it));
        if let Some(carpdev) = carpdev.filter(|_| says_where && link == LinkState::Absent) {
            notes.push(format!(
                "carpdev {carpdev} is not there yet: waiting for it"
            ));
        }
        Ok(Plan {
            before,
            config,
            link,
            commands,
            notes,
        })
    }

    /// What `change` of `name` would do. Nothing of it is done.
    pub(crate) fn rehearse(
        &mut self,
        name: InterfaceName,
        change: &Change,
    ) -> Result<Rehearsal, String> {
        if self.stopping {
            return Err(STOPPING.to_owned());
        }
        let there = self.interfaces.get(&name);
        let id = there.and_then(|interface| interface.host);
        let host = id.and_then(|id| self.driver.node().host(id));
        let state = host.map(|host| host.state());
        let is_held_back = host.is_some_and(|host| host.is_held_back());
        if change.destroy {
            there.ok_or(NO_SUCH_INTERFACE)?;
            let notes = Vec::from_iter(self.lost_with(name, Mood::Conditional));
            return Ok(Rehearsal::of_destroy(state, notes));
        }
        let plan = self.plan(name, change)?;
        match plan.config.host() {
            None => self.check_carpdev(name, &plan.config)?,
            Some((carpdev, host)) => {
                let known_as = name.to_string();
                let checked = self.driver.check(&known_as, carpdev, &host, id);
                checked.map_err(|error| told(&known_as, carpdev, &error))?;
            }
        }
        let is_wished = |command| plan.commands.contains(&command);
        let wish = if is_wished(Command::Master) {
            Some(StateWish::Master)
        } else {
            is_wished(Command::Backup).then_some(StateWish::Backup)
        };
        let hold = match (is_held_back, is_wished(Command::Up)) {
            (false, _) => Hold::None,
            (true, false) => Hold::Stays,
            (true, true) => Hold::Ends,
        };
        let scene = Scene {
            before: plan.before.as_ref(),
            after: &plan.config,
            state,
            link: plan.link,
            preempt: self.settings.preempt,
            wish,
            hold,
        };
        Ok(Rehearsal::of(scene, plan.notes))
    }
}

/// What is done once `change` has made `config` of what was there `before`. `up` is among it
/// because it also ends what `state backup` began; `down` is not, being part of the configuration.
///
/// A change that says everything anew comes again and again: `up` and `state` are then for an
/// interface that is down, or not there yet, and move no election otherwise.
pub(crate) fn commands(change: &Change, before: Option<&Config>, config: &Config) -> Vec<Command> {
    let (up, state) = if change.anew {
        let was_down = before.is_some_and(|before| !before.up);
        (
            config.up && was_down,
            change.state.filter(|_| before.is_none()),
        )
    } else {
        (change.up == Some(true), change.state)
    };
    let state = state.map(|state| match state {
        StateWish::Master => Command::Master,
        StateWish::Backup => Command::Backup,
    });
    up.then_some(Command::Up).into_iter().chain(state).collect()
}
