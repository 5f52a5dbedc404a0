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

    /// The same over either family, with its counter.
    fn hear_over(&mut self, family: Family, number: u8, counter: u64, [base, skew]: [u8; 2]) {
        let mut envelope = crate::testing::envelope(family);
        envelope.source = match family {
            Family::Inet => [192, 0, 2, number].into(),
            Family::Inet6 => [0xfe80, 0, 0, 0, 0, 0, 0, u16::from(number)].into(),
        };
        let advert = counted(base, skew, counter);
        assert_eq!(self.receive_in(&envelope, &advert), Ok(()));
    }
}

/// An advert of somebody else over both families, with its counter.
fn counted(base: u8, skew: u8, counter: u64) -> carp_proto::Advertisement {
    let vhid = carp_proto::Vhid::new(99).unwrap();
    let list = [V4, V6].map(|text| text.parse::<carp_proto::VirtualAddress>().unwrap().ip());
    carp_proto::Advertisement::new(vhid, base, skew, 0, counter)
        .signed(
            &carp_proto::Authenticator::new(&crate::testing::key(), vhid, list),
            carp_proto::DigestForm::WithoutLinkLocal,
        )
        .with_checksum(carp_proto::ChecksumForm::Plain)
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

/// After a bow-out all backups take over at once. One that has yielded to a better one over one family
/// hears the bow-out over the other one later.
#[test]
fn who_has_yielded_does_not_begin_again_with_a_late_word_over_the_other_family() {
    const BOW_OUT: [u8; 2] = [255, 255];
    for (first, other, answers) in [
        (Family::Inet, Family::Inet6, true),
        (Family::Inet6, Family::Inet, true),
        (Family::Inet, Family::Inet6, false),
    ] {
        let mut bench = Bench::new(Node::builder(), host(100, &[V4, V6]));
        // It may still wait for its addresses.
        bench.answers = answers;
        for family in [first, other] {
            bench.hear_over(family, 1, 1 << 40, [1, 0]);
        }
        bench.hear_over(first, 1, 1 << 40, BOW_OUT);
        assert!(bench.node.host(bench.id).unwrap().holds());
        bench.hear_over(first, 2, 2 << 40, [1, 50]);
        assert_eq!(bench.state(), State::Backup);
        bench.take();
        bench.hear_over(other, 1, 1 << 40, BOW_OUT);
        assert_eq!((bench.state(), bench.take()), (State::Backup, vec![]));
    }
}

#[test]
fn counters_that_are_far_apart_are_of_two_nodes() {
    for (counter, state) in [(262, State::Master), (263, State::Backup)] {
        let mut bench = Bench::new(Node::builder(), host(100, &[V4, V6]));
        bench.hear_over(Family::Inet, 1, 7, [1, 0]);
        for word in [[1, 50], [255, 255]] {
            bench.hear_over(Family::Inet6, 2, counter, word);
        }
        assert_eq!(bench.state(), state, "{counter}");
    }
}

/// That of the master itself counts, over whichever family it is heard; it counts on with each advert.
#[test]
fn bow_out_of_the_master_counts_over_the_other_family_too() {
    let last = u64::MAX;
    for counts in [[7, 7, 7], [last - 2, last - 1, last], [last - 1, last, 0]] {
        let mut bench = Bench::new(Node::builder(), host(100, &[V4, V6]));
        let [first, second, third] = counts;
        bench.hear_over(Family::Inet, 1, first, [1, 0]);
        bench.hear_over(Family::Inet6, 1, second, [1, 0]);
        bench.hear_over(Family::Inet6, 1, third, [255, 255]);
        assert_eq!(bench.state(), State::Master, "{counts:?}");
    }
    // Until it has heard somebody, one that counts draws each anew.
    let mut bench = Bench::new(Node::builder(), host(100, &[V4, V6]));
    for (round, counter) in [1 << 20, 1 << 30, 1 << 40].into_iter().enumerate() {
        bench.hear_over(Family::Inet, 1, counter, [1, 0]);
        let word = if round == 2 { [255, 255] } else { [1, 0] };
        bench.hear_over(Family::Inet6, 1, counter << 2, word);
    }
    assert_eq!(bench.state(), State::Master);
}
