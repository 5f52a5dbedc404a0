//! Who is heard: each source once, at most 16, and nobody by what was refused.

use core::net::{IpAddr, Ipv4Addr};

use carp_proto::{Advertisement, ChecksumForm, Envelope};

use super::*;
use alloc::string::String;

use crate::{Claim, Interval, Peer, Refusal};

/// The neighbour with this last octet.
fn from(last: u8) -> Envelope {
    let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
    Envelope {
        source,
        ..crate::testing::envelope(Family::Inet)
    }
}

fn peers(bench: &Bench) -> Vec<Peer> {
    bench.node.host(bench.id).unwrap().peers().to_vec()
}

fn sources(bench: &Bench) -> Vec<u8> {
    let last = |peer: &Peer| match peer.source() {
        IpAddr::V4(ip) => ip.octets()[3],
        IpAddr::V6(_) => 0,
    };
    peers(bench).iter().map(last).collect()
}

fn forged() -> Advertisement {
    let mut advert = advert(1, 0, 0, &[V4]);
    advert.digest[0] ^= 1;
    advert.with_checksum(ChecksumForm::Plain)
}

#[test]
fn each_source_is_a_peer_with_its_last_words() {
    let mut bench = Bench::new(Node::builder(), host(100, &[V4, V6]));
    let list = [V4, V6];
    bench
        .receive(Family::Inet, &advert(1, 0, 0, &list))
        .unwrap();
    bench
        .receive(Family::Inet6, &advert(1, 1, 0, &list))
        .unwrap();
    bench.pass_millis(1_000);
    bench
        .receive(Family::Inet, &advert(1, 2, 3, &list))
        .unwrap();
    let heard = peers(&bench);
    let [inet, inet6] = heard[..] else {
        panic!("{heard:?}");
    };
    let claim = Claim {
        interval: Interval::from_octets(1, 2),
        demotion: 3,
    };
    assert_eq!((inet.claim(), inet.last_heard()), (claim, bench.now));
    assert_eq!(
        (inet.counters().ipackets, inet.counters().ipackets6),
        (2, 0)
    );
    assert_eq!(inet6.claim().interval, Interval::from_octets(1, 1));
    assert_eq!(
        (inet6.counters().ipackets, inet6.counters().ipackets6),
        (0, 1)
    );
}

#[test]
fn what_is_refused_makes_no_peer_but_counts_for_one() {
    let mut bench = Bench::backup();
    let refused = bench.receive_in(&from(2), &forged());
    assert_eq!(refused, Err(Refusal::BadDigest));
    assert_eq!(peers(&bench), []);
    bench.receive_in(&from(2), &advert(1, 0, 0, &[V4])).unwrap();
    bench.receive_in(&from(3), &advert(1, 0, 0, &[V4])).unwrap();
    bench.receive_in(&from(2), &forged()).unwrap_err();
    bench.receive_in(&from(4), &forged()).unwrap_err();
    let counts = |peer: &Peer| (peer.counters().ipackets, peer.counters().badauth);
    let counts: Vec<(u64, u64)> = peers(&bench).iter().map(counts).collect();
    assert_eq!(counts, [(2, 1), (1, 0)]);
    let last = |peer: &Peer| peer.last_refusal();
    let last: Vec<_> = peers(&bench).iter().map(last).collect();
    assert_eq!(last, [Some((Refusal::BadDigest, bench.now)), None]);
    let of_host = bench.node.host(bench.id).unwrap().counters().badauth;
    assert_eq!((of_host, bench.node.counters().badauth), (3, 3));
}

#[test]
fn there_are_sixteen_at_most_and_the_oldest_goes() {
    let mut bench = Bench::backup();
    let hear = |bench: &mut Bench, last| {
        bench
            .receive_in(&from(last), &advert(1, 0, 0, &[V4]))
            .unwrap();
        bench.pass_millis(10);
    };
    for last in 11..27 {
        hear(&mut bench, last);
    }
    assert_eq!(peers(&bench).len(), 16);
    hear(&mut bench, 11);
    hear(&mut bench, 99);
    let now = sources(&bench);
    assert_eq!(now.len(), 16);
    assert!(
        now.contains(&11) && now.contains(&99) && !now.contains(&12),
        "{now:?}"
    );
    for last in 100..=255 {
        hear(&mut bench, last);
    }
    assert_eq!(peers(&bench).len(), 16);
}

#[test]
fn reflected_adverts_are_no_peer() {
    let mut bench = Bench::master();
    bench.pass_millis(1);
    let mut payload = None;
    while payload.is_none() {
        let at = bench.node.deadline().unwrap().at;
        bench.now = at;
        bench.node.handle_timeout(at);
        while let Some(action) = bench.node.poll_action() {
            if let Action::Send { payload: sent, .. } = action {
                payload = Some(sent);
            }
        }
    }
    let own = Advertisement::decode(&payload.unwrap()).unwrap();
    // From anywhere, as a switch may have it.
    assert_eq!(bench.receive_in(&from(77), &own), Err(Refusal::Reflected));
    assert_eq!((peers(&bench), bench.state()), (vec![], State::Master));
}

/// Whatever is wrong with a packet, it counts for the host that has its vhid and for its source.
#[test]
fn what_is_refused_before_the_digest_counts_too() {
    let good = advert(1, 0, 0, &[V4]);
    let mut far = from(2);
    far.hop_limit = 64;
    let mut to_all = from(2);
    to_all.destination = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 1));
    let mut bench = Bench::backup();
    bench.receive_in(&from(2), &good).unwrap();
    let short = &good.encode()[..20];
    let damaged = Advertisement {
        checksum: 1,
        ..good
    };
    bench.receive_in(&far, &good).unwrap_err();
    bench.receive_in(&to_all, &good).unwrap_err();
    bench.receive_in(&from(2), &damaged).unwrap_err();
    let (now, envelope) = (bench.now, from(2));
    let refused = bench.node.handle_packet(now, LINK, &envelope, short);
    assert_eq!(refused, Err(Refusal::BadLength));
    let view = bench.node.host(bench.id).unwrap();
    for counters in [
        view.counters(),
        view.peers()[0].counters(),
        bench.node.counters(),
    ] {
        let refused = (counters.badttl, counters.badvhid);
        assert_eq!(refused, (1, 1));
        assert_eq!((counters.badsum, counters.badlen), (1, 1));
        assert_eq!(counters.ipackets, 5);
    }
}

// ---- who comes and goes ----

/// A backup that is told who comes and goes.
fn attentive() -> Bench {
    let mut bench = Bench::new(Node::builder().tell_peers(true), host(200, &[V4]));
    bench.told();
    bench
}

/// What was told of peers since the last call.
fn told(bench: &mut Bench) -> Vec<String> {
    let mut told = bench.told();
    told.retain(|line| line.starts_with("peer "));
    told
}

fn is_heard(bench: &Bench) -> Vec<bool> {
    peers(bench).iter().map(Peer::is_heard).collect()
}

#[test]
fn peer_appears_once_and_is_missed_after_three_of_its_intervals() {
    let mut bench = attentive();
    for _ in 0..3 {
        bench.hear(1, 0, 0);
        bench.pass_millis(1_000);
    }
    assert_eq!(told(&mut bench), ["peer heard: 1/0 from 192.0.2.2"]);
    bench.pass_millis(1_999);
    assert_eq!((told(&mut bench), is_heard(&bench)), (vec![], vec![true]));
    bench.pass_millis(1);
    assert_eq!(
        told(&mut bench),
        ["peer not heard any more: 1/0 from 192.0.2.2"]
    );
    assert_eq!(is_heard(&bench), [false]);
    bench.hear(1, 0, 0);
    assert_eq!(told(&mut bench), ["peer heard: 1/0 from 192.0.2.2"]);
}

#[test]
fn bow_out_is_a_farewell_and_said_once() {
    let mut bench = attentive();
    bench.hear(1, 0, 0);
    told(&mut bench);
    bench.answers = false;
    for _ in 0..4 {
        bench.hear(255, 255, 0);
        bench.pass_millis(250);
    }
    assert_eq!(told(&mut bench), ["peer bowed out: 192.0.2.2"]);
    bench.pass(Duration::from_secs(2_000));
    assert_eq!(told(&mut bench), [] as [&str; 0]);
}

#[test]
fn first_word_that_is_a_farewell_makes_nobody_appear() {
    let mut bench = attentive();
    bench.hear(255, 255, 0);
    assert_eq!(told(&mut bench), [] as [&str; 0]);
    assert_eq!(is_heard(&bench), [false]);
}

#[test]
fn nobody_is_missed_while_nobody_listens() {
    let mut bench = attentive();
    bench.hear(1, 0, 0);
    told(&mut bench);
    let link = |state| Input::Link { link: LINK, state };
    bench.input(link(LinkState::Down));
    bench.pass(Duration::from_secs(60));
    assert_eq!(told(&mut bench), [] as [&str; 0]);
    bench.input(link(LinkState::Up));
    bench.pass_millis(2_999);
    assert_eq!(told(&mut bench), [] as [&str; 0]);
    bench.pass_millis(1);
    assert_eq!(
        told(&mut bench),
        ["peer not heard any more: 1/0 from 192.0.2.2"]
    );
}

#[test]
fn who_may_not_listen_misses_nobody() {
    let mut bench = attentive();
    bench.hear(1, 0, 0);
    told(&mut bench);
    bench.input(Input::Allow(false));
    bench.pass(Duration::from_secs(60));
    assert_eq!(told(&mut bench), [] as [&str; 0]);
    bench.input(Input::Allow(true));
    bench.pass_millis(3_000);
    assert_eq!(told(&mut bench).len(), 1);
}

#[test]
fn who_slept_misses_nobody_for_it() {
    let mut bench = attentive();
    bench.hear(1, 0, 0);
    told(&mut bench);
    bench.now = bench.now + Duration::from_secs(60);
    bench.node.handle_timeout(bench.now);
    bench.drain();
    assert_eq!(told(&mut bench), [] as [&str; 0]);
    bench.hear(1, 0, 0);
    bench.pass_millis(2_999);
    assert_eq!(told(&mut bench), [] as [&str; 0]);
    bench.pass_millis(1);
    assert_eq!(told(&mut bench).len(), 1);
}

#[test]
fn who_does_not_ask_is_neither_told_nor_called() {
    let mut bench = Bench::new(Node::builder(), host(200, &[V4]));
    bench.hear(1, 0, 0);
    let due = bench.node.deadline().unwrap();
    assert_eq!(due.timer, crate::Timer::MasterDownInet);
    bench.pass(Duration::from_secs(10));
    assert_eq!(told(&mut bench), [] as [&str; 0]);
}

#[test]
fn pace_is_measured_while_it_is_heard() {
    let mut bench = attentive();
    let interval = |bench: &Bench| peers(bench)[0].interval();
    bench.hear(1, 0, 0);
    assert_eq!(interval(&bench), None);
    for _ in 0..50 {
        bench.pass_millis(1_004);
        bench.hear(1, 0, 0);
    }
    assert_eq!(interval(&bench), Some(Duration::from_millis(1_004)));
    for _ in 0..40 {
        bench.pass_millis(500);
        bench.hear(1, 0, 0);
    }
    let measured = interval(&bench).unwrap();
    assert!((500..505).contains(&measured.as_millis()), "{measured:?}");
    bench.pass(Duration::from_secs(100));
    bench.hear(1, 0, 0);
    assert_eq!(interval(&bench), None, "a pause is no pace");
}

/// What a peer is made by is told by exclusion (ARCHITECTURE.md, decision 33): by each of its
/// adverts, and by what two in a row have in common (§2.4).
#[test]
fn peer_may_be_whoever_can_have_sent_all_its_adverts() {
    let mut bench = Bench::backup();
    let speakers = |bench: &Bench| alloc::format!("{}", peers(bench)[0].speakers());
    let usual = Envelope {
        traffic_class: Some(0x10),
        ..from(2)
    };
    let plain = advert(1, 0, 0, &[V4]);
    bench.receive_in(&from(2), &plain).unwrap();
    assert_eq!(speakers(&bench), "unknown");
    let mut bench = Bench::backup();
    bench.receive_in(&usual, &plain).unwrap();
    assert_eq!(speakers(&bench), "openbsd|netbsd|ucarp|carpctl");
    // The counter is the same.
    bench.receive_in(&from(2), &plain).unwrap();
    assert_eq!(speakers(&bench), "openbsd|carpctl");
    // Nobody but these two has a demotion, and what was ruled out stays so.
    let mut bench = Bench::backup();
    bench.receive_in(&usual, &advert(1, 0, 1, &[V4])).unwrap();
    let zero = Envelope {
        identification: Some(0),
        ..from(2)
    };
    for expected in ["openbsd|carpctl", "carpctl"] {
        bench.receive_in(&zero, &plain).unwrap();
        assert_eq!(speakers(&bench), expected);
    }
}

// ---- those who are refused ----

fn strangers(bench: &Bench) -> Vec<(u8, u64)> {
    let last = |source| match source {
        IpAddr::V4(ip) => Ipv4Addr::octets(&ip)[3],
        IpAddr::V6(_) => 0,
    };
    let strangers = bench.node.host(bench.id).unwrap().strangers();
    let shown = strangers.map(|it| (last(it.source), it.refused));
    shown.collect()
}

#[test]
fn strangers_are_sixteen_and_push_out_no_peer() {
    let mut bench = Bench::backup();
    bench.receive_in(&from(2), &advert(1, 0, 0, &[V4])).unwrap();
    for last in 3..=255 {
        bench.receive_in(&from(last), &forged()).unwrap_err();
        bench.receive_in(&from(2), &forged()).unwrap_err();
    }
    assert_eq!(sources(&bench), [2]);
    let last_ones: Vec<(u8, u64)> = (240..=255).map(|last| (last, 1)).collect();
    assert_eq!(strangers(&bench), last_ones);
    bench.receive_in(&from(240), &forged()).unwrap_err();
    assert_eq!(strangers(&bench).last(), Some(&(240, 2)));
}

/// Of each source a byte is compared first; these two have the same one.
#[test]
fn strangers_are_told_apart_by_the_whole_of_their_addresses() {
    let mut bench = Bench::backup();
    let alike = Envelope {
        source: [192, 0, 3, 9].into(),
        ..from(1)
    };
    bench.receive_in(&from(1), &forged()).unwrap_err();
    bench.receive_in(&alike, &forged()).unwrap_err();
    bench.receive_in(&alike, &forged()).unwrap_err();
    assert_eq!(strangers(&bench), [(1, 1), (9, 2)]);
    bench.receive_in(&alike, &advert(1, 0, 0, &[V4])).unwrap();
    assert_eq!(strangers(&bench), [(1, 1)]);
}

#[test]
fn who_is_believed_after_all_is_no_stranger() {
    let mut bench = Bench::backup();
    bench.receive_in(&from(2), &forged()).unwrap_err();
    assert_eq!(strangers(&bench), [(2, 1)]);
    bench.receive_in(&from(2), &advert(1, 0, 0, &[V4])).unwrap();
    assert_eq!((strangers(&bench), sources(&bench)), (vec![], vec![2]));
}
