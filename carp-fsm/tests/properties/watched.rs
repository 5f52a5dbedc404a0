//! A node, and an independent reading of what it asks for, with the invariants checked after each
//! thing that happens to it.

use std::time::Duration;

use carp_fsm::{
    Action, Command, Event, HostId, Input, Node, SavedHost, SavedNode, State, Timer, Timestamp,
};
use carp_proto::{
    Advertisement, Authenticator, ChecksumForm, DigestForm, Envelope, Family, HOP_LIMIT, Vhid,
};

use crate::steps::{LINK, Step, host, key};

/// A node, and an independent reading of what it asked for.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) node: Node,
    id: HostId,
    pub(crate) now: Timestamp,
    which: u8,
    skew: u8,
    /// Holds asked for and not answered; the last one is what counts.
    holds: u32,
    /// Of these, the ones that a later release undoes.
    overtaken: u32,
    silences: u32,
    /// Whether it has asked for addresses, or let go of some: before that a former run may have left
    /// some.
    has_asked: bool,
    /// Whether the addresses are in place as far as answers say.
    pub(crate) in_place: bool,
    handing_over: bool,
    /// Until it is put up again it may say goodbye and nothing else.
    taken_down: bool,
    /// A successor asks anew for what its predecessor asked for, whatever has become of it.
    begins_anew: bool,
    leases: bool,
    /// Whether an advert has just left.
    has_left: bool,
    /// Since when the lease counts.
    leased_from: Timestamp,
    /// What it would leave to its successor if it were killed: saved at its last event.
    pub(crate) record: (SavedNode, SavedHost),
    pub(crate) trace: Vec<String>,
}

impl Watched {
    pub(crate) fn new(seed: u64) -> Self {
        let mut node = Node::new(Node::builder().tell_peers(true), seed);
        let id = node.add(Timestamp::ZERO, LINK, host(1, 100)).unwrap();
        let record = (node.save(), node.save_host(Timestamp::ZERO, id).unwrap());
        Self {
            node,
            id,
            now: Timestamp::ZERO,
            which: 1,
            skew: 100,
            holds: 0,
            overtaken: 0,
            silences: 0,
            has_asked: false,
            in_place: false,
            handing_over: false,
            taken_down: false,
            begins_anew: false,
            leases: true,
            has_left: false,
            leased_from: Timestamp::ZERO,
            record,
            trace: Vec::new(),
        }
    }

    pub(crate) fn apply(&mut self, step: &Step) {
        let id = self.id;
        self.has_left = matches!(step, Step::Sent { well: true, .. });
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
            Step::Command(command) => {
                self.taken_down &= *command != Command::Up;
                let command = *command;
                self.input(Input::Command { id, command });
            }
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
                    Input::Sent {
                        id,
                        source: envelope(family).source,
                    }
                } else {
                    Input::SendFailed {
                        id,
                        family,
                        no_memory: false,
                    }
                });
            }
            Step::Preempt(preempt) => self.input(Input::Preempt(*preempt)),
            Step::Demote(amount) => self.input(Input::Demote {
                group: "carp".into(),
                owner: "test".into(),
                amount: i32::from(*amount),
            }),
            Step::Addresses(which) => {
                self.which = *which;
                self.change();
            }
            Step::Skew(skew) => {
                self.skew = *skew;
                self.change();
            }
            // Found in place once, by who has asked for nothing yet.
            Step::Adopted if !self.in_place && !self.has_asked && self.which != 0 => {
                self.in_place = true;
                self.handing_over = true;
                self.input(Input::Adopted(id));
            }
            Step::Lapsed if self.in_place && self.leases => {
                self.in_place = false;
                self.input(Input::Lapsed(id));
            }
            Step::Adopted | Step::Lapsed => {}
            Step::Damaged(damage) => self.input(Input::Damaged {
                id,
                damage: *damage,
            }),
            Step::Mended(true) => self.input(Input::Mended(id)),
            Step::Mended(false) => self.input(Input::NotMended(id)),
            Step::TakenDown(how) => {
                self.in_place = false;
                self.overtaken = self.holds;
                self.taken_down = true;
                self.input(Input::TakenDown { id, how: *how });
            }
            Step::Lease(leases) => {
                self.leases = *leases;
                self.input(Input::Lease(*leases));
            }
            Step::AnnounceEvery(seconds) => {
                self.input(Input::AnnounceEvery(Duration::from_secs(*seconds)));
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

    pub(crate) fn input(&mut self, input: Input) {
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
    pub(crate) fn check(&mut self) {
        let (mut advertised, mut sent_bow_out) = (false, false);
        while let Some(action) = self.node.poll_action() {
            self.trace.push(format!("{} {action:?}", self.now));
            if self.taken_down {
                assert!(only_leaves(&action), "{action:?} after it was taken down");
            }
            match action {
                Action::Hold(_) => {
                    self.has_asked = true;
                    self.leased_from = self.now;
                    self.holds += 1;
                    self.handing_over = false;
                }
                Action::Renew { lease, .. } => {
                    assert!(self.in_place && !self.handing_over, "nothing to renew");
                    // I6: only what has left makes it begin anew.
                    if self.has_left {
                        self.leased_from = self.now;
                    }
                    let whole = self.node.lease(self.id).unwrap();
                    assert_eq!(self.now + lease, self.leased_from + whole);
                }
                Action::HandOver(_) => {
                    assert!(
                        self.in_place || self.holds > 0 || self.begins_anew,
                        "nothing to hand over"
                    );
                    self.silences += 1;
                    self.handing_over = true;
                }
                Action::Release(_) => {
                    self.has_asked = true;
                    self.in_place = false;
                    self.overtaken = self.holds;
                    self.handing_over = false;
                }
                Action::Send { payload, .. } => {
                    let advert = Advertisement::decode(&payload).unwrap();
                    assert!(
                        advert.is_bow_out() || self.which == 0 || self.in_place,
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
        let mut told = false;
        while let Some(event) = self.node.poll_event() {
            told = true;
            if let Event::Transition { from, to, .. } = event {
                assert_ne!(from, to);
            }
            self.trace.push(format!("{} {event}", self.now));
        }
        if told {
            self.record = self.save();
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

// ---- in another process ----

impl Watched {
    pub(crate) fn save(&self) -> (SavedNode, SavedHost) {
        let host = self.node.save_host(self.now, self.id).unwrap();
        (self.node.save(), host)
    }

    /// Answers all that was asked for, and mends what is damaged.
    pub(crate) fn settle(&mut self) {
        self.apply(&Step::Mended(true));
        while self.holds > 0 || self.silences > 0 {
            let step = if self.holds > 0 {
                Step::Held
            } else {
                Step::Silenced
            };
            self.apply(&step);
        }
    }

    /// Goes on from `record` in another process, `after` the one before was last alive. What that
    /// one had asked for and not been answered was not done.
    pub(crate) fn resume(&mut self, record: (SavedNode, SavedHost), after: Duration) {
        let (node, host) = record;
        let last_alive = self.now;
        let told_to_be = self.node.host(self.id).unwrap().config().clone();
        let config = self.node.config();
        self.now = self.now + after;
        self.node = Node::resume(self.now, config, 7, node, [(host, told_to_be)], last_alive);
        (self.holds, self.overtaken, self.silences) = (0, 0, 0);
        let is_master = self.node.host(self.id).unwrap().state() == State::Master;
        let adopts = self.in_place && !is_master;
        self.handing_over |= adopts;
        self.begins_anew = true;
        self.node.handle_timeout(self.now);
        self.check();
        self.begins_anew = false;
        // Where it lets go at once, the platform has looked before.
        if adopts {
            self.input(Input::Adopted(self.id));
        }
        self.check();
    }

    /// What it did, but for renewals: their beat begins anew with each process.
    pub(crate) fn done_since(&self, begin: usize) -> Vec<&String> {
        let counts = |line: &&String| !line.contains("Renew");
        self.trace.iter().skip(begin).filter(counts).collect()
    }
}

fn only_leaves(action: &Action) -> bool {
    match action {
        Action::Release(_) => true,
        Action::Send { payload, .. } => Advertisement::decode(payload).unwrap().is_bow_out(),
        Action::Hold(_) | Action::Renew { .. } => false,
        Action::HandOver(_) | Action::Announce { .. } => false,
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
        traffic_class: None,
        identification: None,
    }
}
