//! Address lists before a change: what two nodes still hear of each other.

use super::*;
use crate::{Dialect, VirtualHost};

const OTHER: &str = "192.0.2.11/24";

fn change(bench: &mut Bench, host: VirtualHost) {
    let id = bench.id;
    bench.node.change(bench.now, id, LINK, host).unwrap();
    bench.drain();
}

#[test]
fn freebsds_backup_hears_a_family_that_only_the_list_before_has() {
    let freebsd = |addresses| host(100, addresses).speaking(Dialect::FreeBsd);
    let mut bench = Bench::new(Node::builder(), freebsd(&[V6]));
    let old = advert(1, 0, 0, &[V6]);
    assert_eq!(bench.receive(Family::Inet6, &old), Ok(()));
    change(&mut bench, freebsd(&[V4]));
    for _ in 0..60 {
        bench.pass_millis(1_000);
        assert_eq!(bench.state(), State::Backup);
        assert_eq!(bench.receive(Family::Inet6, &old), Ok(()));
    }
    // No longer than the list counts.
    bench.pass_millis(300_000);
    assert!(bench.receive(Family::Inet6, &old).is_err());
}

#[test]
fn family_that_was_spoken_is_spoken_as_long_as_a_list_with_it_counts() {
    let mut bench = Bench::master();
    let over_inet6 = |bench: &mut Bench| {
        let lines = bench.take();
        lines
            .iter()
            .filter(|line| line.starts_with("advert inet6"))
            .count()
    };
    change(&mut bench, host(100, &[V6]));
    bench.pass_millis(5_000);
    // Of now, and before it.
    assert!(over_inet6(&mut bench) >= 6);
    change(&mut bench, host(100, &[OTHER]));
    bench.take();
    bench.pass_millis(14_000);
    // A peer may know the first one only, and have turned to IPv6 when it came over that.
    assert!(over_inet6(&mut bench) >= 18);
    bench.pass_millis(300_000);
    bench.take();
    bench.pass_millis(14_000);
    assert_eq!(over_inet6(&mut bench), 0);
}

#[test]
fn master_with_an_older_list_is_followed_though_another_spoke_a_newer_one() {
    let mut bench = Bench::new(Node::builder(), host(100, &[V4]));
    change(&mut bench, host(100, &[V6]));
    let newer = advert(1, 0, 0, &[V6]);
    assert_eq!(bench.receive(Family::Inet6, &newer), Ok(()));
    // That one is lost, and whoever takes over has not been changed yet.
    let older = advert(1, 50, 0, &[V4]);
    for _ in 0..20 {
        bench.pass_millis(1_200);
        assert_eq!(bench.state(), State::Backup);
        assert_eq!(bench.receive(Family::Inet, &older), Ok(()));
    }
    // It is waited for no longer than any other.
    bench.pass_millis(4_000);
    assert_eq!(bench.state(), State::Master);
}
