//! Random lives of a virtual host, made to meet ties, near-equal claims, bow-outs and timers due
//! at the very moment.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use carp_proto::Family;

use super::claim::Interval;
use super::dialect::Dialect;
use super::inputs::{Config, Heard, Input, Link, PerFamily, Wait};
use super::random::Random;
use super::timers::{advert_interval, master_down};

/// A host and what happens to it. Everything in it is legal: no timer is missed by waiting longer
/// than the master-down time (ours 8), no value is one that the dialect refuses in configuration.
#[derive(Debug, Clone)]
pub struct Plan {
    pub config: Config,
    pub steps: Vec<Step>,
}

/// Something that happens, and how long after the step before.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub wait: Wait,
    pub input: Input,
}

impl Plan {
    /// A life of 5 to 40 events in a dialect.
    pub fn random(dialect: Dialect, seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let config = config(dialect, random);
        let mut fate = Fate {
            config: config.clone(),
            last: Input::Down,
            cut: false,
            random,
        };
        let events = 5 + fate.random.below(36);
        let steps = (0..events).map(|_| fate.step()).collect();
        Self { config, steps }
    }
}

/// A configuration that the dialect allows (§1.1, §7).
fn config(dialect: Dialect, random: &mut Random) -> Config {
    let base = match dialect {
        Dialect::FreeBsd | Dialect::NetBsd => random.pick([1, 1, 2, 3, 10]),
        Dialect::Portable | Dialect::OpenBsd | Dialect::OpenBsdOld | Dialect::Ucarp => {
            random.pick([0, 0, 1, 1, 1, 2, 3, 10])
        }
    };
    let skew = random.pick([0, 0, 1, 4, 100, 239, 240, 241, 254]);
    let refused = dialect == Dialect::Ucarp && base == 0;
    Config {
        dialect,
        interval: Interval::new(base, if refused { skew.max(1) } else { skew }),
        preempt: random.one_in(2),
        demotion: if random.one_in(2) {
            demotion(dialect, random)
        } else {
            0
        },
        addresses: random.pick(
            [
                (1, 1),
                (2, 1),
                (1, 2),
                (1, 1),
                (1, 0),
                (0, 1),
                (0, 1),
                (0, 0),
            ]
            .map(|(inet, inet6)| PerFamily { inet, inet6 }),
        ),
        sources: PerFamily {
            inet: IpAddr::V4(Ipv4Addr::new(10, 9, 0, 200)),
            inet6: IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0x1, 0x200)),
        },
    }
}

/// A demotion that nodes of the dialect can have (§5).
fn demotion(dialect: Dialect, random: &mut Random) -> i32 {
    match dialect {
        Dialect::Portable | Dialect::OpenBsd | Dialect::OpenBsdOld => {
            random.pick([0, 0, 1, 2, 33, 128, 254, 255])
        }
        Dialect::FreeBsd => random.pick([-240, -100, -1, 0, 0, 1, 20, 139, 140, 240, 480]),
        Dialect::NetBsd | Dialect::Ucarp => random.pick([0, 0, 1, 2]),
    }
}

/// What makes the events: chance, and the host's configuration as it is by then.
struct Fate<'a> {
    config: Config,
    last: Input,
    /// Whether the link is down.
    cut: bool,
    random: &'a mut Random,
}

impl Fate<'_> {
    fn step(&mut self) -> Step {
        let wait = self.wait();
        let follows = !self.random.one_in(4);
        let consequence = follows.then(|| self.consequence()).flatten();
        self.last = consequence.unwrap_or_else(|| self.input());
        let input = self.last;
        if let Input::Link(link) = input {
            self.cut = link == Link::Down;
        }
        Step { wait, input }
    }

    /// What mostly comes next: what is off goes on again, what does not get out does not again.
    fn consequence(&mut self) -> Option<Input> {
        match self.last {
            Input::Down => Some(Input::Up),
            // What is ignored in INIT is seen only afterwards (§4.7).
            Input::Link(Link::Down) if self.random.one_in(4) => Some(self.command()),
            Input::Link(Link::Down) => Some(Input::Link(Link::Up)),
            Input::StateBackup | Input::StateMaster if self.cut => Some(Input::Link(Link::Up)),
            Input::StateBackup if self.random.one_in(4) => Some(Input::Link(Link::Down)),
            Input::AddressRemoved(family) if self.config.addresses == PerFamily::default() => {
                *self.config.addresses.get_mut(family) += 1;
                Some(Input::AddressAdded(family))
            }
            Input::SendError(_) | Input::SendSuccess(_) => Some(self.last),
            Input::AddressRemoved(_)
            | Input::AddressAdded(_)
            | Input::Demotion(_)
            | Input::Hear(_)
            | Input::Link(Link::Up | Link::Unknown)
            | Input::Pass
            | Input::Preempt(_)
            | Input::StateBackup
            | Input::StateMaster
            | Input::Up => None,
        }
    }

    /// Shorter than the master-down time, or until a timer.
    fn wait(&mut self) -> Wait {
        let Config {
            dialect, interval, ..
        } = self.config;
        let down = master_down(dialect, interval);
        let advert = advert_interval(dialect, interval, self.config.demotion);
        match self.random.below(16) {
            0..=1 => Wait::Micros(0),
            2 => Wait::Micros(1),
            3..=4 => Wait::Micros(self.random.below(advert / 8)),
            5..=6 => Wait::Micros(self.random.below(down)),
            7 => Wait::Micros(advert.min(down - 1)),
            8 => Wait::Micros(1_000_000.min(down - 1)),
            9 => Wait::Micros(down - 1),
            10 => Wait::Timer(-1),
            11 => Wait::Timer(1),
            _ => Wait::Timer(0),
        }
    }

    fn input(&mut self) -> Input {
        match self.random.below(64) {
            0..=27 => Input::Hear(self.advert()),
            28..=37 => Input::Pass,
            38 => Input::Down,
            39..=41 => Input::Up,
            42 => Input::Link(self.random.pick([Link::Down, Link::Unknown])),
            43..=44 => Input::Link(self.random.pick([Link::Up, Link::Up, Link::Unknown])),
            45..=46 => Input::StateBackup,
            47..=49 => Input::StateMaster,
            50..=52 => self.demote(),
            53..=54 => self.add_address(),
            55..=56 => self.remove_address(),
            57..=59 => Input::SendError(self.random.pick(Family::ALL)),
            60..=61 => Input::SendSuccess(self.random.pick(Family::ALL)),
            _ => {
                self.config.preempt = !self.config.preempt;
                Input::Preempt(self.config.preempt)
            }
        }
    }

    fn command(&mut self) -> Input {
        self.random.pick([Input::StateBackup, Input::StateMaster])
    }

    fn demote(&mut self) -> Input {
        self.config.demotion = demotion(self.config.dialect, self.random);
        Input::Demotion(self.config.demotion)
    }

    fn add_address(&mut self) -> Input {
        let family = self.random.pick(Family::ALL);
        *self.config.addresses.get_mut(family) += 1;
        Input::AddressAdded(family)
    }

    /// Only an address that is there can be removed.
    fn remove_address(&mut self) -> Input {
        let family = self.random.pick(Family::ALL);
        match self.config.addresses.get(family).checked_sub(1) {
            Some(left) => {
                *self.config.addresses.get_mut(family) = left;
                Input::AddressRemoved(family)
            }
            None => self.add_address(),
        }
    }

    fn advert(&mut self) -> Heard {
        let Config {
            dialect,
            interval: configured,
            ..
        } = self.config;
        let own = dialect.claim(configured, self.config.demotion);
        let slowest = Interval::new(configured.base.saturating_mul(3), own.interval.skew);
        let interval = match self.random.below(16) {
            0..=3 => own.interval,
            4..=7 => self.beside(own.interval),
            8 => configured,
            9 => self.beside(slowest),
            10..=12 => Interval::BOW_OUT,
            13 => self.beside(Interval::BOW_OUT),
            14 => Interval::new(0, self.random.pick([0, 1])),
            _ => Interval::new(self.random.byte(), self.random.byte()),
        };
        let demote = match self.random.below(8) {
            0..=3 => own.demotion,
            4 => own.demotion.saturating_add(1),
            5 => own.demotion.saturating_sub(1),
            6 => 0,
            _ => self.random.byte(),
        };
        Heard {
            source: self.source(),
            interval,
            demote,
            counter: self.random.pick([0, 7, u64::MAX]) ^ self.random.below(8),
        }
    }

    /// The same or the next better or worse.
    fn beside(&mut self, interval: Interval) -> Interval {
        let Interval { base, skew } = interval;
        match self.random.below(5) {
            0 => interval,
            1 => Interval::new(base, skew.saturating_sub(1)),
            2 => Interval::new(base, skew.saturating_add(1)),
            3 => Interval::new(base.saturating_sub(1), skew),
            _ => Interval::new(base.saturating_add(1), skew),
        }
    }

    /// A peer's address, mostly of a family that the host has addresses of: some win against the
    /// host's own and some lose, and for some it takes the swapped bytes to tell (§4.3.2).
    fn source(&mut self) -> IpAddr {
        let addresses = self.config.addresses;
        let family = match (addresses.inet > 0, addresses.inet6 > 0) {
            (true, false) if !self.random.one_in(8) => Family::Inet,
            (false, true) if !self.random.one_in(8) => Family::Inet6,
            _ => self.random.pick(Family::ALL),
        };
        match family {
            Family::Inet => {
                let [b, c, d] = self
                    .random
                    .pick([[9, 1, 2], [9, 0, 201], [8, 0, 250], [9, 0, 7]]);
                IpAddr::V4(Ipv4Addr::new(10, b, c, d))
            }
            Family::Inet6 => {
                let (a, b) = self
                    .random
                    .pick([(0, 0x201), (2, 0x100), (1, 0x100), (2, 0x200)]);
                IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, a, b))
            }
        }
    }
}
