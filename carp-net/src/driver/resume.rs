//! A driver that goes on in another process, with the node as it was and the platform as it is.

use std::collections::{BTreeMap, VecDeque};

use carp_fsm::{HostId, Node, NodeConfig, SavedHost, SavedNode, State, Timestamp, VirtualHost};

use super::permission::Permission;
use super::refusals::Refusals;
use super::{Driver, Interface, Link, setup_of};
use crate::handle::Requests;
use crate::index::Index;
use crate::{Backend, Result};

/// What [`Driver::save`] gives: all of a driver but its virtual hosts. It holds no key.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SavedDriver {
    node: SavedNode,
    next_link: u32,
}

/// What [`Driver::save_host`] gives: one virtual host. It holds no key.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SavedInterface {
    name: String,
    carpdev: String,
    host: SavedHost,
    #[cfg_attr(feature = "serde", serde(default))]
    asks: bool,
}

impl SavedInterface {
    /// The name of its interface.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of its virtual host, which it keeps.
    pub const fn id(&self) -> HostId {
        self.host.id()
    }
}

impl<B: Backend> Driver<B> {
    /// What a successor needs beside the virtual hosts.
    pub fn save(&self) -> SavedDriver {
        SavedDriver {
            node: self.node.save(),
            next_link: self.next_link,
        }
    }

    /// What a successor needs of one virtual host beside its configuration.
    pub fn save_host(&self, id: HostId) -> Option<SavedInterface> {
        let interface = self.interfaces.get(&id)?;
        Some(SavedInterface {
            name: interface.name.clone(),
            carpdev: interface.carpdev.clone(),
            asks: interface.permission.needed,
            host: self.node.save_host(self.backend.now(), id)?,
        })
    }

    /// From now on everything stays as it is, also when this is dropped: a successor will
    /// [resume](Self::resume). A process that is killed leaves everything in place anyway.
    pub fn leave_in_place(&mut self) {
        self.backend.leave_in_place();
    }

    /// The successor of a driver, on the same machine: the same virtual hosts in the same roles,
    /// as `hosts` are told to be. `last_alive` is when the other process last did something, on
    /// the clock of the backend. See [`Node::resume`].
    ///
    /// # Errors
    ///
    /// Where the platform refuses to follow a link.
    pub fn resume(
        mut backend: B,
        config: NodeConfig,
        saved: SavedDriver,
        hosts: impl IntoIterator<Item = (SavedInterface, VirtualHost)>,
        last_alive: Timestamp,
    ) -> Result<Self> {
        let (mut runs, mut known) = (Vec::new(), Vec::new());
        for (interface, host) in hosts {
            runs.push((interface.host.clone(), host));
            known.push(interface);
        }
        let (now, seed) = (backend.now(), backend.seed());
        let node = Node::resume(now, config, seed, saved.node, runs, last_alive);
        let requests = Requests::new(backend.waker());
        let mut driver = Self {
            backend,
            node,
            interfaces: BTreeMap::new(),
            index: Index::default(),
            links: BTreeMap::new(),
            next_link: saved.next_link,
            events: VecDeque::new(),
            requests,
            refusals: Refusals::default(),
            stopping: false,
        };
        for saved in known {
            driver.resume_interface(saved)?;
        }
        driver.drain();
        Ok(driver)
    }

    fn resume_interface(&mut self, saved: SavedInterface) -> Result<()> {
        let (id, link) = (saved.host.id(), saved.host.link());
        let SavedInterface {
            name,
            carpdev,
            host: _,
            asks,
        } = saved;
        let Some(view) = self.node.host(id) else {
            return Ok(()); // of two with one name or one vhid the first is there
        };
        let up = view.config().is_enabled() || view.holds();
        let setup = setup_of(&name, view.link(), view.config(), up);
        let is_master = view.state() == State::Master;
        match self.links.get_mut(&carpdev) {
            Some(link) => link.users += 1,
            None => {
                self.backend.watch(link, &carpdev)?;
                self.next_link = self.next_link.max(link.0 + 1);
                let link = Link { id: link, users: 1 };
                self.links.insert(carpdev.clone(), link);
            }
        }
        self.backend.configure(id, &setup);
        if !is_master {
            // A master is about to hold what is there, without a moment of silence.
            self.backend.adopt(id, self.node.addresses(id));
        }
        self.index.add_name(&name, id);
        self.index.set_addresses(id, self.node.addresses(id));
        let interface = Interface {
            name,
            carpdev,
            setup,
            permission: Permission {
                needed: asks,
                awaited: false,
            },
            tearing_down: false,
        };
        self.interfaces.insert(id, interface);
        Ok(())
    }
}
