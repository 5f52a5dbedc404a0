//! Unicast peers: where adverts go, and how the switch still learns the virtual MAC address.

use alloc::string::String;
use core::net::IpAddr;

use super::*;
use crate::{Lladdr, VirtualHost};

const PEER: &str = "198.51.100.2";
const OTHER: &str = "198.51.100.3";
const PEER6: &str = "2001:db8:1::2";
const SHOWN: &str = ANNOUNCE;

fn with_peers(addresses: &[&str], peers: &[&str]) -> VirtualHost {
    let peers = peers.iter().map(|text| text.parse::<IpAddr>().unwrap());
    host(100, addresses).with_peers(peers)
}

/// A master, ten seconds after it took over: what it does in so many milliseconds.
fn does_in(millis: u64, host: VirtualHost) -> Vec<String> {
    let mut bench = Bench::new(Node::builder().lease(false), host);
    bench.command(Command::Master);
    bench.pass_millis(10_000);
    let beat = bench.node.deadline().unwrap().at - bench.now;
    bench.pass(beat);
    bench.take();
    bench.pass_millis(millis);
    bench.take()
}

fn first_words(host: VirtualHost) -> Vec<String> {
    let mut bench = Bench::new(Node::builder(), host);
    bench.command(Command::Master);
    let mut done = bench.take();
    done.retain(|line| line.starts_with("advert"));
    done
}

#[test]
fn adverts_go_to_each_peer_of_the_family_instead_of_the_group() {
    let cases: [(&[&str], &[&str]); 4] = [
        (
            &[PEER],
            &[
                "advert inet 1/100 0 to 198.51.100.2",
                "advert inet6 1/100 0",
            ],
        ),
        (
            &[PEER, OTHER, PEER],
            &[
                "advert inet 1/100 0 to 198.51.100.2",
                "advert inet 1/100 0 to 198.51.100.3",
                "advert inet6 1/100 0",
            ],
        ),
        (
            &[PEER6],
            &[
                "advert inet 1/100 0",
                "advert inet6 1/100 0 to 2001:db8:1::2",
            ],
        ),
        (
            &[PEER, PEER6],
            &[
                "advert inet 1/100 0 to 198.51.100.2",
                "advert inet6 1/100 0 to 2001:db8:1::2",
            ],
        ),
    ];
    for (peers, expected) in cases {
        assert_eq!(
            first_words(with_peers(&[V4, V6], peers)),
            expected,
            "{peers:?}"
        );
    }
}

#[test]
fn peer_of_a_family_without_addresses_hears_nothing() {
    let said = first_words(with_peers(&[V4], &[PEER6]));
    assert_eq!(said, [ADVERT]);
}

#[test]
fn bow_out_goes_to_each_peer() {
    let mut bench = Bench::new(Node::builder(), with_peers(&[V4], &[PEER, OTHER]));
    bench.command(Command::Master);
    bench.take();
    bench.command(Command::Down);
    let expected = [
        "hand over",
        "bow-out inet to 198.51.100.2",
        "bow-out inet to 198.51.100.3",
    ];
    assert_eq!(bench.take(), expected);
}

#[test]
fn peers_are_changed_without_an_election() {
    let mut bench = Bench::master();
    let changed = with_peers(&[V4], &[PEER]);
    bench
        .node
        .change(bench.now, bench.id, LINK, changed)
        .unwrap();
    bench.drain();
    assert_eq!(bench.state(), State::Master);
    let done = bench.take();
    assert!(
        done.contains(&"advert inet 1/100 0 to 198.51.100.2".to_owned()),
        "{done:?}"
    );
    assert!(
        !done.contains(&ADVERT.to_owned()),
        "the same list is not old: {done:?}"
    );
}

#[test]
fn virtual_mac_is_shown_once_an_interval() {
    let done = does_in(13_907, with_peers(&[V4], &[PEER]));
    let shown = done.iter().filter(|line| *line == SHOWN).count();
    assert_eq!((shown, done.len()), (10, 20), "{done:?}");
}

#[test]
fn virtual_mac_is_shown_at_most_once_a_second() {
    let fast = with_peers(&[V4], &[PEER])
        .advbase(0)
        .unwrap()
        .advskew(4)
        .unwrap();
    let done = does_in(10_000, fast);
    let shown = done.iter().filter(|line| *line == SHOWN).count();
    // Each 15.625 ms an advert; with the first one after 900 ms.
    assert!((10..=11).contains(&shown), "{shown}");
    assert_eq!(done.len() - shown, 640);
}

#[test]
fn first_address_alone_shows_it() {
    let done = does_in(1_400, with_peers(&[V4, "192.0.2.11/24"], &[PEER]));
    assert_eq!(done, ["advert inet 1/100 0 to 198.51.100.2", SHOWN]);
}

#[test]
fn what_shows_itself_is_not_shown() {
    let own_mac = with_peers(&[V4], &[PEER]).lladdr(Lladdr::Carpdev);
    assert_eq!(
        does_in(1_400, own_mac),
        ["advert inet 1/100 0 to 198.51.100.2"]
    );
    let one_to_the_group = with_peers(&[V4, V6], &[PEER]);
    let expected = [
        "advert inet 1/100 0 to 198.51.100.2",
        "advert inet6 1/100 0",
    ];
    assert_eq!(does_in(1_400, one_to_the_group), expected);
    let nothing_to_show = with_peers(&[], &[PEER]);
    assert_eq!(
        does_in(1_400, nothing_to_show),
        ["advert inet 1/100 0 to 198.51.100.2"]
    );
}

#[test]
fn manual_mac_is_shown_too() {
    let mac = "02:11:22:33:44:55".parse().unwrap();
    let host = with_peers(&[V4], &[PEER]).lladdr(Lladdr::Manual(mac));
    let expected = ["advert inet 1/100 0 to 198.51.100.2", SHOWN];
    assert_eq!(does_in(1_400, host), expected);
}

#[test]
fn a_timer_that_was_late_does_not_keep_it_from_being_shown_the_next_time() {
    let host = with_peers(&[V4], &[PEER]).advskew(0).unwrap();
    let mut bench = Bench::new(Node::builder().lease(false), host);
    bench.pass_millis(8_000);
    for late in [20, 0, 7, 3, 50, 0] {
        bench.take();
        let due = bench.node.deadline().unwrap().at;
        bench.now = due + Duration::from_millis(late);
        bench.node.handle_timeout(bench.now);
        bench.drain();
        let shown = bench.take().iter().filter(|line| *line == SHOWN).count();
        assert_eq!(shown, 1, "{late}");
    }
}

/// A switch or router that sends a unicast advert back.
#[test]
fn own_advert_that_came_back_is_known() {
    let mut bench = Bench::new(Node::builder(), with_peers(&[V4], &[PEER]));
    bench.command(Command::Master);
    let mut own = advert(1, 100, 0, &[V4]);
    let saved = bench.node.save_host(bench.now, bench.id).unwrap();
    own.counter = saved.run.cookie;
    let own = own
        .signed(
            &bench.node.host(bench.id).unwrap().config().authenticator(),
            carp_proto::DigestForm::WithoutLinkLocal,
        )
        .with_checksum(carp_proto::ChecksumForm::Plain);
    let mut envelope = crate::testing::envelope(Family::Inet);
    envelope.destination = "192.0.2.1".parse().unwrap();
    let refused = bench.receive_in(&envelope, &own);
    assert_eq!(refused, Err(crate::Refusal::Reflected));
    assert_eq!(bench.state(), State::Master);
}
