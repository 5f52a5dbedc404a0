//! Who is heard: each source once, at most 16, and nobody by what was refused.

use core::net::{IpAddr, Ipv4Addr};

use carp_proto::{Advertisement, ChecksumForm, Envelope};

use super::*;
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
