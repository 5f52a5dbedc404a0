//! What an operator says on a simulated node, in the words of `carpctl`: understood when the file is
//! read, and carried out as the service would.

use std::collections::BTreeMap;
use std::ffi::OsString;

use carp_net::carp_fsm::Command;
use carp_net::carp_fsm::carp_proto::Key;
use carp_net::simulation::{Incident, Outcome};

use super::schedule::{Wrong, wrong};
use crate::clients::demotion::words::{self as group_words, Asked};
use crate::server::service::commands;
use crate::vocabulary::change::{CarriedKey, Change};
use crate::vocabulary::config::Config;
use crate::vocabulary::demotion::{Demand, MOST, OwnerName};
use crate::vocabulary::group::GroupName;
use crate::vocabulary::name::{InterfaceName, PREFIX};
use crate::vocabulary::settings::{Assignment, Query, Setting, Settings};
use crate::vocabulary::words::{self, Parsed, SecretSource, password_position};

/// What an operator says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Saying {
    /// `carp0 …`
    Change(InterfaceName, Box<Change>),
    /// `-g carp …`
    Demote(GroupName, Demand),
    /// `sysctl NAME=VALUE …`
    Assign(Vec<Assignment>),
}

/// Understands `words`; nothing where they are nothing that an operator says.
pub(super) fn understood(words: &[OsString]) -> Result<Option<Saying>, Wrong> {
    let Some((first, rest)) = words.split_first() else {
        return Ok(None);
    };
    let first = first.to_string_lossy();
    if first == "-g" {
        let text = || words.join(" ".as_ref()).to_string_lossy().into_owned();
        let asked = group_words::parse(rest).map_err(|error| wrong(text(), error))?;
        let Asked::Group {
            group,
            demand: Some(demand),
            ..
        } = asked
        else {
            return Err(wrong(
                text(),
                "must be followed by carpdemote or -carpdemote",
            ));
        };
        return Ok(Some(Saying::Demote(group, demand)));
    }
    if first == "sysctl" {
        return assignments(rest).map(|all| Some(Saying::Assign(all)));
    }
    let Ok(name) = first.parse::<InterfaceName>() else {
        return Ok(None);
    };
    let change = change(name, rest)?;
    Ok(Some(Saying::Change(name, Box::new(change))))
}

/// The words behind `sysctl`.
pub(super) fn assignments(words: &[OsString]) -> Result<Vec<Assignment>, Wrong> {
    if words.is_empty() {
        return Err(wrong("sysctl", "NAME=VALUE must follow"));
    }
    let each = words.iter().map(|word| {
        let word = word.to_string_lossy();
        match Query::parse(&word) {
            Ok(Query::Assign(assignment)) => Ok(assignment),
            Ok(Query::All | Query::One(_)) => Err(wrong(word, "no value (write NAME=VALUE)")),
            Err(error) => Err(wrong(error.word, error.problem)),
        }
    });
    each.collect()
}

/// The words behind the name of an interface. A password may stand among them: nobody else sees
/// them, and it need not be the real one.
pub(super) fn change(name: InterfaceName, words: &[OsString]) -> Result<Change, Wrong> {
    let mut words = words.to_vec();
    let mut key = None;
    if let Some(password) = password_position(&words).and_then(|at| words.get_mut(at)) {
        let password = std::mem::replace(password, OsString::from("-"));
        key = Some(Key::from_password(password.as_encoded_bytes()));
    }
    let parsed = words::parse(&name.to_string(), &words);
    let Parsed { mut change, secret } = parsed.map_err(|error| wrong(error.word, error.problem))?;
    change.key = match secret {
        None => None,
        Some(SecretSource::None) => Some(CarriedKey(Key::none())),
        Some(SecretSource::StandardInput) if key.is_some() => key.map(CarriedKey),
        Some(SecretSource::StandardInput | SecretSource::File(_)) => {
            let reason = "a simulation reads no password: write `pass' and any word";
            return Err(wrong("pass", reason));
        }
    };
    Ok(change)
}

/// What was said on a node since its service began.
#[derive(Clone, Debug)]
pub(super) struct Operator {
    node: usize,
    interfaces: BTreeMap<InterfaceName, Config>,
    settings: Settings,
    /// What the operator and `sysctl` demote groups by.
    demotions: BTreeMap<(GroupName, OwnerName), i32>,
}

impl Operator {
    /// One who has said what stands in the file.
    pub(super) const fn new(
        node: usize,
        interfaces: BTreeMap<InterfaceName, Config>,
        settings: Settings,
    ) -> Self {
        Self {
            node,
            interfaces,
            settings,
            demotions: BTreeMap::new(),
        }
    }

    /// Says something; `suffer` lets the service hear it.
    ///
    /// # Errors
    ///
    /// Why it was refused.
    pub(super) fn say(
        &mut self,
        saying: &Saying,
        mut suffer: impl FnMut(&Incident) -> Outcome,
    ) -> Result<(), String> {
        match saying {
            Saying::Change(name, change) => self.change(*name, change, suffer),
            Saying::Demote(group, demand) => {
                let (owner, amount) = self.demanded(group, demand)?;
                heard(&suffer(&self.demotion(group, &owner, amount)))?;
                self.demotions.insert((group.clone(), owner), amount);
                Ok(())
            }
            Saying::Assign(assignments) => {
                let now = self.settings.with(assignments);
                let now = now.map_err(|error| error.to_string())?;
                for assignment in assignments {
                    if let Some(incident) = self.assigned(now, assignment.setting)? {
                        heard(&suffer(&incident))?;
                    }
                }
                self.settings = now;
                Ok(())
            }
        }
    }

    fn change(
        &mut self,
        name: InterfaceName,
        change: &Change,
        mut suffer: impl FnMut(&Incident) -> Outcome,
    ) -> Result<(), String> {
        let (node, interface) = (self.node, name.to_string());
        if change.destroy {
            heard(&suffer(&Incident::Destroy { node, interface }))?;
            self.interfaces.remove(&name);
            return Ok(());
        }
        let before = self.interfaces.get(&name);
        let config = with(before, change)?;
        let host = config.host();
        let is_only_down = before.is_some_and(|before| {
            let was_up = Config {
                up: true,
                ..before.clone()
            };
            let is_up = Config {
                up: true,
                ..config.clone()
            };
            was_up == is_up
        });
        let command = |command| Incident::Command {
            node,
            interface: interface.clone(),
            command,
        };
        // As the service does it: `up' and `down' alone are commands.
        if is_only_down {
            if !config.up {
                heard(&suffer(&command(Command::Down)))?;
            }
        } else if let Some((carpdev, host)) = host {
            let carpdev = carpdev.to_owned();
            heard(&suffer(&Incident::Change {
                node,
                interface: interface.clone(),
                carpdev,
                host: Box::new(host),
            }))?;
        }
        for wanted in commands(change, before, &config) {
            heard(&suffer(&command(wanted)))?;
        }
        self.interfaces.insert(name, config);
        Ok(())
    }

    fn amount(&self, group: &GroupName, owner: &OwnerName) -> i32 {
        let key = (group.clone(), owner.clone());
        self.demotions.get(&key).copied().unwrap_or_default()
    }

    /// In whose name, and by how much.
    fn demanded(&self, group: &GroupName, demand: &Demand) -> Result<(OwnerName, i32), String> {
        let (owner, amount) = match demand {
            Demand::Add(by) => {
                let owner = OwnerName::operator();
                let amount = self.amount(group, &owner) + i32::from(*by);
                (owner, amount)
            }
            Demand::Set { owner, amount } | Demand::Hold { owner, amount, .. } => {
                (owner.clone(), i32::from(*amount))
            }
            Demand::Clear(owner) => (owner.clone(), 0),
        };
        if !(0..=MOST).contains(&amount) {
            return Err(format!(
                "group {group}: a demotion of {amount} is out of range"
            ));
        }
        Ok((owner, amount))
    }

    fn demotion(&self, group: &GroupName, owner: &OwnerName, amount: i32) -> Incident {
        Incident::Demote {
            node: self.node,
            group: group.to_string(),
            owner: owner.as_str().to_owned(),
            amount,
        }
    }

    /// What follows from a setting that is now as in `now`.
    fn assigned(&self, now: Settings, setting: Setting) -> Result<Option<Incident>, String> {
        let node = self.node;
        Ok(Some(match setting {
            Setting::Allow => Incident::Allow(node, now.allow),
            Setting::Preempt => Incident::Preempt(node, now.preempt),
            Setting::Lease => Incident::Lease(node, now.lease),
            Setting::Announce => Incident::AnnounceEvery(node, now.announce_every()),
            Setting::Log => return Ok(None),
            Setting::Demotion => {
                let group = PREFIX.parse().map_err(|_| PREFIX.to_owned())?;
                self.demotion(&group, &OwnerName::sysctl(), now.demotion)
            }
        }))
    }
}

/// What comes of `change` where there was `before`; without a carpdev it is on [`CARPDEV`].
pub(super) fn with(before: Option<&Config>, change: &Change) -> Result<Config, String> {
    let base = match before {
        Some(before) => before.clone(),
        None => Config {
            carpdev: Some(CARPDEV.to_owned()),
            ..Config::default()
        },
    };
    let (config, _) = base.with(change).map_err(|error| error.to_string())?;
    Ok(config)
}

fn heard(outcome: &Outcome) -> Result<(), String> {
    match outcome {
        Outcome::Done => Ok(()),
        Outcome::Nothing => Err("no service hears it".to_owned()),
        outcome @ (Outcome::Refused(_) | _) => Err(outcome.to_string()),
    }
}

/// What an interface is on that no carpdev was said for.
pub(super) const CARPDEV: &str = "eth0";
