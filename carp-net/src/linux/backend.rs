//! What a driver asks of [`Linux`]: done here where it takes no lock of the kernel's, handed to the
//! worker where it does.

use std::net::IpAddr;
use std::time::Duration;

use carp_fsm::carp_proto::{Family, VirtualAddress};
use carp_fsm::{HostId, LinkId, LinkState, Lladdr, Timestamp};

use super::host::Host;
use super::speak::Speak;
use super::watch::{Watch, state_of};
use super::worker::Job;
use super::{Linux, check, clock, interface, random, routes, source};
use crate::error::About as _;
use crate::{Backend, Error, ErrorKind, Inspection, Outgoing, Report, Result, Setup, Waker};

impl Backend for Linux {
    fn now(&self) -> Timestamp {
        clock::now()
    }

    fn seed(&mut self) -> u64 {
        random()
    }

    fn watch(&mut self, link: LinkId, name: &str) -> Result<()> {
        if !interface::is_name(name) {
            return Err(Error::new(name, ErrorKind::BadName));
        }
        self.catch_up();
        self.watches.insert(link, Watch::new(name));
        let told = self.reports.len();
        self.look_at(link);
        if self.reports.len() == told {
            let state = LinkState::Absent;
            self.reports.push_back(Report::Link { link, state });
        }
        self.ring_if_needed();
        Ok(())
    }

    fn unwatch(&mut self, link: LinkId) {
        if let Some(watch) = self.watches.remove(&link) {
            if let Some(index) = watch.index {
                self.hear.ignore(index);
            }
            self.worker.submit(Job::Close(watch.copies));
            self.worker.submit(Job::Unfollow(link));
        }
    }

    fn check(&mut self, carpdev: &str, setup: &Setup, addresses: &[VirtualAddress]) -> Result<()> {
        self.catch_up();
        self.ring_if_needed();
        // Only a link-layer address and an mtu of the operator's choice are compared with what is
        // known; without them a check costs the same however many virtual hosts there are.
        let is_chosen = matches!(setup.lladdr, Lladdr::Manual(_)) || setup.mtu.is_some();
        let known = self.hosts.values().filter(|_| is_chosen);
        let known: Vec<&Setup> = known.map(|host| &host.setup).collect();
        check::check(&self.links, carpdev, setup, addresses, &known)
    }

    fn networks(&mut self, link: &str) -> Vec<VirtualAddress> {
        self.catch_up();
        self.ring_if_needed();
        self.links.networks(link)
    }

    fn link_state(&mut self, link: &str) -> LinkState {
        self.catch_up();
        self.ring_if_needed();
        state_of(self.links.by_name(link))
    }

    fn configure(&mut self, id: HostId, setup: &Setup) {
        let before = self.hosts.get(&id).map(|host| host.setup.vhid);
        if before != Some(setup.vhid) {
            self.flood.note_vhid(setup.vhid, true);
        }
        if let Some(before) = before.filter(|before| *before != setup.vhid) {
            self.flood.note_vhid(before, false);
        }
        let last_job = self.worker.submit(Job::Configure(id, setup.clone()));
        let host = self.hosts.entry(id);
        let host = host.or_insert_with(|| Host::new(setup.clone(), last_job));
        self.index.add_name(&setup.interface, id);
        host.setup = setup.clone();
        host.taken_down = false;
        host.last_job = last_job;
    }

    fn adopt(&mut self, id: HostId, addresses: &[VirtualAddress]) {
        let addresses = addresses.to_vec();
        if let Some(host) = self.hosts.get_mut(&id) {
            self.index.set_addresses(id, &addresses);
            host.addresses.clone_from(&addresses);
            host.last_job = self.worker.submit(Job::Adopt { id, addresses });
        }
    }

    fn tear_down(&mut self, id: HostId) {
        self.set_place(id, None);
        if let Some(host) = self.hosts.remove(&id) {
            self.flood.note_vhid(host.setup.vhid, false);
            self.index.remove_name(&host.setup.interface);
            self.index.set_addresses(id, &[]);
        }
        self.worker.submit(Job::TearDown(vec![id]));
    }

    fn send(&mut self, id: HostId, advert: &Outgoing) -> Result<IpAddr> {
        let identification = self.identifications.next();
        let setup = &self.host(id)?.setup;
        let (index, mac) = self.way_out(setup)?;
        let (to, family) = (advert.to, Family::of(advert.to));
        let about = || format!("{}: advert to {to}", setup.interface);
        if to == family.group() {
            let source = self.source(index, family);
            let frame = source::frame(mac, source, advert, identification);
            let sent = frame.and_then(|frame| self.speak.frame(index, &frame));
            return sent
                .map(|()| source)
                .map_err(|error| Error::new(about(), error));
        }
        let lacks_source = || {
            let link = self.links.get(index);
            let carpdev = link.map_or_else(String::new, |link| link.name.clone());
            Error::new(about(), ErrorKind::NoSource { carpdev, family })
        };
        let way = self.way_to(index, to).ok_or_else(lacks_source)?;
        // The list of peers may be the same on all nodes, this one among them.
        if !self.is_own(index, to) {
            let frame = source::frame(mac, way.source, advert, identification);
            let sent = frame.and_then(|frame| self.speak.packet(index, way, to, &frame));
            sent.map_err(|error| Error::new(about(), error))?;
        }
        Ok(way.source)
    }

    fn hold(&mut self, id: HostId, addresses: &[VirtualAddress], lease: Option<Duration>) {
        let addresses = addresses.to_vec();
        let setup = self.hosts.get(&id).map(|host| &host.setup);
        let carpdev = setup.and_then(|setup| self.carpdev(setup));
        let own = carpdev.map(|index| self.own_networks(index));
        let last_job = self.worker.submit(Job::Hold {
            id,
            addresses: addresses.clone(),
            own: own.unwrap_or_default(),
            lease,
        });
        if let Some(host) = self.hosts.get_mut(&id) {
            self.index.set_addresses(id, &addresses);
            host.addresses = addresses;
            host.holding = true;
            host.handing_over = false;
            host.until = lease.map(|lease| clock::now() + lease);
            host.last_job = last_job;
        }
    }

    fn renew(&mut self, id: HostId, lease: Duration) {
        let now = clock::now();
        let until = now + lease;
        if let Some(host) = self.hosts.get_mut(&id)
            && host.holding
        {
            host.until = Some(until);
            if let Some(speech) = &host.speech {
                speech.extend(now, host.until);
            }
            self.renewals.push((id, until));
        }
    }

    fn flush(&mut self) {
        if !self.renewals.is_empty() {
            let renewals = std::mem::take(&mut self.renewals);
            self.worker.submit(Job::Renew(renewals));
        }
    }

    fn hand_over(&mut self, id: HostId) {
        if let Some(host) = self.hosts.get_mut(&id) {
            host.handing_over = true;
        }
        self.worker.submit(Job::HandOver(id));
    }

    fn release(&mut self, id: HostId) {
        let last_job = self.worker.submit(Job::Release(id));
        if let Some(host) = self.hosts.get_mut(&id) {
            host.holding = false;
            host.handing_over = false;
            host.last_job = last_job;
        }
    }

    fn announce(&mut self, id: HostId, address: IpAddr) {
        if let Ok(host) = self.host(id)
            && let Ok((index, mac)) = self.way_out(&host.setup)
        {
            for frame in source::announcements(mac, address, host.forwards) {
                if let Err(error) = self.speak.frame(index, &frame) {
                    let interface = &host.setup.interface;
                    tracing::debug!(interface, %address, %error, "not announced");
                }
            }
        }
    }

    fn poll(&mut self) -> Option<Report> {
        self.flush();
        self.next_report()
    }

    fn wait(&mut self, deadline: Option<Timestamp>) -> Result<()> {
        self.flush();
        if let Some(nap) = self.nap() {
            let left = deadline.map_or(nap, |deadline| deadline - clock::now());
            std::thread::sleep(nap.min(left));
        }
        self.poller.wait(deadline).about("waiting")
    }

    fn waker(&self) -> Waker {
        let bell = self.poller.bell().clone();
        Waker::new(move || bell.ring())
    }

    fn inspect(&self, id: HostId) -> Inspection {
        let mut inspection = Inspection {
            link_priority: Speak::PRIORITY,
            route_priority: routes::METRIC,
            ..Inspection::default()
        };
        let Ok(host) = self.host(id) else {
            return inspection;
        };
        if let Some(link) = host.place.and_then(|index| self.links.get(index)) {
            inspection.index = Some(link.index);
            inspection.link_address = link.mac;
            inspection.mtu = Some(link.mtu);
            inspection.running = link.has_carrier();
            inspection.up = link.is_up();
            let there = self.links.addresses(link.index);
            inspection.installed = host
                .addresses
                .iter()
                .filter(|address| there.iter().any(|found| found.ip == address.ip()))
                .copied()
                .collect();
        }
        inspection
    }

    fn leave_in_place(&mut self) {
        self.worker.submit(Job::LeaveInPlace);
    }
}
