//! What is done to the cluster, and what is done to mend it.

use std::time::Duration;

use carp_benches::{CARPDEV, Result, give_addresses, pause};
use carp_net::lab;

use crate::cluster::Cluster;
use crate::fault::{Cost, FILTER_PAUSES, Fault, Reach, TAKE_OVER};
use crate::ledger::{Allowed, Moment};
use crate::plan::Plan;
use crate::schedule::Random;
use crate::seats::{Each, GROUPS, Group, PEER, Seat};
use crate::streams::STREAMS;

mod singular;

/// A fault that happens.
#[derive(Debug)]
pub(crate) struct Episode<'a> {
    cluster: &'a mut Cluster,
    random: &'a mut Random,
    plan: &'a Plan,
    /// Who was master of each group.
    before: Each<Option<Seat>>,
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
                // A backup keeps it, and a carpdev can have it once.
                let (name, number) = (it.group()?.interface(), it.group()?.vhid());
                it.run_ip(&format!(
                    "link set {name} address 02:00:00:00:77:{number:02x}"
                ))
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
        // The filter on the carpdev is for all that is there.
        let pauses = self.plan.fault == Fault::Destroy
            && self.plan.groups.contains(&Group::Plain)
            && master.is_some_and(|master| self.plan.seats.contains(&master));
        let cost = row.costs.get(which).filter(|_| concerned);
        match cost.copied().unwrap_or(Cost::Nothing) {
            Cost::Nothing if pauses => Allowed {
                echoes: FILTER_PAUSES,
                within: None,
            },
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

const PEER_WOULD_HAVE: Duration = Duration::from_millis(4_200);
/// Echoes: `ucarp` reads up to a second late what worse masters say, and tells the neighbours only then
/// that the address is its own.
const UCARP_TELLS_LATE: u64 = 1_000;
const STORM: Duration = Duration::from_secs(2);
