//! What a node does with packets, changes of configuration, and several virtual hosts.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use carp_proto::{Advertisement, ChecksumForm, Family, Key, Vhid};

use crate::testing::{Bench, LINK, V4, V6, advert, envelope, host, key};
use crate::{
    Command, ConfigError, Event, Input, LinkId, LinkState, Lladdr, Node, Refusal, State, Timestamp,
    VirtualHost,
};

mod checks;
mod places;
mod successor;
mod together;

// ---- changes ----

#[test]
fn change_to_the_same_changes_nothing() {
    let mut bench = Bench::master();
    let same = host(100, &[V4]);
    bench.node.change(bench.now, bench.id, LINK, same).unwrap();
    bench.drain();
    assert!(bench.take().is_empty() && bench.told().len() <= 2);
}

/// An mtu and a group are this machine's own: a master has nothing to say, and a backup has heard its
/// master no less.
#[test]
fn change_that_no_other_node_can_see_is_not_heard_and_puts_off_no_timer() {
    let quiet = host(100, &[V4]).with_mtu(Some(1_400)).group("db");
    for mut bench in [Bench::master(), Bench::backup()] {
        bench.pass_millis(3_000);
        bench.take();
        let (now, id, deadline) = (bench.now, bench.id, bench.node.deadline());
        bench.node.change(now, id, LINK, quiet.clone()).unwrap();
        bench.drain();
        assert!(bench.take().is_empty());
        assert_eq!(bench.node.deadline(), deadline);
        let slower = quiet.clone().advskew(200).unwrap();
        bench.node.change(now, id, LINK, slower).unwrap();
        bench.drain();
        assert_ne!(bench.node.deadline(), deadline, "others see a skew");
    }
}

#[test]
fn address_added_on_the_master_goes_up_without_an_election() {
    let mut bench = Bench::master();
    bench.told();
    bench
        .node
        .change(bench.now, bench.id, LINK, host(100, &[V4, V6]))
        .unwrap();
    bench.drain();
    assert_eq!(bench.state(), State::Master);
    let done = bench.take();
    let (inet, inet6) = ("advert inet 1/100 0", "advert inet6 1/100 0");
    assert_eq!(
        done[..5],
        ["hold", inet, inet, inet6, inet6],
        "for peers with either list"
    );
    assert!(done.contains(&"announce 2001:db8::10".into()));
    assert!(bench.told().is_empty());
}

#[test]
fn adverts_under_the_list_before_a_change_count_for_a_while() {
    let mut bench = Bench::backup();
    bench
        .node
        .change(bench.now, bench.id, LINK, host(100, &[V4, "192.0.2.11/24"]))
        .unwrap();
    bench.drain();
    let old = advert(1, 0, 0, &[V4]);
    for _ in 0..299 {
        bench.pass_millis(1_000);
        bench.receive(Family::Inet, &old).unwrap();
    }
    bench.pass_millis(1_000);
    assert_eq!(bench.receive(Family::Inet, &old), Err(Refusal::BadDigest));
}

#[test]
fn another_key_is_valid_at_once_and_the_old_one_is_not() {
    let mut bench = Bench::backup();
    let rekeyed = VirtualHost::new(Vhid::new(99).unwrap(), Key::from_password("other"))
        .address(V4.parse().unwrap());
    bench
        .node
        .change(bench.now, bench.id, LINK, rekeyed)
        .unwrap();
    bench.drain();
    let old = advert(1, 0, 0, &[V4]);
    assert_eq!(bench.receive(Family::Inet, &old), Err(Refusal::BadDigest));
}

#[test]
fn first_address_begins_the_election_anew() {
    let mut bench = Bench::new(Node::builder(), host(100, &[]));
    bench.pass_millis(10_000);
    assert_eq!(bench.state(), State::Master);
    bench.take();
    bench
        .node
        .change(bench.now, bench.id, LINK, host(100, &[V4]))
        .unwrap();
    bench.drain();
    assert_eq!(
        bench.state(),
        State::Backup,
        "another node may have the address"
    );
    assert_eq!(bench.take(), ["bow-out inet"]);
    bench.pass_millis(3_391);
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn last_address_gone_is_bowed_out_of_and_released() {
    let mut bench = Bench::master();
    bench
        .node
        .change(bench.now, bench.id, LINK, host(100, &[]))
        .unwrap();
    bench.drain();
    assert_eq!(bench.take(), ["bow-out inet", "release"]);
    assert_eq!(bench.state(), State::Backup);
}

#[test]
fn another_vhid_lladdr_or_link_begins_the_election_anew() {
    let other_vhid = VirtualHost::new(Vhid::new(7).unwrap(), key()).address(V4.parse().unwrap());
    let other_lladdr = host(100, &[V4]).lladdr(Lladdr::Carpdev);
    let cases = [
        (LINK, other_vhid),
        (LINK, other_lladdr),
        (LinkId(2), host(100, &[V4])),
    ];
    for (link, config) in cases {
        let mut bench = Bench::master();
        bench
            .node
            .change(bench.now, bench.id, link, config)
            .unwrap();
        bench.drain();
        assert_eq!(bench.take(), ["bow-out inet", "release"]);
        assert_eq!(bench.state(), State::Backup);
    }
}

#[test]
fn faster_timers_apply_at_once() {
    let mut bench = Bench::backup();
    let fast = host(1, &[V4]).advbase(0).unwrap();
    bench.node.change(bench.now, bench.id, LINK, fast).unwrap();
    bench.drain();
    bench.pass(Duration::from_micros(11_718));
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn refused_change_changes_nothing() {
    let mut bench = Bench::master();
    let other = VirtualHost::new(Vhid::new(7).unwrap(), key());
    let by = bench.node.add(bench.now, LINK, other).unwrap();
    bench.drain();
    let taken = VirtualHost::new(Vhid::new(7).unwrap(), key());
    let result = bench.node.change(bench.now, bench.id, LINK, taken);
    assert_eq!(
        result,
        Err(ConfigError::VhidInUse {
            vhid: Vhid::new(7).unwrap(),
            by
        })
    );
    assert_eq!(bench.state(), State::Master);
    assert_eq!(
        bench.node.host(bench.id).unwrap().config(),
        &host(100, &[V4])
    );
}

// ---- removal, stop, several ----

#[test]
fn removed_host_hands_over_before_it_is_gone() {
    let mut bench = Bench::master();
    bench.told();
    bench.node.remove(bench.now, bench.id).unwrap();
    bench.drain();
    assert!(bench.node.host(bench.id).is_some());
    bench.hear(1, 200, 0);
    bench.pass_millis(120);
    assert!(bench.node.host(bench.id).is_none());
    assert!(bench.told().last().unwrap().ends_with("removed"));
    assert!(bench.node.deadline().is_none());
    let unknown = bench.node.remove(bench.now, bench.id);
    assert_eq!(unknown, Err(ConfigError::UnknownHost));
}

#[test]
fn removed_backup_is_gone_at_once_and_its_vhid_free() {
    let mut bench = Bench::backup();
    bench.node.remove(bench.now, bench.id).unwrap();
    bench.drain();
    assert!(bench.take().is_empty());
    assert!(bench.node.add(bench.now, LINK, host(0, &[V4])).is_ok());
}

#[test]
fn stop_is_done_when_everything_is_released() {
    let mut bench = Bench::master();
    bench.input(Input::Stop);
    assert!(!bench.node.is_stopped());
    assert_eq!(bench.take(), ["hand over", "bow-out inet"]);
    bench.pass_millis(1_500);
    assert!(bench.node.is_stopped());
    assert_eq!(bench.take().last().unwrap(), "release");
    let late = bench.node.add(bench.now, LINK, host(0, &[V4]));
    assert_eq!(late, Err(ConfigError::Stopping));
}

#[test]
fn one_dead_link_demotes_every_host_of_the_node() {
    let mut bench = Bench::master();
    let other = VirtualHost::new(Vhid::new(7).unwrap(), key()).address(V6.parse().unwrap());
    let other = bench.node.add(bench.now, LinkId(2), other).unwrap();
    bench.drain();
    bench.pass_millis(5_000);
    bench.take();
    let dead = LinkState::Down;
    bench.input(Input::Link {
        link: LinkId(2),
        state: dead,
    });
    assert_eq!(bench.node.host(other).unwrap().state(), State::Init);
    assert!(
        bench.take().contains(&"advert inet 1/100 1".into()),
        "said at once on the other link"
    );
    bench.node.remove(bench.now, other).unwrap();
    bench.drain();
    assert_eq!(
        bench.node.demotion("carp"),
        0,
        "a removed host demotes nobody"
    );
}

#[test]
fn demotion_has_owners_and_a_cap() {
    let mut bench = Bench::backup();
    let demote = |owner: &str, amount| Input::Demote {
        group: "carp".into(),
        owner: owner.into(),
        amount,
    };
    for _ in 0..3 {
        bench.input(demote("haproxy", 50));
    }
    assert_eq!(
        bench.node.demotion("carp"),
        50,
        "the same owner counts once"
    );
    bench.input(demote("disk", 250));
    assert_eq!(bench.node.demotion("carp"), 300);
    bench.command(Command::Master);
    assert!(bench.take().contains(&"advert inet 1/100 255".into()));
    bench.input(demote("haproxy", 0));
    bench.input(demote("disk", 0));
    assert_eq!(bench.node.demotion("carp"), 0);
}

#[test]
fn time_never_goes_back() {
    let mut bench = Bench::master();
    let before = bench.node.deadline();
    bench.node.handle_timeout(Timestamp::ZERO);
    assert_eq!(bench.node.deadline(), before);
    bench.node.handle(Timestamp::ZERO, Input::Preempt(true));
    assert!(bench.node.poll_action().is_none());
}

#[test]
fn settings_are_those_that_were_given_last() {
    for preempt in [false, true] {
        let mut node = Node::new(Node::builder().preempt(preempt), 1);
        assert_eq!(node.preempt(), preempt);
        node.handle(Timestamp::ZERO, Input::Preempt(!preempt));
        assert_eq!(node.preempt(), !preempt);
        assert_eq!(node.config(), Node::builder().preempt(!preempt));
    }
}

/// What is shown of a virtual host is what it was told to be.
#[test]
fn view_shows_what_others_do_not_hear_of_too() {
    let peers = ["198.51.100.2", "2001:db8::2"].map(|peer| peer.parse().unwrap());
    let mut bench = Bench::backup();
    let told = |bench: &Bench| {
        let config = bench.node.host(bench.id).unwrap().config();
        (config.peers().to_vec(), config.mtu())
    };
    assert_eq!(told(&bench), (vec![], None));
    let changed = host(100, &[V4]).with_peers(peers).with_mtu(Some(1_400));
    bench
        .node
        .change(bench.now, bench.id, LINK, changed)
        .unwrap();
    assert_eq!(told(&bench), (peers.to_vec(), Some(1_400)));
}

#[test]
fn transition_tells_the_rule() {
    let mut bench = Bench::backup();
    bench.hear(1, 0, 1);
    let told: Vec<Event> = {
        let mut bench = Bench::backup();
        bench.node.handle(
            bench.now,
            Input::Command {
                id: bench.id,
                command: Command::Down,
            },
        );
        core::iter::from_fn(|| bench.node.poll_event()).collect()
    };
    assert!(matches!(
        told[0],
        Event::Transition {
            from: State::Backup,
            to: State::Init,
            ..
        }
    ));
    assert_eq!(
        bench.told(),
        [
            "state transition: INIT -> BACKUP (configured)",
            "state transition: BACKUP -> MASTER \
             (master is demoted further: 1/0 demoted by 1 from 192.0.2.2)",
        ]
    );
}

#[test]
fn event_names_the_virtual_host_that_it_is_about() {
    let Bench {
        mut node, now, id, ..
    } = Bench::backup();
    let mut about = |input| {
        node.handle(now, input);
        node.poll_event().unwrap().host()
    };
    let command = Command::Down;
    assert_eq!(about(Input::Command { id, command }), Some(id));
    let damage = crate::Damage::LinkAddress;
    assert_eq!(about(Input::Damaged { id, damage }), Some(id));
    let by_hand = Input::Demote {
        group: "carp".into(),
        owner: "test".into(),
        amount: 1,
    };
    // What the damage has demoted comes first.
    assert_eq!(about(by_hand), Some(id));
    assert_eq!(node.poll_event().unwrap().host(), None);
}

#[test]
fn every_transition_is_counted_for_host_and_node() {
    let mut bench = Bench::master();
    bench.command(Command::Down);
    let counted = |bench: &Bench| {
        let host = bench.node.host(bench.id).unwrap();
        let of = |counters: &crate::Counters| (counters.transitions, counters.preempt);
        (of(host.counters()), of(bench.node.counters()))
    };
    // INIT to BACKUP, to MASTER, to INIT; once to MASTER.
    assert_eq!(counted(&bench), ((3, 1), (3, 1)));
    bench.command(Command::Down);
    assert_eq!(counted(&bench), ((3, 1), (3, 1)));
    bench.command(Command::Up);
    bench.command(Command::Master);
    assert_eq!(counted(&bench), ((5, 2), (5, 2)));
}
