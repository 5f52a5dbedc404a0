//! Nothing that the kernel or anybody else does keeps the loop: it never waits inside a call.
//!
//! How long a call takes depends also on who else wants the processor; the kernel counts how often a
//! thread has given it up to wait for something.

use std::io;

use super::*;
use crate::{Error, ErrorKind};

const OWN: [&str; 2] = ["192.0.2.1/24", "2001:db8::1/64"];
const HELD: [&str; 2] = ["192.0.2.10/24", "2001:db8::10/64"];
/// What an advert may be late.
const LATE: Duration = Duration::from_millis(10);

/// How often this thread has given up the processor to wait for something.
fn waits() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let mut lines = status.lines();
    let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.unwrap().trim().parse().unwrap()
}

fn is_full(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// What came of the turns of a loop.
#[derive(Debug, Default)]
struct Turns {
    all: usize,
    /// How many took longer than an advert may be late and had waited for something.
    blocked: usize,
    /// How far the worker lagged behind at most.
    lag: u64,
    /// How many adverts there was no room for, and how many could not be sent otherwise.
    full: usize,
    refused: usize,
}

impl Machine {
    /// One turn of a loop: an advert over each family, a renewal, and whatever has happened.
    fn turn(&mut self, id: HostId, turns: &mut Turns) {
        let before = waits();
        let began = self.backend.now();
        for family in [Family::Inet, Family::Inet6] {
            match self.backend.send(id, &advert_to(family.group())) {
                Ok(_) => {}
                Err(error) if is_full(&error) => turns.full += 1,
                Err(_) => turns.refused += 1,
            }
        }
        self.backend.renew(id, LONG);
        while let Some(report) = self.backend.poll() {
            self.reports.push(report);
        }
        let is_late = self.backend.now() - began > LATE;
        turns.blocked += usize::from(is_late && waits() > before);
        turns.all += 1;
        let submitted = self.backend.worker.submit(Job::Mute(id));
        turns.lag = turns.lag.max(submitted - self.backend.worker.done());
    }

    /// Turns every few milliseconds while `busy` says so.
    fn turns_while(&mut self, id: HostId, mut busy: impl FnMut() -> bool) -> Turns {
        let mut turns = Turns::default();
        while busy() {
            self.turn(id, &mut turns);
            let next = self.backend.now() + Duration::from_millis(5);
            self.backend.wait(Some(next)).unwrap();
        }
        turns
    }
}

impl Turns {
    fn never_waited(&self) {
        assert_eq!((self.blocked, self.refused), (0, 0), "{self:?}");
    }
}

#[test]
fn who_holds_the_lock_of_the_kernel_holds_up_no_advert() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &OWN);
    let id = one.configure(&carp0());
    one.hold_for(id, &HELD, LONG);
    // Taking this many macvlans down is one request, and takes about half a second.
    one.ip("ip link add veth0 type veth peer name veth1");
    one.ip("ip link set dev veth0 up");
    for number in 0..40 {
        one.ip(&format!(
            "ip link add mv{number} link veth0 type macvlan mode bridge"
        ));
        one.ip(&format!("ip link set dev mv{number} group 7 up"));
    }
    one.all_within(SHORT);
    let mut command = one.host.command("ip");
    let mut busy = command
        .args(["link", "set", "group", "7", "down"])
        .spawn()
        .unwrap();
    let turns = one.turns_while(id, || busy.try_wait().unwrap().is_none());
    turns.never_waited();
    assert_eq!(turns.full, 0);
    assert!(turns.lag > 20, "the worker had to wait: {turns:?}");
    one.settle();
    let odd = |report: &&Report| !matches!(report, Report::Packet(_));
    assert_eq!(
        one.reports.iter().filter(odd).count(),
        0,
        "{:?}",
        one.reports
    );
    assert_eq!(one.held_view().len(), 2);
}

/// The lock may be held for longer than a lease. The kernel needs it itself to take an address away,
/// so none goes before; then whoever comes first has his way, and a renewal that comes second puts
/// it back.
#[test]
fn a_lease_that_cannot_be_renewed_in_time_is_renewed_as_soon_as_can_be() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &OWN);
    let id = one.configure(&carp0());
    one.ip("ip link add veth0 type veth peer name veth1");
    one.ip("ip link set dev veth0 up");
    for number in 0..100 {
        one.ip(&format!(
            "ip link add mv{number} link veth0 type macvlan mode bridge"
        ));
        one.ip(&format!("ip link set dev mv{number} group 7 up"));
    }
    one.all_within(SHORT);
    one.hold_for(id, &HELD, Duration::from_secs(1));
    let mut command = one.host.command("ip");
    let mut busy = command
        .args(["link", "set", "group", "7", "down"])
        .spawn()
        .unwrap();
    while busy.try_wait().unwrap().is_none() {
        one.backend.renew(id, Duration::from_secs(1));
        one.all_within(Duration::from_millis(50));
    }
    one.backend.renew(id, LONG);
    one.settle();
    let reports = one.all_within(SHORT);
    let lapsed = |report: &Report| matches!(report, Report::Lapsed(_));
    assert!(!reports.iter().any(lapsed), "{reports:?}");
    assert_eq!(one.held_view().len(), 2);
}

#[test]
fn lost_news_hold_up_no_advert_and_are_made_up_for() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &OWN);
    let id = one.configure(&carp0());
    one.hold_for(id, &HELD, LONG);
    one.all_within(SHORT);
    rustix::net::sockopt::set_socket_recv_buffer_size(&one.backend.monitor, 1).unwrap();
    let namespace = one.host.namespace().clone();
    let flood = std::thread::spawn(move || {
        let mut connection = namespace.enter(Connection::open).unwrap().unwrap();
        for number in 0..2_000_u32 {
            let ip = std::net::Ipv4Addr::from(0xcb00_7100 + number % 200);
            let address = VirtualAddress::new(ip.into(), 32).unwrap();
            let lo = 1;
            let requests = vec![
                addresses::add(lo, addresses::Ground::Shared, address, 60),
                addresses::remove_found(lo, address),
            ];
            connection.each(requests).unwrap();
        }
    });
    let turns = one.turns_while(id, || !flood.is_finished());
    flood.join().unwrap();
    turns.never_waited();
    assert_eq!(turns.full, 0);
    // News go on being lost, and with them perhaps that somebody deletes an address.
    if has_iproute2() {
        one.ip("ip address del 192.0.2.10/24 dev carp0");
        wait_until(|| {
            one.backend.poll();
            one.held_view().len() == 2
        });
    }
    wait_until(|| {
        one.backend.poll();
        !one.backend.surveying && one.backend.links.addresses(1).len() <= 2
    });
}

#[test]
fn a_full_send_buffer_is_an_error_and_not_a_wait() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &OWN);
    let id = one.configure(&carp0());
    one.hold_for(id, &HELD, LONG);
    // A port that does not drain.
    one.ip("tc qdisc add dev vmx0 root tbf rate 8kbit burst 1600 limit 10000000");
    let mut turns = Turns::default();
    for _ in 0..1_000 {
        one.turn(id, &mut turns);
    }
    turns.never_waited();
    assert!(turns.full > 0, "{turns:?}");
    one.ip("tc qdisc del dev vmx0 root");
    let sent = one.backend.send(id, &advert_to(Family::Inet.group()));
    sent.unwrap();
}
