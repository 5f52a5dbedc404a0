//! What the events of a file may name on a node: what it has, or is told to have by another event.

use std::collections::BTreeSet;

use carp_net::simulation::Incident;

use super::operator::{CARPDEV, Saying};
use super::schedule::{Act, Entry, Wrong, wrong};
use crate::vocabulary::config::Config;
use crate::vocabulary::name::InterfaceName;

/// The interfaces and carpdevs of one node, whenever it has them.
#[derive(Debug, Default)]
pub(super) struct Known {
    interfaces: BTreeSet<String>,
    /// Those of them that have a vhid at some time.
    with_vhid: BTreeSet<String>,
    carpdevs: BTreeSet<String>,
}

impl Known {
    /// The node has this interface from the beginning on.
    pub(super) fn interface(&mut self, name: InterfaceName, config: &Config) {
        self.add(name, config.vhid.is_some(), config.carpdev.as_deref());
    }

    fn add(&mut self, name: InterfaceName, has_vhid: bool, carpdev: Option<&str>) {
        self.interfaces.insert(name.to_string());
        if has_vhid {
            self.with_vhid.insert(name.to_string());
        }
        self.carpdev(carpdev.unwrap_or(CARPDEV));
    }

    /// The node has this carpdev.
    pub(super) fn carpdev(&mut self, name: &str) {
        self.carpdevs.insert(name.to_owned());
    }

    /// Takes in what the operator says of interfaces on `node` in some events.
    pub(super) fn learn(&mut self, node: usize, entries: &[Entry]) {
        for entry in entries {
            if let Act::Said(of, Saying::Change(name, change)) = &entry.act
                && *of == node
                && !change.destroy
            {
                self.add(*name, change.vhid.is_some(), change.carpdev.as_deref());
            }
        }
    }

    /// Whether the node never has an interface.
    pub(super) fn is_bare(&self) -> bool {
        self.interfaces.is_empty()
    }

    /// Whether an interface, if this is one, would never take part for want of a vhid.
    pub(super) fn check_vhid(&self, name: &str) -> Result<(), Wrong> {
        if self.interfaces.contains(name) && !self.with_vhid.contains(name) {
            let reason = "without a vhid it never takes part: write `vhid N', from 1 to 255";
            return Err(wrong(name, reason));
        }
        Ok(())
    }

    /// Whether an event speaks of what the node never has.
    pub(super) fn check(&self, entry: &Entry) -> Result<(), Wrong> {
        let (what, name, all) = match &entry.act {
            Act::Incident(Incident::Harm { interface, .. }) => {
                ("interface", interface, &self.interfaces)
            }
            Act::Incident(Incident::Link { carpdev, .. }) => ("carpdev", carpdev, &self.carpdevs),
            Act::Said(_, Saying::Change(name, _)) => return self.check_vhid(&name.to_string()),
            Act::Incident(_) | Act::Said(..) => return Ok(()),
        };
        if all.contains(name) {
            return Ok(());
        }
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let all = if all.is_empty() {
            "none".to_owned()
        } else {
            all.join(", ")
        };
        Err(wrong(name, format!("the node has no such {what} ({all})")))
    }
}
