//! More than two nodes: words of one that is not the master.

use super::*;

impl Bench {
    /// Hears an advert of node `number`.
    fn hear_from(&mut self, number: u8, base: u8, skew: u8, demotion: u8) {
        let mut envelope = crate::testing::envelope(Family::Inet);
        envelope.source = [192, 0, 2, number].into();
        let advert = advert(base, skew, demotion, &[V4]);
        assert_eq!(self.receive_in(&envelope, &advert), Ok(()));
    }
}

/// A preempting backup with skew 100 that has just heard its master, node 1.
fn following() -> Bench {
    let mut bench = Bench::new(Node::builder().preempt(true), host(100, &[V4]));
    bench.hear_from(1, 1, 0, 0);
    bench.take();
    bench
}

#[test]
fn backup_leaves_a_worse_master_to_the_better_one_that_it_follows() {
    let mut bench = following();
    bench.hear_from(3, 1, 200, 0);
    bench.hear_from(3, 1, 0, 5);
    bench.hear_from(3, 255, 255, 0);
    assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
}

#[test]
fn who_has_yielded_does_not_begin_again_with_a_late_word_of_a_worse_one() {
    let mut bench = Bench::new(Node::builder().preempt(true), host(100, &[V4]));
    bench.command(Command::Master);
    bench.take();
    bench.hear_from(1, 1, 0, 0);
    bench.hear_from(3, 1, 200, 0);
    assert_eq!(
        (bench.state(), bench.take()),
        (State::Backup, vec!["hand over".into()])
    );
}

#[test]
fn other_words_do_not_keep_a_lost_master_alive() {
    let mut bench = following();
    for _ in 0..3 {
        bench.pass_millis(1_000);
        bench.hear_from(3, 1, 200, 0);
    }
    assert_eq!(bench.state(), State::Backup);
    bench.pass(Duration::from_micros(390_625));
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn bow_out_of_the_master_itself_counts() {
    let mut bench = following();
    bench.hear_from(1, 255, 255, 0);
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn master_that_has_become_worse_is_followed_no_longer() {
    let mut bench = following();
    bench.hear_from(1, 1, 0, 1);
    assert_eq!(bench.state(), State::Master);
    let mut bench = following();
    bench
        .node
        .change(
            bench.now,
            bench.id,
            LINK,
            host(0, &[V4]).advbase(1).unwrap(),
        )
        .unwrap();
    bench.drain();
    bench.hear_from(3, 1, 200, 0);
    assert_eq!(bench.state(), State::Backup, "1/0 does not beat 1/0");
}

/// A word of another at the very instant at which the master is lost.
#[test]
fn master_is_followed_until_its_master_down_time_and_no_longer() {
    for (micros, state) in [(3_390_624, State::Backup), (3_390_625, State::Master)] {
        let mut bench = following();
        bench.now = bench.now + Duration::from_micros(micros);
        bench.hear_from(3, 255, 255, 0);
        assert_eq!(bench.state(), state, "after {micros} µs");
    }
}
