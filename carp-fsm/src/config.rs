//! What a node and a virtual host are told to be.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use carp_proto::{
    AdvBase, AdvSkew, Authenticator, Family, Key, MacAddress, OutOfRange, Vhid, VirtualAddress,
};

use crate::demotion::CARP;
use crate::election::Claim;
use crate::{DemotionForm, Dialect, Interval};

/// Settings of a whole node.
///
/// ```
/// use carp_fsm::Node;
///
/// let node = Node::new(Node::builder().preempt(true), 42);
/// assert!(node.preempt());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    pub(crate) preempt: bool,
    pub(crate) manage_addresses: bool,
    pub(crate) announce_every: Duration,
    pub(crate) lease: bool,
    pub(crate) allow: bool,
    pub(crate) tell_peers: bool,
}

impl NodeConfig {
    /// A node that listens to others, does not preempt, manages its addresses, holds them by
    /// lease, and announces them each minute.
    pub const fn new() -> Self {
        Self {
            preempt: false,
            manage_addresses: true,
            announce_every: Duration::from_secs(60),
            lease: true,
            allow: true,
            tell_peers: false,
        }
    }

    /// Whether a backup takes over from a master that advertises more slowly; off by default
    /// (`docs/carp-protocol.md §5.1`).
    #[must_use]
    pub const fn preempt(mut self, preempt: bool) -> Self {
        self.preempt = preempt;
        self
    }

    /// How often a master announces its addresses after the first seconds; zero: not at all. A
    /// minute by default, so that a switch's table does not age out before the neighbours' own.
    #[must_use]
    pub const fn announce_every(mut self, every: Duration) -> Self {
        self.announce_every = every;
        self
    }

    /// Whether addresses are held for a while only, and for another while after each advert; on by
    /// default. Then a node that dies does not keep them longer than it takes the others to find
    /// out; without, they stay until somebody takes them away. See
    /// [`Node::lease`](crate::Node::lease).
    #[must_use]
    pub const fn lease(mut self, lease: bool) -> Self {
        self.lease = lease;
        self
    }

    /// Whether the node takes in what others send; on by default. A node that does not hears
    /// nobody, and so becomes master: as on OpenBSD it goes on sending
    /// (`docs/carp-protocol.md §3`, step 2).
    #[must_use]
    pub const fn allow(mut self, allow: bool) -> Self {
        self.allow = allow;
        self
    }

    /// Whether [`Event::PeerHeard`](crate::Event::PeerHeard) and
    /// [`Event::PeerLost`](crate::Event::PeerLost) are told, for which the node has to be called
    /// when an advert is missing; off by default.
    #[must_use]
    pub const fn tell_peers(mut self, tell: bool) -> Self {
        self.tell_peers = tell;
        self
    }

    /// Whether the node asks for addresses to be held and released; on by default. A node that
    /// does not manage addresses only elects: it asks for no `Hold`, `HandOver`, `Release` or
    /// `Announce`.
    #[must_use]
    pub const fn manage_addresses(mut self, manage: bool) -> Self {
        self.manage_addresses = manage;
        self
    }
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// Which link-layer address goes with the virtual addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lladdr {
    /// The virtual one, 00:00:5e:00:01:VHID (`docs/carp-protocol.md §1.4`).
    #[default]
    Virtual,
    /// The carpdev's own, for networks that refuse foreign ones.
    Carpdev,
    /// One of the operator's choice, the same on all nodes. OpenBSD's digest covers it: see
    /// [`Dialect::hashes_manual_lladdr`].
    Manual(MacAddress),
}

/// One virtual host: its identity, its place in the election and its addresses.
///
/// ```
/// use carp_fsm::VirtualHost;
/// use carp_proto::{Key, Vhid};
///
/// # fn main() -> Result<(), Box<dyn core::error::Error>> {
/// let web = VirtualHost::new(Vhid::new(99)?, Key::from_password("SharedSecret"))
///     .advskew(100)?
///     .address("192.0.2.10/24".parse()?);
/// assert_eq!(web.interval().to_string(), "1/100");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualHost {
    vhid: Vhid,
    key: Key,
    advbase: AdvBase,
    advskew: AdvSkew,
    addresses: Vec<VirtualAddress>,
    lladdr: Lladdr,
    dialect: Dialect,
    demotion_form: Option<DemotionForm>,
    peers: Vec<IpAddr>,
    groups: Vec<String>,
    mtu: Option<u32>,
    enabled: bool,
}

impl VirtualHost {
    /// A virtual host with advbase 1, advskew 0, no address, up.
    pub fn new(vhid: Vhid, key: Key) -> Self {
        Self {
            vhid,
            key,
            advbase: AdvBase::default(),
            advskew: AdvSkew::default(),
            addresses: Vec::new(),
            lladdr: Lladdr::Virtual,
            dialect: Dialect::Portable,
            demotion_form: None,
            peers: Vec::new(),
            groups: Vec::new(),
            mtu: None,
            enabled: true,
        }
    }

    /// Sets the whole seconds between two adverts (0–254).
    ///
    /// # Errors
    ///
    /// [`OutOfRange`] for 255.
    pub fn advbase(mut self, seconds: u8) -> Result<Self, OutOfRange> {
        self.advbase = AdvBase::new(seconds)?;
        Ok(self)
    }

    /// Sets the 256ths of a second added to advbase (0–254).
    ///
    /// # Errors
    ///
    /// [`OutOfRange`] for 255.
    pub fn advskew(mut self, skew: u8) -> Result<Self, OutOfRange> {
        self.advskew = AdvSkew::new(skew)?;
        Ok(self)
    }

    /// Adds an address; one with the same number is replaced in its place.
    #[must_use]
    pub fn address(mut self, address: VirtualAddress) -> Self {
        match self.addresses.iter_mut().find(|a| a.ip() == address.ip()) {
            Some(same) => *same = address,
            None => self.addresses.push(address),
        }
        self
    }

    /// Adds addresses, as [`address`](Self::address) does each.
    #[must_use]
    pub fn with_addresses(self, addresses: impl IntoIterator<Item = VirtualAddress>) -> Self {
        addresses.into_iter().fold(self, Self::address)
    }

    /// Sets the link-layer address that goes with the virtual addresses.
    #[must_use]
    pub const fn lladdr(mut self, lladdr: Lladdr) -> Self {
        self.lladdr = lladdr;
        self
    }

    /// Sets whose CARP the peers speak; [`Dialect::Portable`] by default.
    #[must_use]
    pub const fn speaking(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Sets where adverts say that this node is demoted, other than the dialect would
    /// (`docs/carp-protocol.md §10`, rule 7); `None`: as the dialect would.
    #[must_use]
    pub const fn demotion_in(mut self, form: Option<DemotionForm>) -> Self {
        self.demotion_form = form;
        self
    }

    /// Adds a peer that adverts of its family go to, instead of the multicast group.
    #[must_use]
    pub fn peer(mut self, peer: IpAddr) -> Self {
        if !self.peers.contains(&peer) {
            self.peers.push(peer);
        }
        self
    }

    /// Adds peers, as [`peer`](Self::peer) does each.
    #[must_use]
    pub fn with_peers(self, peers: impl IntoIterator<Item = IpAddr>) -> Self {
        peers.into_iter().fold(self, Self::peer)
    }

    /// Puts it into an interface group; every virtual host is in `carp`
    /// (`docs/carp-protocol.md §5.2`).
    #[must_use]
    pub fn group(mut self, name: &str) -> Self {
        if name != CARP && !self.groups.iter().any(|group| group == name) {
            self.groups.push(name.to_owned());
        }
        self
    }

    /// Puts it into interface groups, as [`group`](Self::group) does into each.
    #[must_use]
    pub fn with_groups(self, names: impl IntoIterator<Item: AsRef<str>>) -> Self {
        let put = |host: Self, name| host.group(AsRef::<str>::as_ref(&name));
        names.into_iter().fold(self, put)
    }

    /// Sets how large packets to and from its addresses can be, in bytes; `None`: as large as on
    /// its link. No other node sees anything of it.
    #[must_use]
    pub const fn with_mtu(mut self, mtu: Option<u32>) -> Self {
        self.mtu = mtu;
        self
    }

    /// Sets whether the virtual host is up; one that is down stays in INIT.
    #[must_use]
    pub const fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// The virtual host id.
    pub const fn vhid(&self) -> Vhid {
        self.vhid
    }

    /// The key of the digest.
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// How often it advertises.
    pub const fn interval(&self) -> Interval {
        Interval::new(self.advbase, self.advskew)
    }

    /// Its addresses, in the order they were given.
    pub fn addresses(&self) -> &[VirtualAddress] {
        &self.addresses
    }

    /// The link-layer address that goes with them.
    pub const fn link_address(&self) -> Lladdr {
        self.lladdr
    }

    /// Whose CARP its peers speak.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where its adverts say that this node is demoted.
    pub fn demotion_form(&self) -> DemotionForm {
        self.demotion_form
            .unwrap_or_else(|| self.dialect.demotion_form())
    }

    /// Whom its adverts go to instead of the multicast groups, in the order they were given.
    pub fn peers(&self) -> &[IpAddr] {
        &self.peers
    }

    /// The interface groups it is in: `carp`, and those it was put into.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        core::iter::once(CARP).chain(self.groups.iter().map(String::as_str))
    }

    /// How large packets to and from its addresses can be, where that is not as on its link.
    pub const fn mtu(&self) -> Option<u32> {
        self.mtu
    }

    /// How long it waits for a master that is not heard any more, before it takes over.
    pub fn master_down(&self) -> Duration {
        self.dialect.master_down(self.interval())
    }

    /// Whether it is up.
    pub const fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether it advertises and listens over `family`: where it has an address of it, and over
    /// IPv4 while it has no address at all.
    pub(crate) fn speaks(&self, family: Family) -> bool {
        match (self.addresses.is_empty(), family) {
            (true, Family::Inet) => true,
            (true, Family::Inet6) => false,
            (false, _) => self.addresses.iter().any(|a| a.family() == family),
        }
    }

    /// What its adverts claim where its node is demoted by `demotion`.
    pub(crate) fn claim(&self, demotion: i32) -> Claim {
        self.dialect
            .claim(self.interval(), demotion, self.demotion_form())
    }

    /// Where its adverts of `family` go.
    pub(crate) fn destinations(&self, family: Family) -> impl Iterator<Item = IpAddr> {
        let group = (!self.is_unicast(family)).then(|| family.group());
        let peers = self.peers.iter().copied();
        peers
            .filter(move |peer| Family::of(*peer) == family)
            .chain(group)
    }

    /// Whether its adverts of `family` go to peers and not to the group.
    pub(crate) fn is_unicast(&self, family: Family) -> bool {
        self.peers.iter().any(|peer| Family::of(*peer) == family)
    }

    pub(crate) fn authenticator(&self) -> Authenticator {
        self.authenticator_of(self.addresses.iter().map(VirtualAddress::ip))
    }

    /// That of another address list.
    pub(crate) fn authenticator_of(
        &self,
        list: impl Iterator<Item = IpAddr> + Clone,
    ) -> Authenticator {
        match self.hashed_lladdr() {
            Some(mac) => Authenticator::with_hardware_address(&self.key, self.vhid, mac, list),
            None => Authenticator::new(&self.key, self.vhid, list),
        }
    }

    fn hashed_lladdr(&self) -> Option<MacAddress> {
        match self.lladdr {
            Lladdr::Manual(mac) if self.dialect.hashes_manual_lladdr() => Some(mac),
            Lladdr::Virtual | Lladdr::Carpdev | Lladdr::Manual(_) => None,
        }
    }

    /// Whether both hash the same message (`docs/carp-protocol.md §2.2`).
    pub(crate) fn has_same_digest_as(&self, other: &Self) -> bool {
        let sorted = |host: &Self| {
            let mut all: Vec<IpAddr> = host.addresses.iter().map(VirtualAddress::ip).collect();
            all.sort_unstable();
            all
        };
        self.belongs_with(other) && sorted(self) == sorted(other)
    }

    /// Whether both hash the same message but for their addresses.
    pub(crate) fn belongs_with(&self, other: &Self) -> bool {
        self.vhid == other.vhid
            && self.key == other.key
            && self.hashed_lladdr() == other.hashed_lladdr()
    }

    /// Whether the election of this virtual host has to begin anew for it to become `other` on the
    /// same link: where it has another vhid or link-layer address then, or gets its first address
    /// or loses its last one. Anything else goes on where it is.
    pub fn begins_anew_as(&self, other: &Self) -> bool {
        self.vhid != other.vhid
            || self.lladdr != other.lladdr
            || self.addresses.is_empty() != other.addresses.is_empty()
    }

    /// Whether nothing that other nodes hear of, and no address, tells it from `other`.
    pub(crate) fn is_to_others(&self, other: &Self) -> bool {
        let mut same = other.clone();
        same.groups.clone_from(&self.groups);
        same.mtu = self.mtu;
        same == *self
    }

    pub(crate) fn set_enabled(&mut self, enabled: bool) {
        self.enabled = enabled;
    }
}
