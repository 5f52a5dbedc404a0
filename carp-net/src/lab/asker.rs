//! A third host that asks for an address all the while: what it hears, the switch learns.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use carp_fsm::Timestamp;
use carp_fsm::carp_proto::MacAddress;
use rustix::net::netdevice::name_to_index;
use socket2::SockFilter;

use crate::Result;
use crate::error::About as _;
use crate::linux::capture::Capture;
use crate::linux::namespace::Namespace;

use super::clock::Stamps;
use super::solicit::{Answer as Claim, arp_request, neighbour_solicitation, read_answer};
use super::worker::{Metronome, Stop, Worker, wait};

/// A running asker.
#[derive(Debug)]
#[must_use = "it stops when it is dropped"]
pub struct Asker {
    worker: Worker<Result<()>>,
    shared: Arc<Shared>,
}

impl Asker {
    /// Begins to ask for the link-layer address of `target` once each `interval`, with ARP
    /// requests or neighbour solicitations out of `interface`, whose own address is `mac`.
    ///
    /// # Errors
    ///
    /// Where the host has no address to ask from, or the caller lacks `CAP_NET_RAW`.
    pub fn start(
        namespace: &Namespace,
        interface: &str,
        mac: MacAddress,
        target: IpAddr,
        interval: Duration,
    ) -> Result<Self> {
        let about = format!("asking for {target}");
        let (capture, question) = namespace
            .enter(|| open(interface, mac, target))?
            .about(about)?;
        let metronome = Metronome::new(interval)?;
        let shared = Arc::new(Shared::default());
        let mut run = Run {
            capture,
            question,
            mac,
            target,
            shared: Arc::clone(&shared),
        };
        let worker = Worker::start("asker", move |stop| run.until(&stop, &metronome))?;
        Ok(Self { worker, shared })
    }

    /// The answers so far.
    pub fn answers(&self) -> Vec<Answer> {
        self.shared.lock().answers.clone()
    }

    /// Waits for an answer that comes after this call, at most `patience` long.
    pub fn wait_for_answer(&self, patience: Duration) -> Option<Answer> {
        let found = self.shared.lock();
        let before = found.answers.len();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(found, patience, |found| found.answers.len() == before);
        let found = waited.unwrap_or_else(PoisonError::into_inner).0;
        found.answers.get(before).copied()
    }

    /// Stops asking. What comes later is not in the report.
    ///
    /// # Errors
    ///
    /// Where the kernel could not be asked for answers.
    pub fn stop(self) -> Result<AskerReport> {
        self.worker.stop()??;
        Ok(std::mem::take(&mut *self.shared.lock()))
    }
}

/// Who answered when.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AskerReport {
    /// How many questions were sent.
    pub asked: u64,
    /// The answers, as they came.
    pub answers: Vec<Answer>,
}

/// An answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// When it came.
    pub time: Timestamp,
    /// The link-layer address that it names.
    pub mac: MacAddress,
    /// The link-layer address that it came from: what the switch learns.
    pub source: MacAddress,
}

#[derive(Debug, Default)]
struct Shared {
    report: Mutex<AskerReport>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, AskerReport> {
        // A panic elsewhere leaves a list of whole answers.
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's own state.
#[derive(Debug)]
struct Run {
    capture: Capture,
    question: Vec<u8>,
    mac: MacAddress,
    target: IpAddr,
    shared: Arc<Shared>,
}

impl Run {
    fn until(&mut self, stop: &Stop, metronome: &Metronome) -> Result<()> {
        loop {
            let fds = [stop.as_fd(), metronome.as_fd(), self.capture.as_fd()];
            let [stopped, beat, readable] = wait(fds, None)?;
            if readable {
                self.receive()?;
            }
            if stopped {
                return Ok(());
            }
            // One question however many were missed: a burst would ask nothing new.
            if beat && metronome.strokes() > 0 {
                // With the link down nothing can be asked; the next time is soon.
                if self.capture.send(&self.question).is_ok() {
                    self.shared.lock().asked += 1;
                }
            }
        }
    }

    fn receive(&mut self) -> Result<()> {
        let stamps = Stamps::new();
        while let Some(seen) = self.capture.receive().about("asker")? {
            let Some(claim) = read_answer(&seen.frame, self.target, self.mac) else {
                continue;
            };
            let Claim { mac, source } = claim;
            let time = stamps.time(seen.stamp);
            self.shared
                .lock()
                .answers
                .push(Answer { time, mac, source });
            self.shared.changed.notify_all();
        }
        Ok(())
    }
}

/// A socket of the calling thread's namespace that sees answers, and the question.
fn open(interface: &str, mac: MacAddress, target: IpAddr) -> io::Result<(Capture, Vec<u8>)> {
    let own = own_address(interface, target)?;
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    let capture = Capture::open(name_to_index(&socket, interface)?, &ANSWERS)?;
    let question = match (own, target) {
        (IpAddr::V4(own), IpAddr::V4(target)) => arp_request(mac, own, target),
        (IpAddr::V6(own), IpAddr::V6(target)) => neighbour_solicitation(mac, own, target),
        // The kernel gave an address of the family that was asked for.
        _ => return Err(io::ErrorKind::AddrNotAvailable.into()),
    };
    Ok((capture, question))
}

/// The address that this host would speak to `target` from: the kernel says, and sends nothing.
fn own_address(interface: &str, target: IpAddr) -> io::Result<IpAddr> {
    let any = match target {
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0))?;
    match target {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            let scope = name_to_index(&socket, interface)?;
            socket.connect(std::net::SocketAddrV6::new(ip, DISCARD, 0, scope))?;
        }
        IpAddr::V4(_) | IpAddr::V6(_) => socket.connect((target, DISCARD))?,
    }
    Ok(socket.local_addr()?.ip())
}

/// Any port would do.
const DISCARD: u16 = 9;

/// Lets pass ARP, and ICMPv6 neighbour advertisements (type 136) without extension headers.
const ANSWERS: [SockFilter; 9] = [
    SockFilter::new(LOAD_HALF, 0, 0, 12),
    SockFilter::new(JUMP_IF_EQUAL, 5, 0, 0x0806),
    SockFilter::new(JUMP_IF_EQUAL, 0, 5, 0x86dd),
    SockFilter::new(LOAD_BYTE, 0, 0, 14 + 6),
    SockFilter::new(JUMP_IF_EQUAL, 0, 3, 58),
    SockFilter::new(LOAD_BYTE, 0, 0, 14 + 40),
    SockFilter::new(JUMP_IF_EQUAL, 0, 1, 136),
    SockFilter::new(RETURN, 0, 0, 0xffff),
    SockFilter::new(RETURN, 0, 0, 0),
];

/// Operations of the classic packet filter (`linux/bpf_common.h`): `BPF_LD | BPF_ABS` and a
/// width, `BPF_JMP | BPF_JEQ | BPF_K`, `BPF_RET | BPF_K`.
pub(super) const LOAD_HALF: u16 = 0x28;
pub(super) const LOAD_BYTE: u16 = 0x30;
pub(super) const JUMP_IF_EQUAL: u16 = 0x15;
pub(super) const RETURN: u16 = 0x06;
