//! The prefix length of an address that was given without one: that of the carpdev's network that
//! holds it.
//!
//! Where no network does, as while a machine starts and the carpdev or its addresses are not there
//! yet, the address is alone, and joins the first network that comes. What it has joined it keeps:
//! a prefix that follows the carpdev about would change under whoever has come to rely on it.

use carp_net::Backend;
use carp_net::carp_fsm::carp_proto::VirtualAddress;

use super::Control;
use crate::vocabulary::change::{AddressChange, Change};
use crate::vocabulary::config::{Config, bits, is_alone, no_prefix_length, own_broadcast};
use crate::vocabulary::name::InterfaceName;

impl<B: Backend> Control<B> {
    /// `change` with the prefix lengths it leaves open, as far as anything says what they are, and
    /// what the operator should know of that. `before` is what it is a change of.
    pub(super) fn with_prefixes(
        &mut self,
        before: Option<&Config>,
        change: &Change,
    ) -> (Change, Vec<String>) {
        let mut change = change.clone();
        let mut notes = Vec::new();
        if !change.addresses.iter().any(AddressChange::takes_any_prefix) {
            return (change, notes);
        }
        let of_before = before.and_then(|config| config.carpdev.as_deref());
        let of_before = of_before.filter(|_| !change.anew);
        let carpdev = change.carpdev.as_deref().or(of_before);
        let carpdev = carpdev.unwrap_or_default().to_owned();
        let networks = self.driver.networks(&carpdev);
        for address in change
            .addresses
            .iter_mut()
            .filter(|it| it.takes_any_prefix())
        {
            let ip = address.ip;
            let there = before.and_then(|config| {
                let mut own = config.addresses.iter();
                own.find(|own| own.ip() == ip)
            });
            if let Some(there) = there.filter(|there| !is_alone(there)) {
                // Whatever it was taken as, saying it again changes nothing.
                address.prefixlen = Some(there.prefix_len());
                continue;
            }
            let alone = VirtualAddress::new(ip, bits(ip)).ok();
            let joined = alone.and_then(|alone| joined(&alone, &networks));
            address.prefixlen = joined.map(|joined| joined.prefix_len());
            match (joined, there) {
                (Some(joined), _) => notes.push(as_on(&carpdev, &joined)),
                (None, Some(_)) => {}
                (None, None) => {
                    let bits = bits(ip);
                    let taken = format!("{ip}/{bits} until {carpdev} has a network that holds it");
                    notes.push(no_prefix_length(ip, &taken));
                }
            }
        }
        (change, notes)
    }

    /// Has the addresses of `config` that are alone join the networks that hold them. Says what the
    /// operator should know of that.
    pub(super) fn join(&mut self, config: &mut Config) -> Vec<String> {
        let Some(carpdev) = config.carpdev.clone().filter(|_| !config.alone.is_empty()) else {
            return Vec::new();
        };
        let networks = self.driver.networks(&carpdev);
        let alone = std::mem::take(&mut config.alone);
        let (mut left, mut notes) = (alone.clone(), Vec::new());
        let own = config.addresses.iter_mut();
        for address in own.filter(|own| alone.contains(&own.ip())) {
            if let Some(joined) = joined(address, &networks) {
                left.remove(&joined.ip());
                notes.push(as_on(&carpdev, &joined));
                *address = joined;
            }
        }
        config.alone = left;
        notes
    }

    /// The same of all interfaces on `carpdev`, which has other addresses than before.
    pub(super) fn join_on(&mut self, carpdev: &str) {
        let is_there = |config: &Config| config.carpdev.as_deref() == Some(carpdev);
        let there = self.interfaces.iter();
        let there = there.filter(|(_, found)| is_there(&found.config));
        let names: Vec<_> = there.map(|(name, _)| *name).collect();
        for name in names {
            self.join_when_idle(name);
        }
    }

    /// The same of one interface, unless it is in the middle of a change, after which this comes
    /// again.
    pub(super) fn join_when_idle(&mut self, name: InterfaceName) {
        let idle = self.interfaces.get(&name);
        let Some(interface) = idle.filter(|it| it.work.is_none() && !self.stopping) else {
            return;
        };
        let (id, mut config) = (interface.host, interface.config.clone());
        let notes = self.join(&mut config);
        if notes.is_empty() {
            return;
        }
        if let Some((id, (carpdev, host))) = id.zip(config.host())
            && let Err(error) = self.driver.change(id, carpdev, host)
        {
            tracing::warn!("{name}: {error}");
            return;
        }
        if let Some(interface) = self.interfaces.get_mut(&name) {
            interface.config = config;
        }
        self.touch(name);
        for note in notes {
            tracing::info!("{name}: {note}");
        }
    }
}

/// What is said of an address that has `joined` a network of `carpdev`.
fn as_on(carpdev: &str, joined: &VirtualAddress) -> String {
    no_prefix_length(joined.ip(), &format!("{joined}, as on {carpdev}"))
}

/// `alone` with the prefix of the smallest of `networks` that holds it.
fn joined(alone: &VirtualAddress, networks: &[VirtualAddress]) -> Option<VirtualAddress> {
    let around = networks.iter().filter_map(|network| {
        let own = VirtualAddress::new(alone.ip(), network.prefix_len()).ok()?;
        // An address alone is no network that another one could be in.
        let holds = !is_alone(network)
            && network.ip().is_ipv4() == own.ip().is_ipv4()
            && own.network() == network.network();
        holds.then_some(own)
    });
    let joined = around.max_by_key(VirtualAddress::prefix_len)?;
    Some(match own_broadcast(alone) {
        Some(broadcast) => joined.with_broadcast(broadcast),
        None => joined,
    })
}
