//! Adverts that are due at nearly the same time leave together (ARCHITECTURE.md, decision 40).

use super::*;
use crate::{Deadline, Timer};

/// One host after the other becomes master, each so many milliseconds after the one before.
fn masters(hosts: [VirtualHost; 2], apart: u64) -> (Node, Timestamp) {
    let mut node = Node::new(Node::builder().manage_addresses(false), 1);
    let mut now = Timestamp::ZERO;
    for (vhid, host) in hosts.into_iter().enumerate() {
        now = Timestamp::from_micros(apart * 1_000 * vhid as u64);
        let id = node.add(now, LINK, host).unwrap();
        let command = Command::Master;
        node.handle(now, Input::Command { id, command });
    }
    while node.poll_action().is_some() {}
    (node, now)
}

fn with_vhid(vhid: u8, skew: u8) -> VirtualHost {
    VirtualHost::new(Vhid::new(vhid).unwrap(), key())
        .advskew(skew)
        .unwrap()
}

/// Who advertises when the node is called at its deadline, and when it wants to be called next.
fn beat(node: &mut Node, late: Duration) -> (Vec<u8>, Deadline) {
    let due = node.deadline().unwrap();
    node.handle_timeout(due.at + late);
    let mut said = Vec::new();
    while let Some(action) = node.poll_action() {
        if let crate::Action::Send { payload, .. } = action {
            said.push(Advertisement::decode(&payload).unwrap().vhid);
        }
    }
    (said, node.deadline().unwrap())
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn adverts_of_one_interval_that_are_due_soon_leave_together_and_stay_so() {
    let (mut node, _) = masters([with_vhid(1, 0), with_vhid(2, 0)], 20);
    for number in 1..=3 {
        let (said, next) = beat(&mut node, Duration::ZERO);
        assert_eq!(said, [1, 2], "each once");
        let beat = Timestamp::ZERO + SECOND * (number + 1);
        assert_eq!((next.at, next.timer), (beat, Timer::Advertise));
    }
}

#[test]
fn what_is_due_after_a_fiftieth_of_the_interval_waits_for_its_time() {
    let (mut node, began) = masters([with_vhid(1, 0), with_vhid(2, 0)], 21);
    for number in 1..=3 {
        let (said, next) = beat(&mut node, Duration::ZERO);
        assert_eq!((said, next.at), (vec![1], began + SECOND * number));
        let (said, _) = beat(&mut node, Duration::ZERO);
        assert_eq!(said, [2]);
    }
}

/// Else each would be early whenever the other is due, and the slower one as fast as the other.
#[test]
fn adverts_of_another_interval_wait_for_their_time() {
    let (mut node, began) = masters([with_vhid(1, 0), with_vhid(2, 1)], 1);
    let slower = SECOND + Duration::from_micros(3_906);
    let (said, next) = beat(&mut node, Duration::ZERO);
    assert_eq!((said, next.at), (vec![1], began + slower));
    let (said, next) = beat(&mut node, Duration::ZERO);
    assert_eq!(said, [2]);
    assert_eq!(next.at, Timestamp::ZERO + SECOND * 2);
}

#[test]
fn who_joins_keeps_the_beat_of_the_first_also_where_that_is_late() {
    let (mut node, _) = masters([with_vhid(1, 0), with_vhid(2, 0)], 15);
    let (said, next) = beat(&mut node, Duration::from_millis(10));
    assert_eq!(said, [1, 2]);
    assert_eq!(next.at, Timestamp::ZERO + SECOND * 2);
    let (said, next) = beat(&mut node, Duration::ZERO);
    assert_eq!(said, [1, 2]);
    assert_eq!(next.at, Timestamp::ZERO + SECOND * 3);
}

/// Only adverts are hastened: a master is not lost before its time.
#[test]
fn master_down_timer_that_is_due_soon_waits_for_its_time() {
    let mut node = Node::new(Node::builder().manage_addresses(false), 1);
    let now = Timestamp::ZERO;
    let id = node.add(now, LINK, with_vhid(1, 0)).unwrap();
    let command = Command::Master;
    node.handle(now, Input::Command { id, command });
    let later = now + Duration::from_millis(10);
    let other = node.add(later, LINK, with_vhid(2, 0)).unwrap();
    while node.poll_action().is_some() {}
    for _ in 0..3 {
        assert_eq!(beat(&mut node, Duration::ZERO).0, [1]);
    }
    let state = |node: &Node| node.host(other).unwrap().state();
    assert_eq!(state(&node), State::Backup);
    assert_eq!(beat(&mut node, Duration::ZERO).0, [2]);
    assert_eq!(state(&node), State::Master);
}
