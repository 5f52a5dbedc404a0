//! The driver: a node and a backend, joined.
//!
//! What the node asks for goes to the backend, what the backend reports goes to the node. The
//! driver adds what only it knows: interfaces have names, links are shared, and what was made
//! must be taken away again. It owns no thread and no signal.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use carp_fsm::carp_proto::VirtualAddress;
use carp_fsm::{
    Command, HostId, Input, LinkId, LinkState, Lladdr, Node, NodeConfig, Timestamp, VirtualHost,
};

use crate::backend::{Backend, Inspection, Setup};
use crate::handle::{Handle, Requests};
use crate::index::Index;
use crate::{Error, ErrorKind, Event, Result};

mod actions;
mod permission;
use permission::Permission;
mod refusals;
use refusals::Refusals;
pub use refusals::Refused;
mod reports;
mod resume;
pub use resume::{SavedDriver, SavedInterface};

/// A [`Node`] on a [`Backend`].
///
/// [`run`](Self::run) is a whole service. To run it inside another loop, wait until
/// [`AsFd`] is readable or until [`deadline`](Self::deadline), then call
/// [`process`](Self::process), then drain [`poll_event`](Self::poll_event).
#[derive(Debug)]
pub struct Driver<B> {
    backend: B,
    node: Node,
    interfaces: BTreeMap<HostId, Interface>,
    index: Index,
    links: BTreeMap<String, Link>,
    next_link: u32,
    events: VecDeque<Event>,
    requests: Requests<B>,
    refusals: Refusals,
    stopping: bool,
}

/// What the driver knows of a virtual host beyond the node.
#[derive(Debug)]
struct Interface {
    name: String,
    carpdev: String,
    setup: Setup,
    permission: Permission,
    tearing_down: bool,
}

/// A carpdev and how many virtual hosts use it.
#[derive(Debug)]
struct Link {
    id: LinkId,
    users: u32,
}

impl<B: Backend> Driver<B> {
    /// A driver without virtual hosts.
    ///
    /// # Errors
    ///
    /// None today; a backend may come to need some.
    pub fn new(mut backend: B, config: NodeConfig) -> Result<Self> {
        let node = Node::new(config, backend.seed());
        let requests = Requests::new(backend.waker());
        Ok(Self {
            backend,
            node,
            interfaces: BTreeMap::new(),
            index: Index::default(),
            links: BTreeMap::new(),
            next_link: 1,
            events: VecDeque::new(),
            requests,
            refusals: Refusals::default(),
            stopping: false,
        })
    }

    /// Adds the virtual host `host` as `interface` on `carpdev`. It takes part at once; whether
    /// the interface could be made is told by [`Event::Configured`] or
    /// [`Event::ConfigureFailed`].
    ///
    /// # Errors
    ///
    /// What [`check`](Self::check) finds; nothing is changed then.
    pub fn add(&mut self, interface: &str, carpdev: &str, host: VirtualHost) -> Result<HostId> {
        self.check(interface, carpdev, &host, None)?;
        let link = self.acquire(carpdev)?;
        let setup = setup_of(interface, link, &host, host.is_enabled());
        let now = self.backend.now();
        let id = match self.node.add(now, link, host) {
            Ok(id) => id,
            Err(error) => {
                self.release_link(carpdev);
                return Err(self.config_error(interface, error));
            }
        };
        self.backend.configure(id, &setup);
        self.backend.adopt(id, self.node.addresses(id));
        self.index.add_name(interface, id);
        self.index.set_addresses(id, self.node.addresses(id));
        let added = Interface {
            name: interface.to_owned(),
            carpdev: carpdev.to_owned(),
            setup,
            permission: Permission::default(),
            tearing_down: false,
        };
        self.interfaces.insert(id, added);
        self.drain();
        Ok(id)
    }

    /// Says whether `host` could be `interface` on `carpdev`; `own` is the virtual host that
    /// would be changed to that, `None` for a new one.
    ///
    /// # Errors
    ///
    /// What stands in the way: see [`ErrorKind`].
    pub fn check(
        &mut self,
        interface: &str,
        carpdev: &str,
        host: &VirtualHost,
        own: Option<HostId>,
    ) -> Result<()> {
        if self.stopping {
            return Err(Error::new(interface, ErrorKind::Stopping));
        }
        let of_another = |id: &HostId| Some(*id) != own;
        if self
            .index
            .by_name(interface)
            .is_some_and(|id| of_another(&id))
        {
            return Err(Error::new(interface, ErrorKind::NameTaken));
        }
        if self.index.by_name(carpdev).is_some() {
            return Err(Error::new(carpdev, ErrorKind::CarpdevIsCarp));
        }
        let vhid = host.vhid();
        let on_link = self.links.get(carpdev);
        let with_vhid = on_link.and_then(|link| self.node.by_vhid(link.id, vhid));
        if let Some(id) = with_vhid.filter(of_another) {
            let by = self.name_of(id);
            return Err(Error::new(carpdev, ErrorKind::VhidInUse { vhid, by }));
        }
        // A link-local address means something else on every interface, but these are on one.
        let is_on_carpdev = |host: &VirtualHost| host.link_address() == Lladdr::Carpdev;
        for address in host.addresses() {
            let is_same = |id: &HostId| {
                let (Some(other), Some(view)) = (self.interfaces.get(id), self.node.host(*id))
                else {
                    return false;
                };
                let share =
                    other.carpdev == carpdev && is_on_carpdev(host) && is_on_carpdev(view.config());
                share || !address.is_link_local()
            };
            let mut holders = self.index.by_address(address.ip()).iter();
            if let Some(id) = holders.find(|id| of_another(id) && is_same(id)) {
                let kind = ErrorKind::AddressInUse {
                    address: address.ip(),
                    interface: self.name_of(*id),
                };
                return Err(Error::new(interface, kind));
            }
        }
        let known = self.links.get(carpdev).map(|link| link.id);
        let link = known.unwrap_or(LinkId(self.next_link));
        let setup = setup_of(interface, link, host, host.is_enabled());
        self.backend.check(carpdev, &setup, host.addresses())
    }

    /// The addresses that the host itself has on `carpdev`, as far as the platform knows.
    pub fn networks(&mut self, carpdev: &str) -> Vec<VirtualAddress> {
        self.backend.networks(carpdev)
    }

    /// What `carpdev` is like at the moment, whether a virtual host runs on it or not.
    pub fn link_state(&mut self, carpdev: &str) -> LinkState {
        self.backend.link_state(carpdev)
    }

    /// Makes the virtual host `id` what `host` says, on `carpdev`. Where the interface has to
    /// change, [`Event::Configured`] or [`Event::ConfigureFailed`] follows.
    ///
    /// Returns whether one of these will follow.
    ///
    /// # Errors
    ///
    /// What [`check`](Self::check) finds; nothing is changed then.
    pub fn change(&mut self, id: HostId, carpdev: &str, host: VirtualHost) -> Result<bool> {
        let interface = self.interface(id)?.name.clone();
        self.check(&interface, carpdev, &host, Some(id))?;
        let link = self.acquire(carpdev)?;
        let now = self.backend.now();
        let changed = self.node.change(now, id, link, host);
        self.index.set_addresses(id, self.node.addresses(id));
        if let Err(error) = changed {
            self.release_link(carpdev);
            return Err(self.config_error(&interface, error));
        }
        let before = match self.interfaces.get_mut(&id) {
            Some(interface) => std::mem::replace(&mut interface.carpdev, carpdev.to_owned()),
            None => carpdev.to_owned(),
        };
        let changed = self.drain_and_say_whether_configured(id);
        self.release_link(&before);
        Ok(changed)
    }

    /// Removes a virtual host in good order: bow-out, hand-over, tear-down. [`Event::Gone`] says
    /// when nothing is left of it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownHost`].
    pub fn remove(&mut self, id: HostId) -> Result<()> {
        let name = self.interface(id)?.name.clone();
        let now = self.backend.now();
        let removed = self.node.remove(now, id);
        removed.map_err(|_| Error::new(name, ErrorKind::UnknownHost(id)))?;
        self.drain();
        Ok(())
    }

    /// Does what an operator wants of a virtual host.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnknownHost`].
    pub fn command(&mut self, id: HostId, command: Command) -> Result<()> {
        self.interface(id)?;
        self.input(Input::Command { id, command });
        Ok(())
    }

    /// Switches listening to others on or off (see [`NodeConfig::allow`]).
    pub fn set_allow(&mut self, allow: bool) {
        self.input(Input::Allow(allow));
    }

    /// Switches preemption on or off for the whole node (`docs/carp-protocol.md §5.1`).
    pub fn set_preempt(&mut self, preempt: bool) {
        self.input(Input::Preempt(preempt));
    }

    /// Switches leases on or off for the whole node (see [`NodeConfig::lease`]).
    pub fn set_lease(&mut self, lease: bool) {
        self.input(Input::Lease(lease));
    }

    /// Sets how often a master announces its addresses after the first seconds; zero: not at all
    /// (see [`NodeConfig::announce_every`]).
    pub fn set_announce_every(&mut self, every: Duration) {
        self.input(Input::AnnounceEvery(every));
    }

    /// Makes `owner` add `amount` to the demotion of `group`, instead of what it added before; 0
    /// takes its entry away (`docs/carp-protocol.md §5.2`).
    pub fn demote(&mut self, group: &str, owner: &str, amount: i32) {
        self.input(Input::Demote {
            group: group.to_owned(),
            owner: owner.to_owned(),
            amount,
        });
    }

    /// Begins to stop: every virtual host bows out, hands over and is torn down.
    pub fn stop(&mut self) {
        self.stopping = true;
        self.input(Input::Stop);
    }

    /// Whether it was stopped and nothing is left.
    pub fn is_stopped(&self) -> bool {
        self.stopping && self.interfaces.is_empty()
    }

    /// The election.
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// The name of the interface of a virtual host.
    pub fn name(&self, id: HostId) -> Option<&str> {
        self.interfaces.get(&id).map(|found| found.name.as_str())
    }

    /// What the platform knows of the interface of a virtual host.
    pub fn inspect(&self, id: HostId) -> Inspection {
        self.backend.inspect(id)
    }

    /// The platform.
    pub const fn backend(&self) -> &B {
        &self.backend
    }

    /// The moment it is.
    pub fn now(&self) -> Timestamp {
        self.backend.now()
    }

    /// When [`process`](Self::process) must be called even if nothing happens; `None` where nothing
    /// is to come of itself.
    pub fn deadline(&self) -> Option<Timestamp> {
        let node = self.node.deadline().map(|deadline| deadline.at);
        node.into_iter().chain(self.refusals.deadline()).min()
    }

    /// Something with which another thread can ask this driver to do things.
    pub fn handle(&self) -> Handle<B> {
        self.requests.handle()
    }

    /// Takes in all that happened and does all that is due at `now`, which is what
    /// [`now`](Self::now) says.
    pub fn process(&mut self, now: Timestamp) {
        while let Some(request) = self.requests.next() {
            request(self);
        }
        while let Some(report) = self.backend.poll() {
            self.take_in(now, report);
            self.drain();
        }
        self.node.handle_timeout(now);
        self.drain();
        self.backend.flush();
        while let Some(told) = self.refusals.due(now) {
            self.tell_refused(told);
        }
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Runs until it was stopped, telling each event to `tell`.
    ///
    /// # Errors
    ///
    /// Where the platform cannot wait any more.
    pub fn run(&mut self, mut tell: impl FnMut(&Event)) -> Result<()> {
        loop {
            self.process(self.backend.now());
            while let Some(event) = self.poll_event() {
                tell(&event);
            }
            if self.is_stopped() {
                return Ok(());
            }
            self.backend.wait(self.deadline())?;
        }
    }

    // ---- inputs ----

    fn input(&mut self, input: Input) {
        let now = self.backend.now();
        self.node.handle(now, input);
        self.drain();
    }

    // ---- links and names ----

    fn acquire(&mut self, carpdev: &str) -> Result<LinkId> {
        if let Some(link) = self.links.get_mut(carpdev) {
            link.users += 1;
            return Ok(link.id);
        }
        let id = LinkId(self.next_link);
        self.backend.watch(id, carpdev)?;
        self.next_link += 1;
        self.links.insert(carpdev.to_owned(), Link { id, users: 1 });
        // Its state, before anything is decided by it.
        while let Some(report) = self.backend.poll() {
            self.take_in(self.backend.now(), report);
        }
        Ok(id)
    }

    fn release_link(&mut self, carpdev: &str) {
        let Some(link) = self.links.get_mut(carpdev) else {
            return;
        };
        link.users -= 1;
        if link.users == 0 {
            self.backend.unwatch(link.id);
            self.links.remove(carpdev);
        }
    }

    fn interface(&self, id: HostId) -> Result<&Interface> {
        let unknown = || Error::new(id.to_string(), ErrorKind::UnknownHost(id));
        self.interfaces.get(&id).ok_or_else(unknown)
    }

    fn name_of(&self, id: HostId) -> String {
        self.name(id).unwrap_or_default().to_owned()
    }

    fn config_error(&self, interface: &str, error: carp_fsm::ConfigError) -> Error {
        Error::from_config(interface, error, |id| self.name_of(id))
    }
}

fn setup_of(interface: &str, link: LinkId, host: &VirtualHost, up: bool) -> Setup {
    Setup {
        interface: interface.to_owned(),
        link,
        vhid: host.vhid(),
        lladdr: host.link_address(),
        mtu: host.mtu(),
        up: up && !host.addresses().is_empty(),
    }
}

impl<B: AsFd> AsFd for Driver<B> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.backend.as_fd()
    }
}
