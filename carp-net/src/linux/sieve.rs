//! The sieve: during a flood of packets that can only be refused, the kernel drops them.
//!
//! To refuse a packet costs the loop three microseconds, which is nothing until somebody sends
//! 100,000 a second. Above [a stated rate](Flood::ENGAGE) a program on the hearing sockets drops what
//! no virtual host can mean: a vhid that is not configured on any link, and what is shorter than an
//! advert. It never goes by the hop limit, because a unicast peer may be behind routers. What is
//! left can only be judged by its digest; of that it lets [so many](PASSED) through, far more than
//! there are true adverts. It counts what it drops, and goes when it is calm again.
//!
//! While much comes in, whatever becomes of it, the loop looks for packets once a millisecond: to be
//! woken up for each of them costs more than they do. Timers do not wait for that.
//!
//! Only eBPF can count. Loading it takes `CAP_BPF`, as with the lease of speech: where that is not
//! given, and nobody hands it on, the loop refuses everything itself.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use carp_fsm::Timestamp;
use carp_fsm::carp_proto::{Advertisement, Family, Vhid};

use super::ebpf::{
    ADD, ADD_ATOMICALLY, AND, CALL, EXIT, IF_EQUAL, IF_GREATER, IF_LESS_SIGNED, IF_SAME,
    KTIME_GET_NS, LOAD_BYTE_BEHIND, LOAD_LONG, LOAD_MAP, LOAD_WORD, MAP_LOOKUP_ELEM, MOVE, Numbers,
    PSEUDO_MAP_FD, Program, Purpose, SET, SHIFT_LEFT, SHIFT_RIGHT, SHIFT_RIGHT_BY, STORE_LONG,
    STORE_WORD, SUBTRACT_REGISTER, code,
};
use super::inherit::Inherited;
use super::sys;

/// The programs, one for each family, and what they share with this process.
#[derive(Debug)]
pub(super) struct Sieve {
    numbers: Numbers,
    inet: Program,
    inet6: Program,
}

impl Sieve {
    /// Loads the programs.
    ///
    /// # Errors
    ///
    /// Where the kernel does not let us.
    pub(super) fn load() -> io::Result<Self> {
        let numbers = Numbers::new()?;
        let load = |family| Program::load(Purpose::SocketFilter, &program(&numbers, family));
        let (inet, inet6) = (load(Family::Inet)?, load(Family::Inet6)?);
        Ok(Self {
            numbers,
            inet,
            inet6,
        })
    }

    /// Goes on with what a former process, or one with more rights, has loaded; where there is
    /// nothing of the kind, loads it.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub(super) fn open(inherited: &mut Inherited) -> io::Result<Self> {
        let [numbers, inet, inet6] = NAMES.map(|name| inherited.take_any(name));
        let (Some(numbers), Some(inet), Some(inet6)) = (numbers, inet, inet6) else {
            return Self::load();
        };
        let program = |fd| Program::of(Purpose::SocketFilter, fd);
        match (Numbers::of(numbers), program(inet), program(inet6)) {
            (Ok(numbers), Ok(inet), Ok(inet6)) => Ok(Self {
                numbers,
                inet,
                inet6,
            }),
            _ => {
                tracing::warn!("inherited sieve is not what its name says");
                Self::load()
            }
        }
    }

    /// What another process goes on with, by name.
    pub(super) fn descriptors(&self) -> [(&'static str, BorrowedFd<'_>); 3] {
        let [numbers, inet, inet6] = NAMES;
        [
            (numbers, self.numbers.as_fd()),
            (inet, self.inet.as_fd()),
            (inet6, self.inet6.as_fd()),
        ]
    }

    /// The same, for a process that does not use it itself.
    ///
    /// # Errors
    ///
    /// Where there is no descriptor left.
    pub(super) fn into_descriptors(self) -> io::Result<Vec<(String, OwnedFd)>> {
        let all = self.descriptors().into_iter();
        all.map(|(name, fd)| Ok((name.to_owned(), fd.try_clone_to_owned()?)))
            .collect()
    }

    fn attach(&self, family: Family, socket: impl AsFd) -> io::Result<()> {
        let program = match family {
            Family::Inet => &self.inet,
            Family::Inet6 => &self.inet6,
        };
        let (level, name) = (libc::SOL_SOCKET, libc::SO_ATTACH_BPF);
        sys::set_option(socket, level, name, program.as_raw())
    }
}

/// What comes in, and whether the sieve is on.
#[derive(Debug)]
pub(super) struct Flood {
    /// None where the kernel does not let us.
    sieve: Option<Sieve>,
    on: bool,
    /// How many virtual hosts have each vhid.
    vhids: Box<[u16; 256]>,
    /// What is counted began then.
    since: Timestamp,
    /// What came in since then, and how much of it the sieve would have dropped.
    received: u32,
    hopeless: u32,
    /// How much it had dropped by then.
    dropped: u64,
    /// How many seconds in a row were calm.
    calm: u32,
    /// Whether so much comes in that to wake up for each packet would cost more than the packet.
    busy: bool,
}

impl Flood {
    /// The sieve goes on where so many packets of a second could have been dropped by it.
    pub(super) const ENGAGE: u32 = 2_000;
    /// Or where so many came in, whatever they are.
    pub(super) const FULL: u32 = 30_000;

    /// No flood yet.
    pub(super) fn new(sieve: Option<Sieve>, now: Timestamp) -> Self {
        let dropped = sieve.as_ref().map(|it| it.numbers.get(DROPPED));
        if let Some(sieve) = &sieve {
            for word in 0..4 {
                sieve.numbers.set(word, 0);
            }
        }
        Self {
            sieve,
            on: false,
            vhids: Box::new([0; 256]),
            since: now,
            received: 0,
            hopeless: 0,
            dropped: dropped.unwrap_or_default(),
            calm: 0,
            busy: false,
        }
    }

    /// How long to leave packets alone, so that many are taken in at once.
    pub(super) const fn nap(&self) -> Option<Duration> {
        if self.busy { Some(NAP) } else { None }
    }

    /// What another process goes on with, by name.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = (&'static str, BorrowedFd<'_>)> {
        self.sieve.iter().flat_map(Sieve::descriptors)
    }

    /// A virtual host has this vhid from now on, or has it no longer.
    pub(super) fn note_vhid(&mut self, vhid: Vhid, there: bool) {
        let number = vhid.get();
        let Some(count) = self.vhids.get_mut(usize::from(number)) else {
            return;
        };
        *count = if there {
            count.saturating_add(1)
        } else {
            count.saturating_sub(1)
        };
        let known = *count > 0;
        if let Some(sieve) = &self.sieve {
            let word = u32::from(number / 64);
            let bit = 1_u64 << (number % 64);
            let others = sieve.numbers.get(word) & !bit;
            sieve
                .numbers
                .set(word, others | if known { bit } else { 0 });
        }
    }

    /// A packet came in, with these bytes behind its IP header.
    pub(super) fn note(&mut self, bytes: &[u8]) {
        self.received = self.received.saturating_add(1);
        let vhid = bytes.get(1).copied().unwrap_or_default();
        let is_known = self
            .vhids
            .get(usize::from(vhid))
            .is_some_and(|count| *count > 0);
        if bytes.len() < Advertisement::LEN || !is_known {
            self.hopeless = self.hopeless.saturating_add(1);
        }
    }

    /// How many packets of late could have been dropped.
    #[cfg(test)]
    pub(super) const fn hopeless(&self) -> u32 {
        self.hopeless
    }

    /// Puts the sieve on or takes it off, where it is time to; returns how many packets it has
    /// dropped since this was asked the last time.
    pub(super) fn judge<S: AsFd>(
        &mut self,
        now: Timestamp,
        sockets: [(Family, Option<S>); 2],
    ) -> u64 {
        let is_flood = self.hopeless >= Self::ENGAGE || self.received >= Self::FULL;
        let is_over = now - self.since >= SECOND;
        if !is_over && (self.on || !is_flood) {
            return 0;
        }
        self.busy = is_flood || self.received >= BUSY;
        let Some(sieve) = &self.sieve else {
            (self.since, self.received, self.hopeless) = (now, 0, 0);
            return 0;
        };
        let dropped = sieve.numbers.get(DROPPED);
        let grown = dropped.wrapping_sub(self.dropped);
        let is_calm = grown < CALM && self.received < Self::FULL / 2;
        self.calm = if is_calm { self.calm + 1 } else { 0 };
        let switched = match self.on {
            false if is_flood => Some(true),
            true if self.calm >= CALM_FOR => Some(false),
            _ => None,
        };
        if let Some(on) = switched {
            for (family, socket) in sockets {
                let done = match socket {
                    Some(socket) if on => sieve.attach(family, socket),
                    Some(socket) => detach(socket),
                    None => Ok(()),
                };
                if let Err(error) = done {
                    tracing::warn!(%family, %error, "sieve");
                }
            }
            let (received, dropped) = (self.received, grown);
            tracing::debug!(on, received, dropped, "sieve");
            self.on = on;
            self.calm = 0;
        }
        (self.since, self.received, self.hopeless) = (now, 0, 0);
        self.dropped = dropped;
        grown
    }
}

/// Takes any filter off a socket, also that of a former process.
pub(super) fn detach(socket: impl AsFd) -> io::Result<()> {
    let detached = sys::set_option(socket, libc::SOL_SOCKET, libc::SO_DETACH_FILTER, 0);
    match detached {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        detached => detached,
    }
}

/// Where a jump of a program leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    SameSpan,
    Drop,
    End,
}

/// A program that is being written.
struct Assembly<'a> {
    numbers: &'a Numbers,
    done: Vec<u64>,
    labels: Vec<(To, usize)>,
    jumps: Vec<(usize, To, [i32; 4])>,
}

impl Assembly<'_> {
    fn step(&mut self, what: u8, destination: u8, source: u8, offset: i16, number: i32) {
        self.done
            .push(code(what, destination, source, offset, number));
    }

    /// Goes to `to` where the comparison holds.
    fn jump(&mut self, what: u8, destination: u8, source: u8, number: i32, to: To) {
        let parts = [what.into(), destination.into(), source.into(), number];
        self.jumps.push((self.done.len(), to, parts));
        self.done.push(0);
    }

    fn label(&mut self, to: To) {
        self.labels.push((to, self.done.len()));
    }

    /// r0 ← where the number is whose place is in r1. Without one the packet passes, which the
    /// kernel wants to be said though every place has one.
    fn find(&mut self) {
        self.step(STORE_WORD, 10, 1, -4, 0);
        self.step(MOVE, 2, 10, 0, 0);
        self.step(ADD, 2, 0, 0, -4);
        let map = self.numbers.as_raw();
        self.step(LOAD_MAP, 1, PSEUDO_MAP_FD, 0, map);
        self.step(0, 0, 0, 0, 0);
        self.step(CALL, 0, 0, 0, MAP_LOOKUP_ELEM);
        self.jump(IF_EQUAL, 0, 0, 0, To::End);
    }

    fn find_place(&mut self, place: u32) {
        self.step(SET, 1, 0, 0, place.cast_signed());
        self.find();
    }

    /// Fills in how far each jump goes.
    fn finish(mut self) -> Vec<u64> {
        for (at, to, parts) in self.jumps {
            let target = self.labels.iter().find(|(label, _)| *label == to);
            let target = target.map_or(at + 1, |(_, target)| *target);
            let [what, destination, source, number] = parts;
            let offset = i16::try_from(target - at - 1).unwrap_or_default();
            let [what, destination, source] =
                [what, destination, source].map(|part| u8::try_from(part).unwrap_or_default());
            if let Some(slot) = self.done.get_mut(at) {
                *slot = code(what, destination, source, offset, number);
            }
        }
        self.done
    }
}

/// Passes an advert of a vhid that is known, and no more than [`PASSED`] of them in a span of time.
fn program(numbers: &Numbers, family: Family) -> Vec<u64> {
    let mut it = Assembly {
        numbers,
        done: Vec::new(),
        labels: Vec::new(),
        jumps: Vec::new(),
    };
    it.step(MOVE, 6, 1, 0, 0);
    // r7 ← how long the IP header is, which IPv6 sockets do not see.
    it.step(SET, 7, 0, 0, 0);
    if family == Family::Inet {
        it.step(LOAD_BYTE_BEHIND, 0, 7, 0, 0);
        it.step(AND, 0, 0, 0, 0x0f);
        it.step(SHIFT_LEFT, 0, 0, 0, 2);
        it.step(MOVE, 7, 0, 0, 0);
    }
    // `len` is the first field of `struct __sk_buff`.
    it.step(LOAD_WORD, 8, 6, 0, 0);
    it.step(SUBTRACT_REGISTER, 8, 7, 0, 0);
    it.jump(IF_LESS_SIGNED, 8, 0, LENGTH, To::Drop);
    // r9 ← the vhid, of which one bit of four numbers says whether it is known.
    it.step(LOAD_BYTE_BEHIND, 0, 7, 0, 1);
    it.step(MOVE, 9, 0, 0, 0);
    it.step(MOVE, 1, 9, 0, 0);
    it.step(SHIFT_RIGHT, 1, 0, 0, 6);
    it.find();
    it.step(LOAD_LONG, 1, 0, 0, 0);
    it.step(AND, 9, 0, 0, 63);
    it.step(SHIFT_RIGHT_BY, 1, 9, 0, 0);
    it.step(AND, 1, 0, 0, 1);
    it.jump(IF_EQUAL, 1, 0, 0, To::Drop);
    // r7 ← which span of time it is; a new one begins to count anew.
    it.step(CALL, 0, 0, 0, KTIME_GET_NS);
    it.step(MOVE, 7, 0, 0, 0);
    it.step(SHIFT_RIGHT, 7, 0, 0, SPAN_BITS);
    it.find_place(SPAN);
    it.step(LOAD_LONG, 1, 0, 0, 0);
    it.jump(IF_SAME, 1, 7, 0, To::SameSpan);
    it.step(STORE_LONG, 0, 7, 0, 0);
    it.find_place(PASSED_IN_SPAN);
    it.step(SET, 1, 0, 0, 0);
    it.step(STORE_LONG, 0, 1, 0, 0);
    it.label(To::SameSpan);
    it.find_place(PASSED_IN_SPAN);
    it.step(SET, 1, 0, 0, 1);
    it.step(ADD_ATOMICALLY, 0, 1, 0, 0);
    it.step(LOAD_LONG, 1, 0, 0, 0);
    it.jump(IF_GREATER, 1, 0, PASSED, To::Drop);
    it.step(SET, 0, 0, 0, i32::MAX);
    it.step(EXIT, 0, 0, 0, 0);
    it.label(To::Drop);
    it.find_place(DROPPED);
    it.step(SET, 1, 0, 0, 1);
    it.step(ADD_ATOMICALLY, 0, 1, 0, 0);
    it.step(SET, 0, 0, 0, 0);
    it.label(To::End);
    it.step(EXIT, 0, 0, 0, 0);
    it.finish()
}

/// Places among the numbers: the first four are 256 bits, one for each vhid.
const DROPPED: u32 = 4;
const SPAN: u32 = 5;
const PASSED_IN_SPAN: u32 = 6;

/// A span is 2^24 ns, 16.8 ms.
const SPAN_BITS: i32 = 24;
/// How many adverts of known vhids pass in a span, which is 59,600 in a second: to verify so many
/// takes the loop about a fifth of a core.
const PASSED: i32 = 1_000;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "36"
)]
const LENGTH: i32 = Advertisement::LEN as i32;

const SECOND: Duration = Duration::from_secs(1);
/// A second is calm in which fewer were dropped.
const CALM: u64 = 500;
/// The sieve goes after so many of them.
const CALM_FOR: u32 = 5;

/// More packets than this in a second are taken in some at a time.
const BUSY: u32 = 4_000;
/// Far less than an advert may be late, and no timer waits for it.
const NAP: Duration = Duration::from_millis(1);

/// What the descriptors are called. Another program, or another meaning of the numbers, must have
/// other names: a successor goes on with what it knows.
const NAMES: [&str; 3] = ["sieve-numbers", "sieve-inet", "sieve-inet6"];
