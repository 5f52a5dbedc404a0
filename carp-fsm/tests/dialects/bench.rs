//! A virtual host in the words of the tables.
//!
//! What it is: `MASTER 1/100`, then any of `preempt`, `demoted N`, `at A` (where its adverts leave
//! from), and `over` what it has addresses of: `inet` (the default), `inet6`, `both` or `none`.
//!
//! What happens: `pass SECONDS`, `forget` (what it did so far), `hear 1/100` with any of `demoted N`,
//! `over inet6` and `from A`; `up`, `down`, `state master`, `state backup`, `destroy`, `link up`,
//! `link down`, `demoted N`, `over ...`, `skew N`, `fails N` and `sends N` (times).
//!
//! What it then does: its state, its node's demotion if any, and what was done in order.

use std::net::IpAddr;
use std::time::Duration;

use carp_fsm::carp_proto::{
    Advertisement, Authenticator, ChecksumForm, DigestForm, Envelope, Family, HOP_LIMIT, Key, Vhid,
    VirtualAddress,
};
use carp_fsm::{
    Action, Command, Dialect, HostId, Input, LinkId, LinkState, Node, State, Timestamp, VirtualHost,
};

const LINK: LinkId = LinkId(1);

/// The host, and what it has done.
pub(crate) struct Bench {
    node: Node,
    id: HostId,
    told: VirtualHost,
    now: Timestamp,
    done: Vec<String>,
}

impl Bench {
    pub(crate) fn new(dialect: Dialect, given: &str) -> Self {
        let over = given.split_once("over ").map_or("inet", |(_, over)| over);
        let over = over.split_whitespace().next().unwrap();
        let mut words = given.split_whitespace();
        let state = words.next().unwrap();
        let (base, skew) = interval(words.next().unwrap());
        let mut node = Node::new(Node::builder().lease(false), 1);
        let told = VirtualHost::new(Vhid::new(1).unwrap(), key())
            .advbase(base)
            .and_then(|host| host.advskew(skew))
            .unwrap()
            .with_addresses(addresses(over))
            .speaking(dialect)
            .enabled(false);
        let id = node.add(Timestamp::ZERO, LINK, told.clone()).unwrap();
        let mut bench = Self {
            node,
            id,
            told,
            now: Timestamp::ZERO,
            done: Vec::new(),
        };
        while let Some(word) = words.next() {
            match word {
                "preempt" => bench.input(Input::Preempt(true)),
                "at" => bench.input(Input::Sent {
                    id,
                    source: words.next().unwrap().parse().unwrap(),
                }),
                "over" => assert_eq!(words.next(), Some(over)),
                _ => bench.happen(&format!("{word} {}", words.next().unwrap())),
            }
        }
        if state != "INIT" {
            bench.happen("up");
        }
        if state == "MASTER" {
            bench.happen("state master");
        }
        assert_eq!(bench.state(), state);
        bench
    }

    /// What was done since the last call, and what it is.
    pub(crate) fn take(&mut self) -> String {
        let mut text = self.state();
        let demotion = self.node.demotion("carp");
        if demotion != 0 {
            text += &format!(" demoted {demotion}");
        }
        let done = std::mem::take(&mut self.done);
        if done.is_empty() {
            text
        } else {
            format!("{text}: {}", done.join(", "))
        }
    }

    pub(crate) fn happen(&mut self, event: &str) {
        let id = self.id;
        let (word, rest) = event.split_once(' ').unwrap_or((event, ""));
        match word {
            "pass" => self.pass(rest),
            "forget" => self.done.clear(),
            "hear" => self.hear(rest),
            "up" => self.command(Command::Up),
            "down" => self.command(Command::Down),
            "state" if rest == "master" => self.command(Command::Master),
            "state" => self.command(Command::Backup),
            "destroy" => {
                self.node.remove(self.now, id).unwrap();
                self.drain();
            }
            "link" => {
                let state = match rest {
                    "up" => LinkState::Up,
                    _ => LinkState::Down,
                };
                self.input(Input::Link { link: LINK, state });
            }
            "demoted" => self.input(Input::Demote {
                group: "carp".into(),
                owner: "somebody".into(),
                amount: rest.parse().unwrap(),
            }),
            "over" => {
                let interval = self.told.interval();
                let enabled = self.node.host(id).unwrap().config().is_enabled();
                self.told = VirtualHost::new(self.told.vhid(), key())
                    .advbase(interval.advbase())
                    .and_then(|host| host.advskew(interval.advskew()))
                    .unwrap()
                    .with_addresses(addresses(rest))
                    .speaking(self.told.dialect())
                    .enabled(enabled);
                self.change();
            }
            "skew" => {
                let skew = rest.parse().unwrap();
                let enabled = self.node.host(id).unwrap().config().is_enabled();
                self.told = self.told.clone().advskew(skew).unwrap().enabled(enabled);
                self.change();
            }
            "fails" => {
                for _ in 0..rest.parse::<u32>().unwrap() {
                    self.input(Input::SendFailed {
                        id,
                        family: Family::Inet,
                        no_memory: false,
                    });
                }
            }
            "sends" => {
                for _ in 0..rest.parse::<u32>().unwrap() {
                    let source = "192.0.2.1".parse().unwrap();
                    self.input(Input::Sent { id, source });
                }
            }
            other => panic!("{other} cannot happen"),
        }
    }

    fn state(&self) -> String {
        let host = self.node.host(self.id);
        host.map_or(State::Init, |host| host.state()).to_string()
    }

    fn command(&mut self, command: Command) {
        let id = self.id;
        self.input(Input::Command { id, command });
    }

    fn change(&mut self) {
        self.node
            .change(self.now, self.id, LINK, self.told.clone())
            .unwrap();
        self.drain();
    }

    fn input(&mut self, input: Input) {
        self.node.handle(self.now, input);
        self.drain();
    }

    fn pass(&mut self, seconds: &str) {
        let (whole, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
        let micros: u64 = format!("{part:0<6}").parse().unwrap();
        let until = self.now + Duration::from_secs(whole.parse().unwrap());
        let until = until + Duration::from_micros(micros);
        while let Some(due) = self.node.deadline().filter(|due| due.at <= until) {
            self.now = due.at;
            self.node.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn hear(&mut self, words: &str) {
        let mut words = words.split_whitespace();
        let (base, skew) = interval(words.next().unwrap());
        let (mut demotion, mut source) = (0, None);
        let mut family = Family::Inet;
        while let Some(word) = words.next() {
            let what = words.next().unwrap();
            match word {
                "demoted" => demotion = what.parse().unwrap(),
                "over" if what == "inet6" => family = Family::Inet6,
                "from" => source = Some(what.parse::<IpAddr>().unwrap()),
                other => panic!("an advert has no {other} {what}"),
            }
        }
        let list: Vec<IpAddr> = self
            .told
            .addresses()
            .iter()
            .map(VirtualAddress::ip)
            .collect();
        let signs = Authenticator::new(&key(), self.told.vhid(), list);
        let advert = Advertisement::new(self.told.vhid(), base, skew, demotion, 7)
            .signed(&signs, DigestForm::WithoutLinkLocal)
            .with_checksum(ChecksumForm::Plain);
        let neighbour = match family {
            Family::Inet => "192.0.2.2",
            Family::Inet6 => "fe80::2",
        };
        let envelope = Envelope {
            source: source.unwrap_or_else(|| neighbour.parse().unwrap()),
            destination: family.group(),
            hop_limit: HOP_LIMIT,
            traffic_class: None,
            identification: None,
        };
        let bytes = advert.encode();
        // Who is down has no such vhid.
        self.node
            .handle_packet(self.now, LINK, &envelope, &bytes)
            .ok();
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.node.poll_action() {
            let text = match action {
                Action::Hold(id) => {
                    self.node.handle(self.now, Input::Held(id));
                    "hold".to_owned()
                }
                Action::HandOver(id) => {
                    self.node.handle(self.now, Input::Silenced(id));
                    "hand over".to_owned()
                }
                Action::Release(_) => "release".to_owned(),
                Action::Announce { address, .. } => format!("announce {address}"),
                Action::Send { to, payload, .. } => said(Family::of(to), &payload),
                Action::Renew { .. } => continue,
            };
            self.done.push(text);
        }
    }
}

fn said(family: Family, payload: &[u8]) -> String {
    let advert = Advertisement::decode(payload).unwrap();
    let (base, skew) = (advert.advbase, advert.advskew);
    let what = if advert.is_bow_out() {
        format!("bow-out {family}")
    } else {
        format!("advert {family} {base}/{skew}")
    };
    match advert.demotion {
        0 => what,
        demotion => format!("{what} demoted {demotion}"),
    }
}

fn interval(text: &str) -> (u8, u8) {
    let (base, skew) = text.split_once('/').unwrap();
    (base.parse().unwrap(), skew.parse().unwrap())
}

fn addresses(over: &str) -> Vec<VirtualAddress> {
    let texts: &[&str] = match over {
        "inet" => &["192.0.2.10/24"],
        "inet6" => &["2001:db8::10/64"],
        "both" => &["192.0.2.10/24", "2001:db8::10/64"],
        "more" => &["192.0.2.10/24", "192.0.2.11/24"],
        "none" => &[],
        other => panic!("no addresses over {other}"),
    };
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn key() -> Key {
    Key::from_password("mekmitasdigoat")
}
