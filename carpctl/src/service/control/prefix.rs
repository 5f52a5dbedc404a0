//! The prefix length of an address that was given without one: that of the carpdev's network that
//! it is in.

use carp_net::Backend;
use carp_net::carp_fsm::carp_proto::VirtualAddress;

use super::Control;
use crate::change::{AddressChange, Change};
use crate::config::{Config, no_prefix_length};

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
            let there = before.and_then(|config| {
                let mut own = config.addresses.iter();
                own.find(|own| own.ip() == address.ip)
            });
            // One that is alone may have come before its network, as when the machine starts.
            let there = there.map(VirtualAddress::prefix_len);
            let kept = there.filter(|length| *length < bits(address));
            if let Some(length) = kept {
                // Whatever it was taken as, saying it again changes nothing.
                address.prefixlen = Some(length);
            } else if let Some(length) = longest_around(address, &networks) {
                address.prefixlen = Some(length);
                let ip = address.ip;
                let taken = format!("{ip}/{length}, as on {carpdev}");
                notes.push(no_prefix_length(ip, &taken));
            } else {
                address.prefixlen = there;
            }
        }
        (change, notes)
    }
}

/// The prefix length of an address alone.
const fn bits(address: &AddressChange) -> u8 {
    if address.ip.is_ipv4() { 32 } else { 128 }
}

/// The prefix length of the smallest of `networks` that `address` is in.
fn longest_around(address: &AddressChange, networks: &[VirtualAddress]) -> Option<u8> {
    let bits = bits(address);
    let holds = |network: &&VirtualAddress| {
        let length = network.prefix_len();
        let same_family = network.ip().is_ipv4() == address.ip.is_ipv4();
        let own = VirtualAddress::new(address.ip, length).ok();
        // An address alone is no network that another one could be in.
        same_family && length < bits && own.is_some_and(|own| own.network() == network.network())
    };
    let around = networks.iter().filter(holds);
    around.map(VirtualAddress::prefix_len).max()
}
