//! What is done to the cluster, and what is done to mend it.

use std::time::Duration;

use carp_benches::{CARPDEV, Result, give_addresses, pause};
use carp_net::lab;

use crate::cluster::{Cluster, GROUPS, Group, OURS, PEER, Seat};
use crate::fault::{Cost, Fault, Reach, Scope, TAKE_OVER};
use crate::ledger::{Allowed, Moment};
use crate::schedule::Random;
use crate::streams::STREAMS;

/// A fault that is to happen.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) fault: Fault,
    /// To whom.
    pub(crate) seats: Vec<Seat>,
    /// On which of their interfaces.
    pub(crate) groups: Vec<Group>,
    /// What else goes on meanwhile.
    pub(crate) storm: Option<Storm>,
    /// Whose engine is killed at the same time: of a node that is no master.
    pub(crate) crash: Option<Seat>,
}

/// Harm that is done all the while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storm {
    /// Forged adverts, to all.
    Forgery,
    /// Nonsense, to the control socket of the node that a fault happens to.
    Nonsense,
}

impl Fault {
    /// What it is itself, where it is one.
    fn storm(self) -> Option<Storm> {
        let storms = [
            (Self::ForgedAdverts, Storm::Forgery),
            (Self::SocketAbuse, Storm::Nonsense),
        ];
        let mut storms = storms.into_iter();
        storms
            .find(|(fault, _)| *fault == self)
            .map(|(_, storm)| storm)
    }
}

impl Plan {
    /// Chooses to whom a fault happens; `None` where it cannot happen to them yet.
    pub(crate) fn choose(cluster: &mut Cluster, random: &mut Random, fault: Fault) -> Option<Self> {
        let group = random.one_of(&GROUPS)?;
        let scope = fault.row().scope;
        let seats = match scope {
            Scope::Peer => vec![PEER],
            Scope::Everybody => (0..=OURS).collect(),
            Scope::Two => {
                let ranking = cluster.ranking(group).into_iter();
                ranking.filter(|seat| *seat != PEER).take(2).collect()
            }
            Scope::Node | Scope::Interface | Scope::Carp0 => {
                let master = cluster.master(group, &[]).filter(|seat| *seat != PEER);
                let anybody = random.below(OURS);
                vec![master.filter(|_| !random.once_in(4)).unwrap_or(anybody)]
            }
        };
        let groups = match scope {
            Scope::Node | Scope::Two | Scope::Everybody => GROUPS.to_vec(),
            Scope::Interface => vec![group],
            Scope::Carp0 => vec![Group::Ours],
            Scope::Peer => vec![Group::Mixed],
        };
        if fault.costs_a_start() && !seats.iter().all(|seat| cluster.may_start_again(*seat)) {
            return None;
        }
        let storms = [Storm::Forgery, Storm::Nonsense];
        let storm = random.one_of(&storms).filter(|_| random.once_in(4));
        let storm = fault.storm().or(storm);
        let crash = Some(random.below(OURS)).filter(|_| random.once_in(4));
        let crash = crash.filter(|seat| {
            let is_master = |group| cluster.master(group, &[]) == Some(*seat);
            !seats.contains(seat) && !GROUPS.into_iter().any(is_master)
        });
        let crash = crash.filter(|seat| cluster.may_start_again(*seat));
        Some(Self {
            fault,
            seats,
            groups,
            storm,
            crash,
        })
    }
}

/// A fault that happens.
#[derive(Debug)]
pub(crate) struct Episode<'a> {
    cluster: &'a mut Cluster,
    random: &'a mut Random,
    plan: &'a Plan,
    /// Who was master of each group.
    before: [Option<Seat>; 2],
    pub(crate) moments: Vec<Moment>,
}

impl<'a> Episode<'a> {
    pub(crate) fn new(cluster: &'a mut Cluster, random: &'a mut Random, plan: &'a Plan) -> Self {
        let before = GROUPS.map(|group| cluster.master(group, &[]));
        Self {
            cluster,
            random,
            plan,
            before,
            moments: Vec::new(),
        }
    }

    /// Has it happen, and mends it.
    ///
    /// # Errors
    ///
    /// Where something does not come as it must.
    pub(crate) fn play(&mut self) -> Result<()> {
        match self.plan.fault {
            Fault::Down => self.said("down", "up"),
            Fault::StateBackup => self.said("state backup", "up"),
            Fault::Destroy => self.away_while(
                |it| it.tell_of_groups("destroy"),
                |it| {
                    let seat = it.seat()?;
                    let mut groups = it.plan.groups.iter();
                    groups.try_for_each(|group| it.cluster.configure(seat, *group))
                },
            ),
            Fault::Terminate => self.gone_while(|it| {
                let member = it.cluster.member(it.seat()?)?;
                member.service(false)?.terminate()?;
                member.node.wait_for_service()
            }),
            Fault::Advskew => self.change_skew(),
            Fault::Demote => self.all_away_while(
                |it| it.tell("-g carp carpdemote 50"),
                |it| it.tell("-g carp -carpdemote 50"),
            ),
            Fault::AddressList => self.change_addresses(),
            Fault::Restart => self.once(|it| it.tell("restart")),
            Fault::KillEngine => self.once(|it| {
                let engine = it.cluster.member(it.seat()?)?.service(true)?;
                Ok(engine.kill()?)
            }),
            Fault::FreezeEngine => self.freeze_engine(),
            Fault::KillAll => self.gone_while(|it| {
                let member = it.cluster.member(it.seat()?)?;
                member.node.host.kill_processes()?;
                member.node.wait_for_service()
            }),
            Fault::FreezeAll => self.freeze_all(),
            Fault::LinkLost => self.all_away_while(
                |it| Ok(it.cluster.lab.cut(it.cluster.member(it.seat()?)?.name())?),
                |it| Ok(it.cluster.lab.mend(it.cluster.member(it.seat()?)?.name())?),
            ),
            Fault::CarpdevDown => self.all_away_while(
                |it| it.run_ip(&format!("link set {CARPDEV} down")),
                |it| {
                    it.run_ip(&format!("link set {CARPDEV} up"))?;
                    // The kernel takes those of IPv6 away.
                    let node = &it.cluster.member(it.seat()?)?.node;
                    let address = format!("2001:db8::{}/64", node.number);
                    Ok(node.host.add_address(&address)?)
                },
            ),
            Fault::PowerLoss | Fault::TwoPowerLosses | Fault::PeerLosesPower => self.lose_power(),
            Fault::Partition => self.part(),
            Fault::Password => self.change_password(),
            Fault::CarpdevDeleted => self.all_away_while(
                |it| {
                    let host = &it.cluster.member(it.seat()?)?.node.host;
                    Ok(it.cluster.lab.remove_interface(host)?)
                },
                |it| {
                    let node = &it.cluster.member(it.seat()?)?.node;
                    it.cluster.lab.add_interface(&node.host)?;
                    give_addresses(&node.host, node.number)
                },
            ),
            Fault::AddressDeleted => self.delete_address(),
            Fault::Inet6Disabled => self.once(|it| {
                let host = &it.cluster.member(it.seat()?)?.node.host;
                Ok(host.set_sysctl("net/ipv6/conf/carp0/disable_ipv6", "1")?)
            }),
            Fault::SetDown => self.meddled(|name| format!("link set {name} down")),
            Fault::InterfaceDeleted => self.meddled(|name| format!("link delete {name}")),
            Fault::MacChanged => self.once(|it| {
                let name = it.group()?.interface();
                it.run_ip(&format!("link set {name} address 02:00:00:00:77:07"))
            }),
            Fault::ForgedAdverts | Fault::SocketAbuse => self.once(|_| pause(STORM)),
            Fault::PeerEnds => self.gone_while(|it| it.end_peer()),
            Fault::PeerComesAnew => {
                self.happens(0, |it| {
                    it.end_peer()?;
                    it.cluster.give_skew(PEER, Group::Mixed, it.random);
                    Ok(())
                })?;
                self.cluster.wait_for_masters(&[PEER])?;
                self.happens(1, |it| it.cluster.start(PEER))
            }
        }
    }

    // ---- what faults have in common ----

    /// A moment from which on a fault may cost something.
    fn happens(&mut self, which: usize, work: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let moment = Moment {
            title: if which == 0 { "happens" } else { "is over" },
            from: lab::now(),
            took: Duration::ZERO,
            allowed: STREAMS
                .map(|stream| self.allowed(which, stream.group))
                .to_vec(),
        };
        self.moments.push(moment);
        if let Some(seat) = self.plan.crash.filter(|_| which == 0) {
            self.cluster.member(seat)?.service(true)?.kill()?;
        }
        let done = work(self);
        if let Some(moment) = self.moments.last_mut() {
            moment.took = lab::now() - moment.from;
        }
        done
    }

    fn allowed(&self, which: usize, group: Group) -> Allowed {
        let row = self.plan.fault.row();
        let master = self.before.get(group.index()).copied().flatten();
        let concerned = self.plan.groups.contains(&group)
            && match row.reach {
                Reach::All => true,
                Reach::Held => master.is_some_and(|master| self.plan.seats.contains(&master)),
            };
        let cost = row.costs.get(which).filter(|_| concerned);
        match cost.copied().unwrap_or(Cost::Nothing) {
            Cost::Nothing => Allowed::default(),
            // What the best node, `ucarp`, does about others that were master meanwhile, it does late.
            Cost::Echoes(echoes)
                if row.reach == Reach::All && self.cluster.master(group, &[]) == Some(PEER) =>
            {
                Allowed {
                    echoes: echoes + UCARP_TELLS_LATE,
                    within: None,
                }
            }
            Cost::Echoes(echoes) => Allowed {
                echoes,
                within: None,
            },
            Cost::Outage => {
                let mut away = self.plan.seats.clone();
                away.extend(self.plan.crash);
                let outage = self.cluster.missed_after(group, &away) + TAKE_OVER;
                Allowed {
                    echoes: u64::try_from(outage.as_millis()).unwrap_or(u64::MAX),
                    within: Some(outage),
                }
            }
        }
    }

    /// Something that mends itself.
    fn once(&mut self, harm: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.happens(0, harm)?;
        // A peer that hears nothing would have taken over.
        pause(PEER_WOULD_HAVE)
    }

    /// Something after which a node takes no part in anything until it is mended.
    fn all_away_while(
        &mut self,
        harm: impl FnOnce(&mut Self) -> Result<()>,
        mend: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.happens(0, harm)?;
        self.cluster.wait_for_masters(&self.plan.seats)?;
        self.some_time()?;
        self.happens(1, mend)
    }

    /// The same, on some interfaces only.
    fn away_while(
        &mut self,
        harm: impl FnOnce(&mut Self) -> Result<()>,
        mend: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.happens(0, harm)?;
        let (seat, group) = (self.seat()?, self.group()?);
        self.cluster
            .wait_until("another node is master", |cluster| {
                let heir = cluster.master(group, &[seat]);
                let heir = heir.and_then(|seat| cluster.members.get(seat));
                let gone = cluster.members.get(seat).is_some_and(|it| !it.holds(group));
                gone && heir.is_some_and(|heir| heir.holds(group))
            })?;
        self.some_time()?;
        self.happens(1, mend)
    }

    /// Something after which nothing runs on a node until it is started again.
    fn gone_while(&mut self, harm: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.happens(0, harm)?;
        let seat = self.seat()?;
        self.cluster.wait_for_masters(&self.plan.seats)?;
        self.cluster
            .wait_until("its addresses are gone", |cluster| {
                let member = cluster.members.get(seat);
                let mut groups = GROUPS.into_iter();
                member.is_some_and(|member| !groups.any(|group| member.holds(group)))
            })?;
        self.some_time()?;
        self.happens(1, |it| it.cluster.start(seat))
    }

    fn said(&mut self, harm: &str, mend: &str) -> Result<()> {
        self.away_while(|it| it.tell_of_groups(harm), |it| it.tell_of_groups(mend))
    }

    /// Something that another program does to an interface, after which it is down until the operator
    /// says otherwise.
    fn meddled(&mut self, harm: impl FnOnce(&str) -> String) -> Result<()> {
        self.away_while(
            |it| {
                let words = harm(it.group()?.interface());
                it.run_ip(&words)
            },
            |it| it.tell_of_groups("up"),
        )
    }

    // ---- the others ----

    fn change_skew(&mut self) -> Result<()> {
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
    fn change_addresses(&mut self) -> Result<()> {
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

    fn freeze_engine(&mut self) -> Result<()> {
        let engine = self.cluster.member(self.seat()?)?.service(true)?;
        self.happens(0, |_| Ok(engine.freeze()?))?;
        let slept = pause(LONG);
        // It may have been ended, and another one started, meanwhile.
        self.happens(1, |_| Ok(engine.thaw()?))?;
        slept
    }

    fn freeze_all(&mut self) -> Result<()> {
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
    fn lose_power(&mut self) -> Result<()> {
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

    fn part(&mut self) -> Result<()> {
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
                    member.holds(Group::Mixed) && (seat == PEER || member.holds(Group::Ours))
                })
            })?;
        self.some_time()?;
        self.happens(1, |it| part(it, false))
    }

    fn change_password(&mut self) -> Result<()> {
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
        self.happens(1, |it| {
            it.tell(&format!("carp0 pass {}", carp_benches::PASS))
        })
    }

    /// One of a master's, or of nobody's.
    fn delete_address(&mut self) -> Result<()> {
        let group = self.group()?;
        let name = group.interface();
        let addresses: &[&str] = match group {
            Group::Ours => &["192.0.2.10/24", "2001:db8::10/64"],
            Group::Mixed => &["192.0.2.11/24"],
        };
        let address = self.random.one_of(addresses).ok_or("no address")?;
        if !self.cluster.member(self.seat()?)?.holds(group) {
            return self.once(|_| Ok(()));
        }
        self.once(|it| it.run_ip(&format!("address delete {address} dev {name}")))
    }

    // ---- means ----

    /// To whom it happens, where it happens to one.
    fn seat(&self) -> Result<Seat> {
        Ok(*self.plan.seats.first().ok_or("it happens to nobody")?)
    }

    fn group(&self) -> Result<Group> {
        Ok(*self.plan.groups.first().ok_or("it is on no interface")?)
    }

    fn tell(&self, words: &str) -> Result<()> {
        self.cluster.tell(self.seat()?, words)
    }

    fn tell_of_groups(&self, words: &str) -> Result<()> {
        let mut groups = self.plan.groups.iter();
        groups.try_for_each(|group| self.tell(&format!("{} {words}", group.interface())))
    }

    /// Runs `ip`, as another program would.
    fn run_ip(&self, words: &str) -> Result<()> {
        self.cluster.member(self.seat()?)?.node.run("ip", words)?;
        Ok(())
    }

    fn end_peer(&self) -> Result<()> {
        let peer = self.cluster.member(PEER)?;
        for process in peer.processes()? {
            process.terminate()?;
        }
        peer.node.wait_for_service()
    }

    fn some_time(&mut self) -> Result<()> {
        let millis = self.random.below(1_500) as u64;
        pause(Duration::from_millis(millis))
    }
}

/// What is added, and taken away again.
const MORE: &str = "192.0.2.12/24";
const MORE_ALONE: &str = "192.0.2.12";
const PEER_WOULD_HAVE: Duration = Duration::from_millis(4_200);
/// Echoes: `ucarp` reads up to a second late what worse masters say, and tells the neighbours only then
/// that the address is its own.
const UCARP_TELLS_LATE: u64 = 1_000;
/// How long somebody is kept from running.
const LONG: Duration = Duration::from_secs(8);
const STORM: Duration = Duration::from_secs(2);
