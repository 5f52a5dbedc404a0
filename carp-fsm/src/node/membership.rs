//! Which virtual hosts a node has: added, changed, removed, and forgotten once they hold nothing.

use carp_proto::{Family, Vhid};

use super::Node;
use crate::demotion::Ailment;
use crate::host::{Host, Stimulus};
use crate::{Command, Event, HostId, LinkId, Reason, Timestamp, VirtualHost};

/// A virtual host that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Another virtual host of this node has the vhid on the same link.
    #[error("vhid {vhid} is in use on this carpdev")]
    VhidInUse {
        /// The vhid.
        vhid: Vhid,
        /// Who has it.
        by: HostId,
    },
    /// There is no such virtual host (any more).
    #[error("no such virtual host")]
    UnknownHost,
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

impl Node {
    /// Adds a virtual host on `link`; it takes part at once, as a backup.
    ///
    /// # Errors
    ///
    /// [`ConfigError::VhidInUse`] where `link` has the vhid already, [`ConfigError::Stopping`]
    /// after [`Input::Stop`](crate::Input::Stop).
    pub fn add(
        &mut self,
        now: Timestamp,
        link: LinkId,
        host: VirtualHost,
    ) -> Result<HostId, ConfigError> {
        self.advance(now);
        if self.stopping {
            return Err(ConfigError::Stopping);
        }
        self.check_vhid(None, link, host.vhid())?;
        let id = HostId(self.next_id);
        self.next_id += 1;
        self.vhids.insert(link, host.vhid(), id);
        let seed = self.random.next();
        self.hosts.insert(id, Host::new(id, link, host, seed));
        self.start(id, Reason::Configured);
        self.update_demotion(id);
        Ok(id)
    }

    /// Makes a virtual host what `host` says, on `link`.
    ///
    /// Another vhid, link or link-layer address, a first address or none any more begin the
    /// election anew; anything else goes on where it is.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add), and [`ConfigError::UnknownHost`]; nothing is changed then.
    pub fn change(
        &mut self,
        now: Timestamp,
        id: HostId,
        link: LinkId,
        host: VirtualHost,
    ) -> Result<(), ConfigError> {
        self.advance(now);
        if self.stopping {
            return Err(ConfigError::Stopping);
        }
        self.check_vhid(Some(id), link, host.vhid())?;
        let old = self.hosts.get(id).ok_or(ConfigError::UnknownHost)?;
        if old.run.removing {
            return Err(ConfigError::UnknownHost);
        }
        if old.link == link && old.config == host {
            return Ok(());
        }
        let anew = old.link != link || old.config.begins_anew_as(&host);
        let silent = old.config.is_to_others(&host);
        let (old_link, old_vhid) = (old.link, old.config.vhid());
        let enabled = host.is_enabled();
        if anew {
            self.step(id, Stimulus::Drop(Reason::Configured));
        }
        self.vhids.remove(old_link, old_vhid);
        self.vhids.insert(link, host.vhid(), id);
        if let Some(old) = self.hosts.get_mut(id) {
            old.become_configured(self.now, link, host);
        }
        if enabled {
            if !anew && !silent {
                self.step(id, Stimulus::Refresh);
            }
            self.start(id, Reason::Configured);
        } else {
            self.step(id, Stimulus::Quit(Reason::Command(Command::Down)));
        }
        self.update_demotion(id);
        Ok(())
    }

    /// Removes a virtual host: it bows out and hands over like `down`. [`Event::Removed`] says
    /// when nothing is left of it; until then its vhid stays in use.
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownHost`].
    pub fn remove(&mut self, now: Timestamp, id: HostId) -> Result<(), ConfigError> {
        self.advance(now);
        let host = self.hosts.get_mut(id).ok_or(ConfigError::UnknownHost)?;
        host.run.removing = true;
        self.step(id, Stimulus::Quit(Reason::Stopped));
        self.update_demotion(id);
        self.reap(id);
        Ok(())
    }

    fn check_vhid(&self, own: Option<HostId>, link: LinkId, vhid: Vhid) -> Result<(), ConfigError> {
        match self.vhids.get(link, vhid.get()) {
            Some(by) if own != Some(by) => Err(ConfigError::VhidInUse { vhid, by }),
            _ => Ok(()),
        }
    }

    /// Forgets a virtual host that was to be removed and holds nothing any more.
    pub(super) fn reap(&mut self, id: HostId) {
        let done = |host: &Host| host.run.removing && host.is_at_rest();
        if self.hosts.get(id).is_some_and(done)
            && let Some(mut host) = self.hosts.remove(id)
        {
            host.disarm_all(&mut self.queue);
            self.vhids.remove(host.link, host.config.vhid());
            for family in Family::ALL {
                self.ail(id, Ailment::SendErrors(family), false);
            }
            self.ail(id, Ailment::Hold, false);
            self.ail(id, Ailment::Restless, false);
            self.forget_damage(id);
            self.events.push_back(Event::Removed { id });
        }
    }
}
