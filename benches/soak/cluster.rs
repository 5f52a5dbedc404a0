//! Four nodes with the service and one with `ucarp`, a client and a switch; who has to be master.

use std::fmt::Write as _;
use std::time::Duration;

use carp_benches::{CARPDEV, Node, PASS, Program, Result, give_addresses, pause};
use carp_net::carp_fsm::Timestamp;
use carp_net::lab::{self, Host, Lab, Process, Watch};

use crate::fault::UCARP_IS_LATE;
use crate::peer;
use crate::plan::Rankings;
use crate::schedule::Random;
use crate::seats::{Each, GROUPS, Group, PEER, Seat};
use crate::spans::Spans;

/// A node of the cluster.
#[derive(Debug)]
pub(crate) struct Member {
    watch: Watch,
    pub(crate) node: Node,
    /// In each group; that of `ucarp` in the first one means nothing.
    pub(crate) skews: Each<u8>,
}

impl Member {
    pub(crate) fn name(&self) -> &str {
        self.node.host.name()
    }

    /// Whether it holds all addresses of a group.
    pub(crate) fn holds(&self, group: Group) -> bool {
        let mut addresses = group.addresses().into_iter();
        addresses.all(|address| self.watch.holds(address))
    }

    /// Whether it holds none of them.
    fn holds_none(&self, group: Group) -> bool {
        let mut addresses = group.addresses().into_iter();
        !addresses.any(|address| self.watch.holds(address))
    }

    pub(crate) fn processes(&self) -> Result<Vec<Process>> {
        Ok(self.node.host.namespace().processes()?)
    }

    /// The process that runs the election, or the one that keeps it running.
    pub(crate) fn service(&self, engine: bool) -> Result<Process> {
        let found = self.processes()?.into_iter().find(|process| {
            let line = std::fs::read(format!("/proc/{}/cmdline", process.pid()));
            let line = String::from_utf8_lossy(&line.unwrap_or_default()).into_owned();
            let has = |word| line.split('\0').any(|found| found == word);
            has("daemon") && has("--engine") == engine
        });
        Ok(found.ok_or_else(|| format!("{}: the service does not run", self.name()))?)
    }
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Cluster {
    // Hosts go before the switch that they are plugged into.
    pub(crate) members: Vec<Member>,
    pub(crate) client: Host,
    pub(crate) lab: Lab,
    pub(crate) program: Program,
    /// When the engine of a node was last killed, or kept from running.
    starts: Vec<(Seat, Timestamp)>,
}

impl Cluster {
    /// Makes the hosts, with nothing running on them.
    ///
    /// # Errors
    ///
    /// Where the caller is not root.
    pub(crate) fn new(program: Program, random: &mut Random) -> Result<Self> {
        let lab = Lab::new()?;
        let client = lab.host("client")?;
        give_addresses(&client, 50)?;
        let mut skews = GROUPS.map(|_| skews(random));
        let mut members = Vec::new();
        for (name, number) in ["one", "two", "three", "four", "ucarp"]
            .into_iter()
            .zip(1..)
        {
            let host = lab.host(name)?;
            give_addresses(&host, number)?;
            let addresses: Vec<_> = GROUPS.into_iter().flat_map(Group::addresses).collect();
            members.push(Member {
                watch: host.watch(&addresses)?,
                node: Node::new(host, number)?,
                skews: skews
                    .each_mut()
                    .map(|skews| skews.pop().unwrap_or_default()),
            });
        }
        Ok(Self {
            members,
            client,
            lab,
            program,
            starts: Vec::new(),
        })
    }

    pub(crate) fn member(&self, seat: Seat) -> Result<&Member> {
        Ok(self.members.get(seat).ok_or("no such node")?)
    }

    /// Starts what is to run on a node and tells it all.
    pub(crate) fn start(&self, seat: Seat) -> Result<()> {
        let member = self.member(seat)?;
        if seat == PEER {
            return peer::start(member);
        }
        self.program.start(&member.node)?;
        self.tell(seat, "sysctl net.inet.carp.preempt=1")?;
        for group in GROUPS {
            self.configure(seat, group)?;
        }
        Ok(())
    }

    /// Tells a node of ours all about a group.
    pub(crate) fn configure(&self, seat: Seat, group: Group) -> Result<()> {
        let skews = self.member(seat)?.skews;
        let skew = skews.get(group.index()).copied().unwrap_or_default();
        let (interface, vhid, words) = (group.interface(), group.vhid(), group.words(seat));
        self.tell(
            seat,
            &format!(
                "{interface} vhid {vhid} pass {PASS} carpdev {CARPDEV} advskew {skew} {words}"
            ),
        )
    }

    /// Runs `carpctl` on a node.
    pub(crate) fn tell(&self, seat: Seat, words: &str) -> Result<()> {
        self.program.run(&self.member(seat)?.node, words)?;
        Ok(())
    }

    /// The nodes of a group, best first.
    pub(crate) fn ranking(&self, group: Group) -> Vec<Seat> {
        let mut seats: Vec<Seat> = (0..group.size()).collect();
        seats.sort_by_key(|seat| self.skew(*seat, group));
        seats
    }

    /// Those of all groups.
    pub(crate) fn rankings(&self) -> Rankings {
        Rankings(GROUPS.map(|group| self.ranking(group)))
    }

    /// Who has to be master of a group while some are away.
    pub(crate) fn master(&self, group: Group, away: &[Seat]) -> Option<Seat> {
        let ranking = self.ranking(group).into_iter();
        ranking.into_iter().find(|seat| !away.contains(seat))
    }

    /// How long it takes until one of those that are not away misses the master of a group.
    pub(crate) fn missed_after(&self, group: Group, away: &[Seat]) -> Duration {
        let ranking = self.ranking(group).into_iter();
        let waits = ranking.filter(|seat| !away.contains(seat)).map(|seat| {
            let skew = Duration::from_secs(1) * u32::from(self.skew(seat, group)) / 256;
            let late = if seat == PEER {
                UCARP_IS_LATE
            } else {
                Duration::ZERO
            };
            Duration::from_secs(3) + skew + late
        });
        waits.min().unwrap_or_default()
    }

    fn skew(&self, seat: Seat, group: Group) -> u8 {
        let member = self.members.get(seat);
        let skew = member.and_then(|member| member.skews.get(group.index()));
        skew.copied().unwrap_or(u8::MAX)
    }

    /// Gives a node an advskew in a group that nobody else has.
    pub(crate) fn give_skew(&mut self, seat: Seat, group: Group, random: &mut Random) {
        let taken = |skew: &u8| {
            let mut others = self.members.iter();
            others.any(|member| member.skews.get(group.index()) == Some(skew))
        };
        let free: Vec<u8> = SKEWS.into_iter().filter(|skew| !taken(skew)).collect();
        let slot = self.members.get_mut(seat);
        let slot = slot.and_then(|member| member.skews.get_mut(group.index()));
        if let Some((slot, skew)) = slot.zip(random.one_of(&free)) {
            *slot = skew;
        }
    }

    /// Waits until each group has one master among those that are not away: the best of them.
    ///
    /// # Errors
    ///
    /// Where that does not come.
    pub(crate) fn wait_for_masters(&self, away: &[Seat]) -> Result<()> {
        let deadline = lab::now() + PATIENCE;
        while !GROUPS.into_iter().all(|group| self.is_settled(group, away)) {
            if lab::now() > deadline {
                let mut said = String::from("not one master of each, the best:");
                for group in GROUPS {
                    let due = self.master(group, away);
                    let due = due.and_then(|seat| self.members.get(seat));
                    let due = due.map_or("nobody", Member::name);
                    let holders = self.members.iter();
                    let holders = holders.filter(|member| !member.holds_none(group));
                    let holders: Vec<_> = holders.map(Member::name).collect();
                    write!(said, " {}: {due}, held by {holders:?};", group.interface())?;
                }
                return Err(said.into());
            }
            pause(STEP)?;
        }
        Ok(())
    }

    fn is_settled(&self, group: Group, away: &[Seat]) -> bool {
        let due = self.master(group, away);
        let members = self.members.iter().enumerate();
        let mut present = members.filter(|(seat, _)| !away.contains(seat));
        present.all(|(seat, member)| {
            if Some(seat) == due {
                member.holds(group)
            } else {
                member.holds_none(group)
            }
        })
    }

    /// Waits until something is so.
    ///
    /// # Errors
    ///
    /// Where it does not come so.
    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) -> Result<()> {
        let deadline = lab::now() + PATIENCE;
        while !is_so(self) {
            if lab::now() > deadline {
                return Err(format!("waited in vain until {what}").into());
            }
            pause(STEP)?;
        }
        Ok(())
    }

    /// Whether the supervisor of a node will start its engine once more; takes note that it has to.
    pub(crate) fn may_start_again(&mut self, seat: Seat) -> bool {
        let now = lab::now();
        self.starts.retain(|(_, time)| now - *time < A_MINUTE);
        let recent = self.starts.iter().filter(|(started, _)| *started == seat);
        let may = recent.count() < STARTS;
        if may {
            self.starts.push((seat, now));
        }
        may
    }

    /// When what was lost in a group may be the doing of `ucarp`, from `since` on: it is master for an
    /// instant, much too late, and the neighbours believe it.
    pub(crate) fn slips(&self, group: Group, since: Timestamp) -> Spans {
        let peer = self.members.get(PEER).filter(|_| group == Group::Mixed);
        let changes = peer.map(|peer| peer.watch.changes());
        let ends = changes.into_iter().flatten();
        let ends = ends.filter(|change| !change.held && change.time >= since);
        let ends = ends.map(|change| change.time);
        let begin = |time: Timestamp| time.as_micros().saturating_sub(SCRIPT);
        Spans::of(ends.map(|time| (Timestamp::from_micros(begin(time)), time + SLIP)))
    }

    /// Who came to hold what since `from`, and who ceased to, a line each.
    pub(crate) fn history(&self, from: Timestamp) -> String {
        let mut changes: Vec<_> = Vec::new();
        for member in &self.members {
            let of_it = member.watch.changes().into_iter();
            let of_it = of_it.filter(|change| change.time >= from);
            changes.extend(of_it.map(|change| (change, member.name())));
        }
        changes.sort_by_key(|(change, _)| change.time);
        let mut said = String::new();
        for (change, name) in changes {
            let millis = (change.time - from).as_secs_f64() * 1e3;
            let verb = if change.held { "holds" } else { "has not" };
            said += &format!("{millis:9.1} ms {name} {verb} {}\n", change.address);
        }
        said
    }

    /// What every node says of itself.
    pub(crate) fn describe(&self) -> String {
        let mut said = String::new();
        for (seat, member) in self.members.iter().enumerate() {
            let name = member.name();
            said += &format!("---- {name}, advskew {:?}\n", member.skews);
            if seat == PEER {
                said += &member
                    .node
                    .run("ip", "-oneline address show")
                    .unwrap_or_default();
            } else {
                let whys = GROUPS.map(|group| format!("why {}", group.interface()));
                for words in ["-a".to_owned()].into_iter().chain(whys) {
                    let shown = self.program.run(&member.node, &words);
                    said += &shown.unwrap_or_else(|error| format!("{error}\n"));
                }
            }
            let log = member.node.log();
            let lines: Vec<_> = log.lines().collect();
            let last = lines.len().saturating_sub(LOG_LINES);
            for line in lines.iter().skip(last) {
                said += &format!("log: {line}\n");
            }
        }
        said
    }
}

/// All that may be given, in an order of chance. 240 is what a demoted node claims.
fn skews(random: &mut Random) -> Vec<u8> {
    let mut skews = SKEWS.to_vec();
    random.shuffle(&mut skews);
    skews
}

const SKEWS: [u8; 11] = [0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200];
/// How long anything may take until it is as it has to be.
const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(20);
/// As often as a supervisor starts an engine anew within a minute, but for once.
const STARTS: usize = 3;
const A_MINUTE: Duration = Duration::from_secs(70);
/// How long neighbours believe `ucarp` after it has given an address up: until they are told again.
const SLIP: Duration = Duration::from_millis(100);
/// Microseconds: how long the script may take that takes the address away. Echoes went unanswered
/// from its beginning on, up to 14 ms before the address was seen to go.
const SCRIPT: u64 = 30_000;
const LOG_LINES: usize = 40;
