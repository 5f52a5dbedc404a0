//! The cluster that the other tests run: what it makes of clocks, of packets, and of those who tell
//! it something.

use std::net::IpAddr;
use std::time::Duration;

use carp_net::carp_fsm::carp_proto::{Key, Vhid};
use carp_net::carp_fsm::{
    Command, Damage, LinkState, Node, State, TakenDown, Timestamp, VirtualHost,
};
use carp_net::memory::Harm;
use carp_net::simulation::{Cluster, Incident, Machine, Network, Outcome, Scenario};

const ADDRESS: &str = "192.0.2.10/24";

fn host(skew: u8) -> VirtualHost {
    VirtualHost::new(Vhid::new(99).unwrap(), Key::from_password("SharedSecret"))
        .advskew(skew)
        .unwrap()
        .address(ADDRESS.parse().unwrap())
}

fn machine(name: &str, skew: u8) -> Machine {
    Machine::new(name, Node::builder()).interface("carp0", "vmx0", host(skew))
}

fn ip() -> IpAddr {
    "192.0.2.10".parse().unwrap()
}

/// Two nodes, `first` the better one, on a network like this.
fn pair(first: Machine, network: Network) -> Cluster {
    let mut scenario = Scenario::new();
    scenario.set_network(network);
    scenario.add(first);
    scenario.add(machine("two", 100));
    Cluster::new(&scenario, 1).unwrap()
}

#[test]
fn a_clock_that_is_too_slow_takes_longer_for_everything() {
    // When it is master on the LAN and on its own clock: after 3 s of its own, and 400 us of the LAN
    // for its kernel.
    for (drift, lan, own) in [
        (-100_000, 3_333_734, 3_000_360),
        (0, 3_000_400, 3_000_400),
        (250_000, 2_400_400, 3_000_500),
    ] {
        let mut scenario = Scenario::new();
        scenario.add(machine("one", 0).drift(drift));
        let mut cluster = Cluster::new(&scenario, 1).unwrap();
        let mut master = None;
        cluster.run(Duration::from_secs(4), |told| {
            if told.to_string().contains("-> MASTER") {
                master = Some((told.at, told.clock));
            }
        });
        let at = Timestamp::from_micros;
        assert_eq!(master, Some((at(lan), at(own))), "{drift}");
    }
}

#[test]
fn a_clock_that_goes_wrong_later_goes_on_from_what_it_showed() {
    let mut cluster = pair(machine("one", 0), Network::default());
    cluster.after(Duration::from_secs(10), Incident::Drift(0, 500_000));
    cluster.run(Duration::from_secs(12), |_| {});
    let clock = cluster.lan().clock(0);
    assert_eq!(clock, Timestamp::from_micros(13_000_000));
    assert_eq!(cluster.lan().clock(1), cluster.now());
}

#[test]
fn a_packet_that_comes_twice_is_heard_twice() {
    let received = |network| {
        let mut cluster = pair(machine("one", 0), network);
        cluster.run(Duration::from_secs(10), |_| {});
        let counters = cluster.driver(1).unwrap().node().counters();
        counters.ipackets
    };
    let once = received(Network::default());
    assert!(once > 5);
    assert_eq!(received(Network::default().doubling(1_000_000)), 2 * once);
}

/// As many as a socket has room for, not all that were ever sent.
#[test]
fn of_what_is_sent_to_a_frozen_service_some_waits() {
    let heard = |length| {
        let fast = host(0).advbase(0).unwrap();
        let mut scenario = Scenario::new();
        scenario.add(Machine::new("one", Node::builder()).interface("carp0", "vmx0", fast));
        scenario.add(machine("two", 100));
        let mut cluster = Cluster::new(&scenario, 1).unwrap();
        cluster.after(Duration::from_secs(1), Incident::Pause(1));
        cluster.after(Duration::from_secs(1) + length, Incident::Resume(1));
        cluster.run(Duration::from_secs(1), |_| {});
        let received = |it: &Cluster| it.driver(1).unwrap().node().counters().ipackets;
        let before = received(&cluster);
        cluster.run(length, |_| {});
        received(&cluster) - before
    };
    // An advert each 3.9 ms.
    assert_eq!(heard(Duration::from_secs(2)), 512);
    assert_eq!(heard(Duration::from_secs(20)), 1_000);
}

#[test]
fn adverts_come_from_the_addresses_of_the_carpdev() {
    let own = "192.0.2.1/24".parse().unwrap();
    let first = machine("one", 0).networks("vmx0", vec![own]);
    let mut cluster = pair(first, Network::default());
    assert_eq!(cluster.lan().node_with(own.ip()), Some(0));
    cluster.run(Duration::from_secs(5), |_| {});
    let view = cluster.host(1, "carp0").unwrap();
    let mut peers = view.peers().iter();
    assert!(peers.any(|peer| peer.source() == own.ip()));
}

#[test]
fn only_a_service_that_is_awake_hears_its_operator() {
    let mut cluster = pair(machine("one", 0), Network::default());
    let down = |interface: &str| Incident::Command {
        node: 0,
        interface: interface.to_owned(),
        command: Command::Down,
    };
    let refused = cluster.suffer(&down("carp7")).to_string();
    assert_eq!(refused, "refused: carp7: no such interface");
    let last = |cluster: &mut Cluster, incident| cluster.suffer(&incident);
    for gone in [Incident::Pause(0), Incident::Kill(0)] {
        assert!(matches!(last(&mut cluster, gone), Outcome::Done));
        assert!(matches!(cluster.suffer(&down("carp0")), Outcome::Nothing));
    }
    assert!(matches!(
        cluster.suffer(&Incident::Recover(0)),
        Outcome::Done
    ));
    assert!(matches!(
        cluster.suffer(&Incident::Recover(0)),
        Outcome::Nothing
    ));
    assert!(matches!(cluster.suffer(&down("carp0")), Outcome::Done));
}

#[test]
fn what_is_not_there_cannot_be_harmed_or_lose_its_power() {
    let mut cluster = pair(machine("one", 0), Network::default());
    cluster.run(Duration::from_secs(5), |_| {});
    let harm = |interface: &str| Incident::Harm {
        node: 0,
        interface: interface.to_owned(),
        harm: Harm::Damage(Damage::Address),
    };
    assert!(matches!(cluster.suffer(&harm("carp0")), Outcome::Done));
    assert!(matches!(cluster.suffer(&harm("carp7")), Outcome::Nothing));
    let off = Incident::PowerOff(0);
    assert!(matches!(cluster.suffer(&off), Outcome::Done));
    assert!(matches!(cluster.suffer(&off), Outcome::Nothing));
    assert!(matches!(cluster.suffer(&harm("carp0")), Outcome::Nothing));
}

#[test]
fn an_interface_is_taken_down_where_there_is_one_that_is_up() {
    for how in [TakenDown::SetDown, TakenDown::Deleted] {
        let mut cluster = pair(machine("one", 0), Network::default());
        let mut suffers = |incident: Incident| {
            let outcome = cluster.suffer(&incident);
            cluster.run(Duration::from_secs(5), |_| {});
            (
                matches!(outcome, Outcome::Done),
                cluster.host(0, "carp0").unwrap().state(),
            )
        };
        let taken = || Incident::Harm {
            node: 0,
            interface: "carp0".to_owned(),
            harm: Harm::TakeDown(how),
        };
        let link = |state| Incident::Link {
            node: 0,
            carpdev: "vmx0".to_owned(),
            state,
        };
        assert_eq!(suffers(link(LinkState::Absent)), (true, State::Init));
        assert_eq!(suffers(taken()), (false, State::Init), "{how:?}");
        let (_, state) = suffers(link(LinkState::Up));
        assert_ne!(state, State::Init, "nothing has happened to it");
        assert_eq!(suffers(link(LinkState::Down)), (true, State::Init));
        assert_eq!(suffers(taken()), (true, State::Init), "{how:?}");
        assert_eq!(suffers(taken()), (false, State::Init), "{how:?}");
        assert_eq!(suffers(link(LinkState::Up)), (true, State::Init));
    }
}

#[test]
fn tenures_tell_who_held_an_address_and_when_nobody_did() {
    let mut cluster = pair(machine("one", 0), Network::default());
    let crash = cluster.run(Duration::from_secs(10), |_| {});
    cluster.suffer(&Incident::PowerOff(0));
    let end = cluster.run(Duration::from_secs(10), |_| {});
    let tenures = cluster.tenures();
    let holders: Vec<&[usize]> = tenures.of(ip()).iter().map(|it| &*it.holders).collect();
    assert_eq!(holders, [&[][..], &[0], &[], &[1]]);
    let nobody = tenures.spans(ip(), crash, end, |holders| holders == 0);
    let [(from, until)] = nobody[..] else {
        panic!("{nobody:?}");
    };
    assert_eq!(from, crash);
    assert_eq!(
        tenures.longest(crash, end, |holders| holders == 0),
        until - from
    );
    assert!(tenures.of("192.0.2.11".parse().unwrap()).is_empty());
}

#[test]
fn an_interface_that_cannot_be_is_an_error() {
    let mut scenario = Scenario::new();
    scenario.add(machine("one", 0).interface("carp1", "vmx0", host(0)));
    let error = Cluster::new(&scenario, 1).unwrap_err();
    assert_eq!(error.about(), "vmx0");
}

/// Who is new has nothing of a former run to lose, also where it is master before the platform has
/// looked: without an address there is nothing to wait for.
#[test]
fn who_is_new_loses_nothing_where_nothing_is_adopted() {
    let bare = VirtualHost::new(Vhid::new(99).unwrap(), Key::from_password("SharedSecret"));
    let mut scenario = Scenario::new();
    scenario.add(Machine::new("one", Node::builder()).interface("carp0", "vmx0", bare));
    let mut cluster = Cluster::new(&scenario, 1).unwrap();
    cluster.suffer(&Incident::Command {
        node: 0,
        interface: "carp0".into(),
        command: Command::Master,
    });
    assert_eq!(
        cluster.host(0, "carp0").map(|it| it.state()),
        Some(State::Master)
    );
    let mut told = Vec::new();
    cluster.run(Duration::from_secs(10), |it| told.push(it.to_string()));
    let is_lost = |line: &&String| line.contains("MASTER ->");
    assert_eq!(told.iter().find(is_lost), None);
}
