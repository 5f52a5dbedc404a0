//! Whether an interface speaks for the addresses on it: its egress filter, its carrier, and the end
//! of its speech.

use std::net::IpAddr;

use super::{Access, Ground, Place, Request, Result, Timestamp};
use super::{egress, interface};
use crate::error::About as _;

impl Place {
    /// Lets the interface speak for the addresses on it, which stay until then.
    pub(super) fn open(
        &mut self,
        access: &mut Access,
        now: Timestamp,
        until: Option<Timestamp>,
    ) -> Result<()> {
        match self.ground {
            Ground::Own => {
                self.speak(access, now, until);
                let requests = vec![
                    self.filter(&egress::normal()),
                    interface::protodown(self.index, false),
                ];
                access.connection.all(requests).about(&self.name)?;
            }
            Ground::Shared => self.unveil(access),
        }
        self.quiet = false;
        Ok(())
    }

    /// Sees to it that speech ends before the addresses go, where the kernel lets us.
    fn speak(&mut self, access: &mut Access, now: Timestamp, until: Option<Timestamp>) {
        if let Some(speech) = &self.speech {
            return speech.extend(now, until);
        }
        let index = self.index;
        let speeches = access.speeches.as_ref();
        let Some(speech) = speeches.and_then(|speeches| speeches.speech(index)) else {
            return;
        };
        speech.extend(now, until);
        let filter = speech.filter(self.index, self.handle());
        match access.connection.all(vec![filter]) {
            Ok(()) => self.speech = Some(speech),
            Err(error) => self.warn("no lease of speech", Err(error)),
        }
    }

    /// Stops speaking for the addresses: no ARP, no neighbour discovery, no group membership.
    /// Data goes on.
    pub(in crate::linux) fn quieten(&mut self, access: &mut Access) {
        let held: Vec<IpAddr> = self.held.iter().map(|placed| placed.address.ip()).collect();
        let connection = &mut access.connection;
        let done = match self.ground {
            Ground::Own => connection.all(vec![self.filter(&egress::quiet())]),
            Ground::Shared if held.is_empty() => Ok(()),
            Ground::Shared => connection.all(vec![self.filter(&egress::veil(&held))]),
        };
        self.quiet = true;
        self.warn("not silenced", done);
    }

    /// Takes the carrier away, where it has come back though nothing is held.
    pub(in crate::linux) fn mute(&mut self, access: &mut Access) {
        if self.ground == Ground::Own && self.held.is_empty() {
            let requests = vec![interface::protodown(self.index, true)];
            self.try_all(&mut access.connection, requests);
        }
    }

    pub(super) fn unveil(&mut self, access: &mut Access) {
        if !self.quiet {
            return;
        }
        let connection = &mut access.connection;
        self.try_all(connection, vec![egress::remove(self.index, self.handle())]);
        self.quiet = false;
    }

    pub(super) fn filter(&self, program: &egress::Program) -> Request {
        egress::set(self.index, self.handle(), program)
    }

    /// Several virtual hosts may have a filter on one carpdev.
    pub(in crate::linux) fn handle(&self) -> u16 {
        self.vhid.get().into()
    }
}
