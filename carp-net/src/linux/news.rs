//! News: what the kernel tells of links, addresses and routes, and what the worker has done, taken
//! in together.

use std::collections::BTreeSet;

use carp_fsm::{Damage, LinkId, LinkState, TakenDown};

use super::links::{Change, Link, Links};
use super::netlink::{News, Refusal};
use super::poller::Source;
use super::watch::state_of;
use super::worker::{Answer, Job};
use super::{Linux, clock};
use crate::Report;

/// What some news were about.
#[derive(Debug, Default)]
struct Changes {
    /// Whether any link came, went or changed.
    links: bool,
    /// The interfaces that changed, or had an address or route that did.
    interfaces: BTreeSet<u32>,
    /// The interfaces whose routes must be looked at.
    rerouted: BTreeSet<u32>,
}

impl Linux {
    /// Takes in what the worker has done and all news there are, but for a flood of them. Says
    /// whether these were all.
    ///
    /// What a job has changed is among the news once it is done. So whoever knows of no job that
    /// is under way, and has read all news, knows what others have done.
    pub(super) fn catch_up(&mut self) -> bool {
        let done = self.worker.done();
        while let Some(answer) = self.worker.answer() {
            self.take_answer(answer);
        }
        let mut changes = Changes::default();
        let all = self.read_news(&mut changes);
        if changes.links {
            self.look_at_links();
            self.mute_again(&changes.interfaces);
        }
        for index in &changes.rerouted {
            self.reroute(*index);
        }
        self.suspect(&changes.interfaces);
        if all {
            self.judge(done);
        }
        all
    }

    /// Returns whether there are no more news.
    fn read_news(&mut self, changes: &mut Changes) -> bool {
        let mut addresses = Vec::new();
        let mut all = false;
        for _ in 0..NEWS_A_TURN {
            if self.surveying {
                break;
            }
            let links = &mut self.links;
            let news = self
                .monitor
                .read(|kind, payload| match links.take_in(kind, payload) {
                    Some(Change::Link(index)) => {
                        changes.links = true;
                        changes.interfaces.insert(index);
                    }
                    Some(Change::Address { index, ip }) => {
                        changes.interfaces.insert(index);
                        addresses.push((index, ip));
                    }
                    Some(Change::Route(index)) => {
                        changes.rerouted.insert(index);
                    }
                    None => {}
                });
            match news {
                Ok(News::Told) => {}
                // The kernel drops news without a word until those that wait have been read.
                // Whoever asked before would not know what was dropped after the answer.
                Ok(News::Nothing) if std::mem::take(&mut self.lost) => self.survey(),
                Ok(News::Nothing) => {
                    all = true;
                    break;
                }
                Ok(News::Lost) => self.lost = true,
                Err(error) => {
                    tracing::error!(%error, "rtnetlink");
                    self.lost = true;
                    break;
                }
            }
        }
        addresses.retain(|(index, ip)| !self.is_virtual(*index, *ip));
        let own: BTreeSet<u32> = addresses.into_iter().map(|(index, _)| index).collect();
        self.tell_of_networks(|index| own.contains(&index));
        changes.rerouted.extend(own);
        all
    }

    /// Tells that the host may have other addresses of its own on those watched links whose index
    /// `is_meant`.
    fn tell_of_networks(&mut self, is_meant: impl Fn(u32) -> bool) {
        let watches = self.watches.iter();
        let meant = watches.filter(|(_, watch)| watch.index.is_some_and(&is_meant));
        let told = meant.map(|(link, _)| Report::Networks(*link));
        self.reports.extend(told);
    }

    /// Asks for everything anew, because some news were lost.
    fn survey(&mut self) {
        tracing::warn!("news of links and addresses were lost, asking for all of them");
        self.surveying = true;
        if let Err(error) = self.poller.remove(&self.monitor) {
            tracing::error!(%error, "epoll");
        }
        self.worker.submit(Job::Survey);
    }

    fn take_survey(&mut self, surveyed: Result<Links, Refusal>) {
        self.surveying = false;
        if let Err(error) = self.poller.add(Source::News, &self.monitor) {
            tracing::error!(%error, "epoll");
        }
        match surveyed {
            Ok(links) => self.links = links,
            Err(error) => tracing::error!(%error, "links and addresses cannot be asked for"),
        }
        self.look_at_links();
        self.mute_again(&self.places.keys().copied().collect());
        let carpdevs: Vec<u32> = self
            .watches
            .values()
            .filter_map(|watch| watch.index)
            .collect();
        for index in carpdevs {
            self.reroute(index);
        }
        self.tell_of_networks(|_| true);
        self.suspects.extend(self.hosts.keys());
    }

    fn take_answer(&mut self, answer: Answer) {
        match answer {
            Answer::Report(report) => self.take_report(report),
            Answer::Place(id, index) => {
                self.set_place(id, index);
                self.mute_again(&index.into_iter().collect());
                // What happened to it before this was known is not to be missed.
                self.suspects.insert(id);
            }
            Answer::Holding {
                id,
                forwards,
                until,
                speech,
            } => {
                if let Some(host) = self.hosts.get_mut(&id) {
                    host.forwards = forwards;
                    host.speech = speech;
                    // An answer to a call that was overtaken says nothing.
                    if host.until.is_some() == until.is_some() {
                        host.until = host.until.max(until);
                    }
                }
            }
            Answer::Joined {
                link,
                index,
                copies,
            } => match self.watches.get_mut(&link) {
                Some(watch) if watch.index == Some(index) => watch.copies = copies,
                _ => {
                    self.worker.submit(Job::Close(copies));
                }
            },
            Answer::Surveyed(surveyed) => self.take_survey(surveyed),
        }
    }

    pub(super) fn take_report(&mut self, report: Report) {
        if let Report::Mended(id) = report {
            self.set_straight(id);
        }
        let hosts = &mut self.hosts;
        if let Report::Adopted(id) = &report
            && let Some(host) = hosts.get_mut(id).filter(|host| !host.holding)
        {
            host.holding = true;
            host.handing_over = true;
            // How long they stay is not known: whenever they go, their lease is over.
            host.until = Some(clock::now());
        } else if let Report::Damaged { id, damage } = &report
            && let Some(host) = hosts.get_mut(id)
        {
            host.misled |= *damage == Damage::Inet6Disabled;
            host.holding &= *damage != Damage::LinkAddress;
        } else if let Report::TakenDown { id, how } = &report
            && let Some(host) = hosts.get_mut(id)
            && std::mem::replace(&mut host.taken_down, true)
            && *how == TakenDown::SetDown
        {
            return; // told before
        }
        self.reports.push_back(report);
    }

    /// Compares what is watched with what there is.
    fn look_at_links(&mut self) {
        let all: Vec<LinkId> = self.watches.keys().copied().collect();
        for id in all {
            self.look_at(id);
        }
    }

    /// Protodown or not, the kernel gives a carp interface the carrier of its carpdev whenever that
    /// changes: takes it away again from those among these that hold nothing.
    fn mute_again(&mut self, interfaces: &BTreeSet<u32>) {
        for index in interfaces {
            let Some(there) = self.places.get(index) else {
                continue;
            };
            if !self.links.get(*index).is_some_and(Link::has_carrier) {
                continue;
            }
            for (id, host) in there
                .iter()
                .filter_map(|id| Some((id, self.hosts.get(id)?)))
            {
                if host.setup.interface_mac().is_some() && !host.holding {
                    self.worker.submit(Job::Mute(*id));
                }
            }
        }
    }

    pub(super) fn look_at(&mut self, id: LinkId) {
        let Some(watch) = self.watches.get_mut(&id) else {
            return;
        };
        let link = self.links.by_name(&watch.name);
        let index = link.map(|link| link.index);
        let is_another = index != watch.index;
        if is_another {
            if let Some(before) = watch.index.take() {
                self.hear.ignore(before);
                // Even where another has the name by now: this one is gone.
                let state = LinkState::Absent;
                if std::mem::replace(&mut watch.state, state) != state {
                    self.reports.push_back(Report::Link { link: id, state });
                }
            }
            watch.index = index;
            let copies = std::mem::take(&mut watch.copies);
            self.worker.submit(Job::Close(copies));
            if let Some(index) = index {
                self.hear.listen(index, id);
            }
            let job = self.worker.submit(Job::Follow { link: id, index });
            for host in self.hosts.values_mut() {
                if host.setup.link == id {
                    host.last_job = job;
                }
            }
        }
        let state = state_of(link);
        if std::mem::replace(&mut watch.state, state) != state {
            self.reports.push_back(Report::Link { link: id, state });
        }
        if is_another && index.is_some() {
            // It may have come with addresses.
            self.reports.push_back(Report::Networks(id));
        }
        let mtu = link.map(|link| link.mtu);
        if std::mem::replace(&mut watch.mtu, mtu) != mtu {
            // A carp interface shrinks with its carpdev, but does not grow with it.
            for (host_id, host) in &mut self.hosts {
                if host.setup.link == id {
                    host.last_job = self.worker.submit(Job::Resize(*host_id));
                }
            }
        }
        let mac = link.and_then(|link| link.mac);
        let before = std::mem::replace(&mut watch.mac, mac);
        if before.is_some() && mac.is_some() && before != mac {
            self.tell_of_new_mac(id);
        }
    }

    /// Has the routes of the addresses on the carpdev with this index looked at again, because
    /// addresses of its own have changed.
    fn reroute(&mut self, index: u32) {
        for (id, host) in &self.hosts {
            if host.holding && self.carpdev(&host.setup) == Some(index) {
                let own = self.own_networks(index);
                self.worker.submit(Job::Reroute { id: *id, own });
            }
        }
    }
}

const NEWS_A_TURN: usize = 1_024;
