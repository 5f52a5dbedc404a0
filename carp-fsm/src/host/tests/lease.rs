//! The lease: given with the addresses, renewed by adverts that left, and what follows its end.

use super::*;

const RENEW: &str = "renew for 4 s";

fn interval() -> Duration {
    Duration::from_micros(1_390_625)
}

/// A master whose adverts leave, 1/100 unless `config` says otherwise.
fn leasing(config: NodeConfig, host: crate::VirtualHost) -> Bench {
    let mut bench = Bench::new(config, host);
    bench.sends = Some(true);
    bench.pass_millis(60_000);
    assert_eq!(bench.state(), State::Master);
    bench.take();
    bench
}

fn renewals(done: &[alloc::string::String]) -> usize {
    done.iter().filter(|line| line.starts_with("renew")).count()
}

#[test]
fn lease_is_what_the_slowest_node_known_may_wait() {
    let mut bench = Bench::backup();
    let lease = |bench: &Bench| bench.node.lease(bench.id).unwrap().as_secs();
    assert_eq!(lease(&bench), 4);
    bench.hear(3, 0, 0);
    assert_eq!(lease(&bench), 10, "a slower peer waits longer");
    bench.hear(1, 0, 0);
    assert_eq!(lease(&bench), 10, "and may still be there");
    bench.hear(255, 255, 0);
    assert_eq!(lease(&bench), 10, "a bow-out says nothing about waiting");
    let slow = host(0, &[V4]).advbase(20).unwrap();
    assert_eq!(lease(&Bench::new(Node::builder(), slow)), 61);
}

#[test]
fn with_advbase_0_the_lease_is_the_master_down_time_in_whole_seconds() {
    // Three times the skew, and up to 250 ms since the last renewal.
    for (skew, seconds) in [
        (0, 1),
        (1, 1),
        (64, 1),
        (65, 2),
        (149, 2),
        (150, 3),
        (254, 4),
    ] {
        let fast = host(skew, &[V4]).advbase(0).unwrap();
        let bench = Bench::new(Node::builder(), fast);
        assert_eq!(
            bench.node.lease(bench.id).unwrap().as_secs(),
            seconds,
            "0/{skew}"
        );
    }
    let fast = host(1, &[V4]).advbase(0).unwrap();
    let mut bench = Bench::new(Node::builder(), fast);
    bench.hear(0, 150, 0);
    assert_eq!(bench.node.lease(bench.id).unwrap().as_secs(), 3);
}

#[test]
fn master_renews_after_each_advert_that_left() {
    let mut bench = leasing(Node::builder(), host(100, &[V4]));
    for _ in 0..3 {
        bench.pass(interval());
        assert_eq!(bench.take(), [ADVERT, RENEW]);
    }
}

#[test]
fn renewal_is_as_long_as_the_lease_has_become() {
    let mut bench = leasing(Node::builder(), host(100, &[V4]));
    bench.hear(2, 0, 0);
    bench.take();
    bench.pass(interval());
    assert!(bench.take().contains(&"renew for 7 s".to_owned()));
}

#[test]
fn advert_that_did_not_leave_renews_nothing() {
    for sends in [Some(false), None] {
        let mut bench = leasing(Node::builder(), host(100, &[V4]));
        bench.sends = sends;
        bench.pass_millis(30_000);
        assert_eq!(renewals(&bench.take()), 0, "{sends:?}");
    }
}

#[test]
fn hold_begins_a_lease_so_the_first_advert_renews_nothing() {
    let mut bench = Bench::backup();
    bench.sends = Some(true);
    bench.pass(Duration::from_micros(3_390_625));
    assert_eq!(bench.take(), ["hold", ADVERT, ANNOUNCE]);
}

#[test]
fn adverts_over_both_families_are_one_renewal() {
    let mut bench = leasing(Node::builder(), host(100, &[V4, V6]));
    bench.pass(interval());
    let expected = ["advert inet 1/100 0", "advert inet6 1/100 0", RENEW];
    assert_eq!(bench.take(), expected);
}

#[test]
fn either_family_is_enough() {
    let mut bench = leasing(Node::builder(), host(100, &[V4, V6]));
    bench.sends = None;
    let id = bench.id;
    bench.pass(interval());
    bench.take();
    let (inet, inet6) = (Family::Inet, Family::Inet6);
    bench.input(Bench::answer(id, inet, false));
    bench.input(Bench::answer(id, inet6, true));
    assert_eq!(bench.take(), [RENEW]);
}

/// What follows is a whole interval away, as after any advert.
#[test]
fn advert_out_of_turn_is_a_renewal_too() {
    let mut bench = leasing(Node::builder(), host(100, &[V4]));
    bench.pass(interval());
    assert_eq!(renewals(&bench.take()), 1);
    bench.pass_millis(20);
    bench.hear(1, 200, 0);
    assert_eq!(bench.take(), [ADVERT, ANNOUNCE, RENEW]);
}

/// The addresses must last until the slower one has taken over, and a freeze is judged by that.
#[test]
fn slower_node_makes_the_lease_longer_at_once() {
    let mut bench = leasing(Node::builder(), host(100, &[V4]));
    bench.hear(1, 200, 0);
    bench.pass_millis(100);
    bench.take();
    bench.hear(3, 0, 0);
    assert_eq!(bench.take(), ["renew for 9.9 s"], "from the advert on");
    bench.hear(3, 0, 0);
    assert!(bench.take().is_empty());
    // Heard while it waits for its addresses: the first advert renews.
    let mut bench = Bench::backup();
    bench.sends = Some(true);
    bench.answers = false;
    bench.command(Command::Master);
    bench.hear(3, 0, 0);
    bench.take();
    bench.input(Input::Held(bench.id));
    assert!(bench.take().contains(&"renew for 10 s".into()));
}

/// Whose adverts do not leave is held to be dead by others, whoever is heard.
#[test]
fn slower_node_keeps_nothing_for_a_master_whose_adverts_do_not_leave() {
    for (since_the_last, renewed) in [(1_390, 1), (1_391, 0)] {
        let mut bench = leasing(Node::builder(), host(100, &[V4]));
        bench.pass(bench.node.deadline().unwrap().at - bench.now);
        bench.sends = Some(false);
        bench.pass_millis(since_the_last);
        bench.take();
        bench.hear(3, 0, 0);
        assert_eq!(renewals(&bench.take()), renewed, "{since_the_last}");
        bench.hear(20, 0, 0);
        bench.pass_millis(1_391);
        bench.take();
        bench.hear(40, 0, 0);
        assert_eq!(renewals(&bench.take()), 0, "a whole interval later");
    }
}

#[test]
fn renewals_are_250_ms_apart_however_fast_adverts_are() {
    let fast = host(1, &[V4]).advbase(0).unwrap();
    let mut bench = leasing(Node::builder(), fast);
    bench.pass_millis(10_000);
    let done = bench.take();
    assert!(done.len() > 2_000, "an advert each 3.9 ms");
    assert!((38..=40).contains(&renewals(&done)), "{}", renewals(&done));
    assert!(done.contains(&"renew for 1 s".to_owned()));
}

/// 0/64: an advert each 250 ms.
#[test]
fn adverts_that_are_as_frequent_as_renewals_may_be_renew_each_time() {
    let fast = host(64, &[V4]).advbase(0).unwrap();
    let mut bench = leasing(Node::builder().announce_every(Duration::ZERO), fast);
    bench.pass_millis(1_000);
    assert_eq!(
        bench.take(),
        [["advert inet 0/64 0", "renew for 1 s"]; 4].concat()
    );
}

#[test]
fn nobody_but_a_master_renews() {
    let mut backup = Bench::backup();
    let sent = |bench: &Bench| Bench::answer(bench.id, Family::Inet, true);
    backup.input(sent(&backup));
    assert!(backup.take().is_empty());
    let mut retiring = leasing(Node::builder(), host(100, &[V4]));
    retiring.pass_millis(500);
    retiring.take();
    retiring.command(Command::Down);
    retiring.pass_millis(1_000);
    assert_eq!(renewals(&retiring.take()), 0, "a bow-out renews nothing");
}

#[test]
fn without_leases_nothing_is_renewed() {
    let mut bench = leasing(Node::builder().lease(false), host(100, &[V4]));
    assert_eq!(bench.node.lease(bench.id), None);
    bench.pass_millis(10_000);
    assert_eq!(renewals(&bench.take()), 0);
}

#[test]
fn what_is_not_held_is_not_renewed() {
    let unmanaged = Node::builder().manage_addresses(false);
    for (config, addresses) in [(unmanaged, &[V4][..]), (Node::builder(), &[])] {
        let mut bench = leasing(config, host(100, addresses));
        bench.pass_millis(10_000);
        assert_eq!(renewals(&bench.take()), 0);
    }
}

#[test]
fn leases_switched_on_or_off_are_asked_for_without_a_word_to_the_neighbours() {
    let mut bench = leasing(Node::builder(), host(100, &[V4]));
    bench.input(Input::Lease(false));
    assert_eq!(bench.take(), ["hold"]);
    assert_eq!(bench.node.lease(bench.id), None);
    bench.input(Input::Lease(false));
    assert!(bench.take().is_empty(), "nothing has changed");
    bench.pass(interval());
    assert_eq!(bench.take(), [ADVERT]);
    bench.input(Input::Lease(true));
    assert_eq!(bench.take(), ["hold"]);
    bench.pass(interval());
    assert_eq!(bench.take(), [ADVERT, RENEW]);
}

#[test]
fn backup_has_no_lease_to_switch() {
    let mut bench = Bench::backup();
    bench.input(Input::Lease(false));
    bench.input(Input::Lease(true));
    assert!(bench.take().is_empty());
}

// ---- its end ----

fn lapsed(bench: &mut Bench) -> Vec<alloc::string::String> {
    bench.take();
    bench.told();
    bench.input(Input::Lapsed(bench.id));
    bench.take()
}

#[test]
fn master_without_its_addresses_is_a_backup_that_says_why() {
    let mut bench = Bench::master();
    assert_eq!(
        lapsed(&mut bench),
        ["release"],
        "and no bow-out: none leaves"
    );
    assert_eq!(
        bench.told(),
        [
            "addresses released",
            "state transition: MASTER -> BACKUP (no advert could be sent, addresses expired)",
        ]
    );
    bench.pass(Duration::from_micros(3_390_624));
    assert_eq!(bench.state(), State::Backup);
    bench.pass(Duration::from_micros(1));
    assert_eq!(bench.take(), ["hold", ADVERT, ANNOUNCE]);
}

#[test]
fn lapse_ends_a_hand_over() {
    let mut overlap = Bench::master();
    overlap.hear(1, 0, 0);
    assert_eq!(lapsed(&mut overlap), ["release"]);
    let mut leaving = Bench::master();
    leaving.command(Command::Down);
    assert_eq!(lapsed(&mut leaving), ["release"]);
    for mut bench in [overlap, leaving] {
        let state = bench.state();
        bench.pass_millis(1_000);
        assert_eq!((bench.state(), bench.take()), (state, vec![]));
    }
}

#[test]
fn lapse_before_the_addresses_are_asked_for_anew_is_history() {
    let mut bench = Bench::master();
    bench.command(Command::Backup);
    bench.answers = false;
    bench.command(Command::Master);
    assert!(lapsed(&mut bench).is_empty());
    bench.input(Input::Held(bench.id));
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn nobody_else_has_anything_to_lapse() {
    let mut backup = Bench::backup();
    assert!(lapsed(&mut backup).is_empty());
    assert_eq!(backup.state(), State::Backup);
    backup.command(Command::Down);
    assert!(lapsed(&mut backup).is_empty());
    assert_eq!(backup.state(), State::Init);
}

// ---- announcements, whose pace can be changed at run time too ----

fn announced(bench: &mut Bench, span: u64) -> usize {
    bench.take();
    bench.pass_millis(span);
    bench.take().iter().filter(|line| *line == ANNOUNCE).count()
}

#[test]
fn slow_announcements_can_be_stopped_begun_and_made_faster() {
    let mut bench = Bench::new(
        Node::builder().announce_every(Duration::ZERO),
        host(100, &[V4]),
    );
    bench.pass_millis(60_000);
    assert_eq!(announced(&mut bench, 600_000), 0);
    bench.input(Input::AnnounceEvery(Duration::from_secs(60)));
    assert_eq!(announced(&mut bench, 59_999), 0);
    assert_eq!(announced(&mut bench, 1), 1);
    assert_eq!(announced(&mut bench, 600_000), 10);
    bench.input(Input::AnnounceEvery(Duration::from_secs(10)));
    assert_eq!(announced(&mut bench, 60_000), 6);
    bench.input(Input::AnnounceEvery(Duration::ZERO));
    assert_eq!(announced(&mut bench, 600_000), 0);
}

#[test]
fn first_announcements_come_whatever_the_slow_pace_becomes() {
    let mut bench = Bench::backup();
    bench.pass(Duration::from_micros(3_390_625));
    bench.input(Input::AnnounceEvery(Duration::ZERO));
    assert_eq!(announced(&mut bench, 10_000), 6);
    assert_eq!(announced(&mut bench, 600_000), 0);
}

#[test]
fn backup_announces_nothing_whatever_the_pace() {
    let mut bench = Bench::backup();
    bench.input(Input::AnnounceEvery(Duration::from_secs(1)));
    bench.pass_millis(3_000);
    assert!(bench.take().is_empty());
}
