//! Any sequence of inputs to a node: packets, answers that were asked for and not, commands,
//! damage, time that passes and stands still, and a successor that goes on.
//!
//! After each input the node has asked for a bounded number of things, after each timeout nothing
//! is overdue, what it sends is an advert that its peers believe, what is not authentic changes
//! nothing (I4), and a second run gives the same outputs (I7).
//!
//! The bytes are a script: switches, a seed and a virtual host to start with, then steps, each a
//! code and what belongs to it. So a seed can be written by hand and keeps its meaning; new codes
//! go behind the old ones.

#![no_main]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use carp_fsm::{
    Action, ChecksumCover, Command, Damage, Deadline, DemotionForm, Dialect, Event, HostId, Input,
    LinkId, LinkState, Lladdr, Node, NodeConfig, TakenDown, Timestamp, VirtualHost,
};
use carp_proto::{
    Advertisement, Authenticator, ChecksumForm, DigestForm, Envelope, Family, HOP_LIMIT, Key,
    MacAddress, Vhid, checksum_is_valid,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(
        play(bytes),
        play(bytes),
        "the same inputs give the same outputs"
    );
});

fn play(bytes: &[u8]) -> Vec<Output> {
    let mut script = Script(bytes);
    let switches = script.byte();
    let config = Node::builder()
        .preempt(switches & 1 != 0)
        .manage_addresses(switches & 2 == 0)
        .lease(switches & 4 == 0);
    let mut player = Player {
        config,
        node: Node::new(config, script.word().into()),
        now: Timestamp::ZERO,
        hosts: Vec::new(),
        manner: Manner::default(),
        told: BTreeMap::new(),
        outputs: Vec::new(),
    };
    player.add(&mut script);
    for _ in 0..MOST_STEPS {
        let Some(code) = script.next() else { break };
        player.step(code, &mut script);
    }
    player.outputs
}

/// What a node says.
#[derive(Debug, PartialEq)]
enum Output {
    Action(Action),
    Event(Event),
    Deadline(Option<Deadline>),
}

/// What is left of the bytes; behind the end there are zeros.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or_default()
    }

    fn flag(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    fn word(&mut self) -> u32 {
        u32::from_be_bytes(std::array::from_fn(|_| self.byte()))
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte());
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    fn one_of<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        *all.get(usize::from(self.byte()) % N)
            .expect("less than all")
    }

    fn family(&mut self) -> Family {
        self.one_of(Family::ALL)
    }

    fn link(&mut self) -> LinkId {
        LinkId(u32::from(self.byte() % 2))
    }

    fn micros(&mut self) -> Duration {
        Duration::from_micros((self.word() % LONGEST_WAIT).into())
    }

    fn virtual_host(&mut self) -> VirtualHost {
        let vhid = Vhid::new(self.byte() % 4 + 1).expect("from 1 to 4");
        let host = VirtualHost::new(vhid, key())
            .advbase(self.byte().min(254))
            .and_then(|host| host.advskew(self.byte().min(254)))
            .expect("not above 254");
        let switches = self.byte();
        let addresses = (0..)
            .zip(ADDRESSES)
            .filter(|(bit, _)| switches & (1 << bit) != 0)
            .map(|(_, text)| text.parse().expect("an address"));
        host.with_addresses(addresses)
            .lladdr(if switches & 0x10 == 0 {
                Lladdr::Virtual
            } else {
                Lladdr::Carpdev
            })
            .enabled(switches & 0x20 == 0)
    }
}

/// What the virtual hosts that follow are besides.
#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    dialect: Dialect,
    form: Option<DemotionForm>,
    switches: u8,
}

impl Manner {
    fn read(script: &mut Script<'_>) -> Self {
        Self {
            dialect: script.one_of(Dialect::ALL),
            form: script.one_of(DEMOTION_FORMS),
            switches: script.byte(),
        }
    }

    fn applied_to(self, host: VirtualHost) -> VirtualHost {
        let chosen = |bit: u32| self.switches & (1 << bit) != 0;
        let peers = (0..).zip(PEERS).filter(|(bit, _)| chosen(*bit));
        let groups = (4..)
            .zip(["other", "third"])
            .filter(|(bit, _)| chosen(*bit));
        let host = host
            .speaking(self.dialect)
            .demotion_in(self.form)
            .with_peers(peers.map(|(_, peer)| peer))
            .with_groups(groups.map(|(_, group)| group));
        if chosen(6) {
            host.lladdr(Lladdr::Manual(MANUAL))
        } else {
            host
        }
    }
}

/// A node that is being played with.
struct Player {
    config: NodeConfig,
    node: Node,
    now: Timestamp,
    /// All that there ever were: an answer may be late.
    hosts: Vec<HostId>,
    manner: Manner,
    /// What each host is told to be, and was told before.
    told: BTreeMap<HostId, Vec<VirtualHost>>,
    outputs: Vec<Output>,
}

impl Player {
    fn step(&mut self, code: u8, script: &mut Script<'_>) {
        match code {
            0 => self.wait_until(self.now + script.micros()),
            1 => {
                let hours = Duration::from_secs(u64::from(script.byte()) * 3600);
                self.wait_until(self.now + hours);
            }
            2 => self.advert_along(script, 2, true, HOP_LIMIT),
            3 => self.packet(script),
            4..=15 => {
                if let Some(id) = self.host(script) {
                    self.input(about_host(code, id, script));
                }
            }
            16 => {
                let (link, state) = (script.link(), script.one_of(LINK_STATES));
                self.input(Input::Link { link, state });
            }
            17 => {
                let input = Input::Demote {
                    group: script.one_of(["carp", "other"]).to_owned(),
                    owner: script.one_of(["one", "two"]).to_owned(),
                    amount: script.byte().into(),
                };
                self.input(input);
            }
            18 => self.input(Input::Preempt(script.flag())),
            19 => self.input(Input::Lease(script.flag())),
            20 => {
                let every = Duration::from_secs(script.byte().into());
                self.input(Input::AnnounceEvery(every));
            }
            21 => self.add(script),
            22 => self.change(script),
            23 => {
                if let Some(id) = self.host(script) {
                    self.node.remove(self.now, id).ok();
                    self.drain();
                }
            }
            24 => self.resume(script),
            25 => self.input(Input::Stop),
            26 => self.manner = Manner::read(script),
            27 => {
                let input = Input::Demote {
                    group: script.one_of(["carp", "other", "third"]).to_owned(),
                    owner: script.one_of(["one", "two"]).to_owned(),
                    amount: script.word().cast_signed(),
                };
                self.input(input);
            }
            28 => {
                let source = script.one_of([2, 3, 4, 201]);
                let (to_group, hop_limit) = (script.flag(), script.byte());
                self.advert_along(script, source, to_group, hop_limit);
            }
            _ => {
                let deadline = self.node.deadline();
                self.wait_until(deadline.map_or(self.now, |deadline| deadline.at));
            }
        }
    }

    /// One of the virtual hosts that there are or were.
    fn host(&self, script: &mut Script<'_>) -> Option<HostId> {
        let place = usize::from(script.byte()).checked_rem(self.hosts.len())?;
        self.hosts.get(place).copied()
    }

    // ---- inputs ----

    fn input(&mut self, input: Input) {
        self.node.handle(self.now, input);
        self.drain();
    }

    fn wait_until(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
        self.node.handle_timeout(self.now);
        let deadline = self.node.deadline();
        assert!(
            deadline.is_none_or(|deadline| deadline.at > self.now),
            "{deadline:?} is overdue at {}",
            self.now
        );
        self.drain();
    }

    fn add(&mut self, script: &mut Script<'_>) {
        let (link, host) = (script.link(), self.manner.applied_to(script.virtual_host()));
        if self.hosts.len() == MOST_HOSTS {
            return;
        }
        if let Ok(id) = self.node.add(self.now, link, host.clone()) {
            self.hosts.push(id);
            self.told.entry(id).or_default().push(host);
        }
        self.drain();
    }

    fn change(&mut self, script: &mut Script<'_>) {
        let Some(id) = self.host(script) else {
            return;
        };
        let (link, host) = (script.link(), self.manner.applied_to(script.virtual_host()));
        let changed = self.node.change(self.now, id, link, host.clone());
        if changed.is_ok() {
            self.told.entry(id).or_default().push(host);
        }
        self.drain();
    }

    /// Lets the process die some time after it saved, and its successor live some time after that.
    fn resume(&mut self, script: &mut Script<'_>) {
        let node = self.node.save();
        let hosts: Vec<_> = self
            .node
            .hosts()
            .filter_map(|host| {
                let saved = self.node.save_host(self.now, host.id())?;
                Some((saved, host.config().clone()))
            })
            .collect();
        let last_alive = self.now + script.micros();
        self.now = last_alive + script.micros();
        let seed = self.now.as_micros();
        self.node = Node::resume(self.now, self.config, seed, node, hosts, last_alive);
        self.drain();
    }

    /// An advert as a peer of a virtual host would send it, or nearly.
    fn advert_along(&mut self, script: &mut Script<'_>, source: u8, to_group: bool, hop_limit: u8) {
        let Some(id) = self.host(script) else {
            return;
        };
        let (advbase, advskew, demotion) = (script.byte(), script.byte(), script.byte());
        let (counter, switches, damaged_bit) = (script.byte(), script.byte(), script.byte());
        let Some(host) = self.node.host(id) else {
            return;
        };
        let (link, vhid) = (host.link(), host.config().vhid());
        let authenticator = authenticator(host.config());
        let form = if switches & 1 == 0 {
            DigestForm::WithoutLinkLocal
        } else {
            DigestForm::WithLinkLocal
        };
        let family = if switches & 2 == 0 {
            Family::Inet
        } else {
            Family::Inet6
        };
        let envelope = envelope(family, source, to_group, hop_limit);
        let checksum = match (envelope.source, envelope.destination) {
            (IpAddr::V6(source), IpAddr::V6(destination)) if switches & 4 != 0 => {
                ChecksumForm::PseudoHeader {
                    source,
                    destination,
                }
            }
            _ => ChecksumForm::Plain,
        };
        let mut bytes = Advertisement::new(vhid, advbase, advskew, demotion, counter.into())
            .signed(&authenticator, form)
            .with_checksum(checksum)
            .encode();
        if switches & 8 != 0
            && let Some(byte) = bytes.get_mut(usize::from(damaged_bit / 8))
        {
            *byte ^= 1 << (damaged_bit % 8);
        }
        self.hear(link, &envelope, &bytes);
    }

    /// Any packet.
    fn packet(&mut self, script: &mut Script<'_>) {
        let link = script.link();
        let envelope = envelope(script.family(), 2, script.flag(), script.byte());
        self.hear(link, &envelope, script.bytes());
    }

    fn hear(&mut self, link: LinkId, envelope: &Envelope, bytes: &[u8]) {
        // So that what comes of it comes of the packet.
        self.wait_until(self.now);
        let before = self.node.deadline();
        let heard = self.node.handle_packet(self.now, link, envelope, bytes);
        // Without addresses a node gives way to those it cannot verify.
        let may_give_way = self
            .node
            .hosts()
            .any(|host| host.config().addresses().is_empty());
        if heard.is_err() && !may_give_way {
            assert_eq!(self.node.deadline(), before, "I4");
            assert_eq!(self.node.poll_action(), None, "I4");
            assert_eq!(self.node.poll_event(), None, "I4");
        }
        self.drain();
    }

    // ---- outputs ----

    /// Takes all that the node says, which must have an end.
    fn drain(&mut self) {
        let mut left = (self.node.hosts().count() + 1) * MOST_OUTPUTS;
        let mut spend = || {
            assert!(left > 0, "one input gives no end of outputs");
            left -= 1;
        };
        while let Some(action) = self.node.poll_action() {
            spend();
            if let Action::Send { id, .. } = &action {
                let told = self.told.get(id).map_or(&[][..], Vec::as_slice);
                check_advert(told, &action);
            }
            self.outputs.push(Output::Action(action));
        }
        while let Some(event) = self.node.poll_event() {
            spend();
            self.outputs.push(Output::Event(event));
        }
        self.outputs.push(Output::Deadline(self.node.deadline()));
        for host in self.node.hosts() {
            let lease = self.node.lease(host.id());
            assert!(lease.is_none_or(|lease| lease >= Duration::from_secs(1)));
        }
    }
}

/// What is sent is an advert to the group or to the unicast peers, which a peer believes.
fn check_advert(told: &[VirtualHost], action: &Action) {
    let Action::Send {
        to,
        payload,
        checksum,
        traffic_class,
        ..
    } = action
    else {
        return;
    };
    let family = Family::of(*to);
    // What is said before it becomes another is said as what it was.
    let is_as_told = told.iter().rev().take(2).any(|host| {
        goes_to(host, *to)
            && host.dialect().checksum_cover(family) == *checksum
            && host.dialect().traffic_class(family) == *traffic_class
    });
    assert!(is_as_told, "{action:?}");
    let mut on_the_way = envelope(family, 1, true, HOP_LIMIT);
    on_the_way.destination = *to;
    assert!(checksum_is_valid(payload, &on_the_way));
    let advert = Advertisement::decode(payload).expect("36 bytes are an advert");
    if *checksum == ChecksumCover::PseudoHeader {
        let form = ChecksumForm::of(payload, &on_the_way);
        assert_eq!(
            form,
            Some(ChecksumForm::Plain),
            "the sender computes the other"
        );
        let anew = match (on_the_way.source, on_the_way.destination) {
            (IpAddr::V6(source), IpAddr::V6(destination)) => ChecksumForm::PseudoHeader {
                source,
                destination,
            },
            _ => panic!("IPv4 has no pseudo-header"),
        };
        let sent = advert.with_checksum(anew).encode();
        assert!(checksum_is_valid(&sent, &on_the_way));
    }
    assert_eq!(advert.version, Advertisement::VERSION);
    let is_believed = told.iter().rev().any(|host| {
        let peer = authenticator(host);
        host.vhid().get() == advert.vhid && peer.verify(advert.counter, &advert.digest).is_some()
    });
    assert!(is_believed, "{advert:?}");
}

fn goes_to(host: &VirtualHost, to: IpAddr) -> bool {
    let family = Family::of(to);
    let mut peers = host
        .peers()
        .iter()
        .filter(|peer| Family::of(**peer) == family);
    if peers.clone().next().is_some() {
        peers.any(|peer| *peer == to)
    } else {
        to == family.group()
    }
}

/// What a host signs with, and its peers verify with.
fn authenticator(host: &VirtualHost) -> Authenticator {
    let addresses = host.addresses().iter().map(|address| address.ip());
    if let Lladdr::Manual(mac) = host.link_address()
        && host.dialect().hashes_manual_lladdr()
    {
        Authenticator::with_hardware_address(&key(), host.vhid(), mac, addresses)
    } else {
        Authenticator::new(&key(), host.vhid(), addresses)
    }
}

/// What a platform or an operator says of a virtual host, whether it was asked or not.
fn about_host(code: u8, id: HostId, script: &mut Script<'_>) -> Input {
    match code {
        4 => Input::Held(id),
        5 => Input::HoldFailed(id),
        6 => Input::Silenced(id),
        7 => Input::Adopted(id),
        8 => Input::Lapsed(id),
        9 => Input::Damaged {
            id,
            damage: script.one_of(DAMAGES),
        },
        10 => Input::Mended(id),
        11 => Input::NotMended(id),
        12 => Input::TakenDown {
            id,
            how: script.one_of([TakenDown::SetDown, TakenDown::Deleted]),
        },
        13 => Input::Sent {
            id,
            source: script.one_of(OWN_ADDRESSES),
        },
        14 => Input::SendFailed {
            id,
            family: script.family(),
            no_memory: script.flag(),
        },
        _ => Input::Command {
            id,
            command: script.one_of(COMMANDS),
        },
    }
}

/// `source` is the last number of its address.
fn envelope(family: Family, source: u8, to_group: bool, hop_limit: u8) -> Envelope {
    let (source, host): (IpAddr, IpAddr) = match family {
        Family::Inet => ([192, 0, 2, source].into(), [192, 0, 2, 1].into()),
        Family::Inet6 => (
            [0xfe80, 0, 0, 0, 0, 0, 0, u16::from(source)].into(),
            [0xfe80, 0, 0, 0, 0, 0, 0, 1].into(),
        ),
    };
    Envelope {
        source,
        destination: if to_group { family.group() } else { host },
        hop_limit,
        traffic_class: None,
        identification: None,
    }
}

fn key() -> Key {
    Key::from_password("SharedSecret")
}

const ADDRESSES: [&str; 4] = [
    "192.0.2.10/24",
    "10.0.0.1/8",
    "2001:db8::10/64",
    "fe80::10/64",
];
const PEERS: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2)),
];
const MANUAL: MacAddress = MacAddress([0x02, 0x11, 0x22, 0x33, 0x44, 0x55]);
const DEMOTION_FORMS: [Option<DemotionForm>; 4] = [
    None,
    Some(DemotionForm::Byte),
    Some(DemotionForm::Skew),
    Some(DemotionForm::Both),
];
const OWN_ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
];
const COMMANDS: [Command; 4] = [Command::Up, Command::Down, Command::Master, Command::Backup];
const LINK_STATES: [LinkState; 3] = [LinkState::Absent, LinkState::Down, LinkState::Up];
const DAMAGES: [Damage; 3] = [Damage::Address, Damage::LinkAddress, Damage::Inet6Disabled];
/// In microseconds; a master-down time with usual settings is less than half of it.
const LONGEST_WAIT: u32 = 8_000_000;
const MOST_STEPS: usize = 200;
const MOST_HOSTS: usize = 6;
/// How much one input may make a virtual host say.
const MOST_OUTPUTS: usize = 64;
