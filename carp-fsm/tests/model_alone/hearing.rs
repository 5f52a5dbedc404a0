//! Who is master: the rows of §4.3.

use crate::model::Dialect::Ucarp;
use crate::model::claim::Claim;
use crate::model::rules::{heard_by_backup, heard_by_master, loses_tie};
use crate::model::{Dialect, Interval, Row};

/// §4.3, MASTER. Own is 1/100 with demotion 10; the other's 1/100 is a tie.
#[test]
fn master_hears() {
    use Row::{MasterHearsBowOut, MasterStays, MasterTies, MasterYields};
    for (base, skew, byte_4, openbsd, others) in [
        (1, 99, 10, MasterYields, MasterYields),
        (0, 200, 10, MasterYields, MasterYields),
        (1, 100, 10, MasterTies, MasterTies),
        (1, 101, 10, MasterStays, MasterStays),
        (2, 0, 10, MasterStays, MasterStays),
        (1, 99, 11, MasterStays, MasterYields),
        (1, 100, 11, MasterStays, MasterTies),
        (1, 100, 9, MasterYields, MasterTies),
        (254, 254, 9, MasterYields, MasterStays),
        (255, 255, 0, MasterHearsBowOut, MasterHearsBowOut),
        (255, 254, 0, MasterYields, MasterStays),
    ] {
        for dialect in Dialect::ALL {
            let (own, rcv) = claims(dialect, (1, 100, 10), (base, skew, byte_4));
            let row = if dialect.has_demote_byte() {
                openbsd
            } else {
                others
            };
            let (won, lost) = match (row, dialect) {
                (MasterTies, Ucarp) => (MasterStays, MasterYields),
                _ => (row, row),
            };
            assert_eq!(
                heard_by_master(dialect, own, rcv, false),
                won,
                "{dialect:?} {rcv:?}"
            );
            assert_eq!(
                heard_by_master(dialect, own, rcv, true),
                lost,
                "{dialect:?} {rcv:?}"
            );
        }
    }
}

/// §4.3, BACKUP a to d. Own is 1/100 with demotion 10; each advert without and with preempt.
#[test]
fn backup_hears() {
    use Row::{Preempts, ReplacesDemoted, ReplacesSlow, Waits};
    for (base, skew, byte_4, openbsd, others) in [
        (1, 99, 10, [Waits, Waits], [Waits, Waits]),
        (1, 100, 10, [Waits, Waits], [Waits, Waits]),
        (1, 101, 10, [Waits, Preempts], [Waits, Preempts]),
        (1, 101, 9, [Waits, Waits], [Waits, Preempts]),
        (1, 101, 11, [ReplacesDemoted, Preempts], [Waits, Preempts]),
        (
            1,
            99,
            11,
            [ReplacesDemoted, ReplacesDemoted],
            [Waits, Waits],
        ),
        (3, 100, 9, [Waits, Waits], [Waits, Preempts]),
        (
            3,
            101,
            9,
            [ReplacesSlow, ReplacesSlow],
            [ReplacesSlow, Preempts],
        ),
        (
            255,
            255,
            0,
            [ReplacesSlow, ReplacesSlow],
            [ReplacesSlow, Preempts],
        ),
    ] {
        for dialect in Dialect::ALL {
            let (own, rcv) = claims(dialect, (1, 100, 10), (base, skew, byte_4));
            let rows = if dialect.has_demote_byte() {
                openbsd
            } else {
                others
            };
            let heard = [false, true].map(|on| heard_by_backup(dialect, own, rcv, on, false));
            assert_eq!(heard, rows, "{dialect:?} {rcv:?}");
        }
    }
}

/// §4.3, BACKUP c, the condition of [O]; a bow-out is another matter (ours 2).
#[test]
fn backup_with_advbase_0_waits_for_slow_masters_in_openbsd() {
    for dialect in Dialect::ALL {
        let (own, rcv) = claims(dialect, (0, 1, 0), (255, 254, 0));
        let row = if dialect.has_demote_byte() {
            Row::Waits
        } else {
            Row::ReplacesSlow
        };
        assert_eq!(
            heard_by_backup(dialect, own, rcv, false, false),
            row,
            "{dialect:?}"
        );
    }
}

/// Ours 6.
#[test]
fn backup_held_back_acts_on_a_bow_out_alone() {
    for dialect in Dialect::ALL {
        for (rcv, row) in [
            ((3, 101, 11), Row::Waits),
            ((255, 254, 11), Row::Waits),
            ((255, 255, 10), Row::ReplacesSlow),
        ] {
            let (own, rcv) = claims(dialect, (1, 100, 10), rcv);
            assert_eq!(
                heard_by_backup(dialect, own, rcv, false, true),
                row,
                "{dialect:?}"
            );
        }
    }
}

/// §4.3.2, the case seen on the wire and its mirror image.
#[test]
fn ties_are_broken_by_swapped_bytes() {
    let [high, low] = ["10.9.0.200", "10.9.1.2"].map(|address| address.parse().unwrap());
    assert!(loses_tie(high, low));
    assert!(!loses_tie(low, high));
    assert!(!loses_tie(low, low));
}

/// What is compared when a host of `own` hears `rcv`, each base, skew and byte 4.
fn claims(dialect: Dialect, own: (u8, u8, u8), rcv: (u8, u8, u8)) -> (Claim, Claim) {
    let [own, rcv] = [own, rcv]
        .map(|(base, skew, byte_4)| dialect.claim_heard(Interval::new(base, skew), byte_4));
    (own, rcv)
}
