//! What stands in the way of what an operator wants, in words for people.

use carp_net::carp_fsm::LinkState;
use carp_net::carp_fsm::carp_proto::Vhid;
use carp_net::{Backend, ErrorKind};

use super::{Control, Interface};
use crate::vocabulary::config::Config;
use crate::vocabulary::name::InterfaceName;

impl<B: Backend> Control<B> {
    /// A carpdev that cannot be one is refused as soon as it is named, not only when the vhid
    /// follows. Any vhid that is free on it will do to ask.
    pub(super) fn check_carpdev(
        &mut self,
        name: InterfaceName,
        config: &Config,
    ) -> Result<(), String> {
        for vhid in 1..=u8::MAX {
            let mut config = config.clone();
            config.vhid = Vhid::new(vhid).ok();
            let Some((carpdev, host)) = config.host() else {
                return Ok(());
            };
            match self.driver.check(&name.to_string(), carpdev, &host, None) {
                Ok(()) => return Ok(()),
                Err(error) if matches!(error.kind(), ErrorKind::VhidInUse { .. }) => {}
                Err(error) => return Err(told(&name.to_string(), carpdev, &error)),
            }
        }
        Ok(())
    }

    /// `state` moves nothing while the carpdev carries nothing. One that is only named with it
    /// is waited for.
    pub(super) fn check_link(&self, name: InterfaceName, config: &Config) -> Result<(), String> {
        let there = self.interfaces.get(&name);
        let same = |it: &&Interface| it.config.carpdev == config.carpdev;
        let Some(id) = there.filter(same).and_then(|it| it.host) else {
            return Ok(());
        };
        let state = self.link_state(id);
        if state == LinkState::Up {
            return Ok(());
        }
        let carpdev = config.carpdev.as_deref().unwrap_or_default();
        Err(format!(
            "`state' needs the carpdev, and {carpdev} is {state}"
        ))
    }

    /// What stands in the way of an interface as it is told to be.
    pub(super) fn obstacle(&mut self, name: InterfaceName) -> Option<String> {
        if self.stopping {
            return None; // then nothing can be
        }
        let interface = self.interfaces.get(&name)?;
        let (carpdev, host) = interface.config.host()?;
        let known_as = name.to_string();
        let checked = self.driver.check(&known_as, carpdev, &host, interface.host);
        checked.err().map(|error| told(&known_as, carpdev, &error))
    }

    /// Why an interface could not be made: where its carpdev has only just come, what is known of
    /// that says more than an error of the kernel's.
    pub(super) fn not_made(&mut self, name: InterfaceName, error: &carp_net::Error) -> String {
        let obstacle = self.obstacle(name);
        obstacle.unwrap_or_else(|| self.reason(name, error))
    }

    pub(super) fn reason(&self, name: InterfaceName, error: &carp_net::Error) -> String {
        let carpdev = self.carpdev_of(name).unwrap_or_default();
        told(&name.to_string(), carpdev, error)
    }
}

/// An error of the driver, in words for an operator who knows which interface it is about.
pub(super) fn told(name: &str, carpdev: &str, error: &carp_net::Error) -> String {
    if error.about() == name {
        error.kind().to_string()
    } else if error.about() == carpdev {
        format!("carpdev {error}")
    } else {
        error.to_string()
    }
}
