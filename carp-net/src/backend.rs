//! What a platform must offer so that a [`Driver`](crate::Driver) can run a node on it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use carp_fsm::carp_proto::{Advertisement, Envelope, MacAddress, Vhid, VirtualAddress};
use carp_fsm::{Damage, HostId, LinkId, LinkState, Lladdr, TakenDown, Timestamp};

use crate::{Error, Outgoing, Result};

/// A platform: a clock, links, packets and addresses.
///
/// Nothing here may block. What takes time is begun by a call and answered later by a [`Report`];
/// calls about one virtual host take effect in the order they are made.
pub trait Backend {
    /// The moment it is, on the clock that every timestamp of this backend counts on. It never goes
    /// back, and should go on while the machine is suspended: others take over meanwhile.
    fn now(&self) -> Timestamp;

    /// A random number, another one for each node and each start: the counter of a node's adverts
    /// and how long it waits after a tie are drawn from it.
    fn seed(&mut self) -> u64;

    /// The addresses that the host itself has on the link called `link`, watched or not, with the
    /// prefixes of its networks: what an operator leaves out follows from them. None where the
    /// platform does not know.
    fn networks(&mut self, link: &str) -> Vec<VirtualAddress> {
        let _ = link;
        Vec::new()
    }

    /// What the link called `link` is like at the moment, watched or not.
    fn link_state(&mut self, link: &str) -> LinkState;

    /// Begins to follow the link called `name`, which may or may not be there, as `link`:
    /// listens on it and reports its state, the first time before or with the next
    /// [`poll`](Self::poll).
    ///
    /// # Errors
    ///
    /// Where the platform refuses, for example for want of a privilege. A link that is not
    /// there is no error.
    fn watch(&mut self, link: LinkId, name: &str) -> Result<()>;

    /// Ends what [`watch`](Self::watch) began and puts back what it changed.
    fn unwatch(&mut self, link: LinkId);

    /// Says at once whether [`configure`](Self::configure) with `setup` on the link called
    /// `carpdev` (watched yet or not) could work and whether `addresses` could be held: the link
    /// can carry it, no name is taken, no address is on another interface. A link that is not there
    /// (yet) is no error.
    ///
    /// # Errors
    ///
    /// What stands in the way.
    fn check(&mut self, carpdev: &str, setup: &Setup, addresses: &[VirtualAddress]) -> Result<()>;

    /// Makes what a virtual host needs on this machine and keeps it as `setup` says; called
    /// again where the setup changes. Answered by [`Report::Configured`] or
    /// [`Report::ConfigureFailed`]. Where its link is not there it is made when the link comes,
    /// and answered at once.
    fn configure(&mut self, id: HostId, setup: &Setup);

    /// Looks once, after the first [`configure`](Self::configure) of `id`, what a former run has
    /// left of it. Where exactly `addresses` are in place they stay, speaking no more (as after
    /// [`hand_over`](Self::hand_over)), and [`Report::Adopted`] follows. What else was left of it
    /// goes, and where they are not in place [`Report::NotAdopted`] follows: their lease may have
    /// ended while nobody was there to tell.
    fn adopt(&mut self, id: HostId, addresses: &[VirtualAddress]);

    /// Takes away what [`configure`](Self::configure) made. Answered by [`Report::TornDown`].
    fn tear_down(&mut self, id: HostId);

    /// Sends an advert of `id`; returns the address that it left from.
    ///
    /// # Errors
    ///
    /// Where the platform could not send it. [`ErrorKind::Io`](crate::ErrorKind::Io) with the error
    /// number `ENOBUFS` means that it had no memory for it (`docs/carp-protocol.md §4.7`, item 1).
    fn send(&mut self, id: HostId, advert: &Outgoing) -> Result<IpAddr>;

    /// Holds exactly `addresses` for `id` and answers for them: for `lease`, or without end where
    /// there is none. Answered by [`Report::Held`] or [`Report::HoldFailed`], once for each call.
    ///
    /// Until [`hand_over`](Self::hand_over) or [`release`](Self::release) what somebody else takes
    /// away is put back, see [`Report::Damaged`].
    fn hold(&mut self, id: HostId, addresses: &[VirtualAddress], lease: Option<Duration>);

    /// Holds what `id` holds for `lease` from now on. When a lease ends the addresses go, whatever
    /// has become of this process; [`Report::Lapsed`] follows where it is there still.
    fn renew(&mut self, id: HostId, lease: Duration);

    /// Stops speaking for the addresses of `id` (ARP, neighbour discovery, group membership) but
    /// goes on taking and answering data. Answered by [`Report::Silenced`], once for each call.
    fn hand_over(&mut self, id: HostId);

    /// Lets go of all addresses of `id`.
    fn release(&mut self, id: HostId);

    /// Tells the neighbours that `id` has `address`.
    fn announce(&mut self, id: HostId, address: IpAddr);

    /// Begins what was asked for and not begun yet: a platform may gather [renewals](Self::renew)
    /// to do them together. The driver calls this whenever it has nothing more to ask for.
    fn flush(&mut self) {}

    /// The next thing that happened, if any; never waits. What has become of the addresses comes
    /// before packets that wait, so that a master that has lost them without being there answers
    /// none.
    fn poll(&mut self) -> Option<Report>;

    /// Waits until something may have happened, or until `deadline` (`None`: as long as it
    /// takes). May return early.
    ///
    /// # Errors
    ///
    /// Where the platform cannot wait; the driver gives up then.
    fn wait(&mut self, deadline: Option<Timestamp>) -> Result<()>;

    /// What makes a [`wait`](Self::wait) in another thread return.
    fn waker(&self) -> Waker;

    /// What the platform knows of the interface of `id`, for people.
    fn inspect(&self, id: HostId) -> Inspection;

    /// From now on everything stays as it is, also when this is dropped: another process will
    /// [adopt](Self::adopt) it.
    fn leave_in_place(&mut self);
}

/// What a virtual host needs on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setup {
    /// The name of the carp interface, such as `carp0`.
    pub interface: String,
    /// The link it runs on, as given to [`Backend::watch`].
    pub link: LinkId,
    /// The virtual host id.
    pub vhid: Vhid,
    /// Which link-layer address goes with the virtual addresses.
    pub lladdr: Lladdr,
    /// How large packets can be, in bytes, where that is not as on the link. They are never larger
    /// than there.
    pub mtu: Option<u32>,
    /// Whether the interface is up. While it is not, or while the virtual host has no address,
    /// nothing is sent from a virtual link-layer address.
    pub up: bool,
}

impl Setup {
    /// The link-layer address of the interface that carries the virtual addresses; `None` where
    /// that is the carpdev.
    pub const fn interface_mac(&self) -> Option<MacAddress> {
        match self.lladdr {
            Lladdr::Virtual => Some(self.vhid.virtual_mac()),
            Lladdr::Manual(mac) => Some(mac),
            Lladdr::Carpdev | _ => None,
        }
    }
}

/// Something that happened on the platform.
#[derive(Debug)]
#[non_exhaustive]
pub enum Report {
    /// A packet of protocol 112 came in; on [`UNWATCHED`] where it came in somewhere else.
    Packet(Packet),
    /// So many packets more were dropped by the platform, during a flood of what could only be
    /// refused.
    Filtered(u64),
    /// A link came, went or changed its carrier.
    Link {
        /// Which.
        link: LinkId,
        /// What it is like.
        state: LinkState,
    },
    /// The addresses that the host itself has on a link have changed (see [`Backend::networks`]).
    Networks(LinkId),
    /// A [`Backend::configure`] is done.
    Configured(HostId),
    /// A [`Backend::configure`] could not be done.
    ConfigureFailed(HostId, Error),
    /// A [`Backend::tear_down`] is done.
    TornDown(HostId),
    /// A [`Backend::hold`] is done.
    Held(HostId),
    /// A [`Backend::hold`] could not be done.
    HoldFailed(HostId, Error),
    /// A [`Backend::hand_over`] is done.
    Silenced(HostId),
    /// A [`Backend::adopt`] has found the addresses in place.
    Adopted(HostId),
    /// A [`Backend::adopt`] has not found the addresses in place.
    NotAdopted(HostId),
    /// The addresses have gone with their lease.
    Lapsed(HostId),
    /// Somebody else has changed what a virtual host needs; it is being mended. With
    /// [`Damage::LinkAddress`] its addresses have gone, as after [`Backend::release`]: nothing would
    /// reach them.
    Damaged {
        /// Whose.
        id: HostId,
        /// What.
        damage: Damage,
    },
    /// What was damaged is as it was.
    Mended(HostId),
    /// What was damaged could not be mended.
    NotMended(HostId, Error),
    /// The link takes smaller packets than [`Setup::mtu`] says, and so does the interface, which
    /// is else as it should be; or that is over.
    Limited {
        /// Whose.
        id: HostId,
        /// What the link takes; none where it is over.
        error: Option<Error>,
    },
    /// Somebody else has taken the interface of a virtual host down. It stays so until the next
    /// [`Backend::configure`].
    TakenDown {
        /// Whose.
        id: HostId,
        /// How.
        how: TakenDown,
    },
}

/// The link of packets that came in on an interface that is not watched. No virtual host is ever
/// on it, so that the node counts them as OpenBSD does (`docs/carp-protocol.md §3`, badif).
pub const UNWATCHED: LinkId = LinkId(0);

/// A received packet, cut to what an advertisement can be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    link: LinkId,
    envelope: Envelope,
    length: usize,
    bytes: [u8; Advertisement::LEN],
}

impl Packet {
    /// A packet that arrived on `link` with `bytes` behind its IP header.
    pub fn new(link: LinkId, envelope: Envelope, bytes: &[u8]) -> Self {
        let mut kept = [0; Advertisement::LEN];
        let length = bytes.len().min(kept.len());
        for (kept, byte) in kept.iter_mut().zip(bytes) {
            *kept = *byte;
        }
        Self {
            link,
            envelope,
            length,
            bytes: kept,
        }
    }

    /// Where it came in.
    pub const fn link(&self) -> LinkId {
        self.link
    }

    /// What its IP header says.
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What follows the IP header, at most the 36 bytes that count.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("link", &self.link)
            .field("envelope", &self.envelope)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// What a platform knows of the interface of a virtual host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Inspection {
    /// The index of the interface that carries the addresses.
    pub index: Option<u32>,
    /// Its link-layer address.
    pub link_address: Option<MacAddress>,
    /// Its maximum transmission unit, in bytes.
    pub mtu: Option<u32>,
    /// The priority of the frames that leave with adverts, on Linux their `SO_PRIORITY` (OpenBSD's
    /// `llprio`).
    pub link_priority: u8,
    /// The metric of a connected route for the addresses (OpenBSD's priority of routes).
    pub route_priority: u32,
    /// Whether the kernel says that the interface is up and has a carrier.
    pub running: bool,
    /// Whether the kernel says that the interface is up.
    pub up: bool,
    /// The virtual addresses that are in place.
    pub installed: Vec<VirtualAddress>,
}

/// Makes a waiting backend return; may be called from any thread, any number of times.
#[derive(Clone)]
pub struct Waker(std::sync::Arc<dyn Fn() + Send + Sync>);

impl Waker {
    /// A waker that does `wake`.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(std::sync::Arc::new(wake))
    }

    /// Wakes.
    pub fn wake(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Waker").finish()
    }
}
