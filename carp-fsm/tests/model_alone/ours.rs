//! What this project promises beyond the kernels: the list that opens the model.

use carp_proto::Family;

use crate::model::Dialect::{FreeBsd, NetBsd, Portable};
use crate::model::State::{Backup, Master};
use crate::model::{Advert, Dialect, Input, Output, Row, Timer};
use crate::{SECOND, hear, intervals, master, sent, up, without_counters};

/// Ours 4, in either state that runs.
#[test]
fn address_changes_keep_the_state() {
    let mut model = master(NetBsd);
    let done = model.input(9, Input::AddressRemoved(Family::Inet));
    assert_eq!(without_counters(done), [sent(9, Family::Inet6)]);
    let mut model = up(NetBsd);
    assert_eq!(model.input(9, Input::AddressAdded(Family::Inet)), []);
    let deadline = Some((Timer::MasterDown(Family::Inet), 9 + 3_390_625));
    assert_eq!(model.deadline(), deadline);
}

/// Ours 3: at once, then not before a second has passed.
#[test]
fn master_answers_worse_masters_once_a_second() {
    for dialect in Dialect::ALL {
        let mut model = master(dialect);
        for (at, answers) in [(7, 2), (8, 0), (SECOND + 6, 0), (SECOND + 7, 2)] {
            let done = model.input(at, hear("fe80::9", (1, 101), 0));
            assert_eq!(intervals(&done).len(), answers, "{dialect:?} at {at}");
        }
        assert_eq!(
            model.deadline(),
            Some((Timer::Advert, SECOND + 7 + 1_390_625))
        );
        assert_eq!(model.input(SECOND + 8, hear("fe80::9", (255, 255), 0)), []);
    }
}

/// Ours 5: the engine says how long; up to a quarter of an advert interval is right.
#[test]
fn ties_end_after_a_random_wait() {
    let (soonest, latest) = (9 + 3_390_625, 9 + 3_390_625 + 347_656);
    for (deadline, right) in [
        (soonest - 1, false),
        (soonest, true),
        (latest, true),
        (latest + 1, false),
    ] {
        let mut model = master(FreeBsd);
        model.input(9, hear("192.0.2.9", (1, 100), 0));
        assert_eq!(
            (model.state(), model.row()),
            (Backup, Some(Row::MasterTies))
        );
        assert_eq!(model.settle_tie(deadline), right, "{deadline}");
        assert_eq!(
            model.deadline(),
            Some((Timer::MasterDown(Family::Inet), deadline))
        );
    }
}

/// Ours 6: how holding back ends.
#[test]
fn state_backup_lasts_until_the_other_master_is_gone() {
    let worse = hear("192.0.2.9", (1, 200), 0);
    for (ends, state) in [
        (Input::Pass, Backup),
        (Input::StateMaster, Master),
        (Input::Up, Backup),
        (hear("192.0.2.9", (255, 255), 0), Master),
    ] {
        let mut model = master(Portable);
        model.input(1, Input::Preempt(true));
        model.input(2, Input::StateBackup);
        model.input(3, worse);
        assert_eq!(model.state(), Backup);
        model.input(4, ends);
        assert_eq!(model.state(), state, "{ends:?}");
        model.input(5, worse);
        assert_eq!(model.state() == Backup, ends == Input::Pass, "{ends:?}");
        model.input(3_390_628, Input::Pass);
        assert_eq!(model.state(), Master, "{ends:?}");
    }
}

/// §4.7, "demotion raised", and ours 9.
#[test]
fn raised_demotion_is_told_at_once() {
    for dialect in Dialect::ALL {
        let mut model = master(dialect);
        for (total, adverts) in [(2, 2), (2, 0), (1, 0), (3, 2)] {
            let done = model.input(9, Input::Demotion(total));
            assert_eq!(intervals(&done).len(), adverts, "{dialect:?} {total}");
        }
        let demotes = |output: &Output| matches!(output, Output::Sent(_, Advert { demote: 4, .. }));
        let done = model.input(9, Input::Demotion(4));
        assert_eq!(
            done.iter().all(demotes),
            dialect.has_demote_byte(),
            "{dialect:?}"
        );
    }
}
