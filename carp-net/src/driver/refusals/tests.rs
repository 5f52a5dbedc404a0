use carp_fsm::carp_proto::{Envelope, Family, HOP_LIMIT, Key, Vhid};
use carp_fsm::{Node, VirtualHost};

use super::*;
use crate::memory::{Lan, Memory};
use crate::{Driver, Event, UNWATCHED};

fn second(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(seconds)
}

fn packet_from(source: &str) -> Packet {
    let source: IpAddr = source.parse().unwrap();
    let envelope = Envelope {
        source,
        destination: Family::of(source).group(),
        hop_limit: HOP_LIMIT,
        traffic_class: None,
        identification: None,
    };
    Packet::new(UNWATCHED, envelope, &[0x21, 7])
}

/// What is told, and when, of packets of one kind that come in at these seconds.
fn told(at: &[u64]) -> Vec<(u64, bool, u64)> {
    let mut refusals = Refusals::default();
    let mut told = Vec::new();
    for now in 0..300 {
        let due = refusals.deadline().filter(|at| *at <= second(now));
        while let Some(it) = due.and_then(|_| refusals.due(second(now))) {
            told.push((now, it.first, it.count));
        }
        if at.contains(&now) {
            let packet = packet_from("192.0.2.2");
            let first = refusals.note(second(now), Refusal::BadHopLimit, &packet);
            told.extend(first.map(|it| (now, it.first, it.count)));
        }
    }
    told
}

#[test]
fn first_of_a_kind_is_told_at_once_and_alone_wakes_nobody() {
    assert_eq!(told(&[5]), [(5, true, 1)]);
    let mut refusals = Refusals::default();
    refusals.note(second(5), Refusal::BadLength, &packet_from("192.0.2.2"));
    assert_eq!(refusals.deadline(), None);
    assert_eq!(refusals.due(second(500)), None);
}

#[test]
fn others_are_told_of_once_a_minute_while_there_are_any() {
    let each_second: Vec<u64> = (0..150).collect();
    assert_eq!(
        told(&each_second),
        [
            (0, true, 1),
            (60, false, 59),
            (120, false, 60),
            (180, false, 30)
        ]
    );
}

#[test]
fn after_a_quiet_minute_the_next_is_a_first_one() {
    let twice = [(0, true, 1), (60, false, 1), (121, true, 1)];
    assert_eq!(told(&[0, 10, 121]), twice);
    assert_eq!(
        told(&[0, 60, 61]),
        [(0, true, 1), (60, true, 1), (120, false, 1)]
    );
}

#[test]
fn kinds_are_told_apart_and_the_last_of_each_is_named() {
    let mut refusals = Refusals::default();
    for at in [1, 2] {
        for source in ["192.0.2.2", "2001:db8::4"] {
            for refusal in [Refusal::BadLength, Refusal::BadDigest] {
                refusals.note(second(at), refusal, &packet_from(source));
            }
        }
    }
    for refusal in [Refusal::BadLength, Refusal::BadDigest] {
        let told = refusals.due(second(61)).unwrap();
        let source: IpAddr = "2001:db8::4".parse().unwrap();
        assert_eq!((told.refusal, told.count), (refusal, 2));
        assert_eq!((told.last.source, told.last.vhid), (source, Some(7)));
    }
    assert_eq!(refusals.due(second(61)), None);
}

#[test]
fn first_of_each_source_is_told_at_once_of_a_few_sources() {
    let mut refusals = Refusals::default();
    let mut told = |at: u64, last: usize| {
        let packet = packet_from(&format!("192.0.2.{last}"));
        let told = refusals.note(second(at), Refusal::BadDigest, &packet);
        told.is_some_and(|it| it.first)
    };
    // Two nodes with a wrong password, both of which advertise each second.
    for at in 1..10 {
        assert_eq!((told(at, 1), told(at, 2)), (at == 1, at == 1), "{at}");
    }
    // Whoever forges sources makes the log no longer than this.
    let forged = (10..250).filter(|last| told(10, *last)).count();
    assert_eq!(forged, MOST_SOURCES - 2);
    assert_eq!((told(11, 1), told(11, 250)), (false, false));
    // After a quiet minute each of them is a first one again.
    assert!(told(71, 250) && told(71, 1));
}

// ---- a whole driver ----

fn driver(lan: &Lan, vhid: u8, password: &str) -> Driver<Memory> {
    let vhid = Vhid::new(vhid).unwrap();
    let host = VirtualHost::new(vhid, Key::from_password(password))
        .address("192.0.2.10/24".parse().unwrap());
    let mut driver = Driver::new(lan.node(), Node::builder()).unwrap();
    driver.add("carp0", "vmx0", host).unwrap();
    driver
}

/// What the first of two nodes says of what it refuses in the first three minutes.
fn log_of_first(mut drivers: [Driver<Memory>; 2], lan: &Lan) -> Vec<String> {
    let mut log = Vec::new();
    lan.run(&mut drivers, second(181), |node, event| {
        if node == 0 && matches!(event, Event::Refused(_)) {
            log.push(format!("{} {event}", lan.now().as_micros() / 1_000_000));
        }
    });
    log
}

#[test]
fn node_with_another_password_is_told_of_at_once_and_then_each_minute() {
    let lan = Lan::new(7);
    let drivers = [driver(&lan, 99, "one"), driver(&lan, 99, "two")];
    let log = log_of_first(drivers, &lan);
    let reason = "bad digest: key or address list differ";
    let (first, rest) = log.split_first().unwrap();
    assert!(first.contains(" carp0: packet from "), "{first}");
    assert!(
        first.ends_with(&format!(" on vmx0 refused: {reason}")),
        "{first}"
    );
    assert_eq!(rest.len(), 2, "{log:#?}");
    for line in rest {
        assert!(
            line.contains(" carp0: 60 more packets refused within a minute, the last from "),
            "{line}"
        );
        assert!(line.ends_with(&format!(" on vmx0: {reason}")), "{line}");
    }
}

#[test]
fn another_cluster_is_told_of_with_its_vhid() {
    let lan = Lan::new(7);
    let drivers = [driver(&lan, 99, "one"), driver(&lan, 98, "one")];
    let log = log_of_first(drivers, &lan);
    assert_eq!(log.len(), 3, "{log:#?}");
    assert!(log.iter().all(|line| line.contains(" vmx0: ")), "{log:#?}");
    assert!(
        log.iter().all(|line| line.ends_with(": unknown vhid 98")),
        "{log:#?}"
    );
}

#[test]
fn every_kind_of_news_is_one_sentence() {
    let told = |interface: &str, carpdev: &str, first, count| {
        let last = Last::of(&packet_from("192.0.2.2"));
        let told = Told {
            refusal: Refusal::BadVhid,
            count,
            first,
            last,
        };
        told.with_names(interface.to_owned(), carpdev.to_owned())
            .to_string()
    };
    assert_eq!(
        told("", "", true, 1),
        "packet from 192.0.2.2 refused: unknown vhid 7"
    );
    assert_eq!(
        told("", "vmx0", true, 1),
        "vmx0: packet from 192.0.2.2 refused: unknown vhid 7"
    );
    assert_eq!(
        told("carp0", "vmx0", false, 1),
        "carp0: 1 more packet refused within a minute, from 192.0.2.2 on vmx0: unknown vhid 7"
    );
    assert_eq!(
        told("carp0", "vmx0", false, 9),
        "carp0: 9 more packets refused within a minute, the last from 192.0.2.2 on vmx0: unknown \
         vhid 7"
    );
}
