//! What happens to a host and what it does: timers (§4.4), local events (§4.7), counters (§2.4).

use carp_proto::Family;

use crate::model::Dialect::{FreeBsd, NetBsd, Portable, Ucarp};
use crate::model::State::{Backup, Init, Master};
use crate::model::timers::master_down;
use crate::model::{Counter, Dialect, Input, Interval, Link, Model, Output, Row, Timer};
use crate::{SECOND, adverts, config, hear, intervals, master, sent, up, without_counters};

/// §4.1: INIT always goes to BACKUP and waits a full time; either timer means take over (§4.4.2).
#[test]
fn starts_as_backup_and_takes_over_when_nothing_is_heard() {
    for dialect in Dialect::ALL {
        let mut model = Model::new(config(dialect));
        assert_eq!(model.input(5, Input::Up), [Output::Went(5, Init, Backup)]);
        let down = 5 + master_down(dialect, Interval::new(1, 100));
        assert_eq!(
            model.deadline(),
            Some((Timer::MasterDown(Family::Inet), down))
        );
        assert_eq!(model.input(down - 1, Input::Pass), []);
        let (inet, inet6) = (sent(down, Family::Inet), sent(down, Family::Inet6));
        let done = model.input(down, Input::Pass);
        assert_eq!(
            without_counters(done),
            [Output::Went(down, Backup, Master), inet, inet6]
        );
    }
}

/// §4.3, BACKUP d: the timer of that family only.
#[test]
fn waits_for_each_family_by_itself() {
    let mut model = up(Portable);
    assert_eq!(model.input(SECOND, hear("fe80::9", (1, 99), 0)), []);
    assert_eq!(model.row(), Some(Row::Waits));
    let deadline = Some((Timer::MasterDown(Family::Inet), 3_390_625));
    assert_eq!(model.deadline(), deadline);
    model.input(2 * SECOND, hear("192.0.2.9", (1, 99), 0));
    let deadline = Some((Timer::MasterDown(Family::Inet6), SECOND + 3_390_625));
    assert_eq!(model.deadline(), deadline);
}

/// §4.4 of [F]: configured first, demoted from then on; and [O] as configured always.
#[test]
fn advertises_at_its_interval() {
    for (dialect, first, later) in [
        (Portable, 1_390_625, 1_390_625),
        (FreeBsd, 1_390_625, 1_500_000),
        (NetBsd, 1_937_500, 1_937_500),
    ] {
        let mut model = up(dialect);
        model.input(0, Input::Demotion(28));
        model.input(0, Input::StateMaster);
        assert_eq!(
            model.deadline(),
            Some((Timer::Advert, first)),
            "{dialect:?}"
        );
        model.input(first, Input::Pass);
        assert_eq!(
            model.deadline(),
            Some((Timer::Advert, first + later)),
            "{dialect:?}"
        );
    }
}

/// §4.3, MASTER, and §4.7: what a host sends as it goes, and where it goes. Ours 1.
#[test]
fn master_goes_with_the_right_last_words() {
    let bow_out = Some(Interval::BOW_OUT);
    let own = Some(Interval::new(1, 100));
    let better = hear("192.0.2.9", (1, 99), 0);
    for dialect in Dialect::ALL {
        for (input, last_words, to) in [
            (Input::Down, bow_out, Init),
            (Input::StateBackup, bow_out, Backup),
            (Input::Link(Link::Down), None, Init),
            (better, own.filter(|_| dialect == Ucarp), Backup),
        ] {
            let mut model = master(dialect);
            let done = model.input(9, input);
            let said = last_words.map_or(0, |_| 2);
            assert_eq!(
                intervals(&done),
                vec![last_words.unwrap_or(Interval::BOW_OUT); said]
            );
            assert_eq!(
                done.last(),
                Some(&Output::Went(9, Master, to)),
                "{dialect:?} {input:?}"
            );
        }
    }
}

/// §4.7, down to up again, and of the parent's link; ours 7.
#[test]
fn runs_only_while_it_is_up_and_has_a_link() {
    for (dialect, first, second) in Dialect::ALL.into_iter().flat_map(|dialect| {
        [
            (dialect, Input::Link(Link::Down), Input::Link(Link::Unknown)),
            (dialect, Input::Down, Input::Up),
        ]
    }) {
        let mut model = up(dialect);
        model.input(9, first);
        assert_eq!((model.state(), model.deadline()), (Init, None));
        assert_eq!(model.input(9, Input::StateMaster), []);
        assert_eq!(model.input(9, Input::StateBackup), []);
        assert_eq!(model.input(9, hear("192.0.2.9", (255, 255), 0)), []);
        assert_eq!(model.input(9, second), [Output::Went(9, Init, Backup)]);
    }
}

/// §4.7, send errors: three in a row, of one family.
#[test]
fn three_send_errors_in_a_row_count() {
    use Input::{SendError, SendSuccess};
    let (v4, v6) = (Family::Inet, Family::Inet6);
    let mut model = master(Portable);
    for (input, changed) in [
        (SendError(v4), None),
        (SendError(v4), None),
        (SendSuccess(v4), None),
        (SendError(v4), None),
        (SendError(v6), None),
        (SendError(v4), None),
        (SendError(v4), Some(true)),
        (SendError(v4), None),
        (SendSuccess(v4), None),
        (SendSuccess(v4), None),
        (SendError(v4), None),
        (SendSuccess(v4), None),
        (SendSuccess(v4), None),
        (SendSuccess(v4), Some(false)),
    ] {
        let changed = changed.map(|fails| Output::Sending(9, v4, fails));
        assert_eq!(model.input(9, input), changed.as_slice(), "{input:?}");
    }
}

/// §2.4.
#[test]
fn counters_follow_what_is_heard() {
    for dialect in Dialect::ALL {
        let mut model = up(dialect);
        let done = model.input(0, Input::StateMaster);
        let same = dialect.has_demote_byte();
        let first = if same {
            Counter::Constant
        } else {
            Counter::Random
        };
        assert_eq!(counters(&done), [first, first], "{dialect:?}");
        let done = model.input(0, hear("192.0.2.9", (2, 0), 0));
        let next = [41, 42].map(|number| if same { first } else { Counter::Exact(number) });
        assert_eq!(counters(&done), next, "{dialect:?}");
    }
}

fn counters(done: &[Output]) -> Vec<Counter> {
    adverts(done).map(|advert| advert.counter).collect()
}
