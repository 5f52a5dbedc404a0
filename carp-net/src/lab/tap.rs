//! A tap: records every frame on a wire, both ways, and forgets none without saying so.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use carp_fsm::Timestamp;
use carp_fsm::carp_proto::MacAddress;
use rustix::net::netdevice::{index_to_name, name_to_index};
use socket2::SockFilter;

use crate::Result;
use crate::error::About as _;
use crate::linux::capture::Capture;
use crate::linux::namespace::Namespace;

use super::asker::{JUMP_IF_EQUAL, LOAD_BYTE, LOAD_HALF, RETURN};
use super::clock::{self, Stamps};
use super::pcap;
use super::worker::{Stop, Worker, wait};

/// A running tap.
#[derive(Debug)]
#[must_use = "it stops when it is dropped"]
pub struct Tap {
    worker: Worker<Result<u64>>,
    shared: Arc<Shared>,
}

impl Tap {
    /// Begins to record the frames of `interface` in `namespace`, or of all its interfaces. What
    /// is sent after this has returned is recorded.
    ///
    /// # Errors
    ///
    /// Where there is no such interface or the caller lacks `CAP_NET_RAW`.
    pub fn start(namespace: &Namespace, interface: Option<&str>) -> Result<Self> {
        Self::filtered(namespace, interface, &[])
    }

    /// The same of the frames that pass `filter`, where there is one.
    fn filtered(
        namespace: &Namespace,
        interface: Option<&str>,
        filter: &[SockFilter],
    ) -> Result<Self> {
        let about = interface.unwrap_or("tap");
        let capture = namespace.enter(|| {
            let index = match interface {
                None => 0,
                // Any socket will do to ask for the index.
                Some(name) => {
                    let socket = std::net::UdpSocket::bind("0.0.0.0:0").about(about)?;
                    name_to_index(&socket, name).about(about)?
                }
            };
            Capture::open(index, filter).about(about)
        })??;
        Self::of(capture)
    }

    /// Begins to record the advertisements on all interfaces of `namespace`.
    pub(super) fn of_advertisements(namespace: &Namespace) -> Result<Self> {
        Self::filtered(namespace, None, &ADVERTISEMENTS)
    }

    /// Begins to record the advertisements and the ARP that come in on `interface`, or on any of
    /// `namespace`.
    pub(super) fn of_claims(namespace: &Namespace, interface: Option<&str>) -> Result<Self> {
        Self::filtered(namespace, interface, &CLAIMS)
    }

    fn of(capture: Capture) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let worker = Worker::start("tap", move |stop| record(capture, &stop, &theirs))?;
        Ok(Self { worker, shared })
    }

    /// The first recorded frame that `is_it`, waiting for one up to `patience`.
    pub fn wait_for(
        &self,
        patience: Duration,
        mut is_it: impl FnMut(&Frame) -> bool,
    ) -> Option<Frame> {
        let deadline = clock::now() + patience;
        let mut looked_at = 0;
        let mut frames = self.shared.lock();
        loop {
            let fresh = frames.get(looked_at..).unwrap_or_default();
            if let Some(found) = fresh.iter().find(|frame| is_it(frame)) {
                return Some(found.clone());
            }
            looked_at = frames.len();
            let left = deadline - clock::now();
            if left.is_zero() {
                return None;
            }
            let waited = self.shared.grown.wait_timeout(frames, left);
            frames = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What was recorded so far.
    pub fn frames(&self) -> Vec<Frame> {
        self.shared.lock().clone()
    }

    /// Ends the recording. Frames sent before this are in it.
    ///
    /// # Errors
    ///
    /// Where the kernel could not be asked for frames or for those it dropped.
    pub fn stop(self) -> Result<Recording> {
        let dropped = self.worker.stop()??;
        let mut frames = std::mem::take(&mut *self.shared.lock());
        // Two processors may queue theirs in another order than they stamped them.
        frames.sort_by_key(|frame| frame.time);
        Ok(Recording { frames, dropped })
    }
}

/// What a tap recorded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recording {
    /// The frames, by the time at which the kernel saw them.
    pub frames: Vec<Frame>,
    /// How many more there were that the kernel had no room for.
    pub dropped: u64,
}

impl Recording {
    /// Writes the frames to a file that `tcpdump` and `wireshark` read.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn write_pcap(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let write = || pcap::write(BufWriter::new(File::create(path)?), &self.frames);
        write().about(path.display())
    }
}

/// A recorded Ethernet frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// When the kernel saw it, on the lab's clock.
    pub time: Timestamp,
    /// The interface it was seen on; at a switch, the port.
    pub interface: Arc<str>,
    /// Which way it went there.
    pub direction: Direction,
    /// The frame from its destination address on, VLAN tag included, without check sequence.
    pub bytes: Vec<u8>,
}

/// Which way a frame went through an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Direction {
    /// Into the machine the tap is on. At a switch port: sent by the host behind it.
    In,
    /// Out of it. At a switch port: to the host behind it.
    Out,
}

impl Frame {
    /// The link-layer address it goes to; all zeros in a frame too short to have one.
    pub fn destination(&self) -> MacAddress {
        MacAddress(self.bytes.first_chunk().copied().unwrap_or_default())
    }

    /// The link-layer address it comes from; all zeros in a frame too short to have one.
    pub fn source(&self) -> MacAddress {
        let after = self.bytes.get(6..).unwrap_or_default();
        MacAddress(after.first_chunk().copied().unwrap_or_default())
    }

    /// The VLAN it is tagged with.
    pub fn vlan(&self) -> Option<u16> {
        let (tag, rest) = self.bytes.get(12..)?.split_first_chunk()?;
        let control = u16::from_be_bytes(*rest.first_chunk()?);
        is_tag(u16::from_be_bytes(*tag)).then_some(control & 0x0fff)
    }

    /// The type of what it carries, such as 0x0806 for ARP; 0 in a frame too short to have one.
    pub fn ethertype(&self) -> u16 {
        let at = if self.vlan().is_some() { 16 } else { 12 };
        let after = self.bytes.get(at..).unwrap_or_default();
        u16::from_be_bytes(after.first_chunk().copied().unwrap_or_default())
    }

    /// What it carries, with the padding of a short frame.
    pub fn payload(&self) -> &[u8] {
        let at = if self.vlan().is_some() { 18 } else { 14 };
        self.bytes.get(at..).unwrap_or_default()
    }
}

/// 802.1Q and 802.1ad.
const fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, 0x8100 | 0x88a8)
}

/// What the thread has recorded so far.
#[derive(Debug, Default)]
struct Shared {
    frames: Mutex<Vec<Frame>>,
    grown: Condvar,
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Frame>> {
        // A panic elsewhere leaves a list of whole frames.
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tap's thread; returns how many frames were dropped.
fn record(mut capture: Capture, stop: &Stop, shared: &Shared) -> Result<u64> {
    let mut names = HashMap::new();
    let mut stamps = Stamps::new();
    loop {
        stamps.refresh();
        // Asked for before the frames: what was sent before the stop is read after it.
        let stopped = stop.is_raised();
        let mut fresh = Vec::new();
        // In batches, so that who waits for a frame sees it while others stream in.
        while (stopped || fresh.len() < BATCH)
            && let Some(seen) = capture.receive().about("tap")?
        {
            let name = names.entry(seen.interface).or_insert_with(|| {
                // An interface that is gone already has no name.
                let name = index_to_name(&capture, seen.interface);
                Arc::from(name.unwrap_or_else(|_| seen.interface.to_string()))
            });
            fresh.push(Frame {
                time: stamps.time(seen.stamp),
                interface: Arc::clone(name),
                direction: if seen.outgoing {
                    Direction::Out
                } else {
                    Direction::In
                },
                bytes: seen.frame,
            });
        }
        if !fresh.is_empty() {
            shared.lock().append(&mut fresh);
            shared.grown.notify_all();
        }
        if stopped {
            return capture.dropped().about("tap");
        }
        wait([stop.as_fd(), capture.as_fd()], None)?;
    }
}

/// How many frames are taken in before they are shown.
const BATCH: usize = 256;

/// Lets pass IP packets of protocol 112 (IPv6: without extension headers) on an untagged link.
const ADVERTISEMENTS: [SockFilter; 9] = [
    SockFilter::new(LOAD_HALF, 0, 0, 12),
    SockFilter::new(JUMP_IF_EQUAL, 1, 0, 0x0800),
    SockFilter::new(JUMP_IF_EQUAL, 2, 5, 0x86dd),
    SockFilter::new(LOAD_BYTE, 0, 0, 14 + 9),
    SockFilter::new(JUMP_IF_EQUAL, 2, 3, 112),
    SockFilter::new(LOAD_BYTE, 0, 0, 14 + 6),
    SockFilter::new(JUMP_IF_EQUAL, 0, 1, 112),
    SockFilter::new(RETURN, 0, 0, 0xffff),
    SockFilter::new(RETURN, 0, 0, 0),
];

/// The same and ARP, but nothing that goes out: `SKF_AD_PKTTYPE` is `PACKET_OUTGOING` then.
const CLAIMS: [SockFilter; 12] = [
    SockFilter::new(LOAD_BYTE, 0, 0, 0xffff_f000 + 4),
    SockFilter::new(JUMP_IF_EQUAL, 9, 0, 4),
    SockFilter::new(LOAD_HALF, 0, 0, 12),
    SockFilter::new(JUMP_IF_EQUAL, 6, 0, 0x0806),
    SockFilter::new(JUMP_IF_EQUAL, 1, 0, 0x0800),
    SockFilter::new(JUMP_IF_EQUAL, 2, 5, 0x86dd),
    SockFilter::new(LOAD_BYTE, 0, 0, 14 + 9),
    SockFilter::new(JUMP_IF_EQUAL, 2, 3, 112),
    SockFilter::new(LOAD_BYTE, 0, 0, 14 + 6),
    SockFilter::new(JUMP_IF_EQUAL, 0, 1, 112),
    SockFilter::new(RETURN, 0, 0, 0xffff),
    SockFilter::new(RETURN, 0, 0, 0),
];
