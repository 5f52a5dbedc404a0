//! The tests of the flood bench's arithmetic: a bench without the harness has none itself.

use serde_json::json;

#[path = "counts.rs"]
mod counts;

use counts::{counts, grown, inexact, kinds, without_room};

#[test]
fn frames_that_go_in_turn_are_a_third_of_each_kind() {
    assert_eq!(kinds(0), [0, 0, 0]);
    assert_eq!(kinds(1), [1, 0, 0]);
    assert_eq!(kinds(2), [1, 1, 0]);
    assert_eq!(kinds(3), [1, 1, 1]);
    assert_eq!(kinds(10_000), [3_334, 3_333, 3_333]);
}

#[test]
fn counters_that_are_as_they_should_be_are_no_matter() {
    let before = counts(&json!({"counters": {"badauth": 5, "ipackets": 9}}));
    let after = json!({"counters": {"badauth": 7, "badvhid": 2, "badsum": 1, "ipackets": 14}});
    let after = counts(&after);
    assert_eq!(grown(&before, &after, "ipackets"), 5);
    assert_eq!(inexact(&before, &after, 5), [""; 0]);
    let wrong = ["badauth 2 and not 3", "badsum 1 and not 2"];
    assert_eq!(inexact(&before, &after, 7)[..1], wrong[..1]);
    assert_eq!(inexact(&before, &after, 6), wrong[1..]);
}

#[test]
fn what_the_filter_drops_below_its_rate_is_told() {
    let before = counts(&json!({"counters": {}}));
    let after = counts(&json!({"counters": {"filtered": 3}}));
    assert_eq!(inexact(&before, &after, 0), ["filtered 3 and not 0"]);
}

#[test]
fn what_had_no_room_is_the_last_column_of_each_socket() {
    let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n \
                 112: 00000000:0070 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 17\n   \
                 1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 4\n";
    assert_eq!(without_room(table), 21);
    assert_eq!(without_room(""), 0);
}
