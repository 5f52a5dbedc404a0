//! What was made in the kernel for each virtual host, and the jobs that change it.

use std::collections::BTreeMap;

use carp_fsm::carp_proto::VirtualAddress;
use carp_fsm::{HostId, LinkId};

use super::carpdev::Carpdev;
use super::egress::Clsacts;
use super::links::Links;
use super::netlink::Connection;
use super::place::Place;
use super::worker::{Answer, Job};
use crate::{Error, ErrorKind, Report, Result, Setup};

/// What does the jobs, in the thread that may wait.
pub(super) struct Kernel<T> {
    access: Access,
    tell: T,
    carpdevs: BTreeMap<LinkId, Carpdev>,
    hosts: BTreeMap<HostId, Host>,
}

/// The way to the kernel.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) connection: Connection,
    pub(super) clsacts: Clsacts,
}

/// A virtual host: what is wished and what is there.
#[derive(Debug)]
struct Host {
    setup: Setup,
    /// Whether a configuration has not been answered yet: it waits for its carpdev.
    owed: bool,
    place: Option<Place>,
}

impl<T: FnMut(Answer)> Kernel<T> {
    pub(super) fn new(connection: Connection, tell: T) -> Self {
        Self {
            access: Access {
                connection,
                clsacts: Clsacts::default(),
            },
            tell,
            carpdevs: BTreeMap::new(),
            hosts: BTreeMap::new(),
        }
    }

    /// Does a job and tells what came of it.
    pub(super) fn perform(&mut self, job: Job) {
        match job {
            Job::Follow { link, index } => self.follow(link, index),
            Job::Unfollow(link) => {
                if let Some(carpdev) = self.carpdevs.remove(&link) {
                    carpdev.put_back(&mut self.access.connection);
                }
            }
            Job::Configure(id, setup) => self.configure(id, setup),
            Job::TearDown(id) => {
                self.release(id);
                if let Some(place) = self.hosts.remove(&id).and_then(|host| host.place) {
                    place.unmake(&mut self.access);
                }
                self.report(Report::TornDown(id));
            }
            Job::Hold { id, addresses, own } => match self.hold(id, &addresses, &own) {
                Ok(forwards) => {
                    (self.tell)(Answer::Forwards(id, forwards));
                    self.report(Report::Held(id));
                }
                Err(error) => self.report(Report::HoldFailed(id, error)),
            },
            Job::Restore { id, addresses, own } => {
                if let Err(error) = self.hold(id, &addresses, &own) {
                    tracing::warn!(%error, "not put back");
                }
            }
            Job::HandOver(id) => {
                self.at_place(id, Place::quieten);
                self.report(Report::Silenced(id));
            }
            Job::Release(id) => self.release(id),
            Job::Mute(id) => self.at_place(id, Place::mute),
            Job::Reroute { id, own } => {
                self.at_place(id, |place, access| place.reroute(access, &own));
            }
            Job::Survey => {
                let surveyed = Links::survey(&mut self.access.connection);
                (self.tell)(Answer::Surveyed(surveyed));
            }
        }
    }

    /// Takes everything away and puts everything back.
    pub(super) fn clear(mut self) {
        for host in std::mem::take(&mut self.hosts).into_values() {
            if let Some(place) = host.place {
                place.unmake(&mut self.access);
            }
        }
        for carpdev in std::mem::take(&mut self.carpdevs).into_values() {
            carpdev.put_back(&mut self.access.connection);
        }
    }

    fn follow(&mut self, link: LinkId, index: Option<u32>) {
        if let Some(before) = self.carpdevs.remove(&link) {
            // It has gone, or it has another name now.
            for host in self.hosts.values_mut() {
                if host.setup.link == link
                    && let Some(place) = host.place.take()
                {
                    place.unmake(&mut self.access);
                }
            }
            before.put_back(&mut self.access.connection);
        }
        let carpdev = Carpdev::new(&mut self.access.connection, index);
        self.carpdevs.insert(link, carpdev);
        let waiting = self
            .hosts
            .iter()
            .filter(|(_, host)| host.setup.link == link);
        let waiting: Vec<HostId> = waiting.map(|(id, _)| *id).collect();
        for id in waiting {
            self.make(id);
        }
    }

    fn configure(&mut self, id: HostId, setup: Setup) {
        let place = self.hosts.remove(&id).and_then(|host| host.place);
        let owed = true;
        self.hosts.insert(id, Host { setup, owed, place });
        self.make(id);
    }

    /// Makes what a virtual host wishes, if its carpdev is there, and tells how it went.
    fn make(&mut self, id: HostId) {
        let Some(mut host) = self.hosts.remove(&id) else {
            return;
        };
        let result = self.try_make(&mut host);
        let report = match result {
            Ok(true) => std::mem::take(&mut host.owed).then_some(Report::Configured(id)),
            Ok(false) => None,
            Err(error) => {
                host.owed = false;
                Some(Report::ConfigureFailed(id, error))
            }
        };
        self.hosts.insert(id, host);
        if let Some(report) = report {
            self.report(report);
        }
    }

    /// Returns whether the carpdev was there.
    fn try_make(&mut self, host: &mut Host) -> Result<bool> {
        let carpdev = self.carpdevs.get(&host.setup.link).and_then(Carpdev::index);
        let suits =
            |place: &Place| carpdev.is_some_and(|carpdev| place.suits(&host.setup, carpdev));
        if let Some(place) = host.place.take_if(|place| !suits(place)) {
            place.unmake(&mut self.access);
        }
        let Some(carpdev) = carpdev else {
            return Ok(false);
        };
        let place = match host.place.take() {
            Some(place) => place,
            None => Place::make(&mut self.access, &host.setup, carpdev)?,
        };
        let place = host.place.insert(place);
        place.set_up(&mut self.access, host.setup.up)?;
        Ok(true)
    }

    fn hold(
        &mut self,
        id: HostId,
        addresses: &[VirtualAddress],
        own: &[VirtualAddress],
    ) -> Result<bool> {
        let unknown = || Error::new(id.to_string(), ErrorKind::UnknownHost(id));
        let mut host = self.hosts.remove(&id).ok_or_else(unknown)?;
        let held = self.try_hold(&mut host, addresses, own);
        self.hosts.insert(id, host);
        held
    }

    /// Returns whether the interface forwards IPv6.
    fn try_hold(
        &mut self,
        host: &mut Host,
        addresses: &[VirtualAddress],
        own: &[VirtualAddress],
    ) -> Result<bool> {
        let connection = &mut self.access.connection;
        let mut forwards = host.place.as_ref().and_then(|place| place.look(connection));
        if forwards.is_none() {
            // Somebody has deleted the interface, or the last attempt to make it failed.
            host.place = None;
            self.try_make(host)?;
            let connection = &mut self.access.connection;
            forwards = host.place.as_ref().and_then(|place| place.look(connection));
        }
        let gone = || Error::new(&host.setup.interface, ErrorKind::NoSuchInterface);
        let place = host.place.as_mut().ok_or_else(gone)?;
        place.hold(&mut self.access, addresses, own)?;
        Ok(forwards.unwrap_or_default())
    }

    fn release(&mut self, id: HostId) {
        self.at_place(id, Place::release);
        let index = |host: &Host| host.place.as_ref().map(Place::index);
        let Some(released) = self.hosts.get(&id).and_then(index) else {
            return;
        };
        for host in self.hosts.values_mut() {
            if let Some(place) = host
                .place
                .as_mut()
                .filter(|place| place.index() == released)
            {
                place.restore_routes(&mut self.access);
            }
        }
    }

    fn at_place(&mut self, id: HostId, work: impl FnOnce(&mut Place, &mut Access)) {
        if let Some(host) = self.hosts.get_mut(&id)
            && let Some(place) = &mut host.place
        {
            work(place, &mut self.access);
        }
    }

    fn report(&mut self, report: Report) {
        (self.tell)(Answer::Report(report));
    }
}
