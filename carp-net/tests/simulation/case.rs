//! A random cluster and all that befalls it: drawn from a seed, before anything of it runs, so that
//! it can be written down and made smaller.

use std::time::Duration;

use carp_net::carp_fsm::carp_proto::{Advertisement, Envelope, HOP_LIMIT};
use carp_net::carp_fsm::{Command, Damage, LinkState, TakenDown};
use carp_net::memory::Harm;

use crate::faults::Fault;
use crate::setting::{Dice, Setting};

/// A cluster and what befalls it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) setting: Setting,
    /// When what happens; several of one group belong together, as a fault and its end.
    pub(crate) faults: Vec<Drawn>,
    /// When all of it is over: then every fault ends that has not yet.
    pub(crate) over: Duration,
}

/// Something that befalls a cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawn {
    pub(crate) at: Duration,
    pub(crate) fault: Fault,
    pub(crate) group: usize,
}

/// How long what is still under way when all is over may take to arrive.
pub(crate) const UNDER_WAY: Duration = Duration::from_secs(2);

impl Case {
    /// A cluster of any kind, to which anything may happen, several things at once.
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let setting = Setting::drawn(&mut dice).imperfect(&mut dice);
        let mut now = setting.settling() + dice.millis(0, 4_000);
        let mut storm = Storm {
            size: setting.size,
            doubling: setting.doubling,
            dice,
            faults: Vec::new(),
            group: 0,
        };
        // In one of three nothing is in order on the network.
        let is_slow = storm.dice.below(3) == 0;
        if is_slow {
            let most = storm.dice.millis(1, 1_500);
            storm.add(now, Fault::Reordering(true));
            storm.add(now, Fault::Transit(Duration::ZERO, most));
        }
        for _ in 0..=storm.dice.below(8) {
            storm.group += 1;
            storm.strike(now);
            now += storm.dice.millis(0, 3_000);
        }
        let Storm { mut faults, .. } = storm;
        faults.sort_by_key(|drawn| drawn.at);
        let last = faults.last().map(|drawn| drawn.at);
        Self {
            seed,
            setting,
            faults,
            over: last.unwrap_or(now).max(now) + Duration::from_millis(100),
        }
    }

    /// What ends every fault.
    pub(crate) fn mended(&self) -> Vec<Fault> {
        let size = self.setting.size;
        let mut mended = Vec::new();
        for node in 0..size {
            mended.extend([
                Fault::Pause(node, false),
                Fault::Link(node, LinkState::Up),
                Fault::Begin(node),
                Fault::Demote(node, 0),
                Fault::Command(node, Command::Up),
            ]);
            mended.extend((0..node).map(|other| Fault::Cut(other, node, false)));
        }
        let (least, most) = self.setting.transit;
        mended.extend([
            Fault::Loss(0),
            Fault::Transit(least, most),
            Fault::Reordering(false),
        ]);
        mended
    }

    /// Everything that happens, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Duration, Fault)> {
        let faults = self.faults.iter().map(|drawn| (drawn.at, drawn.fault));
        faults.chain(self.mended().into_iter().map(|fault| (self.over, fault)))
    }

    /// When the election that follows must be over, and some time more.
    pub(crate) fn end(&self) -> Duration {
        self.over + UNDER_WAY + self.setting.settling() + Duration::from_secs(2)
    }

    /// Packets that anybody on the network could send, and when; none while a node is frozen: one
    /// that waits there is taken in first when it wakes, at the same moment as what else waits.
    pub(crate) fn forgeries(&self) -> Vec<(Duration, Envelope, [u8; Advertisement::LEN])> {
        let mut dice = Dice::new(self.seed ^ 0xf0f0);
        let span = u64::try_from(self.end().as_millis()).unwrap();
        let forged = (0..40).map(|_| {
            let (at, node) = (dice.millis(0, span), dice.index(self.setting.size));
            let [inet, inet6] = crate::setting::addresses_of(node);
            let (source, destination) = match dice.below(2) {
                0 => (inet, "224.0.0.18".parse().unwrap()),
                _ => (inet6, "ff02::12".parse().unwrap()),
            };
            let envelope = Envelope {
                source,
                destination,
                hop_limit: if dice.below(8) == 0 { 64 } else { HOP_LIMIT },
                traffic_class: None,
                identification: None,
            };
            (at, envelope, self.forgery(&mut dice))
        });
        let mut faults = self.faults.iter();
        let frozen = faults.find(|drawn| matches!(drawn.fault, Fault::Pause(_, true)));
        let frozen = frozen.map_or(self.over, |drawn| drawn.at);
        let is_heard = |at: &Duration| *at < frozen || *at > self.over;
        forged.filter(|(at, ..)| is_heard(at)).collect()
    }

    /// An advert with everything in it that a node would follow, but without the key.
    fn forgery(&self, dice: &mut Dice) -> [u8; Advertisement::LEN] {
        let mut bytes: [u8; Advertisement::LEN] =
            std::array::from_fn(|_| u8::try_from(dice.below(256)).unwrap());
        let is_bow_out = dice.below(4) == 0;
        bytes[0] = 0x21;
        bytes[1] = if dice.below(8) == 0 { 7 } else { 99 };
        bytes[2] = if is_bow_out { 255 } else { 0 };
        bytes[3] = 7;
        bytes[4] = 0;
        bytes[5] = if is_bow_out {
            255
        } else {
            self.setting.advbase
        };
        bytes[6..8].fill(0);
        let sum: u32 = bytes
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
            .sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        let folded = (folded & 0xffff) + (folded >> 16);
        let checksum = !u16::try_from(folded).unwrap();
        bytes[6..8].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }
}

/// Draws faults.
struct Storm {
    size: usize,
    doubling: u32,
    dice: Dice,
    faults: Vec<Drawn>,
    group: usize,
}

impl Storm {
    fn add(&mut self, at: Duration, fault: Fault) {
        let group = self.group;
        self.faults.push(Drawn { at, fault, group });
    }

    /// One fault, and the end of some.
    fn strike(&mut self, now: Duration) {
        let size = self.size;
        let (node, other) = (self.dice.index(size), self.dice.index(size));
        let soon = now + self.dice.millis(1, 200);
        let later = now + self.dice.millis(200, 8_000);
        let second = Duration::from_secs(1);
        match self.dice.below(21) {
            0 | 1 => self.both(now, Fault::Kill(node), soon, Fault::Resume(node)),
            2 => self.both(now, Fault::Kill(node), later, Fault::Resume(node)),
            3 => self.both(now, Fault::Kill(node), later, Fault::Begin(node)),
            4 | 5 => self.both(
                now,
                Fault::Pause(node, true),
                later,
                Fault::Pause(node, false),
            ),
            6 => {
                self.both(
                    now,
                    Fault::Pause(node, true),
                    now + second,
                    Fault::Kill(node),
                );
                self.add(soon + second, Fault::Resume(node));
            }
            7 => self.add(now, Fault::Restart(node, soon - now)),
            8 => {
                let state = [LinkState::Down, LinkState::Absent][self.dice.index(2)];
                let up = Fault::Link(node, LinkState::Up);
                self.both(now, Fault::Link(node, state), later, up);
            }
            9 => self.both(now, Fault::PowerOff(node), later, Fault::Begin(node)),
            10 | 11 if node != other => {
                let (cut, heal) = (true, false);
                let cut = Fault::Cut(node, other, cut);
                self.both(now, cut, later, Fault::Cut(node, other, heal));
            }
            12 => {
                let damage = [Damage::Address, Damage::LinkAddress, Damage::Inet6Disabled];
                let damage = damage[self.dice.index(3)];
                self.add(now, Fault::Harm(node, Harm::Damage(damage)));
            }
            13 => {
                let how = [TakenDown::SetDown, TakenDown::Deleted][self.dice.index(2)];
                let harm = Fault::Harm(node, Harm::TakeDown(how));
                self.both(now, harm, later, Fault::Command(node, Command::Up));
            }
            14 => {
                let down = Fault::Command(node, Command::Down);
                self.both(now, down, later, Fault::Command(node, Command::Up));
            }
            15 => self.add(now, Fault::Command(node, Command::Backup)),
            16 => self.add(now, Fault::Command(node, Command::Master)),
            17 => {
                let end = [Fault::Stop(node), Fault::Destroy(node)][self.dice.index(2)];
                self.both(now, end, later, Fault::Stop(node));
                self.add(later + 2 * second, Fault::Begin(node));
            }
            18 => {
                let amount = i32::try_from(self.dice.below(3)).unwrap();
                self.add(now, Fault::Demote(node, amount));
            }
            19 => {
                let usual = Fault::Doubling(self.doubling);
                self.both(now, Fault::Doubling(900_000), later, usual);
            }
            _ => {
                let loss = u32::try_from(self.dice.below(300_000)).unwrap();
                self.both(now, Fault::Loss(loss), later, Fault::Loss(0));
            }
        }
    }

    fn both(&mut self, at: Duration, fault: Fault, until: Duration, end: Fault) {
        self.add(at, fault);
        self.add(until, end);
    }
}
