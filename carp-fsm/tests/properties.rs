//! What holds after every input, whatever the inputs are: random sequences of packets, commands,
//! link changes, answers and time, with the invariants checked after each step.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use std::time::Duration;

use carp_fsm::{
    Action, Command, Event, HostId, Input, LinkId, LinkState, Node, State, Timer, Timestamp,
    VirtualHost,
};
use carp_proto::{
    Advertisement, Authenticator, ChecksumForm, DigestForm, Envelope, Family, HOP_LIMIT, Key, Vhid,
};
use proptest::prelude::*;

const LINK: LinkId = LinkId(1);

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    ToDeadline,
    Late(u64),
    Advert {
        base: u8,
        skew: u8,
        demotion: u8,
        six: bool,
        valid: bool,
    },
    Garbage(Vec<u8>),
    Link(LinkState),
    Command(Command),
    Held,
    HoldFailed,
    Silenced,
    Sent {
        well: bool,
        six: bool,
    },
    Preempt(bool),
    Demote(u8),
    Addresses(u8),
    Skew(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let octet = || prop_oneof![Just(0u8), Just(1), Just(100), Just(255), any::<u8>()];
    let link = prop_oneof![
        Just(LinkState::Up),
        Just(LinkState::Down),
        Just(LinkState::Absent)
    ];
    let command = prop_oneof![
        Just(Command::Up),
        Just(Command::Down),
        Just(Command::Master),
        Just(Command::Backup)
    ];
    prop_oneof![
        4 => (0..5_000_000u64).prop_map(Step::Pass),
        8 => Just(Step::ToDeadline),
        1 => (0..60_000_000u64).prop_map(Step::Late),
        6 => (octet(), octet(), octet(), any::<bool>(), any::<bool>()).prop_map(
            |(base, skew, demotion, six, valid)| Step::Advert { base, skew, demotion, six, valid }
        ),
        1 => prop::collection::vec(any::<u8>(), 0..48).prop_map(Step::Garbage),
        1 => link.prop_map(Step::Link),
        2 => command.prop_map(Step::Command),
        6 => Just(Step::Held),
        1 => Just(Step::HoldFailed),
        4 => Just(Step::Silenced),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(well, six)| Step::Sent { well, six }),
        1 => any::<bool>().prop_map(Step::Preempt),
        1 => octet().prop_map(Step::Demote),
        1 => (0..4u8).prop_map(Step::Addresses),
        1 => (0..255u8).prop_map(Step::Skew),
    ]
}

fn key() -> Key {
    Key::from_password("SharedSecret")
}

/// A virtual host with the addresses that the bits of `which` name.
fn host(which: u8, skew: u8) -> VirtualHost {
    let addresses = ["192.0.2.10/24", "2001:db8::10/64"];
    let chosen = (0..)
        .zip(addresses)
        .filter(|(bit, _)| which & (1 << bit) != 0);
    VirtualHost::new(Vhid::new(99).unwrap(), key())
        .advskew(skew)
        .unwrap()
        .with_addresses(chosen.map(|(_, text)| text.parse().unwrap()))
}

/// A node, and an independent reading of what it asked for.
struct Watched {
    node: Node,
    id: HostId,
    now: Timestamp,
    which: u8,
    skew: u8,
    /// Holds asked for and not answered; the last one is what counts.
    holds: u32,
    /// Of these, the ones that a later release undoes.
    overtaken: u32,
    silences: u32,
    /// Whether the addresses are in place as far as answers say.
    in_place: bool,
    handing_over: bool,
    trace: Vec<String>,
}

impl Watched {
    fn new(seed: u64) -> Self {
        let mut node = Node::new(Node::builder(), seed);
        let id = node.add(Timestamp::ZERO, LINK, host(1, 100)).unwrap();
        Self {
            node,
            id,
            now: Timestamp::ZERO,
            which: 1,
            skew: 100,
            holds: 0,
            overtaken: 0,
            silences: 0,
            in_place: false,
            handing_over: false,
            trace: Vec::new(),
        }
    }

    fn apply(&mut self, step: &Step) {
        let id = self.id;
        match step {
            Step::Pass(micros) | Step::Late(micros) => {
                self.now = self.now + Duration::from_micros(*micros);
                self.node.handle_timeout(self.now);
            }
            Step::ToDeadline => {
                if let Some(deadline) = self.node.deadline() {
                    self.now = self.now.max(deadline.at);
                    self.node.handle_timeout(self.now);
                }
            }
            Step::Advert {
                base,
                skew,
                demotion,
                six,
                valid,
            } => {
                self.advert(*base, *skew, *demotion, *six, *valid);
            }
            Step::Garbage(bytes) => {
                let envelope = envelope(Family::Inet);
                let refused = self.node.handle_packet(self.now, LINK, &envelope, bytes);
                assert!(refused.is_err());
            }
            Step::Link(state) => self.input(Input::Link {
                link: LINK,
                state: *state,
            }),
            Step::Command(command) => self.input(Input::Command {
                id,
                command: *command,
            }),
            Step::Held if self.holds > 0 => {
                self.hold_done(true);
                self.input(Input::Held(id));
            }
            Step::HoldFailed if self.holds > 0 => {
                self.hold_done(false);
                self.input(Input::HoldFailed(id));
            }
            Step::Silenced if self.silences > 0 => {
                self.silences -= 1;
                self.input(Input::Silenced(id));
            }
            Step::Held | Step::HoldFailed | Step::Silenced => {}
            Step::Sent { well, six } => {
                let family = if *six { Family::Inet6 } else { Family::Inet };
                self.input(if *well {
                    Input::Sent { id, family }
                } else {
                    Input::SendFailed { id, family }
                });
            }
            Step::Preempt(preempt) => self.input(Input::Preempt(*preempt)),
            Step::Demote(amount) => self.input(Input::Demote {
                group: "carp".into(),
                owner: "test".into(),
                amount: *amount,
            }),
            Step::Addresses(which) => {
                self.which = *which;
                self.change();
            }
            Step::Skew(skew) => {
                self.skew = *skew;
                self.change();
            }
        }
        self.check();
    }

    /// Holds and releases take effect in the order they were asked for.
    fn hold_done(&mut self, well: bool) {
        self.holds -= 1;
        if self.overtaken > 0 {
            self.overtaken -= 1;
        } else {
            self.in_place |= well;
        }
    }

    fn input(&mut self, input: Input) {
        self.node.handle(self.now, input);
    }

    fn change(&mut self) {
        let enabled = self.node.host(self.id).unwrap().config().is_enabled();
        let config = host(self.which, self.skew).enabled(enabled);
        self.node.change(self.now, self.id, LINK, config).unwrap();
    }

    fn advert(&mut self, base: u8, skew: u8, demotion: u8, six: bool, valid: bool) {
        let vhid = Vhid::new(99).unwrap();
        let addresses: Vec<_> = self
            .node
            .addresses(self.id)
            .iter()
            .map(|a| a.ip())
            .collect();
        let mut advert = Advertisement::new(vhid, base, skew, demotion, 7).signed(
            &Authenticator::new(&key(), vhid, addresses.iter().copied()),
            DigestForm::WithoutLinkLocal,
        );
        if !valid {
            advert.digest[3] ^= 0x40;
        }
        let family = if six { Family::Inet6 } else { Family::Inet };
        let bytes = advert.with_checksum(ChecksumForm::Plain).encode();
        let before = self.node.deadline();
        let result = self
            .node
            .handle_packet(self.now, LINK, &envelope(family), &bytes);
        if !valid && !addresses.is_empty() {
            // I4: what is not authentic changes nothing but a counter.
            assert!(result.is_err());
            assert_eq!(self.node.deadline(), before);
        }
    }

    /// The invariants, after each input.
    fn check(&mut self) {
        let (mut advertised, mut sent_bow_out) = (false, false);
        while let Some(action) = self.node.poll_action() {
            self.trace.push(format!("{} {action:?}", self.now));
            match action {
                Action::Hold(_) => {
                    self.holds += 1;
                    self.handing_over = false;
                }
                Action::Renew { .. } => {
                    assert!(self.in_place, "nothing to renew");
                }
                Action::HandOver(_) => {
                    assert!(self.in_place || self.holds > 0, "nothing to hand over");
                    self.silences += 1;
                    self.handing_over = true;
                }
                Action::Release(_) => {
                    self.in_place = false;
                    self.overtaken = self.holds;
                    self.handing_over = false;
                }
                Action::Send { payload, .. } => {
                    let advert = Advertisement::decode(&payload).unwrap();
                    assert!(
                        advert.is_bow_out() || self.which == 0 || self.in_place || self.holds > 0,
                        "I2: no advert of a master before its addresses are in place"
                    );
                    advertised = true;
                    sent_bow_out = advert.is_bow_out();
                }
                Action::Announce { .. } => {
                    assert!(!self.handing_over, "what is handed over is not announced");
                }
            }
        }
        while let Some(event) = self.node.poll_event() {
            if let Event::Transition { from, to, .. } = event {
                assert_ne!(from, to);
            }
            self.trace.push(format!("{} {event}", self.now));
        }
        let view = self.node.host(self.id).unwrap();
        let deadline = self.node.deadline();
        match view.state() {
            State::Master => {
                assert!(deadline.is_some_and(|d| d.at > self.now || d.timer != Timer::Advertise));
                assert!(self.which == 0 || view.holds());
            }
            // A backup always waits for something, or for an answer to its hold.
            State::Backup => assert!(deadline.is_some() || self.holds > 0),
            State::Init => assert!(!advertised || sent_bow_out, "INIT says nothing but goodbye"),
        }
    }
}

fn envelope(family: Family) -> Envelope {
    Envelope {
        source: match family {
            Family::Inet => "192.0.2.2".parse().unwrap(),
            Family::Inet6 => "fe80::2".parse().unwrap(),
        },
        destination: family.group(),
        hop_limit: HOP_LIMIT,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_after_every_input(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut watched = Watched::new(seed);
        for step in &steps {
            watched.apply(step);
        }
    }

    /// I7: the same inputs give the same outputs.
    #[test]
    fn a_run_replays_bit_for_bit(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let run = || {
            let mut watched = Watched::new(seed);
            for step in &steps {
                watched.apply(step);
            }
            watched.trace
        };
        prop_assert_eq!(run(), run());
    }

    /// However it came about, after `Stop` every address is let go of within the limits of a
    /// hand-over, and nothing is waited for any more.
    #[test]
    fn stop_always_ends(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut watched = Watched::new(seed);
        for step in &steps {
            watched.apply(step);
        }
        watched.input(Input::Stop);
        watched.check();
        let limit = watched.now + Duration::from_millis(2_250);
        while let Some(deadline) = watched.node.deadline() {
            watched.now = watched.now.max(deadline.at);
            watched.node.handle_timeout(watched.now);
            watched.check();
        }
        prop_assert!(watched.now <= limit);
        prop_assert!(watched.node.is_stopped());
        prop_assert!(!watched.in_place);
    }
}
