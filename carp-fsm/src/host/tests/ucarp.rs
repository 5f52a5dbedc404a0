//! `ucarp` and its tie-break: two equal nodes, of which one must become master and stay it.

use core::net::IpAddr;

use super::*;
use crate::testing::{envelope, own_address};
use crate::{Dialect, HostId, Timestamp};

/// The neighbour of [`Bench`] has 192.0.2.2, and 192.0.2.1 is the smaller one either way round.
fn equal_master(knows_its_source: bool) -> Bench {
    let mut bench = Bench::new(Node::builder(), host(100, &[V4]).speaking(Dialect::Ucarp));
    bench.sends = knows_its_source.then_some(true);
    bench.command(Command::Master);
    bench.pass_millis(5_000);
    bench.take();
    bench
}

/// §4.3.2, §4.3 MASTER of [U].
#[test]
fn equal_master_with_the_smaller_source_stays_and_answers() {
    let mut bench = equal_master(true);
    bench.hear(1, 100, 0);
    assert_eq!(bench.state(), State::Master);
    let mut done = bench.take();
    done.retain(|line| !line.starts_with("renew"));
    assert_eq!(done, [ADVERT, ANNOUNCE]);
}

#[test]
fn equal_master_with_the_larger_source_says_a_last_word() {
    let mut bench = equal_master(true);
    let mut smaller = envelope(Family::Inet);
    smaller.source = "192.0.1.1".parse().unwrap();
    bench
        .receive_in(&smaller, &advert(1, 100, 0, &[V4]))
        .unwrap();
    assert_eq!(bench.state(), State::Backup);
    let mut done = bench.take();
    done.retain(|line| !line.starts_with("renew"));
    assert_eq!(done, [ADVERT, "hand over"]);
}

/// Who does not know yet where its adverts leave from cannot tell: it yields, and waits a bit
/// longer than it would, as the other may do the same.
#[test]
fn equal_master_that_does_not_know_its_source_yields_for_a_random_time() {
    let mut bench = equal_master(false);
    bench.hear(1, 100, 0);
    assert_eq!(bench.state(), State::Backup);
    bench.pass(Duration::from_micros(3_390_625));
    assert_eq!(bench.state(), State::Backup);
    bench.pass(Duration::from_micros(1_390_625 / 4));
    assert_eq!(bench.state(), State::Master);
}

/// Two nodes with equal claims that were apart for a while and meet: how often either changes its
/// state in the ten minutes after, and how many masters there are in the end.
fn meet(sources: [&str; 2], told_sources: bool) -> (usize, usize) {
    let sources = sources.map(|text| text.parse::<IpAddr>().unwrap());
    let mut at = 0;
    let mut nodes: [(Node, HostId); 2] = [1, 2].map(|seed| {
        let mut node = Node::new(Node::builder().manage_addresses(false), seed);
        let told = host(0, &[V4]).speaking(Dialect::Ucarp);
        let id = node.add(Timestamp::from_micros(at), LINK, told).unwrap();
        at += 333_000;
        (node, id)
    });
    let (together, end) = (Timestamp::from_micros(20_000_000), 620_000_000);
    let mut changes = 0;
    loop {
        let due = |node: &Node| node.deadline().map(|deadline| deadline.at);
        let now = nodes
            .iter()
            .filter_map(|(node, _)| due(node))
            .min()
            .unwrap();
        if now.as_micros() > end {
            break;
        }
        let mut said = Vec::new();
        for (which, (node, id)) in nodes.iter_mut().enumerate() {
            node.handle_timeout(now);
            said.extend(poll(node, which));
            if told_sources && !said.is_empty() {
                let source = sources[which];
                node.handle(now, Input::Sent { id: *id, source });
            }
        }
        while let Some((which, payload)) = said.pop() {
            let (other, _) = &mut nodes[1 - which];
            if now >= together {
                let mut envelope = envelope(Family::Inet);
                envelope.source = sources[which];
                other.handle_packet(now, LINK, &envelope, &payload).unwrap();
            }
            said.extend(poll(other, 1 - which));
        }
        for (node, _) in &mut nodes {
            while let Some(event) = node.poll_event() {
                let changed = matches!(event, crate::Event::Transition { .. });
                changes += usize::from(changed && now >= together);
            }
        }
    }
    let is_master = |(node, id): &&(Node, HostId)| {
        node.host(*id)
            .is_some_and(|host| host.state() == State::Master)
    };
    (changes, nodes.iter().filter(is_master).count())
}

fn poll(node: &mut Node, which: usize) -> Vec<(usize, [u8; 36])> {
    let mut said = Vec::new();
    while let Some(action) = node.poll_action() {
        if let Action::Send { payload, .. } = action {
            said.push((which, payload));
        }
    }
    said
}

#[test]
fn two_equals_that_meet_settle_at_once_and_for_good() {
    for sources in [
        ["192.0.2.1", "192.0.2.2"],
        ["192.0.2.2", "192.0.2.1"],
        ["10.9.1.2", "10.9.0.200"],
        ["10.9.0.200", "10.9.1.2"],
    ] {
        assert_eq!(meet(sources, true), (1, 1), "{sources:?}");
    }
}

#[test]
fn two_equals_that_do_not_know_their_sources_settle_too() {
    let (changes, masters) = meet(["192.0.2.1", "192.0.2.2"], false);
    assert_eq!(masters, 1);
    assert!(changes <= 9, "{changes}");
}

/// It has no source of the own family: nothing is compared across families.
#[test]
fn sources_are_compared_within_a_family() {
    let told = host(100, &[V4, V6]).speaking(Dialect::Ucarp);
    let mut bench = Bench::new(Node::builder(), told);
    bench.sends = Some(true);
    bench.command(Command::Master);
    assert_eq!(
        own_address(Family::Inet6),
        "fe80::1".parse::<IpAddr>().unwrap()
    );
    bench
        .receive(Family::Inet6, &advert(1, 100, 0, &[V4, V6]))
        .unwrap();
    assert_eq!(
        bench.state(),
        State::Master,
        "fe80::1 is smaller than fe80::2"
    );
}

/// Two carpdevs without an address of their own send from 0.0.0.0.
#[test]
fn equal_sources_decide_nothing() {
    let mut bench = equal_master(true);
    let mut same = envelope(Family::Inet);
    same.source = own_address(Family::Inet);
    bench.receive_in(&same, &advert(1, 100, 0, &[V4])).unwrap();
    assert_eq!(bench.state(), State::Backup, "both yield, and wait");
}
