//! The lease of speech: an interface with a virtual MAC address answers ARP and neighbour discovery
//! only until a moment that each advert puts off.
//!
//! When every process of the service is dead or stopped, the kernel goes on answering for the
//! addresses, also after another node has taken over, and each answer pulls the switch back. Data
//! would be lost when the addresses go. So the answers stop first: data still flows to where
//! neighbours and switch know the addresses to be, and whoever asks anew finds the new master.
//!
//! Only eBPF knows the time. One program does for all interfaces: the filter of each tells it, in
//! the class that it gives a frame, which of many moments is meant. Loading it takes `CAP_BPF`;
//! where that is not given, and nobody hands it on, the egress filter does without.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use carp_fsm::Timestamp;
use netlink_packet_core::{DefaultNla, NLM_F_CREATE};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{TcAttribute, TcBpfFlags, TcFilterBpfOption, TcOption};

use super::super::ebpf::{
    ADD, CALL, EXIT, IF_EQUAL, IF_GREATER, IF_LESS, IF_NOT_ABOVE, KTIME_GET_BOOT_NS, LOAD_BYTE,
    LOAD_HALF, LOAD_LONG, LOAD_MAP, LOAD_WORD, MAP_LOOKUP_ELEM, MOVE, Numbers, PSEUDO_MAP_FD,
    Program, Purpose, SET, STORE_WORD, UNLESS_EQUAL, code,
};
use super::super::inherit::Inherited;
use super::super::netlink::Request;
use super::{bpf, filter};

/// What leases of speech are made of. Copies are of the same.
#[derive(Clone, Debug)]
pub(in crate::linux) struct Speeches(Arc<Table>);

#[derive(Debug)]
struct Table {
    /// Until when each may speak, in nanoseconds of the program's clock.
    ends: Numbers,
    program: Program,
    /// The places of `ends` that are in use in this process.
    taken: Mutex<BTreeSet<u32>>,
}

/// The lease of speech of one interface. Copies are of one lease: the loop puts its end off, which
/// takes no lock, and the worker puts the filter in place.
#[derive(Clone, Debug)]
pub(in crate::linux) struct Speech(Arc<Slot>);

#[derive(Debug)]
struct Slot {
    of: Speeches,
    /// Its place in the table.
    place: u32,
}

impl Speeches {
    /// Loads the program.
    ///
    /// # Errors
    ///
    /// Where the kernel does not let us.
    pub(in crate::linux) fn load() -> io::Result<Self> {
        must_have_the_clock_of_the_kernel()?;
        let ends = Numbers::new()?;
        let program = Program::load(Purpose::Classifier, &program(&ends))?;
        Ok(Self::of(ends, program))
    }

    /// Goes on with what a former process, or one with more rights, has loaded; where there is
    /// nothing of the kind, loads it.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub(in crate::linux) fn open(inherited: &mut Inherited) -> io::Result<Self> {
        let both = (inherited.take_any(ENDS), inherited.take_any(PROGRAM));
        let (Some(ends), Some(program)) = both else {
            return Self::load();
        };
        must_have_the_clock_of_the_kernel()?;
        match (Numbers::of(ends), Program::of(Purpose::Classifier, program)) {
            (Ok(ends), Ok(program)) => Ok(Self::of(ends, program)),
            _ => {
                tracing::warn!("inherited lease of speech is not what its name says");
                Self::load()
            }
        }
    }

    fn of(ends: Numbers, program: Program) -> Self {
        let taken = Mutex::default();
        Self(Arc::new(Table {
            ends,
            program,
            taken,
        }))
    }

    /// What another process goes on with, by name.
    pub(in crate::linux) fn descriptors(&self) -> [(&'static str, BorrowedFd<'_>); 2] {
        let table = &self.0;
        [(ENDS, table.ends.as_fd()), (PROGRAM, table.program.as_fd())]
    }

    /// The same, for a process that does not use it itself.
    ///
    /// # Errors
    ///
    /// Where there is no descriptor left.
    pub(in crate::linux) fn into_descriptors(self) -> io::Result<Vec<(String, OwnedFd)>> {
        let all = self.descriptors().into_iter();
        all.map(|(name, fd)| Ok((name.to_owned(), fd.try_clone_to_owned()?)))
            .collect()
    }

    /// One that is to be [extended](Speech::extend) before its filter goes on the interface with
    /// this index; none where there are too many.
    pub(in crate::linux) fn speech(&self, index: u32) -> Option<Speech> {
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        // From a place of its own, so that a successor finds the same: those of other interfaces,
        // which it has not taken up yet, are left alone.
        let mut places =
            (0..Numbers::LENGTH).map(|step| (index % Numbers::LENGTH + step) % Numbers::LENGTH);
        let place = places.find(|place| taken.insert(*place))?;
        let of = self.clone();
        Some(Speech(Arc::new(Slot { of, place })))
    }
}

impl Drop for Slot {
    /// The moment stays what it is: a filter that is left in place goes by it.
    fn drop(&mut self) {
        let taken = self.of.0.taken.lock();
        taken
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.place);
    }
}

impl Speech {
    /// Lets it last for as long as fits a lease of the addresses until `until`; without end where
    /// they have none.
    pub(in crate::linux) fn extend(&self, now: Timestamp, until: Option<Timestamp>) {
        let nanos = match until {
            None => u64::MAX,
            Some(until) => (now + share_of(until - now))
                .as_micros()
                .saturating_mul(1_000),
        };
        self.0.of.0.ends.set(self.0.place, nanos);
    }

    /// Puts its filter on the interface with this index.
    pub(in crate::linux) fn filter(&self, index: u32, handle: u16) -> Request {
        let option = |kind, bytes| {
            let attribute = DefaultNla::new(kind, bytes);
            TcOption::Bpf(TcFilterBpfOption::Other(attribute))
        };
        let program = self.0.of.0.program.as_raw();
        // Beside that of the virtual host, which has its number.
        let mut message = filter(index, handle | BESIDE);
        message.attributes.push(TcAttribute::Options(vec![
            option(BPF_CLASS, self.0.place.to_ne_bytes().to_vec()),
            option(BPF_FD, program.to_ne_bytes().to_vec()),
            option(BPF_NAME, b"carp_speech\0".to_vec()),
            TcOption::Bpf(TcFilterBpfOption::Flags(TcBpfFlags::DirectAction)),
        ]));
        Request::new(RouteNetlinkMessage::NewTrafficFilter(message), NLM_F_CREATE)
    }
}

/// Until just before another node may take over: of 3·advbase + 1 s all but the last second and a
/// little. Of a shorter lease five eighths, which is more than an advert takes to come.
fn share_of(lease: Duration) -> Duration {
    let before_others = lease.saturating_sub(Duration::from_millis(1_050));
    before_others.max(lease * 5 / 8)
}

/// A time namespace moves our clock, but not that of the program.
fn must_have_the_clock_of_the_kernel() -> io::Result<()> {
    let Ok(offsets) = fs::read_to_string("/proc/self/timens_offsets") else {
        return Ok(());
    };
    let is_none = |line: &str| {
        let mut words = line.split_whitespace();
        words.next() != Some("boottime") || words.all(|number| number == "0")
    };
    match offsets.lines().all(is_none) {
        true => Ok(()),
        false => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Passes what is neither ARP nor neighbour discovery, and that too until the moment among `ends` that
/// the class of the filter names.
fn program(ends: &Numbers) -> [u64; 25] {
    let zero = 0;
    [
        // r6 ← the frame, for the loads that follow.
        code(MOVE, 6, 1, zero, 0),
        code(LOAD_HALF, 0, 0, zero, 12),
        code(IF_EQUAL, 0, 0, to(2, CHECK), 0x0806),
        code(UNLESS_EQUAL, 0, 0, to(3, PASS), 0x86dd),
        // The next header of IPv6, then the type of ICMPv6: router solicitation to redirect.
        code(LOAD_BYTE, 0, 0, zero, 14 + 6),
        code(UNLESS_EQUAL, 0, 0, to(5, PASS), 58),
        code(LOAD_BYTE, 0, 0, zero, 14 + 40),
        code(IF_LESS, 0, 0, to(7, PASS), 133),
        code(IF_GREATER, 0, 0, to(8, PASS), 137),
        // CHECK: r7 ← the moment it is.
        code(CALL, 0, 0, zero, KTIME_GET_BOOT_NS),
        code(MOVE, 7, 0, zero, 0),
        // r0 ← where the entry of the map is.
        code(LOAD_WORD, 1, 6, CLASS, 0),
        code(STORE_WORD, 10, 1, -4, 0),
        code(MOVE, 2, 10, zero, 0),
        code(ADD, 2, 0, zero, -4),
        code(LOAD_MAP, 1, PSEUDO_MAP_FD, zero, ends.as_raw()),
        code(0, 0, 0, zero, 0),
        code(CALL, 0, 0, zero, MAP_LOOKUP_ELEM),
        code(IF_EQUAL, 0, 0, to(18, PASS), 0),
        code(LOAD_LONG, 1, 0, zero, 0),
        code(IF_NOT_ABOVE, 7, 1, to(20, PASS), 0),
        code(SET, 0, 0, zero, bpf::DROP.cast_signed()),
        code(EXIT, 0, 0, zero, 0),
        // PASS
        code(SET, 0, 0, zero, bpf::PASS.cast_signed()),
        code(EXIT, 0, 0, zero, 0),
    ]
}

/// How far it is from the instruction with this number to that one.
const fn to(from: i16, target: i16) -> i16 {
    target - from - 1
}

const CHECK: i16 = 9;
const PASS: i16 = 23;
/// Where `tc_classid` is in `struct __sk_buff`.
const CLASS: i16 = 72;

const BESIDE: u16 = 0x100;
const BPF_CLASS: u16 = 3;
const BPF_FD: u16 = 6;
const BPF_NAME: u16 = 7;

/// What the descriptors are called. Another program, or another meaning of the numbers, must have
/// other names: a successor goes on with what it knows.
const ENDS: &str = "speech-ends";
const PROGRAM: &str = "speech-program";
