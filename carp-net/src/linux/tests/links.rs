//! What is reported of links, whatever happens to them, and that nothing is missed.

use std::os::fd::AsFd as _;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;
use crate::linux::netlink::kind::{DEL_ROUTE, NEW_ADDRESS, NEW_ROUTE};
use crate::linux::netlink::{Monitor, News};

/// Whether the backend's descriptor is readable.
fn is_readable(backend: &Linux) -> bool {
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut fds = [PollFd::from_borrowed_fd(backend.as_fd(), PollFlags::IN)];
    poll(&mut fds, Some(&at_once)).unwrap() == 1
}

#[test]
fn the_state_of_a_link_is_reported_from_the_start_and_whenever_it_changes() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &[]);
    lab.cut("one").unwrap();
    assert_eq!(one.wait_for_link(), LinkState::Down);
    lab.mend("one").unwrap();
    assert_eq!(one.wait_for_link(), LinkState::Up);
    one.host.set_up("vmx0", false).unwrap();
    assert_eq!(one.wait_for_link(), LinkState::Down);
    one.host.set_up("vmx0", true).unwrap();
    assert_eq!(one.wait_for_link(), LinkState::Up);
    one.backend.watch(LinkId(2), "eth9").unwrap();
    let state = one.wait_for_state_of(LinkId(2));
    assert_eq!(state, LinkState::Absent);
}

#[test]
fn a_link_that_takes_the_name_of_another_is_another() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &[]);
    one.ip("ip link add veth0 type veth peer name veth1");
    one.ip("ip link set veth0 up");
    one.ip("ip link set veth1 up");
    one.ip("ip link set dev vmx0 down");
    one.ip("ip link set dev vmx0 name old");
    one.ip("ip link set dev veth0 down");
    one.ip("ip link set dev veth0 name vmx0");
    one.ip("ip link set dev vmx0 up");
    let mut states = vec![one.wait_for_link()];
    while states.last() != Some(&LinkState::Up) {
        states.push(one.wait_for_link());
    }
    assert!(states.contains(&LinkState::Absent), "{states:?}");
    one.ip("ip link del dev vmx0");
    while one.wait_for_link() != LinkState::Absent {}
}

#[test]
fn the_descriptor_is_readable_whenever_there_is_a_report() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &[]);
    one.settle();
    while one.backend.poll().is_some() {}
    assert!(!is_readable(&one.backend));
    // From a call of its own thread,
    one.backend.watch(LinkId(2), "eth8").unwrap();
    one.backend.watch(LinkId(3), "eth9").unwrap();
    assert!(is_readable(&one.backend));
    assert!(one.backend.poll().is_some());
    assert!(is_readable(&one.backend));
    assert!(one.backend.poll().is_some());
    assert!(one.backend.poll().is_none());
    one.settle();
    while one.backend.poll().is_some() {}
    assert!(!is_readable(&one.backend));
    // from the kernel,
    one.host.set_up("vmx0", false).unwrap();
    wait_until(|| is_readable(&one.backend));
    while one.backend.poll().is_some() {}
    // and from somebody who wants it to wake up.
    let waker = one.backend.waker();
    assert!(!is_readable(&one.backend));
    std::thread::spawn(move || waker.wake()).join().unwrap();
    assert!(is_readable(&one.backend));
    one.backend.wait(None).unwrap();
    assert!(one.backend.poll().is_none());
    assert!(!is_readable(&one.backend));
}

#[test]
fn waiting_ends_when_it_should() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &[]);
    one.all_within(SHORT);
    for micros in [0, 700, 20_000] {
        let deadline = one.backend.now() + Duration::from_micros(micros);
        let mut wakes = 0;
        while one.backend.now() < deadline {
            one.backend.wait(Some(deadline)).unwrap();
            while one.backend.poll().is_some() {}
            wakes += 1;
        }
        assert!(wakes <= 3, "{wakes} times in {micros} µs");
        let late = one.backend.now() - deadline;
        assert!(late < Duration::from_millis(200), "{late:?}");
    }
    one.backend.wait(Some(Timestamp::ZERO)).unwrap();
}

#[test]
fn lost_news_are_made_up_for() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &[]);
    one.all_within(Duration::from_millis(100));
    // So little room that a handful of news is too much.
    rustix::net::sockopt::set_socket_recv_buffer_size(&one.backend.monitor, 1).unwrap();
    for number in 0..40 {
        one.host
            .add_address(&format!("203.0.113.{number}/32"))
            .unwrap();
    }
    one.ip("ip link set dev vmx0 down");
    assert_eq!(one.wait_for_link(), LinkState::Down);
    let index = one.backend.links.by_name("vmx0").unwrap().index;
    let inet = |one: &Machine| {
        let there = one.backend.links.addresses(index).iter();
        there.filter(|address| address.ip.is_ipv4()).count()
    };
    wait_until(|| {
        one.backend.poll();
        inet(&one) == 40
    });
    // And it goes on hearing.
    one.host.add_address("203.0.113.99/32").unwrap();
    wait_until(|| {
        one.backend.poll();
        inet(&one) == 41
    });
}

#[test]
fn the_routes_of_routing_daemons_are_no_news() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let one = Machine::without_watch(lab.host("one").unwrap());
    let mut monitor = one.host.enter(Monitor::open).unwrap().unwrap();
    let daemons = [
        "bird", "zebra", "bgp", "ospf", "isis", "rip", "babel", "eigrp",
    ];
    let others = ["static", "kernel", "boot", "dhcp", "ra"];
    for (number, protocol) in daemons.iter().chain(&others).enumerate() {
        for network in [
            format!("10.{number}.0.0/16"),
            format!("2001:db8:{number}::/48"),
        ] {
            one.ip(&format!("ip route add {network} dev vmx0 proto {protocol}"));
            one.ip(&format!("ip route del {network} dev vmx0 proto {protocol}"));
        }
    }
    one.host.add_address("192.0.2.1/32").unwrap();
    let (mut routes, mut addresses) = (0, 0);
    while monitor
        .read(|kind, payload| match kind {
            NEW_ROUTE | DEL_ROUTE if payload.get(4) == Some(&MAIN) => routes += 1,
            NEW_ADDRESS => addresses += 1,
            _ => {}
        })
        .unwrap()
        == News::Told
    {}
    assert_eq!(routes, others.len() * 2 * 2);
    assert!(addresses >= 1);
}

/// The table of routes that all but the kernel's own are in.
const MAIN: u8 = 254;
