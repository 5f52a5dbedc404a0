//! The tests of the flood bench's arithmetic: a bench without the harness has none itself.

use carp_benches::{PASS, VHID, shared};
use carp_net::carp_fsm::carp_proto::{Advertisement, Family, Key, Vhid, decode_ip_packet};
use carp_net::carp_fsm::{LinkId, Node, Timestamp, VirtualHost};
use serde_json::json;

#[path = "counts.rs"]
mod counts;
#[path = "forgery.rs"]
mod forgery;

use counts::{Came, counts, grown, inexact, inexact_amid, kinds, without_room};

#[test]
fn frames_that_go_in_turn_are_a_third_of_each_kind() {
    let counts = |sent| kinds(sent).map(|(_, count)| count);
    assert_eq!(counts(0), [0, 0, 0, 0]);
    assert_eq!(counts(1), [1, 0, 0, 0]);
    assert_eq!(counts(2), [1, 1, 0, 0]);
    assert_eq!(counts(3), [1, 1, 1, 0]);
    assert_eq!(counts(5), [2, 2, 1, 0]);
    assert_eq!(counts(6), [2, 2, 1, 1]);
    assert_eq!(counts(10_003), [3_335, 3_334, 1_667, 1_667]);
}

/// After each of them, so that none is counted for another one.
#[test]
fn a_node_counts_each_frame_as_what_it_is() {
    let mut node = Node::new(Node::builder(), 1);
    let host = VirtualHost::new(
        Vhid::new(VHID.parse().unwrap()).unwrap(),
        Key::from_password(PASS),
    );
    let host = host.address(shared(Family::Inet).parse().unwrap());
    let link = LinkId(1);
    node.add(Timestamp::ZERO, link, host).unwrap();
    let frames = forgery::frames().unwrap();
    for (frame, sent) in frames.iter().zip(1..) {
        let (envelope, payload) = decode_ip_packet(&frame[14..]).unwrap();
        node.handle_packet(Timestamp::ZERO, link, &envelope, payload)
            .unwrap_err();
        let is = node.counters();
        let is = [is.badauth, is.badvhid, is.badsum, is.badlen];
        assert_eq!(is, kinds(sent).map(|(_, count)| count));
    }
    // It begins again with the first one.
    assert_eq!(frames.len() % 6, 0);
}

#[test]
fn what_is_too_short_has_each_length_there_is() {
    let frames = forgery::frames().unwrap();
    let mut lengths: Vec<_> = frames.iter().map(|frame| frame.len() - 34).collect();
    lengths.sort_unstable();
    lengths.dedup();
    assert!(lengths.into_iter().eq(0..=Advertisement::LEN));
}

#[test]
fn counters_that_are_as_they_should_be_are_no_matter() {
    let before = counts(&json!({"counters": {"badauth": 5, "ipackets": 9}}));
    let after =
        json!({"counters": {"badauth": 7, "badvhid": 2, "badsum": 1, "badlen": 1, "ipackets": 15}});
    let after = counts(&after);
    assert_eq!(grown(&before, &after, "ipackets"), 6);
    assert_eq!(inexact(&before, &after, 6), [""; 0]);
    assert_eq!(inexact(&before, &after, 5), ["badlen 1 and not 0"]);
    assert_eq!(inexact(&before, &after, 7), ["badauth 2 and not 3"]);
    let wrong = ["badauth 2 and not 3", "badvhid 2 and not 3"];
    assert_eq!(inexact(&before, &after, 8), wrong);
}

#[test]
fn what_the_filter_drops_below_its_rate_is_told() {
    let before = counts(&json!({"counters": {}}));
    let after = counts(&json!({"counters": {"filtered": 3}}));
    assert_eq!(inexact(&before, &after, 0), ["filtered 3 and not 0"]);
}

/// What is wrong with the counters after 600 forged frames and two true adverts.
fn amid(after: &serde_json::Value, without_room: u64) -> Vec<String> {
    let came = Came {
        sent: 600,
        heard: 2,
        without_room,
    };
    let before = counts(&json!({"counters": {}}));
    inexact_amid(&before, &counts(&json!({"counters": after})), came)
}

#[test]
fn what_the_filter_drops_in_a_flood_is_no_advert_of_a_configured_vhid() {
    let all = json!({"ipackets": 232, "badauth": 200, "badvhid": 20, "badsum": 9, "badlen": 1,
        "filtered": 370});
    assert_eq!(amid(&all, 0), [""; 0]);
    let wrong = ["badauth 199 and 0 without room, of 200 sent"];
    let fewer = json!({"ipackets": 231, "badauth": 199, "badvhid": 20, "badsum": 9, "badlen": 1,
        "filtered": 371});
    assert_eq!(amid(&fewer, 0), wrong);
    let no_room = json!({"ipackets": 231, "badauth": 199, "badvhid": 20, "badsum": 9, "badlen": 1,
        "filtered": 370});
    assert_eq!(amid(&no_room, 1), [""; 0]);
    assert_eq!(amid(&no_room, 0).len(), 2);
}

#[test]
fn nothing_is_counted_as_what_was_not_sent_in_a_flood() {
    for name in ["badif", "badttl", "badver", "transitions"] {
        let mut all = json!({"ipackets": 202, "badauth": 200, "filtered": 400});
        assert_eq!(amid(&all, 0), [""; 0]);
        all[name] = 1.into();
        assert_eq!(amid(&all, 0), [format!("{name} 1 and not 0")]);
    }
    let swapped = json!({"ipackets": 303, "badauth": 200, "badsum": 101, "filtered": 299});
    assert_eq!(amid(&swapped, 0), ["badsum 101, of 100 sent"]);
}

#[test]
fn each_frame_is_counted_once_in_a_flood() {
    let twice = json!({"ipackets": 203, "badauth": 200, "badlen": 1, "filtered": 400});
    assert_eq!(amid(&twice, 0), ["each frame once: 601 of 600"]);
    let elsewhere = json!({"ipackets": 203, "badauth": 200, "filtered": 400});
    let wrong = ["ipackets 203, of which 200 refused and 2 heard"];
    assert_eq!(amid(&elsewhere, 0), wrong);
}

#[test]
fn what_had_no_room_is_the_last_column_of_each_socket() {
    let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n \
                 112: 00000000:0070 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 17\n   \
                 1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 4\n";
    assert_eq!(without_room(table), 21);
    assert_eq!(without_room(""), 0);
}
