//! The checks of `docs/carp-protocol.md §3`, in their order.

use super::*;

#[test]
fn each_check_refuses_counts_and_changes_nothing() {
    let good = advert(1, 0, 0, &[V4]);
    let resummed = |advert: Advertisement| advert.with_checksum(ChecksumForm::Plain);
    let group = envelope(Family::Inet);
    let mut far = group;
    far.hop_limit = 254;
    let mut all_hosts = group;
    all_hosts.destination = "224.0.0.1".parse().unwrap();
    let mut unicast = group;
    unicast.destination = "192.0.2.1".parse().unwrap();
    let mut foreign = good;
    foreign.digest[19] ^= 1;
    let cases = [
        (
            LinkId(9),
            unicast,
            good.encode().to_vec(),
            Refusal::BadInterface,
        ),
        (
            LinkId(9),
            envelope(Family::Inet6),
            good.encode().to_vec(),
            Refusal::BadInterface,
        ),
        (LinkId(9), group, good.encode().to_vec(), Refusal::BadVhid),
        (LINK, far, good.encode().to_vec(), Refusal::BadHopLimit),
        (
            LINK,
            group,
            good.encode()[..35].to_vec(),
            Refusal::BadLength,
        ),
        (LINK, group, vec![], Refusal::BadLength),
        (
            LINK,
            group,
            Advertisement {
                checksum: 1,
                ..good
            }
            .encode()
            .to_vec(),
            Refusal::BadChecksum,
        ),
        (
            LINK,
            group,
            resummed(Advertisement { vhid: 98, ..good })
                .encode()
                .to_vec(),
            Refusal::BadVhid,
        ),
        (
            LINK,
            group,
            resummed(Advertisement { vhid: 0, ..good })
                .encode()
                .to_vec(),
            Refusal::BadVhid,
        ),
        (LINK, all_hosts, good.encode().to_vec(), Refusal::BadVhid),
        (
            LINK,
            group,
            resummed(Advertisement { version: 3, ..good })
                .encode()
                .to_vec(),
            Refusal::BadVersion,
        ),
        (
            LINK,
            group,
            resummed(foreign).encode().to_vec(),
            Refusal::BadDigest,
        ),
    ];
    for (link, envelope, bytes, refusal) in cases {
        let mut bench = Bench::backup();
        let deadline = bench.node.deadline();
        bench.now = bench.now + Duration::from_secs(1);
        let result = bench.node.handle_packet(bench.now, link, &envelope, &bytes);
        assert_eq!(result, Err(refusal));
        let counters = *bench.node.counters();
        let counted = match refusal {
            Refusal::NotAllowed => 1,
            Refusal::BadInterface => counters.badif,
            Refusal::BadHopLimit => counters.badttl,
            Refusal::BadLength => counters.badlen,
            Refusal::BadChecksum => counters.badsum,
            Refusal::BadVhid => counters.badvhid,
            Refusal::BadVersion => counters.badver,
            Refusal::BadDigest => counters.badauth,
            Refusal::Reflected => counters.reflected,
        };
        assert_eq!(
            (counters.ipackets + counters.ipackets6, counted),
            (1, 1),
            "{refusal}"
        );
        assert_eq!(bench.node.deadline(), deadline, "{refusal}");
        assert!(bench.node.poll_action().is_none());
        assert!(bench.node.poll_event().is_none());
    }
}

/// Step 2 of §3: counted as received, and nothing else.
#[test]
fn node_that_allows_nothing_hears_nobody_and_becomes_master() {
    let good = advert(1, 0, 0, &[V4]).encode();
    let hear = |bench: &mut Bench| {
        let group = envelope(Family::Inet);
        bench.node.handle_packet(bench.now, LINK, &group, &good)
    };
    let mut bench = Bench::backup();
    bench.node.handle(bench.now, Input::Allow(false));
    for _ in 0..5 {
        bench.pass(Duration::from_secs(1));
        let mut counters = *bench.node.counters();
        assert_eq!(hear(&mut bench), Err(Refusal::NotAllowed));
        counters.ipackets += 1;
        assert_eq!(*bench.node.counters(), counters);
    }
    assert_eq!(bench.state(), State::Master);
    // It hears the better one again, and yields.
    bench.node.handle(bench.now, Input::Allow(true));
    assert_eq!(hear(&mut bench), Ok(()));
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.state(), State::Backup);
}

#[test]
fn checks_come_in_openbsd_order() {
    // Everything is wrong at once; mended one by one, the next check speaks.
    let mut bench = Bench::backup();
    let mut bytes = [0u8; 36];
    bytes[1] = 98;
    let mut envelope = envelope(Family::Inet);
    envelope.hop_limit = 1;
    let mut refused = |envelope: &_, bytes: &[u8]| {
        bench
            .node
            .handle_packet(bench.now, LINK, envelope, bytes)
            .unwrap_err()
    };
    assert_eq!(refused(&envelope, &bytes[..8]), Refusal::BadHopLimit);
    envelope.hop_limit = 255;
    assert_eq!(refused(&envelope, &bytes[..8]), Refusal::BadLength);
    assert_eq!(refused(&envelope, &bytes), Refusal::BadChecksum);
    let mut advert = Advertisement::decode(&bytes).unwrap();
    advert = advert.with_checksum(ChecksumForm::Plain);
    assert_eq!(refused(&envelope, &advert.encode()), Refusal::BadVhid);
    advert = Advertisement { vhid: 99, ..advert }.with_checksum(ChecksumForm::Plain);
    assert_eq!(refused(&envelope, &advert.encode()), Refusal::BadVersion);
    advert = Advertisement {
        version: 2,
        ..advert
    }
    .with_checksum(ChecksumForm::Plain);
    assert_eq!(refused(&envelope, &advert.encode()), Refusal::BadDigest);
}

#[test]
fn what_peers_do_not_check_is_accepted() {
    // §10: type, authlen, trailing bytes, a repeated counter.
    let mut bench = Bench::backup();
    let odd = Advertisement {
        kind: 2,
        authlen: 0,
        ..advert(1, 0, 0, &[V4])
    };
    let mut bytes = odd.with_checksum(ChecksumForm::Plain).encode().to_vec();
    bytes.extend_from_slice(&[0xa5; 30]);
    for _ in 0..2 {
        bench
            .node
            .handle_packet(bench.now, LINK, &envelope(Family::Inet), &bytes)
            .unwrap();
    }
}

#[test]
fn own_advert_that_comes_back_is_counted_and_ignored() {
    let mut bench = Bench::backup();
    bench.answers = false;
    bench.command(Command::Master);
    bench.input(Input::Held(bench.id));
    let mut node = Node::new(Node::builder(), 1);
    let id = node.add(bench.now, LINK, host(100, &[V4])).unwrap();
    node.handle(
        bench.now,
        Input::Command {
            id,
            command: Command::Master,
        },
    );
    node.handle(bench.now, Input::Held(id));
    let sent = loop {
        if let crate::Action::Send { payload, .. } = node.poll_action().unwrap() {
            break payload;
        }
    };
    // The same seed, so this is the very advert that the first node sent.
    let result = bench
        .node
        .handle_packet(bench.now, LINK, &envelope(Family::Inet), &sent);
    assert_eq!(result, Err(Refusal::Reflected));
    assert_eq!(bench.state(), State::Master);
    assert_eq!(
        (
            bench.node.counters().badauth,
            bench.node.counters().reflected
        ),
        (1, 1)
    );
}

#[test]
fn host_that_is_down_hears_nothing() {
    let mut bench = Bench::backup();
    bench.command(Command::Down);
    let result = bench.receive(Family::Inet, &advert(1, 0, 0, &[V4]));
    assert_eq!(result, Err(Refusal::BadVhid));
}

/// §3, step 3 of OpenBSD: where no virtual host is any more is not our interface.
#[test]
fn link_is_heard_until_its_last_virtual_host_has_gone() {
    let mut bench = Bench::backup();
    let other = VirtualHost::new(Vhid::new(7).unwrap(), key());
    let other = bench.node.add(bench.now, LINK, other).unwrap();
    let good = advert(1, 0, 0, &[V6]);
    let hear = |bench: &mut Bench| bench.receive(Family::Inet6, &good);
    bench.node.remove(bench.now, bench.id).unwrap();
    assert_eq!(hear(&mut bench), Err(Refusal::BadVhid));
    bench.node.remove(bench.now, other).unwrap();
    assert_eq!(hear(&mut bench), Err(Refusal::BadInterface));
    bench.node.add(bench.now, LINK, host(0, &[V6])).unwrap();
    assert_eq!(hear(&mut bench), Ok(()));
}
