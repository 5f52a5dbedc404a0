//! The engine in the words of the model.

use std::net::IpAddr;

use carp_fsm::carp_proto::{Advertisement, ChecksumForm, Envelope, Family, HOP_LIMIT};
use carp_fsm::{
    Action, Ailment, Command, Event, HostId, LinkId, LinkState, Node, Owner, Timestamp, VirtualHost,
};

use crate::model::{
    Advert, Config, Counter, Dialect, Heard, Input, Interval, Link, Output, PerFamily, State, Timer,
};
use crate::signatures::{Signatures, addresses, key, vhid};

const LINK: LinkId = LinkId(1);

/// One virtual host of a node that does not manage addresses, so that it owns at once what it
/// owns.
#[derive(Debug)]
pub(crate) struct Engine {
    node: Node,
    id: HostId,
    /// So many addresses it has.
    list: PerFamily<u32>,
    sources: PerFamily<IpAddr>,
    /// What stands in its first advert, and in all others.
    counter: Option<u64>,
    done: Vec<Output>,
}

impl Engine {
    /// A host that is `down`, at time 0.
    pub(crate) fn new(config: &Config, dialect: Dialect) -> Self {
        let settings = Node::builder()
            .preempt(config.preempt)
            .manage_addresses(false);
        let mut node = Node::new(settings, 1);
        let host = VirtualHost::new(vhid(), key())
            .advbase(config.interval.base)
            .and_then(|host| host.advskew(config.interval.skew))
            .unwrap()
            .with_addresses(addresses(config.addresses))
            .speaking(spoken(dialect))
            .enabled(false);
        let id = node.add(Timestamp::ZERO, LINK, host).unwrap();
        let mut engine = Self {
            node,
            id,
            list: config.addresses,
            sources: config.sources,
            counter: None,
            done: Vec::new(),
        };
        // The model always knows where its adverts leave from.
        for source in [config.sources.inet, config.sources.inet6] {
            engine.tell(0, carp_fsm::Input::Sent { id, source });
        }
        engine.demote(0, config.demotion);
        assert!(engine.node.poll_action().is_none());
        engine
    }

    pub(crate) fn state(&self) -> State {
        as_state(self.node.host(self.id).unwrap().state())
    }

    pub(crate) fn deadline(&self) -> Option<(Timer, u64)> {
        let deadline = self.node.deadline()?;
        let mut known = TIMERS.into_iter();
        let found = known.find(|(timer, _)| *timer == deadline.timer);
        assert!(found.is_some(), "{deadline:?} without addresses to manage");
        found.map(|(_, timer)| (timer, deadline.at.as_micros()))
    }

    /// What the node itself adds to its demotion, and why.
    pub(crate) fn ailments(&self) -> Vec<(Ailment, i32)> {
        let own = |entry: carp_fsm::Demotion<'_>| {
            let Owner::Host(_, ailment) = entry.owner else {
                return None;
            };
            Some((*ailment, entry.amount))
        };
        self.node.demotions().filter_map(own).collect()
    }

    pub(crate) fn demotion(&self) -> i32 {
        self.node.demotion("carp")
    }

    /// Lets time pass to `at`, timers due at that time included, then has `input` happen; returns
    /// what the host did meanwhile, in order.
    pub(crate) fn input(
        &mut self,
        at: u64,
        input: Input,
        signatures: &mut Signatures,
    ) -> Vec<Output> {
        while let Some((_, due)) = self.deadline().filter(|(_, due)| *due <= at) {
            self.node.handle_timeout(Timestamp::from_micros(due));
            self.drain(due, self.list, signatures);
        }
        let before = self.list;
        match input {
            Input::Pass => self.node.handle_timeout(Timestamp::from_micros(at)),
            Input::Hear(heard) => self.hear(at, heard, signatures),
            Input::Up => self.command(at, Command::Up),
            Input::Down => self.command(at, Command::Down),
            Input::Link(link) => {
                let state = match link {
                    // Nobody knows is up (§4.1).
                    Link::Up | Link::Unknown => LinkState::Up,
                    Link::Down => LinkState::Down,
                };
                self.tell(at, carp_fsm::Input::Link { link: LINK, state });
            }
            Input::StateMaster => self.command(at, Command::Master),
            Input::StateBackup => self.command(at, Command::Backup),
            Input::Demotion(amount) => self.demote(at, amount),
            Input::AddressAdded(family) => self.change(at, family, 1),
            Input::AddressRemoved(family) => self.change(at, family, -1),
            Input::SendError(family) => self.tell(
                at,
                carp_fsm::Input::SendFailed {
                    id: self.id,
                    family,
                    no_memory: false,
                },
            ),
            Input::SendSuccess(family) => self.tell(
                at,
                carp_fsm::Input::Sent {
                    id: self.id,
                    source: *self.sources.get(family),
                },
            ),
            Input::Preempt(preempt) => self.tell(at, carp_fsm::Input::Preempt(preempt)),
        }
        self.drain(at, before, signatures);
        std::mem::take(&mut self.done)
    }

    fn tell(&mut self, at: u64, input: carp_fsm::Input) {
        self.node.handle(Timestamp::from_micros(at), input);
    }

    fn command(&mut self, at: u64, command: Command) {
        let id = self.id;
        self.tell(at, carp_fsm::Input::Command { id, command });
    }

    fn demote(&mut self, at: u64, amount: i32) {
        let input = carp_fsm::Input::Demote {
            group: "carp".into(),
            owner: "test".into(),
            amount,
        };
        self.tell(at, input);
    }

    fn change(&mut self, at: u64, family: Family, by: i32) {
        let Some(count) = self.list.get(family).checked_add_signed(by) else {
            return;
        };
        *self.list.get_mut(family) = count;
        let told = self.node.host(self.id).unwrap().config();
        let interval = told.interval();
        let host = VirtualHost::new(vhid(), key())
            .advbase(interval.advbase())
            .and_then(|host| host.advskew(interval.advskew()))
            .unwrap()
            .with_addresses(addresses(self.list))
            .speaking(told.dialect())
            .enabled(told.is_enabled());
        self.node
            .change(Timestamp::from_micros(at), self.id, LINK, host)
            .unwrap();
    }

    fn hear(&mut self, at: u64, heard: Heard, signatures: &mut Signatures) {
        let Interval { base, skew } = heard.interval;
        let mut advert = Advertisement::new(vhid(), base, skew, heard.demote, heard.counter);
        advert.digest = signatures.digest(self.list, heard.counter);
        let envelope = Envelope {
            source: heard.source,
            destination: Family::of(heard.source).group(),
            hop_limit: HOP_LIMIT,
            traffic_class: None,
            identification: None,
        };
        let bytes = advert.with_checksum(ChecksumForm::Plain).encode();
        // Whether it is heard at all is part of what is compared.
        self.node
            .handle_packet(Timestamp::from_micros(at), LINK, &envelope, &bytes)
            .ok();
    }

    /// Takes what the node did. `before` is the address list that a bow-out before a change of it
    /// is signed with.
    fn drain(&mut self, at: u64, before: PerFamily<u32>, signatures: &mut Signatures) {
        while let Some(action) = self.node.poll_action() {
            let Action::Send { to, payload, .. } = action else {
                panic!("{action:?} without addresses to manage");
            };
            let advert = Advertisement::decode(&payload).unwrap();
            let counter = *self.counter.get_or_insert(advert.counter);
            assert_eq!(advert.counter, counter, "the counter is constant (§10.3)");
            let list = if advert.is_bow_out() {
                before
            } else {
                self.list
            };
            // What is sent under older lists is not in the model.
            if advert.digest == signatures.digest(list, counter) {
                self.done.push(Output::Sent(
                    at,
                    Advert {
                        family: Family::of(to),
                        interval: Interval::new(advert.advbase, advert.advskew),
                        demote: advert.demotion,
                        counter: Counter::Constant,
                    },
                ));
            }
        }
        while let Some(event) = self.node.poll_event() {
            if let Event::Transition { from, to, .. } = event {
                let went = Output::Went(at, as_state(from), as_state(to));
                self.done.push(went);
            } else {
                let is_expected = matches!(event, Event::Demoted { .. });
                assert!(is_expected, "{event} without addresses to manage");
            }
        }
    }
}

fn as_state(state: carp_fsm::State) -> State {
    match state {
        carp_fsm::State::Init => State::Init,
        carp_fsm::State::Backup => State::Backup,
        carp_fsm::State::Master => State::Master,
    }
}

fn spoken(dialect: Dialect) -> carp_fsm::Dialect {
    match dialect {
        Dialect::Portable => carp_fsm::Dialect::Portable,
        Dialect::OpenBsd => carp_fsm::Dialect::OpenBsd,
        Dialect::OpenBsdOld => carp_fsm::Dialect::OpenBsdOld,
        Dialect::FreeBsd => carp_fsm::Dialect::FreeBsd,
        Dialect::NetBsd => carp_fsm::Dialect::NetBsd,
        Dialect::Ucarp => carp_fsm::Dialect::Ucarp,
    }
}

const TIMERS: [(carp_fsm::Timer, Timer); 3] = [
    (carp_fsm::Timer::Advertise, Timer::Advert),
    (
        carp_fsm::Timer::MasterDownInet,
        Timer::MasterDown(Family::Inet),
    ),
    (
        carp_fsm::Timer::MasterDownInet6,
        Timer::MasterDown(Family::Inet6),
    ),
];
