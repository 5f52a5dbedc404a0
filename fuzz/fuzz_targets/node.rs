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
    Action, Command, Damage, Deadline, Event, HostId, Input, LinkId, LinkState, Lladdr, Node,
    NodeConfig, TakenDown, Timestamp, VirtualHost,
};
use carp_proto::{
    Advertisement, Authenticator, ChecksumForm, DigestForm, Envelope, Family, HOP_LIMIT, Key, Vhid,
    checksum_is_valid,
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
        signs_with: BTreeMap::new(),
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

/// A node that is being played with.
struct Player {
    config: NodeConfig,
    node: Node,
    now: Timestamp,
    /// All that there ever were: an answer may be late.
    hosts: Vec<HostId>,
    /// What each host signs with, and what it signed with before.
    signs_with: BTreeMap<HostId, Vec<Authenticator>>,
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
            2 => self.advert(script),
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
                    amount: i32::from(script.byte()) - 64,
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
        let (link, host) = (script.link(), script.virtual_host());
        if self.hosts.len() == MOST_HOSTS {
            return;
        }
        if let Ok(id) = self.node.add(self.now, link, host.clone()) {
            self.hosts.push(id);
            self.will_sign(id, &host);
        }
        self.drain();
    }

    fn change(&mut self, script: &mut Script<'_>) {
        let Some(id) = self.host(script) else {
            return;
        };
        let (link, host) = (script.link(), script.virtual_host());
        let changed = self.node.change(self.now, id, link, host.clone());
        if changed.is_ok() {
            self.will_sign(id, &host);
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
    fn advert(&mut self, script: &mut Script<'_>) {
        let Some(id) = self.host(script) else {
            return;
        };
        let (advbase, advskew, demotion) = (script.byte(), script.byte(), script.byte());
        let (counter, switches, damaged_bit) = (script.byte(), script.byte(), script.byte());
        let Some(host) = self.node.host(id) else {
            return;
        };
        let (link, vhid) = (host.link(), host.config().vhid());
        let addresses = self.node.addresses(id).iter().map(|address| address.ip());
        let authenticator = Authenticator::new(&key(), vhid, addresses);
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
        let envelope = envelope(family, true, HOP_LIMIT);
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
        let envelope = envelope(script.family(), script.flag(), script.byte());
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

    fn will_sign(&mut self, id: HostId, host: &VirtualHost) {
        let addresses = host.addresses().iter().map(|address| address.ip());
        let authenticator = Authenticator::new(&key(), host.vhid(), addresses);
        let known = self.signs_with.entry(id).or_default();
        known.push(authenticator);
        // This one and those before that still count.
        let old = known.len().saturating_sub(5);
        known.drain(..old);
    }

    /// Takes all that the node says, which must have an end.
    fn drain(&mut self) {
        let mut left = (self.node.hosts().count() + 1) * MOST_OUTPUTS;
        let mut spend = || {
            assert!(left > 0, "one input gives no end of outputs");
            left -= 1;
        };
        while let Some(action) = self.node.poll_action() {
            spend();
            if let Action::Send {
                id, to, payload, ..
            } = &action
            {
                let known = self.signs_with.get(id).map_or(&[][..], Vec::as_slice);
                check_advert(known, *to, payload);
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

/// What is sent is an advert to the group, which a peer believes.
fn check_advert(known: &[Authenticator], to: IpAddr, payload: &[u8; Advertisement::LEN]) {
    let family = Family::of(to);
    assert_eq!(to, family.group());
    let envelope = envelope(family, true, HOP_LIMIT);
    assert!(checksum_is_valid(payload, &envelope));
    let advert = Advertisement::decode(payload).expect("36 bytes are an advert");
    assert_eq!(advert.version, Advertisement::VERSION);
    let is_believed = known
        .iter()
        .any(|peer| peer.verify(advert.counter, &advert.digest).is_some());
    assert!(is_believed, "{advert:?}");
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

fn envelope(family: Family, to_group: bool, hop_limit: u8) -> Envelope {
    let (source, host): (IpAddr, IpAddr) = match family {
        Family::Inet => ([192, 0, 2, 2].into(), [192, 0, 2, 1].into()),
        Family::Inet6 => (
            [0xfe80, 0, 0, 0, 0, 0, 0, 2].into(),
            [0xfe80, 0, 0, 0, 0, 0, 0, 1].into(),
        ),
    };
    Envelope {
        source,
        destination: if to_group { family.group() } else { host },
        hop_limit,
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
