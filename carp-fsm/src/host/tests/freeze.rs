//! A node that did nothing for so long that others must have taken it for dead.

use super::*;

/// A master, 10 s after it should have advertised, about to do something.
fn frozen(preempt: bool) -> Bench {
    let mut bench = Bench::new(Node::builder().preempt(preempt), host(100, &[V4]));
    bench.pass_millis(6_000);
    bench.take();
    bench.told();
    bench.now = bench.node.deadline().unwrap().at + Duration::from_secs(10);
    bench
}

#[test]
fn frozen_master_listens_before_it_speaks() {
    let mut bench = frozen(false);
    bench.node.handle_timeout(bench.now);
    bench.drain();
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Backup, vec!["hand over".into()])
    );
    assert_eq!(
        bench.told(),
        [
            "frozen for 10.000 s",
            "state transition: MASTER -> BACKUP (frozen for 10.000 s)"
        ]
    );
    assert_eq!(bench.node.counters().freezes, 1);
    bench.pass_millis(1_000);
    assert!(
        bench.take().is_empty(),
        "it goes on answering data and says nothing"
    );
    bench.hear(1, 200, 0);
    bench.pass_millis(120);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Backup, vec!["release".into()])
    );
}

#[test]
fn frozen_master_that_hears_nobody_is_master_again() {
    let mut bench = frozen(false);
    bench.node.handle_timeout(bench.now);
    bench.drain();
    bench.take();
    bench.pass(Duration::from_micros(3_390_625));
    assert_eq!(bench.state(), State::Master);
    assert_eq!(bench.take(), ["hold", ADVERT, ANNOUNCE]);
}

#[test]
fn freeze_is_noticed_before_a_packet_that_waited() {
    for (preempt, state) in [(false, State::Backup), (true, State::Master)] {
        let mut bench = frozen(preempt);
        bench.hear(1, 200, 0);
        assert_eq!(bench.state(), state);
        let expected = if preempt {
            vec!["hand over", "hold", ADVERT, ANNOUNCE]
        } else {
            vec!["hand over"]
        };
        assert_eq!(bench.take(), expected);
    }
}

#[test]
fn frozen_backup_listens_for_a_whole_master_down_time() {
    let mut bench = Bench::backup();
    bench.now = bench.now + Duration::from_secs(60);
    bench.told();
    bench.node.handle_timeout(bench.now);
    bench.drain();
    assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
    assert_eq!(bench.told(), ["frozen for 56.609 s"]);
    bench.pass(Duration::from_micros(3_390_625));
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn frozen_master_that_must_go_bows_out() {
    let mut bench = frozen(false);
    bench.command(Command::Down);
    assert_eq!(
        (bench.state(), bench.take()[..2].to_vec()),
        (
            State::Init,
            vec!["hand over".to_owned(), "bow-out inet".into()]
        )
    );
    bench.pass_millis(1_500);
    assert_eq!(bench.take().last().unwrap(), "release");
}

/// Another node may have taken over meanwhile: whoever stepped back listens for a whole master-down
/// time before it takes over, and whoever goes down does not.
#[test]
fn who_was_frozen_while_handing_over_listens_too() {
    for goes in [Command::Backup, Command::Down] {
        let mut bench = Bench::master();
        bench.command(goes);
        bench.take();
        bench.now = bench.now + Duration::from_secs(10);
        bench.node.handle_timeout(bench.now);
        bench.drain();
        assert_eq!(bench.take(), ["release"]);
        if goes == Command::Down {
            assert_eq!((bench.state(), bench.node.deadline()), (State::Init, None));
            continue;
        }
        bench.pass(Duration::from_micros(3_390_624));
        assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
        bench.pass(Duration::from_micros(1));
        assert_eq!(bench.state(), State::Master);
    }
}

#[test]
fn master_is_frozen_when_its_lease_must_have_ended() {
    // 1/160: an advert each 1.625 s, others wait 3.625 s, the lease is 4 s.
    let late = |config: NodeConfig, millis| {
        let mut bench = Bench::new(config, host(160, &[V4]));
        bench.pass_millis(30_000);
        bench.now = bench.node.deadline().unwrap().at + Duration::from_millis(millis);
        bench.node.handle_timeout(bench.now);
        bench.drain();
        bench.state()
    };
    assert_eq!(late(Node::builder(), 2_354), State::Master);
    assert_eq!(late(Node::builder(), 2_355), State::Backup);
    assert_eq!(late(Node::builder().lease(false), 3_624), State::Master);
    assert_eq!(late(Node::builder().lease(false), 3_625), State::Backup);
}

/// With advbase 0 the last renewal may be up to 250 ms older than the last advert, where adverts are
/// more frequent than renewals.
#[test]
fn fast_master_is_frozen_when_its_lease_may_have_ended() {
    for (skew, leases, limit) in [
        // An advert each 246.093 ms; others wait 738.279 ms, and the lease is a second.
        (63, true, 503_907),
        (63, false, 738_279),
        // Each advert renews; the lease ends when others take over.
        (64, true, 730_000),
        // The lease is two seconds.
        (65, true, 761_718),
    ] {
        for (late, state) in [(limit - 1, State::Master), (limit, State::Backup)] {
            let fast = host(skew, &[V4]).advbase(0).unwrap();
            let mut bench = Bench::new(Node::builder().lease(leases), fast);
            bench.pass_millis(10_000);
            bench.now = bench.node.deadline().unwrap().at + Duration::from_micros(late);
            bench.node.handle_timeout(bench.now);
            bench.drain();
            assert_eq!(bench.state(), state, "0/{skew} {leases} {late}");
        }
    }
}
