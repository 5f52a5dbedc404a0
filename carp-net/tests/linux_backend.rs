//! Whole nodes on the Linux backend: drivers in threads, machines and a switch in namespaces.
#![cfg(all(target_os = "linux", feature = "lab"))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use std::net::IpAddr;
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use carp_net::carp_fsm::carp_proto::{Key, MacAddress, Vhid};
use carp_net::carp_fsm::{Lladdr, Node, State, VirtualHost};
use carp_net::lab::{Direction, Echo, Frame, Host, Lab, Snapshot, now};
use carp_net::linux::Linux;
use carp_net::{Driver, Handle};

#[path = "support/alone.rs"]
mod alone;
use alone::alone;
#[path = "support/lab.rs"]
mod lab;
use lab::lab;

const VIRTUAL_MAC: MacAddress = MacAddress([0x00, 0x00, 0x5e, 0x00, 0x01, 0x63]);
const LONG: Duration = Duration::from_secs(10);

/// A node with `carp0`, running in a thread of its own.
struct Running {
    handle: Handle<Linux>,
    thread: JoinHandle<()>,
}

impl Running {
    fn start(host: &Host, lladdr: Lladdr, advskew: u8) -> Self {
        Self::start_with(host, web(advskew).lladdr(lladdr))
    }

    fn start_with(host: &Host, web: VirtualHost) -> Self {
        let linux = host.enter(Linux::open).unwrap().unwrap();
        let mut driver = Driver::new(linux, Node::builder()).unwrap();
        driver.add("carp0", "vmx0", web).unwrap();
        let handle = driver.handle();
        let thread = spawn(move || driver.run(|event| eprintln!("{event}")).unwrap());
        Self { handle, thread }
    }

    fn is_master(&self) -> bool {
        let master = |driver: &mut Driver<Linux>| {
            let mut hosts = driver.node().hosts();
            hosts.all(|host| host.state() == State::Master)
        };
        self.handle.call(master).unwrap()
    }

    /// Whether all that somebody has changed has been noticed and mended.
    fn is_well(&self) -> bool {
        let well = |driver: &mut Driver<Linux>| {
            let mut hosts = driver.node().hosts();
            hosts.all(|host| host.trouble().is_some_and(|trouble| trouble.mended))
        };
        self.handle.call(well).unwrap()
    }

    fn stop(self) {
        self.handle.shutdown().unwrap();
        self.thread.join().unwrap();
    }
}

fn web(advskew: u8) -> VirtualHost {
    VirtualHost::new(Vhid::new(99).unwrap(), Key::from_password("SharedSecret"))
        .advskew(advskew)
        .unwrap()
        .address("192.0.2.10/24".parse().unwrap())
        .address("2001:db8::10/64".parse().unwrap())
}

/// Does what another program would do on a host.
fn meddle(host: &Host, words: &str) {
    let mut words = words.split_whitespace();
    let program = words.next().unwrap();
    let status = host.command(program).args(words).status().unwrap();
    assert!(status.success());
}

/// A master and a backup, and a client that has had answers for a while.
struct Pair {
    _lab: Lab,
    hosts: [Host; 2],
    nodes: [Running; 2],
    echoes: [Echo; 2],
    _client: Host,
}

fn pair(lladdr: Lladdr) -> Option<Pair> {
    let lab = lab()?;
    let plug = |name, last: u8| {
        let addresses = [format!("192.0.2.{last}/24"), format!("2001:db8::{last}/64")];
        settled(&lab, name, &addresses).0
    };
    let hosts = [plug("one", 1), plug("two", 2)];
    let client = lab.host("client").unwrap();
    client.add_address("192.0.2.50/24").unwrap();
    client.add_address("2001:db8::50/64").unwrap();
    let nodes = [
        Running::start(&hosts[0], lladdr, 0),
        Running::start(&hosts[1], lladdr, 100),
    ];
    wait_until(|| nodes[0].is_master());
    let echoes = ["192.0.2.10", "2001:db8::10"]
        .map(|target| client.echo(target.parse().unwrap(), 1_000).unwrap());
    for echo in &echoes {
        assert!(echo.wait_for_answers(300, LONG));
    }
    Some(Pair {
        _lab: lab,
        hosts,
        nodes,
        echoes,
        _client: client,
    })
}

impl Pair {
    /// Both families are answered again; returns how much was lost in each.
    fn end(self, case: &str) -> [u64; 2] {
        let lost = self.echoes.map(|echo| {
            let received = echo.progress().1;
            assert!(echo.wait_for_answers(received + 300, LONG), "{case}");
            let report = echo.stop().unwrap();
            eprintln!("{case}: {report}");
            report.lost()
        });
        for node in self.nodes {
            node.stop();
        }
        lost
    }
}

#[test]
fn what_others_change_on_a_master_is_mended_without_an_election() {
    let _alone = alone();
    for (lladdr, words, few) in [
        (
            Lladdr::Virtual,
            "ip address del 192.0.2.10/24 dev carp0",
            20,
        ),
        (Lladdr::Virtual, "ip address flush dev carp0", 20),
        (
            Lladdr::Virtual,
            "sysctl -q -w net.ipv6.conf.carp0.disable_ipv6=1",
            20,
        ),
        (Lladdr::Carpdev, "ip address del 192.0.2.10/32 dev vmx0", 20),
        (
            Lladdr::Carpdev,
            "ip address del 2001:db8::10/128 dev vmx0",
            20,
        ),
    ] {
        let Some(pair) = pair(lladdr) else { return };
        meddle(&pair.hosts[0], words);
        wait_until(|| pair.nodes[0].is_well());
        assert!(pair.nodes[0].is_master() && !pair.nodes[1].is_master());
        let lost = pair.end(words);
        assert!(lost.iter().all(|lost| *lost < few), "{words}: {lost:?}");
    }
}

#[test]
fn a_master_that_nothing_reaches_any_more_is_followed_by_the_backup_at_once() {
    let _alone = alone();
    // A macvlan that goes down or gets another MAC address is deaf for one or two grace periods of
    // the kernel's RCU, 10 to 30 ms each, before anybody is told.
    for (words, few) in [
        ("ip link del dev carp0", 30),
        ("ip link set dev carp0 down", 120),
        ("ip link set dev carp0 address 02:00:00:00:99:99", 120),
    ] {
        let Some(pair) = pair(Lladdr::Virtual) else {
            return;
        };
        meddle(&pair.hosts[0], words);
        // Whose MAC address was changed holds nothing any more, and yields to the first advert.
        wait_until(|| pair.nodes[1].is_master() && !pair.nodes[0].is_master());
        let lost = pair.end(words);
        assert!(lost.iter().all(|lost| *lost <= few), "{words}: {lost:?}");
    }
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let deadline = now() + LONG;
    while !is_so() {
        assert!(now() < deadline, "it does not come true");
        std::thread::yield_now();
    }
}

/// A host whose link-local address is past duplicate address detection, and what it is like then.
fn settled(lab: &Lab, name: &str, addresses: &[String]) -> (Host, Snapshot) {
    let host = lab.host(name).unwrap();
    for address in addresses {
        host.add_address(address).unwrap();
    }
    let mut snapshot = host.snapshot().unwrap();
    wait_until(|| {
        snapshot = host.snapshot().unwrap();
        let is_ready = |line: &str| line.contains(" fe80:") && line.ends_with(" flags 0x80");
        snapshot.lines().any(is_ready)
    });
    (host, snapshot)
}

/// Runs two nodes and stops the master, while a client wants its answers and a third host asks who
/// has the addresses.
fn fail_over(lladdr: Lladdr, own: bool) {
    let _alone = alone();
    let Some(lab) = lab() else { return };
    let plug = |name, last: u8| {
        let addresses = [format!("192.0.2.{last}/24"), format!("2001:db8::{last}/64")];
        settled(&lab, name, if own { &addresses } else { &[] })
    };
    let ((one, one_before), (two, two_before)) = (plug("one", 1), plug("two", 2));
    let client = lab.host("client").unwrap();
    let third = lab.host("third").unwrap();
    for (host, last) in [(&client, 50), (&third, 60)] {
        host.add_address(&format!("192.0.2.{last}/24")).unwrap();
        host.add_address(&format!("2001:db8::{last}/64")).unwrap();
    }
    let tap = lab.tap_port("two").unwrap();

    let first = Running::start(&one, lladdr, 0);
    let second = Running::start(&two, lladdr, 100);
    wait_until(|| first.is_master());
    assert!(!second.is_master());
    let targets: [IpAddr; 2] = ["192.0.2.10", "2001:db8::10"].map(|ip| ip.parse().unwrap());
    let echoes = targets.map(|target| client.echo(target, 1_000).unwrap());
    let asks = targets.map(|target| third.ask(target, Duration::from_millis(10)).unwrap());
    for echo in &echoes {
        assert!(echo.wait_for_answers(300, LONG));
    }
    // So far two has not said a word from the virtual MAC address.
    let said = |frame: &Frame| frame.direction == Direction::In && frame.source() == VIRTUAL_MAC;
    assert!(!tap.frames().iter().any(said));

    first.stop();
    wait_until(|| second.is_master());
    for echo in &echoes {
        let (_, received) = echo.progress();
        assert!(echo.wait_for_answers(received + 1_500, LONG));
    }
    for echo in echoes {
        let report = echo.stop().unwrap();
        assert_eq!(report.lost(), 0, "{lladdr:?} {report}");
    }
    let mac = if lladdr == Lladdr::Carpdev {
        two.mac()
    } else {
        VIRTUAL_MAC
    };
    for ask in asks {
        assert_eq!(ask.wait_for_answer(LONG).unwrap().mac, mac);
        ask.stop().unwrap();
    }
    assert_eq!(one.snapshot().unwrap().changes_since(&one_before), [""; 0]);
    second.stop();
    assert_eq!(two.snapshot().unwrap().changes_since(&two_before), [""; 0]);
}

#[test]
fn a_clean_stop_loses_no_echo_with_the_virtual_mac() {
    fail_over(Lladdr::Virtual, true);
}

#[test]
fn a_clean_stop_loses_no_echo_with_the_carpdevs_own() {
    fail_over(Lladdr::Carpdev, true);
}

#[test]
fn a_clean_stop_loses_no_echo_where_no_carpdev_has_an_address() {
    fail_over(Lladdr::Virtual, false);
}

#[test]
fn unicast_adverts_leave_the_switch_knowing_the_virtual_mac() {
    let Some(lab) = lab() else { return };
    if !age_quickly(&lab) {
        return;
    }
    let hosts = [("one", 1), ("two", 2)].map(|(name, last)| {
        let addresses = [format!("192.0.2.{last}/24"), format!("2001:db8::{last}/64")];
        settled(&lab, name, &addresses).0
    });
    // The list of peers is the same on both nodes.
    let peers = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"];
    let nodes = [(&hosts[0], 0), (&hosts[1], 100)].map(|(host, advskew)| {
        let peers = peers.map(|peer| peer.parse().unwrap());
        Running::start_with(host, web(advskew).with_peers(peers))
    });
    wait_until(|| nodes[0].is_master());
    // Somebody who sends and gets no answer, and asks nobody for the way.
    let client = lab.host("client").unwrap();
    client.add_address("192.0.2.50/24").unwrap();
    let to = "ip neigh replace 192.0.2.10 dev vmx0 nud permanent lladdr";
    meddle(&client, &format!("{to} {VIRTUAL_MAC}"));
    let ignore = "net/ipv4/icmp_echo_ignore_all";
    hosts[0].set_sysctl(ignore, "1").unwrap();
    let _third = lab.host("third").unwrap();
    // The series of announcements is over then, and would have been forgotten.
    let from = now() + Duration::from_secs(6);
    let taps = ["one", "third"].map(|port| lab.tap_port(port).unwrap());
    let echo = client.echo("192.0.2.10".parse().unwrap(), 50).unwrap();
    let until = from + Duration::from_secs(6);
    let is_over = |frame: &Frame| frame.time > until;
    assert!(taps[0].wait_for(2 * LONG, is_over).is_some());
    echo.stop().unwrap();
    assert!(nodes[0].is_master() && !nodes[1].is_master());
    let [port, third] = taps.map(|tap| tap.stop().unwrap().frames);
    let is_meant = |frame: &&Frame| frame.time > from && frame.time < until;
    let shown: Vec<u128> = port
        .iter()
        .filter(is_meant)
        .filter(|frame| frame.direction == Direction::In && frame.source() == VIRTUAL_MAC)
        .map(|frame| (frame.time - from).as_millis())
        .collect();
    // Each is a request and a reply.
    assert!((10..=14).contains(&shown.len()), "{shown:?}");
    let gaps = shown.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(gaps.max() < Some(1_500), "{shown:?}");
    let is_flooded = |frame: &&Frame| frame.destination() == VIRTUAL_MAC;
    let flooded = third.iter().filter(is_meant).filter(is_flooded).count();
    assert_eq!(flooded, 0);
    // Nothing goes to the groups, and all adverts come from the carpdev's own address.
    let adverts: Vec<_> = port
        .iter()
        .filter(|frame| frame.direction == Direction::In)
        .filter(|frame| {
            let payload = frame.payload();
            payload.get(9) == Some(&112) || payload.get(6) == Some(&112)
        })
        .collect();
    assert!(adverts.len() >= 20, "{}", adverts.len());
    for advert in adverts {
        let way = (advert.source(), advert.destination());
        assert_eq!(way, (hosts[0].mac(), hosts[1].mac()));
    }
    for node in nodes {
        node.stop();
    }
}

/// Has the switch forget what it has not seen for two seconds; not where iproute2 is lacking.
fn age_quickly(lab: &Lab) -> bool {
    let words = "link set dev switch type bridge ageing_time 200";
    let mut command = lab.switch().command("ip");
    match command.args(words.split(' ')).status() {
        Ok(status) => assert!(status.success()),
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: {error}");
            return false;
        }
        Err(error) => panic!("{error}"),
    }
    true
}
