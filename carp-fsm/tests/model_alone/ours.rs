//! What this project promises beyond the kernels: the list that opens the model.

use carp_proto::Family;

use crate::model::Dialect::{FreeBsd, NetBsd, OpenBsd, OpenBsdOld, Portable};
use crate::model::State::{Backup, Init, Master};
use crate::model::{Advert, Dialect, Input, Interval, Model, Output, Row, Timer};
use crate::{SECOND, config, hear, intervals, master, sent, up, without_counters};

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

/// Ours 4 and 10: the last address and the first go through INIT; the bow-out is still over both
/// families' lists, and then IPv4 is what is spoken.
#[test]
fn host_without_addresses_takes_part_over_ipv4() {
    for dialect in Dialect::ALL {
        let mut model = master(dialect);
        model.input(9, Input::AddressRemoved(Family::Inet));
        let done = model.input(10, Input::AddressRemoved(Family::Inet6));
        assert_eq!(intervals(&done), [Interval::BOW_OUT]);
        let went = done.iter().skip(1);
        assert!(went.eq(&[
            Output::Went(10, Master, Init),
            Output::Went(10, Init, Backup)
        ]));
        let done = model.input(20, Input::StateMaster);
        assert!(without_counters(done).ends_with(&[sent(20, Family::Inet)]));
        let done = model.input(30, Input::AddressAdded(Family::Inet6));
        assert_eq!(intervals(&done), [Interval::BOW_OUT]);
        assert_eq!(model.state(), Backup);
    }
}

/// Ours 2: [O] has no rule c with advbase 0.
#[test]
fn bow_out_is_honoured_with_advbase_0() {
    for dialect in [Portable, OpenBsd, OpenBsdOld] {
        for (heard, state) in [((255, 255), Master), ((255, 254), Backup)] {
            let mut config = config(dialect);
            config.interval = Interval::new(0, 4);
            let mut model = Model::new(config);
            model.input(0, Input::Up);
            model.input(0, hear("192.0.2.9", heard, 0));
            assert_eq!(model.state(), state, "{dialect:?}");
        }
    }
}

/// Ours 11.
#[test]
fn backup_follows_one_master() {
    let better = hear("192.0.2.9", (1, 99), 0);
    let worse = hear("192.0.2.8", (1, 101), 0);
    let bow_out = |source| hear(source, (255, 255), 0);
    for (then, at, row) in [
        (worse, 3_390_624, Row::LeavesToMaster),
        (bow_out("192.0.2.8"), 3_390_624, Row::LeavesToMaster),
        (bow_out("192.0.2.9"), 3_390_624, Row::Preempts),
        (bow_out("fe80::9"), 3_390_624, Row::Preempts),
        (hear("192.0.2.8", (1, 98), 0), 3_390_624, Row::Waits),
        // As the master times out this host is one itself.
        (worse, 3_390_625, Row::MasterStays),
    ] {
        let mut model = up(FreeBsd);
        model.input(0, Input::Preempt(true));
        model.input(0, better);
        model.input(at, then);
        assert_eq!(model.row(), Some(row), "{then:?}");
    }
}

/// Ours 12: how long a backup waits after a change, and for what.
#[test]
fn lists_before_a_change_count_for_five_minutes() {
    let inet = Timer::MasterDown(Family::Inet);
    let inet6 = Timer::MasterDown(Family::Inet6);
    let only_inet = || {
        let mut config = config(NetBsd);
        config.addresses.inet6 = 0;
        let mut model = Model::new(config);
        model.input(0, Input::Up);
        model
    };
    // The first IPv6 address: its adverts may come when the other nodes have it too.
    let mut model = only_inet();
    model.input(SECOND, Input::AddressAdded(Family::Inet6));
    assert_eq!(model.deadline(), Some((inet, SECOND + 3_390_625)));
    for second in (2..=300).step_by(2) {
        model.input(second * SECOND, hear("192.0.2.9", (1, 0), 0));
    }
    model.input(302 * SECOND, hear("192.0.2.9", (1, 0), 0));
    assert_eq!(model.deadline(), Some((inet6, 304_390_625)));
    // The last one goes: nothing of it is waited for.
    let mut model = up(NetBsd);
    model.input(SECOND, Input::AddressRemoved(Family::Inet6));
    assert_eq!(model.deadline(), Some((inet, SECOND + 3_390_625)));
    // IPv4 is replaced by IPv6: either may come.
    let mut model = only_inet();
    model.input(SECOND, Input::AddressAdded(Family::Inet6));
    model.input(SECOND, Input::AddressRemoved(Family::Inet));
    assert_eq!(model.deadline(), Some((inet, SECOND + 3_390_625)));
    model.input(2 * SECOND, hear("192.0.2.9", (1, 0), 0));
    assert_eq!(model.deadline(), Some((inet, 2 * SECOND + 3_390_625)));
    model.input(3 * SECOND, hear("fe80::9", (1, 0), 0));
    assert_eq!(model.deadline(), Some((inet6, 3 * SECOND + 3_390_625)));
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
