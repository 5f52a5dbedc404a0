//! What was made in the kernel for each virtual host, and the jobs that change it.

use std::collections::BTreeMap;
use std::time::Duration;

use carp_fsm::carp_proto::VirtualAddress;
use carp_fsm::{HostId, LinkId, Timestamp};

use super::carpdev::Carpdev;
use super::clock;
use super::egress::{Clsacts, Speeches};
use super::inherit::Inherited;
use super::journal::Journal;
use super::links::Links;
use super::netlink::Connection;
use super::place::Place;
use super::worker::{Answer, Job};
use crate::{Error, ErrorKind, Report, Result, Setup};

mod care;
mod sweep;
mod unmake;

/// What does the jobs, in the thread that may wait.
pub(super) struct Kernel<T> {
    access: Access,
    tell: T,
    carpdevs: BTreeMap<LinkId, Carpdev>,
    hosts: BTreeMap<HostId, Host>,
    leaves: bool,
    inherited: Inherited,
    sweep_at: Option<Timestamp>,
}

/// The way to the kernel.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) connection: Connection,
    /// For renewals alone, of which the monitor is not told.
    pub(super) renewals: Connection,
    pub(super) clsacts: Clsacts,
    pub(super) journal: Journal,
    /// None where the kernel does not let us.
    pub(super) speeches: Option<Speeches>,
}

/// What a kernel begins with.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) connection: Connection,
    pub(super) renewals: Connection,
    pub(super) journal: Journal,
    pub(super) inherited: Inherited,
    pub(super) speeches: Option<Speeches>,
    /// When what nobody has claimed goes.
    pub(super) sweep_at: Timestamp,
    /// Whether its thread runs before others, as the loop's does.
    pub(super) before_others: bool,
}

/// A virtual host: what is wished and what is there.
#[derive(Debug)]
struct Host {
    setup: Setup,
    place: Option<Place>,
    /// Where the loop has been told that it is.
    told: Option<u32>,
    /// Whether somebody else has deleted its interface: it is made anew when it is to be up.
    deleted: bool,
    /// Whether something was damaged and could not be mended so far.
    damaged: bool,
    /// What was last told of its carpdev, if that takes smaller packets than wished.
    limit: Option<String>,
}

impl<T: FnMut(Answer)> Kernel<T> {
    pub(super) fn new(start: Start, tell: T) -> Self {
        Self {
            access: Access {
                connection: start.connection,
                renewals: start.renewals,
                clsacts: Clsacts::default(),
                journal: start.journal,
                speeches: start.speeches,
            },
            tell,
            carpdevs: BTreeMap::new(),
            hosts: BTreeMap::new(),
            leaves: false,
            inherited: start.inherited,
            sweep_at: Some(start.sweep_at),
        }
    }

    /// When [`attend`](Self::attend) has something to do, if ever.
    pub(super) const fn deadline(&self) -> Option<Timestamp> {
        self.sweep_at
    }

    /// Does what is due.
    pub(super) fn attend(&mut self) {
        if self.sweep_at.take_if(|at| *at <= clock::now()).is_some() {
            self.sweep();
        }
    }

    /// Does a job and tells what came of it.
    pub(super) fn perform(&mut self, job: Job) {
        match job {
            Job::Follow { link, index } => self.follow(link, index),
            Job::Unfollow(link) => {
                if let Some(carpdev) = self.carpdevs.remove(&link) {
                    carpdev.put_back(&mut self.access);
                }
            }
            Job::Configure(id, setup) => self.configure(id, setup),
            Job::TearDown(ids) => self.tear_down(&ids),
            Job::Adopt { id, addresses } => self.adopt(id, &addresses),
            Job::Hold {
                id,
                addresses,
                own,
                lease,
            } => self.hold(id, &addresses, &own, lease),
            Job::Renew(renewals) => self.renew(&renewals),
            Job::Care { id, down } => {
                self.care(id, down);
                self.resize(id);
            }
            Job::Resize(id) => self.resize(id),
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
            Job::Close(descriptors) => drop(descriptors),
            Job::LeaveInPlace => self.leaves = true,
        }
    }

    /// Takes virtual hosts away, and tells of each when all have gone.
    fn tear_down(&mut self, ids: &[HostId]) {
        let mut places = Vec::new();
        for id in ids {
            self.release(*id);
            places.extend(self.hosts.remove(id).and_then(|host| host.place));
        }
        unmake::all(&mut self.access, places);
        for id in ids {
            self.report(Report::TornDown(*id));
        }
    }

    /// Takes everything away and puts everything back, unless it is to be left in place.
    pub(super) fn clear(mut self) {
        if self.leaves {
            return;
        }
        let hosts = std::mem::take(&mut self.hosts).into_values();
        unmake::all(&mut self.access, hosts.filter_map(|host| host.place));
        for carpdev in std::mem::take(&mut self.carpdevs).into_values() {
            carpdev.put_back(&mut self.access);
        }
    }

    fn follow(&mut self, link: LinkId, index: Option<u32>) {
        let on_link = self
            .hosts
            .iter()
            .filter(|(_, host)| host.setup.link == link);
        let on_link: Vec<HostId> = on_link.map(|(id, _)| *id).collect();
        if let Some(before) = self.carpdevs.remove(&link) {
            // It has gone, or it has another name now.
            let hosts = self.hosts.values_mut();
            let hosts = hosts.filter(|host| host.setup.link == link);
            unmake::all(&mut self.access, hosts.filter_map(|host| host.place.take()));
            for id in &on_link {
                self.tell_place(*id);
            }
            before.put_back(&mut self.access);
        }
        let carpdev = Carpdev::new(&mut self.access, &mut self.inherited, index);
        if let Some(index) = index {
            let copies = carpdev.copies();
            (self.tell)(Answer::Joined {
                link,
                index,
                copies,
            });
        }
        self.carpdevs.insert(link, carpdev);
        for id in on_link {
            if let Err(error) = self.make(id) {
                self.report(Report::ConfigureFailed(id, error));
            }
        }
    }

    fn configure(&mut self, id: HostId, setup: Setup) {
        let host = self.hosts.remove(&id);
        let host = match host {
            Some(before) => Host {
                deleted: before.deleted && !setup.up,
                setup,
                ..before
            },
            None => Host {
                setup,
                place: None,
                told: None,
                deleted: false,
                damaged: false,
                limit: None,
            },
        };
        self.hosts.insert(id, host);
        let report = match self.make(id) {
            Ok(()) => Report::Configured(id),
            Err(error) => Report::ConfigureFailed(id, error),
        };
        self.report(report);
    }

    /// Makes what a virtual host wishes, if its carpdev is there.
    fn make(&mut self, id: HostId) -> Result<()> {
        let Some(mut host) = self.hosts.remove(&id) else {
            return Ok(());
        };
        let made = self.try_make(id, &mut host);
        self.hosts.insert(id, host);
        self.tell_place(id);
        made
    }

    fn try_make(&mut self, id: HostId, host: &mut Host) -> Result<()> {
        let carpdev = self.carpdevs.get(&host.setup.link).and_then(Carpdev::index);
        let suits =
            |place: &Place| carpdev.is_some_and(|carpdev| place.suits(&host.setup, carpdev));
        if let Some(place) = host.place.take_if(|place| !suits(place)) {
            unmake::all(&mut self.access, [place]);
        }
        let Some(carpdev) = carpdev.filter(|_| !host.deleted) else {
            return Ok(());
        };
        let place = match host.place.take() {
            Some(place) => place,
            None => Place::make(&mut self.access, &host.setup, carpdev)?,
        };
        let place = host.place.insert(place);
        // Whatever becomes of its size: an interface that is left down others have taken down.
        place.set_up(&mut self.access, host.setup.up)?;
        self.size(id, host)
    }

    fn resize(&mut self, id: HostId) {
        if let Some(mut host) = self.hosts.remove(&id) {
            let sized = self.size(id, &mut host);
            self.hosts.insert(id, host);
            if let Err(error) = sized {
                tracing::warn!(%error, "packets not as large as on the carpdev");
            }
        }
    }

    /// Makes packets as large as is wished and the carpdev takes, and tells when that begins to be
    /// less, or ceases to.
    fn size(&mut self, id: HostId, host: &mut Host) -> Result<()> {
        let Some(place) = &host.place else {
            return Ok(());
        };
        let error = place.set_mtu(&mut self.access, host.setup.mtu)?;
        let limit = error.as_ref().map(ToString::to_string);
        if host.limit != limit {
            host.limit = limit;
            self.report(Report::Limited { id, error });
        }
        Ok(())
    }

    fn adopt(&mut self, id: HostId, addresses: &[VirtualAddress]) {
        let Some(place) = self.hosts.get_mut(&id).and_then(|host| host.place.as_mut()) else {
            return self.report(Report::NotAdopted(id));
        };
        match place.adopt(&mut self.access, addresses) {
            Ok(true) => self.report(Report::Adopted(id)),
            Ok(false) => self.report(Report::NotAdopted(id)),
            Err(error) => tracing::warn!(%error, "not known what a former run has left"),
        }
    }

    fn hold(
        &mut self,
        id: HostId,
        addresses: &[VirtualAddress],
        own: &[VirtualAddress],
        lease: Option<Duration>,
    ) {
        let unknown = || Error::new(id.to_string(), ErrorKind::UnknownHost(id));
        let Some(mut host) = self.hosts.remove(&id) else {
            return self.report(Report::HoldFailed(id, unknown()));
        };
        let held = self.try_hold(id, &mut host, addresses, own, lease);
        let until = host.place.as_ref().and_then(Place::until);
        let speech = host.place.as_ref().and_then(Place::speech).cloned();
        let was_damaged = held.is_ok() && std::mem::take(&mut host.damaged);
        self.hosts.insert(id, host);
        self.tell_place(id);
        if was_damaged {
            self.report(Report::Mended(id));
        }
        match held {
            Ok(forwards) => {
                let holding = Answer::Holding {
                    id,
                    forwards,
                    until,
                    speech,
                };
                (self.tell)(holding);
                self.report(Report::Held(id));
            }
            Err(error) => self.report(Report::HoldFailed(id, error)),
        }
    }

    /// Returns whether the interface forwards IPv6.
    fn try_hold(
        &mut self,
        id: HostId,
        host: &mut Host,
        addresses: &[VirtualAddress],
        own: &[VirtualAddress],
        lease: Option<Duration>,
    ) -> Result<bool> {
        let connection = &mut self.access.connection;
        let mut forwards = host.place.as_ref().and_then(|place| place.look(connection));
        if forwards.is_none() {
            // Somebody has deleted the interface, or the last attempt to make it failed.
            host.place = None;
            host.deleted = false;
            self.try_make(id, host)?;
            let connection = &mut self.access.connection;
            forwards = host.place.as_ref().and_then(|place| place.look(connection));
        }
        let gone = || Error::new(&host.setup.interface, ErrorKind::NoSuchInterface);
        let place = host.place.as_mut().ok_or_else(gone)?;
        place.put_right(&mut self.access.connection)?;
        place.hold(&mut self.access, addresses, own, lease)?;
        Ok(forwards.unwrap_or_default())
    }

    /// Has what virtual hosts hold stay until the moments given.
    pub(super) fn renew(&mut self, renewals: &[(HostId, Timestamp)]) {
        let now = clock::now();
        let mut requests = Vec::new();
        for (id, until) in renewals {
            if let Some(place) = self.hosts.get_mut(id).and_then(|host| host.place.as_mut()) {
                requests.extend(place.renew(*until, now));
            }
        }
        // What is refused has been damaged, and the news tell of that.
        if let Err(error) = self.access.renewals.tell(requests) {
            tracing::warn!(%error, "addresses not renewed");
        }
        for (id, _) in renewals {
            if self.hosts.get(id).is_some_and(|host| host.damaged) {
                self.care(*id, false);
            }
        }
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

    /// Tells where the addresses of a virtual host go, if that has changed.
    fn tell_place(&mut self, id: HostId) {
        if let Some(host) = self.hosts.get_mut(&id) {
            let index = host.place.as_ref().map(Place::index);
            if std::mem::replace(&mut host.told, index) != index {
                (self.tell)(Answer::Place(id, index));
            }
        }
    }

    fn report(&mut self, report: Report) {
        (self.tell)(Answer::Report(report));
    }
}
