use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

fn stats(name: Option<&str>, counters: Counts) -> Stats {
    Stats {
        name: name.map(str::to_owned),
        counters,
        peers: Vec::new(),
    }
}

/// Counts in which every counter has the same value.
fn all(value: u64) -> Counts {
    Counts([value; HOW_MANY])
}

#[test]
fn service_where_nothing_happened_is_as_netstat_prints_it() {
    assert_eq!(
        stats(None, Counts::default()).text(),
        "carp:\n\
         \t0 packets received (IPv4)\n\
         \t0 packets received (IPv6)\n\
         \t\t0 packets discarded for bad interface\n\
         \t\t0 packets discarded for wrong TTL\n\
         \t\t0 packets shorter than header\n\
         \t\t0 discarded for bad checksums\n\
         \t\t0 discarded packets with a bad version\n\
         \t\t0 discarded because packet too short\n\
         \t\t0 discarded for bad authentication\n\
         \t\t0 discarded for unknown vhid\n\
         \t\t0 discarded because of a bad address list\n\
         \t0 packets sent (IPv4)\n\
         \t0 packets sent (IPv6)\n\
         \t\t0 send failed due to mbuf memory error\n\
         \t0 transitions to master\n"
    );
}

#[test]
fn interface_where_each_thing_happened_once_has_our_own_lines_too() {
    assert_eq!(
        stats(Some("carp0"), all(1)).text(),
        "carp0:\n\
         \t1 packet received (IPv4)\n\
         \t1 packet received (IPv6)\n\
         \t\t1 packet discarded for bad interface\n\
         \t\t1 packet discarded for wrong TTL\n\
         \t\t1 packet shorter than header\n\
         \t\t1 discarded for bad checksum\n\
         \t\t1 discarded packet with a bad version\n\
         \t\t1 discarded because packet too short\n\
         \t\t1 discarded for bad authentication\n\
         \t\t1 discarded for unknown vhid\n\
         \t\t1 discarded because of a bad address list\n\
         \t1 packet sent (IPv4)\n\
         \t1 packet sent (IPv6)\n\
         \t\t1 send failed due to mbuf memory error\n\
         \t1 transition to master\n\
         \t1 packet not sent\n\
         \t1 own packet that came back\n\
         \t1 packet dropped by the kernel's filter\n\
         \t1 freeze of the service\n\
         \t1 change by another program\n\
         \t1 change of state\n"
    );
}

#[test]
fn names_are_those_of_the_kernel_in_the_order_of_its_struct() {
    let text = serde_json::to_string(&Counts::default()).unwrap();
    assert_eq!(
        text,
        "{\"ipackets\":0,\"ipackets6\":0,\"badif\":0,\"badttl\":0,\"hdrops\":0,\"badsum\":0,\
         \"badver\":0,\"badlen\":0,\"badauth\":0,\"badvhid\":0,\"badaddrs\":0,\"opackets\":0,\
         \"opackets6\":0,\"onomem\":0,\"ostates\":0,\"preempt\":0,\"oerrors\":0,\
         \"reflected\":0,\"filtered\":0,\"freezes\":0,\"incidents\":0,\"transitions\":0}"
    );
}

#[test]
fn every_counter_of_the_election_is_told_under_its_own_name() {
    let Value::Object(mut counted) = serde_json::to_value(Counters::default()).unwrap() else {
        panic!("an object");
    };
    for (number, value) in (1..).zip(counted.values_mut()) {
        *value = Value::from(number);
    }
    let counters: Counters = serde_json::from_value(Value::Object(counted.clone())).unwrap();
    let told = serde_json::to_value(Counts::from(&counters)).unwrap();
    for (name, value) in &counted {
        assert_eq!(told.get(name), Some(value), "{name}");
    }
}

#[test]
fn no_name_is_there_twice() {
    let names: BTreeSet<_> = COUNTERS.iter().map(|counter| counter.name).collect();
    assert_eq!(names.len(), HOW_MANY);
}

#[test]
fn other_side_may_count_other_things() {
    let counts: Counts = serde_json::from_value(json!({"badttl": 7, "badmoon": 1})).unwrap();
    assert_eq!(serde_json::to_value(counts).unwrap()["badttl"], 7);
    let rest: u64 = counts.0.iter().sum();
    assert_eq!(rest, 7);
}
