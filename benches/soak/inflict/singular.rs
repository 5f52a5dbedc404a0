//! The faults that have a way of their own.

use std::time::Duration;

use carp_benches::{PASS, Result, give_addresses, pause};

use super::Episode;
use crate::seats::{GROUPS, Group, OURS, Seat};

impl Episode<'_> {
    pub(super) fn change_skew(&mut self) -> Result<()> {
        let (seat, group) = (self.seat()?, self.group()?);
        self.happens(0, |it| {
            it.cluster.give_skew(seat, group, it.random);
            let skews = it.cluster.member(seat)?.skews;
            let skew = skews.get(group.index()).copied().unwrap_or_default();
            it.tell(&format!("{} advskew {skew}", group.interface()))
        })?;
        self.cluster.wait_for_masters(&[])
    }

    /// Of all nodes, one after the other.
    pub(super) fn change_addresses(&mut self) -> Result<()> {
        for (which, word) in [(0, "alias"), (1, "-alias")] {
            let mut seats: Vec<Seat> = (0..OURS).collect();
            self.random.shuffle(&mut seats);
            self.happens(which, |it| {
                for seat in seats {
                    let address = if which == 0 { MORE } else { MORE_ALONE };
                    it.cluster.tell(seat, &format!("carp0 {word} {address}"))?;
                    it.some_time()?;
                }
                Ok(())
            })?;
            self.cluster.wait_for_masters(&[])?;
        }
        Ok(())
    }

    pub(super) fn freeze_engine(&mut self) -> Result<()> {
        let engine = self.cluster.member(self.seat()?)?.service(true)?;
        self.happens(0, |_| Ok(engine.freeze()?))?;
        let slept = pause(LONG);
        // It may have been ended, and another one started, meanwhile.
        self.happens(1, |_| Ok(engine.thaw()?))?;
        slept
    }

    pub(super) fn freeze_all(&mut self) -> Result<()> {
        let processes = self.cluster.member(self.seat()?)?.processes()?;
        self.happens(0, |_| {
            processes
                .iter()
                .try_for_each(|process| Ok(process.freeze()?))
        })?;
        let slept = pause(LONG);
        self.happens(1, |_| {
            processes.iter().try_for_each(|process| Ok(process.thaw()?))
        })?;
        slept
    }

    /// The machine is off: what runs on it is gone, and what its kernel knew too.
    pub(super) fn lose_power(&mut self) -> Result<()> {
        self.happens(0, |it| {
            for seat in &it.plan.seats {
                it.cluster.lab.cut(it.cluster.member(*seat)?.name())?;
            }
            for seat in &it.plan.seats {
                let node = &it.cluster.member(*seat)?.node;
                node.end_processes()?;
                it.cluster.lab.remove_interface(&node.host)?;
            }
            Ok(())
        })?;
        self.cluster.wait_for_masters(&self.plan.seats)?;
        self.some_time()?;
        self.happens(1, |it| {
            for seat in &it.plan.seats {
                let node = &it.cluster.member(*seat)?.node;
                it.cluster.lab.add_interface(&node.host)?;
                give_addresses(&node.host, node.number)?;
                it.cluster.start(*seat)?;
            }
            Ok(())
        })
    }

    pub(super) fn part(&mut self) -> Result<()> {
        let part = |it: &Self, parted| -> Result<()> {
            for member in &it.cluster.members {
                it.cluster.lab.part(member.name(), parted)?;
            }
            Ok(())
        };
        self.happens(0, |it| part(it, true))?;
        self.cluster
            .wait_until("each is master for itself", |cluster| {
                let mut members = cluster.members.iter().enumerate();
                members.all(|(seat, member)| {
                    let mut groups = GROUPS.into_iter().filter(|group| seat < group.size());
                    groups.all(|group| member.holds(group))
                })
            })?;
        self.some_time()?;
        self.happens(1, |it| part(it, false))
    }

    pub(super) fn change_password(&mut self) -> Result<()> {
        let seat = self.seat()?;
        self.happens(0, |it| it.tell("carp0 pass AnotherSecret"))?;
        self.cluster
            .wait_until("each part has a master", |cluster| {
                let heir = cluster.master(Group::Ours, &[seat]);
                let mut masters = [heir, Some(seat)].into_iter().flatten();
                masters.all(|seat| {
                    let member = cluster.members.get(seat);
                    member.is_some_and(|member| member.holds(Group::Ours))
                })
            })?;
        self.some_time()?;
        self.happens(1, |it| it.tell(&format!("carp0 pass {}", PASS)))
    }

    /// One of a master's, or of nobody's.
    pub(super) fn delete_address(&mut self) -> Result<()> {
        let group = self.group()?;
        let (device, addresses) = (group.device(), group.installed());
        let at = self.random.below(addresses.len());
        let address = addresses.get(at).ok_or("no address")?;
        if !self.cluster.member(self.seat()?)?.holds(group) {
            return self.once(|_| Ok(()));
        }
        self.once(|it| it.run_ip(&format!("address delete {address} dev {device}")))
    }
}

/// What is added, and taken away again.
const MORE: &str = "192.0.2.12/24";
const MORE_ALONE: &str = "192.0.2.12";
/// How long somebody is kept from running.
const LONG: Duration = Duration::from_secs(8);
