//! Unicast peers: what the switch has to see all the same.

use super::*;

/// A master at 1/0 whose adverts go to a peer.
fn master() -> Bench {
    let host = host(0, &[V4]).peer("192.0.2.2".parse().unwrap());
    let mut bench = Bench::new(Node::builder(), host);
    bench.pass_millis(8_000);
    assert_eq!(bench.state(), State::Master);
    bench.take();
    bench
}

fn announcements(bench: &mut Bench) -> usize {
    let lines = bench.take();
    let announced = lines.iter().filter(|line| line.starts_with("announce"));
    announced.count()
}

#[test]
fn the_link_layer_address_is_shown_each_interval() {
    let mut bench = master();
    for _ in 0..10 {
        bench.pass_millis(1_000);
        assert_eq!(announcements(&mut bench), 1);
    }
}

#[test]
fn a_timer_that_was_late_does_not_keep_it_from_being_shown_the_next_time() {
    let mut bench = master();
    for late in [20, 0, 7, 3, 50, 0] {
        let due = bench.node.deadline().unwrap().at;
        bench.now = due + Duration::from_millis(late);
        bench.node.handle_timeout(bench.now);
        bench.drain();
        assert_eq!(announcements(&mut bench), 1, "{late}");
    }
}
