//! Address care: what a master holds and somebody else takes away is put back at once.
//!
//! The loop judges by what there is once all news are read and no job is under way, so that its own
//! doings are never mistaken for somebody else's, and that any number of changes at once is one.
//! The worker looks again, tells and mends.

use std::collections::BTreeSet;

use carp_fsm::{HostId, LinkId, TakenDown};

use super::links::Link;
use super::place::is_altered;
use super::worker::{Job, Ticket};
use super::{Host, Linux, clock};
use crate::{Backend as _, Report};

/// What a look at a virtual host has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// Everything is as it should be, or it does not matter.
    Sound,
    /// Addresses have gone, and their lease is over.
    Lapsed,
    /// Somebody else has taken the interface down.
    Down,
    /// Somebody else has done something.
    Odd,
}

impl Linux {
    /// Takes note that something has happened to these interfaces.
    pub(super) fn suspect(&mut self, interfaces: &BTreeSet<u32>) {
        let concerned = interfaces.iter().filter_map(|index| self.places.get(index));
        self.suspects.extend(concerned.flatten());
    }

    /// Looks at the virtual hosts to which something has happened, but for those with jobs that
    /// are not `done`.
    pub(super) fn judge(&mut self, done: Ticket) {
        let suspects = std::mem::take(&mut self.suspects);
        for id in suspects {
            let Some(host) = self.hosts.get(&id) else {
                continue;
            };
            if host.last_job > done {
                self.suspects.insert(id);
                continue;
            }
            match self.examine(host) {
                Finding::Sound => {}
                Finding::Lapsed => {
                    if let Some(host) = self.hosts.get_mut(&id) {
                        host.holding = false;
                        host.handing_over = false;
                    }
                    self.reports.push_back(Report::Lapsed(id));
                }
                finding @ (Finding::Down | Finding::Odd) => {
                    let down = finding == Finding::Down;
                    if down {
                        let how = TakenDown::SetDown;
                        self.take_report(Report::TakenDown { id, how });
                    }
                    let job = self.worker.submit(Job::Care { id, down });
                    if let Some(host) = self.hosts.get_mut(&id) {
                        host.last_job = job;
                    }
                }
            }
        }
    }

    fn examine(&self, host: &Host) -> Finding {
        let Some(index) = host.place.filter(|_| !host.taken_down) else {
            return Finding::Sound;
        };
        let mac = host.setup.interface_mac();
        let is_own = mac.is_some();
        let Some(link) = self.links.get(index) else {
            return if is_own { Finding::Odd } else { Finding::Sound };
        };
        let carpdev = self.carpdev(&host.setup);
        let carpdev = carpdev.and_then(|index| self.links.get(index));
        if is_own && host.setup.up && !link.is_up() {
            // While somebody deletes a carpdev its macvlans go down too, but it goes down first.
            // Nothing else is waited for: each moment costs what is sent to the addresses. Whether
            // the interface is being deleted the worker finds out.
            let is_alone = carpdev.is_some_and(Link::is_up);
            return if is_alone {
                Finding::Down
            } else {
                Finding::Odd
            };
        }
        let size = carpdev.map(|carpdev| carpdev.mtu_on_it(host.setup.mtu));
        if is_own && size.is_some_and(|size| size != link.mtu) {
            return Finding::Odd;
        }
        if !host.holding {
            return Finding::Sound;
        }
        let there = self.links.addresses(index);
        let mut are_lost = false;
        let mut are_altered = false;
        for address in &host.addresses {
            match there.iter().find(|found| found.ip == address.ip()) {
                Some(found) => are_altered |= is_altered(found, host.until.is_some()),
                None => are_lost = true,
            }
        }
        if are_lost && host.until.is_some_and(|until| until <= clock::now()) {
            return Finding::Lapsed;
        }
        let has_wrong_mac = is_own && link.mac != mac;
        if host.handing_over || !(are_lost || are_altered || has_wrong_mac) {
            Finding::Sound
        } else {
            Finding::Odd
        }
    }

    /// Tells the neighbours again where the addresses are, after they may have been told something
    /// else.
    pub(super) fn set_straight(&mut self, id: HostId) {
        let Some(host) = self.hosts.get_mut(&id) else {
            return;
        };
        if std::mem::take(&mut host.misled) {
            self.announce_all(id);
        }
    }

    /// The interface of a link has another link-layer address: the neighbours are told of the
    /// addresses that answer with it.
    pub(super) fn tell_of_new_mac(&mut self, link: LinkId) {
        let on_link = self
            .hosts
            .iter()
            .filter(|(_, host)| host.setup.link == link);
        let shared = on_link.filter(|(_, host)| host.setup.interface_mac().is_none());
        let shared: Vec<HostId> = shared.map(|(id, _)| *id).collect();
        for id in shared {
            self.announce_all(id);
        }
    }

    /// Announces the addresses of a virtual host, if it is master.
    pub(super) fn announce_all(&mut self, id: HostId) {
        let held = self
            .hosts
            .get(&id)
            .filter(|host| host.holding && !host.handing_over);
        let addresses = held.map(|host| host.addresses.clone());
        for address in addresses.unwrap_or_default() {
            self.announce(id, address.ip());
        }
    }
}
