//! Virtual hosts that come and go.

use alloc::string::ToString as _;

use super::*;
use crate::HostId;

#[test]
fn virtual_hosts_are_found_by_name_oldest_first_whoever_else_has_gone() {
    let mut node = Node::new(Node::builder(), 1);
    let now = Timestamp::ZERO;
    let mut added: Vec<HostId> = Vec::new();
    for link in 1..=4 {
        for vhid in 1..=255 {
            let host = VirtualHost::new(Vhid::new(vhid).unwrap(), key());
            added.push(node.add(now, LinkId(link), host).unwrap());
        }
    }
    // All of some that follow each other, most of others.
    let goes =
        |place: usize| (200..=600).contains(&place) || (place > 700 && !place.is_multiple_of(7));
    for (place, id) in added.iter().enumerate() {
        if goes(place) {
            node.remove(now, *id).unwrap();
        }
    }
    let stays = |place: usize| !goes(place);
    let there: Vec<HostId> = node.hosts().map(|host| host.id()).collect();
    let expected = (0..added.len()).filter(|place| stays(*place));
    let expected: Vec<HostId> = expected.map(|place| added[place]).collect();
    assert_eq!(there, expected);
    for (place, id) in added.iter().enumerate() {
        let found = node.host(*id).map(|host| host.id());
        assert_eq!(found, stays(place).then_some(*id));
    }
    let host = VirtualHost::new(Vhid::new(255).unwrap(), key());
    let last = node.add(now, LinkId(2), host).unwrap();
    assert!(added.iter().all(|id| *id < last));
    assert_eq!(node.hosts().last().map(|host| host.id()), Some(last));
}

#[test]
fn virtual_host_is_found_by_the_vhid_that_it_has_on_its_link() {
    let mut bench = Bench::backup();
    let (ours, other) = (Vhid::new(99).unwrap(), Vhid::new(7).unwrap());
    let found = |bench: &Bench, link, vhid| bench.node.by_vhid(link, vhid);
    assert_eq!(found(&bench, LINK, ours), Some(bench.id));
    let (link, id) = (LINK.to_string(), bench.id.to_string());
    assert_eq!((link.as_str(), id.as_str()), ("link 1", "virtual host 1"));
    assert_eq!(found(&bench, LinkId(2), ours), None);
    let changed = VirtualHost::new(other, key());
    bench
        .node
        .change(bench.now, bench.id, LinkId(2), changed)
        .unwrap();
    assert_eq!(found(&bench, LINK, ours), None);
    assert_eq!(found(&bench, LinkId(2), other), Some(bench.id));
    bench.node.remove(bench.now, bench.id).unwrap();
    assert_eq!(found(&bench, LinkId(2), other), None);
}
