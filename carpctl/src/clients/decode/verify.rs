//! Whether a digest is right, as far as that can be told.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;

use carp_net::carp_fsm::carp_proto::{
    Advertisement, Authenticator, DigestForm, Key, MacAddress, Vhid,
};

use super::words::Sender;

/// What is found of a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    /// It is right.
    Good {
        /// Which addresses it covers, where that makes a difference.
        form: Option<DigestForm>,
        /// The link-layer address that it covers, as OpenBSD's does where one was set.
        lladdr: Option<MacAddress>,
    },
    /// It is wrong.
    Bad,
    /// Too little was said to tell.
    Unverified,
}

/// Verifies the digests of one sender, or of several that share password and addresses.
pub(super) struct Verifier {
    vhid: Option<u8>,
    key: Key,
    addresses: Vec<IpAddr>,
    lladdr: Option<MacAddress>,
    /// A digest that does not fit is wrong; otherwise it may be what was not said.
    is_all_said: bool,
    /// Made when a vhid is first met.
    authenticators: RefCell<BTreeMap<Vhid, Authenticator>>,
}

impl Verifier {
    /// Verifies with a password, which may be that of a host without one.
    pub(super) fn with_password(sender: &Sender, key: Key) -> Self {
        Self {
            vhid: sender.vhid,
            key,
            addresses: sender.addresses.clone(),
            lladdr: sender.lladdr,
            is_all_said: !sender.addresses.is_empty(),
            authenticators: RefCell::default(),
        }
    }

    /// Tries what a host without a password would send, if anything was said of its addresses.
    pub(super) fn without_password(sender: &Sender) -> Option<Self> {
        (!sender.addresses.is_empty()).then(|| Self {
            is_all_said: false,
            ..Self::with_password(sender, Key::none())
        })
    }

    /// Says what is to be said of the digest of an advert that came from `source`.
    pub(super) fn verify(&self, advert: &Advertisement, source: Option<MacAddress>) -> Digest {
        if self.vhid.is_some_and(|vhid| vhid != advert.vhid) {
            return Digest::Unverified;
        }
        let wrong = if self.is_all_said {
            Digest::Bad
        } else {
            Digest::Unverified
        };
        let Ok(vhid) = Vhid::new(advert.vhid) else {
            return wrong;
        };
        let verify =
            |authenticator: &Authenticator| authenticator.verify(advert.counter, &advert.digest);
        let good = |form, lladdr| Digest::Good {
            form: self.has_link_local().then_some(form),
            lladdr,
        };
        let mut authenticators = self.authenticators.borrow_mut();
        let usual = authenticators
            .entry(vhid)
            .or_insert_with(|| Authenticator::new(&self.key, vhid, self.addresses()));
        if let Some(form) = verify(usual) {
            return good(form, None);
        }
        // Where it was not said, the frame says which link-layer address it would be
        // (`docs/carp-protocol.md §2.2`, 3).
        let shown = source.filter(|source| *source != vhid.virtual_mac());
        let Some(lladdr) = self.lladdr.or(shown) else {
            return wrong;
        };
        let (key, addresses) = (&self.key, self.addresses());
        let with_lladdr = Authenticator::with_hardware_address(key, vhid, lladdr, addresses);
        verify(&with_lladdr).map_or(wrong, |form| good(form, Some(lladdr)))
    }

    fn addresses(&self) -> impl Iterator<Item = IpAddr> + Clone {
        self.addresses.iter().copied()
    }

    /// Whether there are two forms of a digest at all.
    fn has_link_local(&self) -> bool {
        self.addresses.iter().any(|address| match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(address) => address.is_unicast_link_local(),
        })
    }
}

#[cfg(test)]
mod tests;
