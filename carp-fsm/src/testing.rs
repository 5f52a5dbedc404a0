//! A node on a bench, for the tests of this crate: time by hand, a peer made of crafted adverts,
//! and what the node does as lines of text.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use carp_proto::{
    Advertisement, Authenticator, ChecksumForm, DigestForm, Envelope, Family, HOP_LIMIT, Key, Vhid,
    VirtualAddress,
};

use crate::{
    Action, Command, Event, HostId, Input, LinkId, Node, NodeConfig, Refusal, State, Timestamp,
    VirtualHost,
};

pub(crate) const LINK: LinkId = LinkId(1);
pub(crate) const V4: &str = "192.0.2.10/24";
pub(crate) const V6: &str = "2001:db8::10/64";

/// A node with one virtual host (vhid 99) whose actions are obeyed at once.
pub(crate) struct Bench {
    pub(crate) node: Node,
    pub(crate) now: Timestamp,
    pub(crate) id: HostId,
    /// Whether `Hold` and `HandOver` are answered.
    pub(crate) answers: bool,
    /// Whether adverts leave; `None`: nobody says.
    pub(crate) sends: Option<bool>,
    done: Vec<String>,
    told: Vec<Event>,
}

pub(crate) fn key() -> Key {
    Key::from_password("SharedSecret")
}

pub(crate) fn host(skew: u8, addresses: &[&str]) -> VirtualHost {
    let parsed = addresses
        .iter()
        .map(|text| text.parse::<VirtualAddress>().unwrap());
    VirtualHost::new(Vhid::new(99).unwrap(), key())
        .advskew(skew)
        .unwrap()
        .with_addresses(parsed)
}

/// An advert of somebody else, over the given address list.
pub(crate) fn advert(base: u8, skew: u8, demotion: u8, addresses: &[&str]) -> Advertisement {
    let vhid = Vhid::new(99).unwrap();
    let list: Vec<IpAddr> = addresses
        .iter()
        .map(|text| text.parse::<VirtualAddress>().unwrap().ip())
        .collect();
    Advertisement::new(vhid, base, skew, demotion, 7)
        .signed(
            &Authenticator::new(&key(), vhid, list.iter().copied()),
            DigestForm::WithoutLinkLocal,
        )
        .with_checksum(ChecksumForm::Plain)
}

pub(crate) fn envelope(family: Family) -> Envelope {
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

impl Bench {
    pub(crate) fn new(config: NodeConfig, host: VirtualHost) -> Self {
        let mut node = Node::new(config, 1);
        let now = Timestamp::from_micros(1_000_000_000);
        let id = node.add(now, LINK, host).unwrap();
        let mut bench = Self {
            node,
            now,
            id,
            answers: true,
            sends: None,
            done: Vec::new(),
            told: Vec::new(),
        };
        bench.drain();
        bench
    }

    /// A backup with skew 100 and one IPv4 address.
    pub(crate) fn backup() -> Self {
        Self::new(Node::builder(), host(100, &[V4]))
    }

    /// The same, after its master-down time.
    pub(crate) fn master() -> Self {
        let mut bench = Self::backup();
        bench.pass(Duration::from_secs(6));
        assert_eq!(bench.state(), State::Master);
        bench.take();
        bench
    }

    pub(crate) fn state(&self) -> State {
        self.node
            .host(self.id)
            .map_or(State::Init, |host| host.state())
    }

    /// What the node did since the last call.
    pub(crate) fn take(&mut self) -> Vec<String> {
        core::mem::take(&mut self.done)
    }

    /// What the node told since the last call, one line each.
    pub(crate) fn told(&mut self) -> Vec<String> {
        self.told
            .drain(..)
            .map(|event| format!("{event}"))
            .collect()
    }

    /// Lets time pass, stopping at each deadline on the way.
    pub(crate) fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(deadline) = self.node.deadline().filter(|deadline| deadline.at <= until) {
            self.now = self.now.max(deadline.at);
            self.node.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    pub(crate) fn pass_millis(&mut self, millis: u64) {
        self.pass(Duration::from_millis(millis));
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.node.handle(self.now, input);
        self.drain();
    }

    pub(crate) fn command(&mut self, command: Command) {
        let id = self.id;
        self.input(Input::Command { id, command });
    }

    /// The node hears an advert over IPv4 for its own address list.
    pub(crate) fn hear(&mut self, base: u8, skew: u8, demotion: u8) {
        let list: Vec<String> = self
            .node
            .addresses(self.id)
            .iter()
            .map(|address| format!("{address}"))
            .collect();
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        let advert = advert(base, skew, demotion, &list);
        assert_eq!(self.receive(Family::Inet, &advert), Ok(()));
    }

    pub(crate) fn receive(
        &mut self,
        family: Family,
        advert: &Advertisement,
    ) -> Result<(), Refusal> {
        self.receive_in(&envelope(family), advert)
    }

    pub(crate) fn receive_in(
        &mut self,
        envelope: &Envelope,
        advert: &Advertisement,
    ) -> Result<(), Refusal> {
        let bytes = advert.encode();
        let result = self.node.handle_packet(self.now, LINK, envelope, &bytes);
        self.drain();
        result
    }

    pub(crate) fn drain(&mut self) {
        loop {
            while let Some(action) = self.node.poll_action() {
                self.done.push(describe(&action));
                match action {
                    Action::Hold(id) if self.answers => self.node.handle(self.now, Input::Held(id)),
                    Action::HandOver(id) if self.answers => {
                        self.node.handle(self.now, Input::Silenced(id));
                    }
                    Action::Send { id, to, .. } => self.say_whether_sent(id, Family::of(to)),
                    Action::Hold(_) | Action::HandOver(_) | Action::Release(_) => {}
                    Action::Renew { .. } | Action::Announce { .. } => {}
                }
            }
            match self.node.poll_event() {
                Some(event) => self.told.push(event),
                None => break,
            }
        }
    }

    /// What a platform answers where an advert has left, or has not.
    pub(crate) fn answer(id: HostId, family: Family, sent: bool) -> Input {
        if sent {
            let source = own_address(family);
            Input::Sent { id, source }
        } else {
            Input::SendFailed {
                id,
                family,
                no_memory: false,
            }
        }
    }

    fn say_whether_sent(&mut self, id: HostId, family: Family) {
        if let Some(sent) = self.sends {
            self.node.handle(self.now, Self::answer(id, family, sent));
        }
    }
}

/// Where the adverts of the node on the bench leave from.
pub(crate) fn own_address(family: Family) -> IpAddr {
    match family {
        Family::Inet => "192.0.2.1".parse().unwrap(),
        Family::Inet6 => "fe80::1".parse().unwrap(),
    }
}

pub(crate) fn describe(action: &Action) -> String {
    match action {
        Action::Send { to, payload, .. } => {
            let advert = Advertisement::decode(payload).unwrap();
            let family = Family::of(*to);
            let what = if advert.is_bow_out() {
                format!("bow-out {family}")
            } else {
                format!(
                    "advert {family} {}/{} {}",
                    advert.advbase, advert.advskew, advert.demotion
                )
            };
            if *to == family.group() {
                what
            } else {
                format!("{what} to {to}")
            }
        }
        Action::Hold(_) => "hold".into(),
        Action::HandOver(_) => "hand over".into(),
        Action::Renew { lease, .. } => format!("renew for {} s", lease.as_secs_f64()),
        Action::Release(_) => "release".into(),
        Action::Announce { address, .. } => format!("announce {address}"),
    }
}
