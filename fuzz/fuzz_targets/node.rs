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
use std::net::IpAddr;
use std::time::Duration;

use carp_fsm::{
    Action, Deadline, Event, HostId, Input, LinkId, Node, NodeConfig, Timestamp, VirtualHost,
};
use carp_proto::{Advertisement, ChecksumForm, DigestForm, Envelope, Family, HOP_LIMIT};
use libfuzzer_sys::fuzz_target;

// Each file beside this one is a target of its own.
#[path = "node/peer.rs"]
mod peer;
use peer::{authenticator, check_advert, envelope};
#[path = "node/script.rs"]
mod script;
use script::{Manner, Script, about_host};

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
                let (link, state) = (script.link(), script.link_state());
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

const MOST_STEPS: usize = 200;
const MOST_HOSTS: usize = 6;
/// How much one input may make a virtual host say.
const MOST_OUTPUTS: usize = 64;
