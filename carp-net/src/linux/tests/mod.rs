//! The recipes against a real kernel: machines on a switch, the kernel's own view of them, and
//! what is on the wire.

use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use carp_fsm::carp_proto::{
    AdvertHeaders, Advertisement, Family, Key, MacAddress, Vhid, VirtualAddress,
};
use carp_fsm::{ChecksumCover, HostId, LinkId, LinkState, Lladdr, Node, Timestamp, VirtualHost};

use super::addresses;
use super::netlink::Connection;
use super::worker::Job;
use super::{Linux, Onlooker, Options};
use crate::lab::{Host, Lab, Snapshot};
use crate::{Backend as _, Outgoing, Packet, Report, Result, Setup};

mod adopt;
#[path = "../../../tests/support/alone.rs"]
mod alone;
mod blocking;
mod care;
mod carpdev;
mod check;
mod frames;
mod hand_over;
mod inet6;
mod inherit;
mod interface;
#[path = "../../../tests/support/lab.rs"]
mod lab;
mod lease;
mod leftovers;
mod links;
mod lladdr;
mod routes;
mod sieve;
mod size;
mod speech;
mod take;
mod unicast;
use alone::alone;
use lab::lab;

/// A host of the lab with a backend on it that watches `vmx0`.
struct Machine {
    host: Host,
    backend: Linux,
    /// Gives out the names of virtual hosts.
    node: Node,
    /// What came while something else was waited for.
    reports: Vec<Report>,
}

const LINK: LinkId = LinkId(1);
const VMAC: MacAddress = MacAddress([0x00, 0x00, 0x5e, 0x00, 0x01, 0x63]);
const MANUAL: MacAddress = MacAddress([0x02, 0xca, 0x12, 0x00, 0x00, 0x07]);
/// As long as what must happen may take.
const LONG: Duration = Duration::from_secs(10);
/// As long as is waited for what must not happen; the kernel's second MLD report comes within it.
const SHORT: Duration = Duration::from_millis(1_300);

impl Machine {
    /// A machine whose `vmx0` has these addresses.
    fn plug(lab: &Lab, name: &str, addresses: &[&str]) -> Self {
        let host = lab.host(name).unwrap();
        for address in addresses {
            host.add_address(address).unwrap();
        }
        let mut machine = Self::without_watch(host);
        machine.backend.watch(LINK, "vmx0").unwrap();
        while machine.wait_for_link() != LinkState::Up {}
        machine
    }

    fn without_watch(host: Host) -> Self {
        Self::with(host, Options::new())
    }

    fn with(host: Host, options: Options) -> Self {
        let backend = host.enter(|| Linux::open_with(options)).unwrap().unwrap();
        Self {
            host,
            backend,
            node: Node::new(Node::builder(), 0),
            reports: Vec::new(),
        }
    }

    /// Ends the process in its way, with everything left in place, and begins anew.
    fn begin_again(&mut self) {
        self.begin_again_with(Options::new());
        self.backend.watch(LINK, "vmx0").unwrap();
    }

    fn begin_again_with(&mut self, options: Options) {
        self.backend.leave_in_place();
        self.backend = self
            .host
            .enter(|| Linux::open_with(options))
            .unwrap()
            .unwrap();
        self.reports.clear();
    }

    /// Another name for a virtual host.
    fn id(&mut self) -> HostId {
        let link = u32::try_from(self.node.hosts().count()).unwrap();
        let link = LinkId(1_000 + link);
        let host = VirtualHost::new(vhid(1), Key::from_password(""));
        self.node.add(Timestamp::ZERO, link, host).unwrap()
    }

    /// Waits for a report that `is_it` makes something of; others are kept.
    fn wait_for<T>(&mut self, what: &str, mut is_it: impl FnMut(&Report) -> Option<T>) -> T {
        let deadline = self.backend.now() + LONG;
        loop {
            let known = self
                .reports
                .iter()
                .position(|report| is_it(report).is_some());
            if let Some(known) = known {
                return is_it(&self.reports.remove(known)).unwrap();
            }
            match self.backend.poll() {
                Some(report) => self.keep(report),
                None if self.backend.now() >= deadline => {
                    panic!("no {what}, but {:?}", self.reports)
                }
                None => self.backend.wait(Some(deadline)).unwrap(),
            }
        }
    }

    /// Keeps what was reported, but for what the lab itself does to the carpdev's addresses.
    fn keep(&mut self, report: Report) {
        if !matches!(report, Report::Networks(_)) {
            self.reports.push(report);
        }
    }

    /// Everything that is reported within some time.
    fn all_within(&mut self, time: Duration) -> Vec<Report> {
        let deadline = self.backend.now() + time;
        while self.backend.now() < deadline {
            self.backend.wait(Some(deadline)).unwrap();
            while let Some(report) = self.backend.poll() {
                self.keep(report);
            }
        }
        std::mem::take(&mut self.reports)
    }

    fn wait_for_link(&mut self) -> LinkState {
        self.wait_for_state_of(LINK)
    }

    fn wait_for_state_of(&mut self, link: LinkId) -> LinkState {
        self.wait_for("link", |report| {
            if let Report::Link { link: of, state } = report {
                (*of == link).then_some(*state)
            } else {
                None
            }
        })
    }

    fn wait_for_packet(&mut self) -> Packet {
        self.wait_for("packet", |report| {
            if let Report::Packet(packet) = report {
                Some(*packet)
            } else {
                None
            }
        })
    }

    fn try_configure(&mut self, id: HostId, setup: &Setup) -> Result<(), String> {
        self.backend.configure(id, setup);
        self.wait_for("configuration", |report| {
            if let Report::ConfigureFailed(of, error) = report {
                return (*of == id).then(|| Err(error.to_string()));
            }
            matches!(report, Report::Configured(of) if *of == id).then_some(Ok(()))
        })
    }

    /// Configures `setup` for a new virtual host.
    fn configure(&mut self, setup: &Setup) -> HostId {
        let id = self.id();
        self.try_configure(id, setup).unwrap();
        id
    }

    fn try_hold(&mut self, id: HostId, addresses: &[VirtualAddress]) -> Result<(), String> {
        self.try_hold_for(id, addresses, None)
    }

    fn try_hold_for(
        &mut self,
        id: HostId,
        addresses: &[VirtualAddress],
        lease: Option<Duration>,
    ) -> Result<(), String> {
        self.backend.hold(id, addresses, lease);
        self.wait_for("hold", |report| {
            if let Report::HoldFailed(of, error) = report {
                return (*of == id).then(|| Err(error.to_string()));
            }
            matches!(report, Report::Held(of) if *of == id).then_some(Ok(()))
        })
    }

    fn hold(&mut self, id: HostId, addresses: &[&str]) {
        let addresses: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        self.try_hold(id, &addresses).unwrap();
    }

    fn hold_for(&mut self, id: HostId, addresses: &[&str], lease: Duration) {
        let addresses: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        self.try_hold_for(id, &addresses, Some(lease)).unwrap();
    }

    fn hand_over(&mut self, id: HostId) {
        self.backend.hand_over(id);
        self.wait_for("silence", |report| {
            matches!(report, Report::Silenced(of) if *of == id).then_some(())
        });
    }

    /// Releases, and waits until that is done.
    fn release(&mut self, id: HostId) {
        self.backend.release(id);
        self.settle();
    }

    /// Waits until every job so far is done.
    fn settle(&mut self) {
        let nobody = self.id();
        self.backend.tear_down(nobody);
        self.wait_for_tear_down(nobody);
    }

    fn tear_down(&mut self, id: HostId) {
        self.backend.tear_down(id);
        self.wait_for_tear_down(id);
    }

    fn wait_for_tear_down(&mut self, id: HostId) {
        self.wait_for("tear-down", |report| {
            matches!(report, Report::TornDown(of) if *of == id).then_some(())
        });
    }

    /// The lines of the kernel's view that begin with `start`.
    fn view(&self, start: &str) -> Vec<String> {
        let snapshot = self.host.snapshot().unwrap().only(start);
        snapshot.lines().map(str::to_owned).collect()
    }

    /// The lines of the addresses 192.0.2.10–19 and 2001:db8::10–19.
    fn held_view(&self) -> Vec<String> {
        let lines = self.view("address ");
        let is_it = |line: &String| {
            let ip = line.split([' ', '/']).nth(2).unwrap_or_default();
            (ip.starts_with("192.0.2.1") || ip.starts_with("2001:db8::1"))
                && !ip.ends_with([':', '.'])
                && !matches!(ip, "192.0.2.1" | "2001:db8::1")
        };
        lines.into_iter().filter(is_it).collect()
    }

    fn setting(&self, family: &str, interface: &str, name: &str) -> String {
        let setting = format!("net/{family}/conf/{interface}/{name}");
        self.host.sysctl(&setting).unwrap()
    }

    /// What a program of iproute2 prints; a word in quotes may have spaces.
    fn ip(&self, words: &str) -> String {
        let mut all = Vec::new();
        for (at, part) in words.split('\'').enumerate() {
            if at % 2 == 1 {
                all.push(part);
            } else {
                all.extend(part.split_whitespace());
            }
        }
        let mut command = self.host.command(all[0]);
        let output = command.args(&all[1..]).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// What a host is like once the kernel has done what it does with a new interface: `vmx0` is up and
/// its link-local address is no longer tentative.
fn settled(host: &Host) -> Snapshot {
    let mut snapshot = host.snapshot().unwrap();
    wait_until(|| {
        snapshot = host.snapshot().unwrap();
        let is_up = |line: &str| line.starts_with("link vmx0 ") && line.contains(" state 6 ");
        let is_ready = |line: &str| {
            line.starts_with("address vmx0 fe80:") && flags(line) & libc::IFA_F_TENTATIVE == 0
        };
        snapshot.lines().any(is_up) && snapshot.lines().any(is_ready)
    });
    snapshot
}

/// What is left on a host since `before` in the end. The sockets of a backend that was dropped are
/// closed a moment later where a child of another test has them, which is about to run its program.
fn left_since(host: &Host, before: &Snapshot) -> Vec<String> {
    let deadline = super::clock::now() + LONG;
    loop {
        let left = host.snapshot().unwrap().changes_since(before);
        if left.is_empty() || super::clock::now() > deadline {
            return left;
        }
        std::thread::yield_now();
    }
}

/// The flags in a line of a snapshot.
fn flags(line: &str) -> u32 {
    let mut words = line.split(' ').skip_while(|word| *word != "flags").skip(1);
    u32::from_str_radix(words.next().unwrap().trim_start_matches("0x"), 16).unwrap()
}

/// Whether iproute2 is there; with `CI` set it must be.
fn has_iproute2() -> bool {
    let there = Command::new("ip").arg("-V").output().is_ok();
    assert!(there || std::env::var_os("CI").is_none(), "no iproute2");
    if !there {
        eprintln!("skipped: iproute2 is not installed");
    }
    there
}

fn vhid(number: u8) -> Vhid {
    Vhid::new(number).unwrap()
}

/// `carp0` with vhid 99 on `vmx0`, up.
fn carp0() -> Setup {
    Setup {
        interface: "carp0".to_owned(),
        link: LINK,
        vhid: vhid(99),
        lladdr: Lladdr::Virtual,
        mtu: None,
        up: true,
    }
}

/// The same with the carpdev's own link-layer address.
fn carp0_on_carpdev() -> Setup {
    Setup {
        lladdr: Lladdr::Carpdev,
        ..carp0()
    }
}

/// The same with a link-layer address of the operator's choice.
fn carp0_manual() -> Setup {
    Setup {
        lladdr: Lladdr::Manual(MANUAL),
        ..carp0()
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The index of an interface of the calling thread's namespace.
fn index_of(name: &str) -> u32 {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    rustix::net::netdevice::name_to_index(&socket, name).unwrap()
}

/// Waits for something that no event tells of.
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let deadline = super::clock::now() + LONG;
    while !is_so() {
        assert!(super::clock::now() < deadline, "it does not come true");
        std::thread::yield_now();
    }
}

/// What goes out where nobody looks at what it says.
const PAYLOAD: [u8; Advertisement::LEN] = *b"thirty-six bytes: the length of one.";

fn advert_to(to: IpAddr) -> Outgoing {
    let class = match Family::of(to) {
        Family::Inet => AdvertHeaders::TOS,
        Family::Inet6 => 0,
    };
    Outgoing::new(to, PAYLOAD, ChecksumCover::Packet, class)
}
