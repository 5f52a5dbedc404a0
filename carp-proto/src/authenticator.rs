//! The digest of an advertisement (`docs/carp-protocol.md §2.2`).

use core::fmt;
use core::iter;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::key::are_same;
use crate::keyed::{Beginning, OfCounter};
use crate::{Advertisement, Key, MacAddress, Vhid};

/// Which addresses a digest covers (`docs/carp-protocol.md §2.2`, item 4).
///
/// The two differ only for a virtual host that has an IPv6 link-local address.
///
/// # Examples
///
/// ```
/// use carp_proto::{Authenticator, DigestForm, Key, Vhid};
///
/// let addresses = ["2001:db8::10".parse()?, "fe80::10".parse()?];
/// let authenticator = Authenticator::new(&Key::none(), Vhid::new(1)?, addresses);
///
/// let of_freebsd = authenticator.sign(9, DigestForm::WithLinkLocal);
/// assert_ne!(of_freebsd, authenticator.sign(9, DigestForm::WithoutLinkLocal));
/// assert_eq!(authenticator.verify(9, &of_freebsd), Some(DigestForm::WithLinkLocal));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a further form would be another protocol"
)]
pub enum DigestForm {
    /// All but the IPv6 link-local ones: what OpenBSD sends, and what to send.
    WithoutLinkLocal,
    /// All: what FreeBSD and NetBSD send if a link-local address was configured.
    WithLinkLocal,
}

/// Signs and verifies the advertisements of one virtual host.
///
/// What does not change from one advertisement to the next, the key, the vhid and the addresses,
/// is hashed once, when the authenticator is made; a packet then costs the hash of its counter.
/// Neither the key nor anything made of it is ever printed, and all is wiped on drop.
///
/// # Examples
///
/// ```
/// use carp_proto::{Authenticator, DigestForm, Key, Vhid};
///
/// let key = Key::from_password("mekmitasdigoat");
/// let authenticator = Authenticator::new(&key, Vhid::new(1)?, ["192.0.2.10".parse()?]);
///
/// let digest = authenticator.sign(9, DigestForm::WithoutLinkLocal);
/// assert_eq!(authenticator.verify(9, &digest), Some(DigestForm::WithoutLinkLocal));
/// assert_eq!(authenticator.verify(10, &digest), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Authenticator {
    without_link_local: OfCounter,
    /// Only if there is a link-local address; the two would be the same otherwise.
    with_link_local: Option<OfCounter>,
}

impl Authenticator {
    /// Makes the authenticator of a virtual host.
    ///
    /// The addresses may come in any order and more than once. As in every BSD, `0.0.0.0`,
    /// `255.255.255.255`, `::` and `ffff:…:ffff` are not covered, and the scope that a BSD kernel
    /// embeds into a link-local address counts as zero.
    pub fn new<I>(key: &Key, vhid: Vhid, addresses: I) -> Self
    where
        I: IntoIterator<Item = IpAddr>,
        I::IntoIter: Clone,
    {
        Self::build(key, vhid, &[], addresses.into_iter())
    }

    /// Makes the authenticator of a virtual host whose interface has a MAC address of its own
    /// choice, which OpenBSD's digest covers (`docs/carp-protocol.md §2.2`, item 3).
    ///
    /// The virtual MAC address of the vhid is not covered. Nor is that of the carpdev: a host
    /// that uses it wants [`new`](Self::new).
    pub fn with_hardware_address<I>(
        key: &Key,
        vhid: Vhid,
        hardware_address: MacAddress,
        addresses: I,
    ) -> Self
    where
        I: IntoIterator<Item = IpAddr>,
        I::IntoIter: Clone,
    {
        if hardware_address == vhid.virtual_mac() {
            return Self::new(key, vhid, addresses);
        }
        Self::build(key, vhid, &hardware_address.octets(), addresses.into_iter())
    }

    fn build<I>(key: &Key, vhid: Vhid, hardware_address: &[u8], addresses: I) -> Self
    where
        I: Iterator<Item = IpAddr> + Clone,
    {
        let inet = addresses.clone().filter_map(inet);
        let inet6 = addresses.filter_map(inet6).map(without_scope);
        let globals = inet6
            .clone()
            .filter(|address| !address.is_unicast_link_local());

        let mut common = Beginning::new(key);
        common.update(&[Advertisement::VERSION, Advertisement::TYPE]);
        common.update(hardware_address);
        common.update(&[vhid.get()]);
        for address in ascending(inet, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST) {
            common.update(&address.octets());
        }

        let has_link_local = inet6.clone().any(|address| address.is_unicast_link_local());
        let with_link_local = has_link_local.then(|| with_inet6(common.clone(), inet6));
        Self {
            without_link_local: with_inet6(common, globals),
            with_link_local,
        }
    }

    /// Returns the digest of a counter.
    pub fn sign(&self, counter: u64, form: DigestForm) -> [u8; 20] {
        let state = match form {
            DigestForm::WithoutLinkLocal => &self.without_link_local,
            DigestForm::WithLinkLocal => self
                .with_link_local
                .as_ref()
                .unwrap_or(&self.without_link_local),
        };
        let mut digest = [0; 20];
        let (slots, _) = digest.as_chunks_mut();
        for (slot, word) in slots.iter_mut().zip(state.finish(counter)) {
            *slot = word.to_be_bytes();
        }
        digest
    }

    /// Returns which of the two forms the digest of a counter has, `None` if it has neither.
    ///
    /// Each comparison takes the same time wherever the difference is. Without a link-local
    /// address there is but one form, [`WithoutLinkLocal`](DigestForm::WithoutLinkLocal).
    #[must_use]
    pub fn verify(&self, counter: u64, digest: &[u8; 20]) -> Option<DigestForm> {
        let (claimed, _) = digest.as_chunks();
        let matches = |state: &OfCounter| {
            let words = claimed.iter().map(|word| u32::from_be_bytes(*word));
            are_same(state.finish(counter), words)
        };
        if matches(&self.without_link_local) {
            return Some(DigestForm::WithoutLinkLocal);
        }
        self.with_link_local
            .as_ref()
            .is_some_and(matches)
            .then_some(DigestForm::WithLinkLocal)
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

/// Hashes the IPv6 addresses.
fn with_inet6<I>(mut state: Beginning, addresses: I) -> OfCounter
where
    I: Iterator<Item = Ipv6Addr> + Clone,
{
    for address in ascending(
        addresses,
        Ipv6Addr::UNSPECIFIED,
        Ipv6Addr::from_bits(u128::MAX),
    ) {
        state.update(&address.octets());
    }
    state.then_counter()
}

/// Sorts without memory, as the kernels do: each next one is the least above the last one.
///
/// Duplicates come out once, the two bounds never (`docs/carp-protocol.md §2.2`, item 2).
fn ascending<A, I>(addresses: I, lower: A, upper: A) -> impl Iterator<Item = A>
where
    A: Copy + Ord,
    I: Iterator<Item = A> + Clone,
{
    let above = move |last: &A| {
        let last = *last;
        addresses
            .clone()
            .filter(|address| last < *address && *address < upper)
            .min()
    };
    iter::successors(above(&lower), above)
}

/// Zeroes the second 16 bits of a link-local address, where BSD kernels embed the scope.
fn without_scope(address: Ipv6Addr) -> Ipv6Addr {
    if address.is_unicast_link_local() {
        let [prefix, _, rest @ ..] = address.segments();
        let [a, b, c, d, e, f] = rest;
        Ipv6Addr::new(prefix, 0, a, b, c, d, e, f)
    } else {
        address
    }
}

fn inet(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

fn inet6(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => Some(address),
    }
}
