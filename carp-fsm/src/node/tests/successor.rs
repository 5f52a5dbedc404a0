//! What a successor makes of records that do not fit together: they are written one by one, each
//! when something changes, and the process may have died in between.

use super::*;
use crate::SavedHost;

fn with_vhid(vhid: u8) -> VirtualHost {
    VirtualHost::new(Vhid::new(vhid).unwrap(), key())
}

/// A node without virtual hosts as it was saved, and two that it was given afterwards.
fn outdated() -> (crate::SavedNode, [SavedHost; 2]) {
    let mut node = Node::new(Node::builder(), 1);
    let saved = node.save();
    let hosts = [7, 8].map(|vhid| {
        let id = node.add(Timestamp::ZERO, LINK, with_vhid(vhid)).unwrap();
        node.save_host(Timestamp::ZERO, id).unwrap()
    });
    (saved, hosts)
}

fn resumed(node: crate::SavedNode, hosts: Vec<(SavedHost, VirtualHost)>) -> Node {
    let (now, config) = (Timestamp::ZERO, Node::builder());
    Node::resume(now, config, 2, node, hosts, now)
}

#[test]
fn name_is_never_given_twice_though_the_record_of_the_node_is_older() {
    let (node, [first, second]) = outdated();
    let names = [first.id(), second.id()];
    // In any order.
    let hosts = vec![(second, with_vhid(8)), (first, with_vhid(7))];
    let mut node = resumed(node, hosts);
    let next = node.add(Timestamp::ZERO, LINK, with_vhid(9)).unwrap();
    assert!(names.iter().all(|name| *name < next), "{names:?} {next:?}");
}

#[test]
fn of_two_that_cannot_both_be_the_first_goes_on() {
    // The same vhid on one link, and the same name.
    let (node, [first, second]) = outdated();
    let name = first.id();
    let same_vhid = vec![(first.clone(), with_vhid(7)), (second, with_vhid(7))];
    let same_name = vec![(first.clone(), with_vhid(7)), (first, with_vhid(8))];
    for hosts in [same_vhid, same_name] {
        let node = resumed(node.clone(), hosts);
        let there = node.hosts().map(|host| (host.id(), host.config().vhid()));
        let there: Vec<_> = there.collect();
        assert_eq!(there, [(name, Vhid::new(7).unwrap())]);
    }
}
