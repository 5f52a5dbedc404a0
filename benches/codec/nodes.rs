//! An advertisement in a node: heard by a backup, sent by a master, refused, with its timers.
//!
//! There are 4,080 virtual hosts, 255 on a link, with one IPv4 address each at advbase 1: in nodes of
//! their own, in nodes of 255, and in one node. Each has its turn, in an order that has nothing to do
//! with where it lies. So in each case as much memory is gone through between two adverts of the same
//! one, and what is left of a difference is the node's.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use carp_benches::Result;
use carp_net::carp_fsm::{Action, Input, LinkId, Node, Refusal, State, Timestamp, VirtualHost};
use carp_proto::{
    Advertisement, Authenticator, ChecksumForm, DigestForm, Envelope, Family, HOP_LIMIT, Key, Vhid,
};

use crate::rounds::Subject;

/// How many virtual hosts there are.
pub(crate) const ALL: u16 = 4_080;

/// How many of them a node has.
pub(crate) const SIZES: [u16; 3] = [1, 255, ALL];

/// What is measured with each number of them.
pub(crate) const HEARD: &str = "hear one, as a backup";
pub(crate) const SENT: &str = "send one, as a master";
pub(crate) const REFUSED: [(&str, Refused); 3] = [
    ("unknown vhid", Refused::UnknownVhid),
    ("short packet", Refused::Short),
    ("bad checksum", Refused::BadChecksum),
];

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    UnknownVhid,
    Short,
    BadChecksum,
}

/// The name of one of them where `nodes` nodes have so many virtual hosts each.
pub(crate) fn name(what: &str, nodes: u16, hosts: u16) -> String {
    format!("{what}, {nodes} nodes of {hosts}")
}

pub(crate) fn subjects() -> Result<Vec<Subject<'static>>> {
    let mut subjects = Vec::new();
    let alone = (1, 1);
    let shared = SIZES.map(|hosts| (ALL / hosts, hosts));
    for (nodes, hosts) in [alone].into_iter().chain(shared) {
        let mut hears = Hearing::new(nodes, hosts)?;
        subjects.push(Subject::checked(name(HEARD, nodes, hosts), move || {
            hears.one()
        }));
        let mut speaks = Speaking::new(nodes, hosts)?;
        subjects.push(Subject::checked(name(SENT, nodes, hosts), move || {
            speaks.one()
        }));
    }
    for (what, wrong) in REFUSED {
        for hosts in SIZES {
            for victims in [1, hosts] {
                let mut refuses = Refusing::new(hosts, victims, wrong)?;
                let subject =
                    Subject::checked(refused(what, victims, hosts), move || refuses.one());
                // In each the list of sources is gone through once, where that is not much.
                let before = u32::from(victims) * LISTED;
                subjects.push(subject.going_on(before.min(ALL.into())));
            }
        }
    }
    Ok(subjects)
}

/// The name of a refusal where so many virtual hosts of a node are meant in turn.
pub(crate) fn refused(what: &str, victims: u16, hosts: u16) -> String {
    format!("{what}, {victims} of {hosts}")
}

/// Virtual hosts that are backups, and the adverts of their master, one after the other.
struct Hearing {
    fleet: Fleet,
    adverts: Turns<Packet>,
}

impl Hearing {
    fn new(nodes: u16, hosts: u16) -> Result<Self> {
        let fleet = Fleet::new(nodes, hosts)?;
        let adverts = fleet
            .members
            .iter()
            .map(|member| member.packet(member.advert()));
        let mut hearing = Self {
            adverts: Turns::of(adverts),
            fleet,
        };
        let all_heard = (0..nodes * hosts).all(|_| hearing.one());
        if !all_heard || !hearing.fleet.are_all(State::Backup) {
            return Err("an advert was not believed".into());
        }
        Ok(hearing)
    }

    /// Hears the next one, and asks when to wake.
    fn one(&mut self) -> bool {
        let now = self.fleet.pass();
        let Some(packet) = self.adverts.next() else {
            return false;
        };
        let Some(node) = self.fleet.nodes.get_mut(packet.node) else {
            return false;
        };
        let bytes = black_box(packet.payload());
        let heard = node.handle_packet(now, packet.link, &envelope(PEER), bytes);
        while node.poll_action().is_some() {}
        while node.poll_event().is_some() {}
        heard.is_ok() && node.deadline().is_none_or(|due| due.at > now)
    }
}

/// Virtual hosts that are masters.
struct Speaking {
    nodes: Turns<Speaker>,
}

/// A node of masters, and the moment up to which it was called.
struct Speaker {
    node: Node,
    now: Timestamp,
}

impl Speaking {
    fn new(nodes: u16, hosts: u16) -> Result<Self> {
        // Each becomes master when its own master was silent for three seconds.
        let mut fleet = Hearing::new(nodes, hosts)?.fleet;
        // The first announcements are over by then.
        let settled = fleet.now + Duration::from_secs(20);
        let (all, now) = (std::mem::take(&mut fleet.nodes), fleet.now);
        let mut speakers: Vec<Speaker> =
            all.into_iter().map(|node| Speaker { node, now }).collect();
        for speaker in &mut speakers {
            while speaker.now < settled && speaker.speak() {}
        }
        let hosts = || speakers.iter().flat_map(|speaker| speaker.node.hosts());
        if hosts().count() != fleet.members.len() || hosts().any(|it| it.state() != State::Master) {
            return Err("a virtual host did not become master".into());
        }
        let nodes = Turns::of(speakers);
        Ok(Self { nodes })
    }

    fn one(&mut self) -> bool {
        self.nodes.next().is_some_and(Speaker::speak)
    }
}

impl Speaker {
    /// Sends the next advert: one that left the node with others waits already; for another it
    /// wakes when it is time. Does what else is asked.
    fn speak(&mut self) -> bool {
        let Self { node, now } = self;
        loop {
            while let Some(action) = node.poll_action() {
                match black_box(action) {
                    Action::Send { id, .. } => {
                        let source = PEER.into();
                        node.handle(*now, Input::Sent { id, source });
                        return true;
                    }
                    Action::Hold(id) => node.handle(*now, Input::Held(id)),
                    Action::HandOver(id) => node.handle(*now, Input::Silenced(id)),
                    Action::Renew { .. } | Action::Release(_) | Action::Announce { .. } => {}
                }
            }
            while node.poll_event().is_some() {}
            let Some(due) = node.deadline() else {
                return false;
            };
            *now = due.at;
            node.handle_timeout(due.at);
        }
    }
}

/// Virtual hosts that hear what they refuse, from more sources than they keep apart.
struct Refusing {
    fleet: Fleet,
    packets: Turns<Packet>,
    source: u16,
    expected: Refusal,
}

impl Refusing {
    /// So many of a node's virtual hosts are meant in turn.
    fn new(hosts: u16, victims: u16, wrong: Refused) -> Result<Self> {
        let fleet = Fleet::new(1, hosts)?;
        let victims = fleet.members.iter().take(victims.into());
        let packets = victims.map(|member| {
            let good = member.advert();
            let bad = match wrong {
                Refused::UnknownVhid => {
                    Advertisement { vhid: 0, ..good }.with_checksum(ChecksumForm::Plain)
                }
                Refused::Short => good,
                Refused::BadChecksum => Advertisement {
                    checksum: !good.checksum,
                    ..good
                },
            };
            let mut packet = member.packet(bad);
            if wrong == Refused::Short {
                packet.length -= 1;
            }
            packet
        });
        let mut refusing = Self {
            packets: Turns::of(packets),
            fleet,
            source: 0,
            expected: match wrong {
                Refused::UnknownVhid => Refusal::BadVhid,
                Refused::Short => Refusal::BadLength,
                Refused::BadChecksum => Refusal::BadChecksum,
            },
        };
        if !(0..hosts).all(|_| refusing.one()) {
            return Err("a bad packet was refused for another reason".into());
        }
        Ok(refusing)
    }

    fn one(&mut self) -> bool {
        let Some(packet) = self.packets.next() else {
            return false;
        };
        let Some(node) = self.fleet.nodes.get_mut(packet.node) else {
            return false;
        };
        self.source = self.source.wrapping_add(1);
        let [high, low] = self.source.to_be_bytes();
        let envelope = envelope(Ipv4Addr::new(198, 18, high, low));
        let bytes = black_box(packet.payload());
        node.handle_packet(self.fleet.now, packet.link, &envelope, bytes) == Err(self.expected)
    }
}

/// Nodes of equally many backups, which were added at different moments of a second.
struct Fleet {
    nodes: Vec<Node>,
    members: Vec<Member>,
    now: Timestamp,
    between: Duration,
}

impl Fleet {
    fn new(nodes: u16, hosts: u16) -> Result<Self> {
        let mut fleet = Self {
            nodes: Vec::new(),
            members: Vec::new(),
            now: Timestamp::from_micros(1_000_000_000),
            between: INTERVAL / u32::from(nodes * hosts),
        };
        fleet
            .nodes
            .resize_with(nodes.into(), || Node::new(Node::builder(), 1));
        for number in 0..hosts {
            let (link, vhid) = (number / 255, number % 255 + 1);
            let [vhid, high] = [vhid, link].map(|byte| u8::try_from(byte).unwrap_or(u8::MAX));
            for node in 0..nodes.into() {
                fleet.add(Member {
                    node,
                    link: LinkId(high.into()),
                    vhid: Vhid::new(vhid)?,
                    address: Ipv4Addr::new(10, high, vhid, 1),
                })?;
            }
        }
        Ok(fleet)
    }

    fn add(&mut self, member: Member) -> Result<()> {
        let now = self.pass();
        let config = VirtualHost::new(member.vhid, key())
            .advskew(100)?
            .address(format!("{}/24", member.address).parse()?);
        let node = self.nodes.get_mut(member.node).ok_or("no such node")?;
        node.add(now, member.link, config)?;
        self.members.push(member);
        Ok(())
    }

    /// Lets the time pass until the next turn.
    fn pass(&mut self) -> Timestamp {
        self.now = self.now + self.between;
        self.now
    }

    fn are_all(&self, state: State) -> bool {
        let hosts = || self.nodes.iter().flat_map(Node::hosts);
        hosts().count() == self.members.len() && hosts().all(|host| host.state() == state)
    }
}

/// A virtual host of one of the nodes.
struct Member {
    node: usize,
    link: LinkId,
    vhid: Vhid,
    address: Ipv4Addr,
}

impl Member {
    /// What its master sends.
    fn advert(&self) -> Advertisement {
        let authenticator = Authenticator::new(&key(), self.vhid, [IpAddr::from(self.address)]);
        Advertisement::new(self.vhid, 1, 0, 0, 7)
            .signed(&authenticator, DigestForm::WithoutLinkLocal)
            .with_checksum(ChecksumForm::Plain)
    }

    fn packet(&self, advert: Advertisement) -> Packet {
        Packet {
            node: self.node,
            link: self.link,
            bytes: advert.encode(),
            length: Advertisement::LEN,
        }
    }
}

/// A packet for one of the nodes.
struct Packet {
    node: usize,
    link: LinkId,
    bytes: [u8; Advertisement::LEN],
    length: usize,
}

impl Packet {
    fn payload(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }
}

/// Things that have their turn, again and again.
struct Turns<T> {
    all: Vec<T>,
    next: usize,
}

impl<T> Turns<T> {
    fn of(all: impl IntoIterator<Item = T>) -> Self {
        let all = all.into_iter().collect();
        Self { all, next: 0 }
    }

    /// Goes on with one that is far away; after as many as there are each had its turn.
    fn next(&mut self) -> Option<&mut T> {
        let turn = self.next;
        self.next = (turn + STRIDE) % self.all.len().max(1);
        self.all.get_mut(turn)
    }
}

fn envelope(source: Ipv4Addr) -> Envelope {
    Envelope {
        source: source.into(),
        destination: Family::Inet.group(),
        hop_limit: HOP_LIMIT,
        traffic_class: None,
        identification: None,
    }
}

fn key() -> Key {
    Key::from_password("mekmitasdigoat")
}

/// How many sources of refused packets a virtual host keeps apart.
const LISTED: u32 = 16;
const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const INTERVAL: Duration = Duration::from_secs(1);
/// A prime number, so that it divides no number of virtual hosts.
const STRIDE: usize = 1_579;
