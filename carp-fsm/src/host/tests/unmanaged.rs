//! No address, and addresses that are not ours to manage.

use super::*;

#[test]
fn without_an_address_the_election_runs_and_nothing_is_held() {
    let mut bench = Bench::new(Node::builder(), host(100, &[]));
    bench.pass(Duration::from_micros(3_390_625));
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Master, vec![ADVERT.into()])
    );
    bench.command(Command::Down);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Init, vec!["bow-out inet".into()])
    );
}

#[test]
fn without_an_address_a_configured_pair_is_never_hurt() {
    let mut bench = Bench::new(Node::builder().preempt(true), host(0, &[]));
    for _ in 0..10 {
        bench.pass_millis(2_000);
        let theirs = advert(1, 200, 9, &[V4]);
        assert!(bench.receive(Family::Inet, &theirs).is_err());
    }
    assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
    bench.pass_millis(3_000);
    assert_eq!(bench.state(), State::Master);
    let theirs = advert(1, 200, 9, &[V6]);
    assert!(bench.receive(Family::Inet6, &theirs).is_err());
    assert_eq!(bench.state(), State::Backup);
}

#[test]
fn unmanaged_node_elects_and_asks_for_nothing() {
    let mut bench = Bench::new(Node::builder().manage_addresses(false), host(100, &[V4]));
    bench.pass_millis(3_391);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Master, vec![ADVERT.into()])
    );
    bench.hear(1, 0, 0);
    assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
    bench.command(Command::Master);
    bench.take();
    bench.command(Command::Backup);
    assert_eq!(bench.take(), ["bow-out inet"]);
}

#[test]
fn every_action_names_the_host_and_its_link() {
    let mut node = Node::new(Node::builder(), 3);
    let now = crate::Timestamp::ZERO;
    let id = node.add(now, LINK, host(0, &[V4])).unwrap();
    node.handle(
        now,
        Input::Command {
            id,
            command: Command::Master,
        },
    );
    node.handle(now, Input::Held(id));
    let mut actions = Vec::new();
    while let Some(action) = node.poll_action() {
        actions.push(action);
    }
    assert!(matches!(actions[0], Action::Hold(named) if named == id));
    assert!(
        matches!(actions[1], Action::Send { id: named, link, .. } if named == id && link == LINK)
    );
    assert!(matches!(actions[2], Action::Announce { id: named, .. } if named == id));
}

/// Where its addresses are is for whoever has put them there to show.
#[test]
fn addresses_that_are_not_ours_to_manage_are_not_shown_to_switches() {
    let peer = "198.51.100.2".parse().unwrap();
    let config = Node::builder().manage_addresses(false).lease(false);
    let mut bench = Bench::new(config, host(100, &[V4]).peer(peer));
    bench.command(Command::Master);
    bench.take();
    bench.pass_millis(1_400);
    assert_eq!(bench.take(), ["advert inet 1/100 0 to 198.51.100.2"]);
}
