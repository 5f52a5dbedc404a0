//! §4.4: how often a master advertises, and how long a backup waits.

use carp_fsm::Interval;

use super::Source::{Kernel, Ours};
use super::*;

/// The table of numbers: base/skew, advert, master-down of today's OpenBSD and of the others.
const NUMBERS: [((u8, u8), u128, u128, u128); 6] = [
    ((1, 0), 1_000_000, 3_000_000, 3_000_000),
    ((1, 100), 1_390_625, 4_171_875, 3_390_625),
    ((1, 240), 1_937_500, 5_812_500, 3_937_500),
    ((1, 254), 1_992_187, 5_976_561, 3_992_187),
    ((0, 1), 3_906, 11_718, 11_718),
    ((0, 0), 3_906, 11_718, 11_718),
];

#[test]
fn numbers_of_the_table() {
    for ((base, skew), advert, openbsd, others) in NUMBERS {
        let interval = Interval::from_octets(base, skew);
        assert_eq!(interval.advert().as_micros(), advert, "{interval}");
        for dialect in Dialect::ALL {
            let expected = if dialect == OpenBsd { openbsd } else { others };
            let waits = dialect.master_down(interval).as_micros();
            assert_eq!(waits, expected, "{dialect} {interval}");
        }
    }
}

#[test]
fn intervals_compare_as_seconds_and_microseconds() {
    let ascending = [
        (0, 0),
        (0, 1),
        (0, 255),
        (1, 0),
        (1, 254),
        (2, 0),
        (255, 255),
    ];
    let ascending = ascending.map(|(base, skew)| Interval::from_octets(base, skew));
    assert!(ascending.is_sorted());
}

#[test]
fn timers() {
    check("§4.4", ROWS);
}

const ROWS: &[Row] = &[
    row(
        "advbase + skew/256",
        ALL,
        "MASTER 1/100",
        "pass 1.3; forget; pass 0.090624",
        "MASTER",
        Kernel,
    ),
    row(
        "advbase + skew/256, sent",
        ALL,
        "MASTER 1/100",
        "pass 1.3; forget; pass 0.090625",
        "MASTER: advert inet 1/100",
        Kernel,
    ),
    row(
        "0/0 → 1/256 s",
        WITH_BYTE_4,
        "MASTER 0/0",
        "pass 2; forget; pass 0.003905",
        "MASTER: advert inet 0/0",
        Kernel,
    ),
    row(
        "§4.4.1: demotion never slows adverts",
        WITH_BYTE_4,
        "MASTER 1/100 demoted 255",
        "pass 1.3; forget; pass 0.090625",
        "MASTER demoted 255: advert inet 1/100 demoted 255",
        Kernel,
    ),
    row(
        "advbase + (suppressed: 240)/256",
        SUPPRESSED,
        "MASTER 1/100 demoted 1",
        "pass 1.9; forget; pass 0.037499",
        "MASTER demoted 1",
        Kernel,
    ),
    row(
        "advbase + (suppressed: 240)/256, sent",
        SUPPRESSED,
        "MASTER 1/100 demoted 1",
        "pass 1.9; forget; pass 0.0375",
        "MASTER demoted 1: advert inet 1/240",
        Kernel,
    ),
    row(
        "the very first uses configured skew",
        &[FreeBsd],
        "MASTER 1/100 demoted 28",
        "pass 1.3; forget; pass 0.090625",
        "MASTER demoted 28: advert inet 1/128",
        Kernel,
    ),
    row(
        "then advbase + demoted skew/256",
        &[FreeBsd],
        "MASTER 1/100 demoted 28",
        "pass 2; forget; pass 0.890625",
        "MASTER demoted 28: advert inet 1/128",
        Kernel,
    ),
    row(
        "a negative demotion makes them faster",
        &[FreeBsd],
        "MASTER 1/100 demoted -50",
        "pass 2.5; forget; pass 0.085937",
        "MASTER demoted -50: advert inet 1/50",
        Kernel,
    ),
    row(
        "3 × (advbase + skew/256)",
        &[OpenBsd],
        "BACKUP 1/100",
        "pass 4.171874",
        "BACKUP",
        Kernel,
    ),
    row(
        "3 × (advbase + skew/256), over",
        &[OpenBsd],
        "BACKUP 1/100",
        "pass 4.171875; forget",
        "MASTER",
        Kernel,
    ),
    row(
        "3·advbase + skew/256",
        WITHOUT_OPENBSD,
        "BACKUP 1/100",
        "pass 3.390624",
        "BACKUP",
        Kernel,
    ),
    row(
        "3·advbase + skew/256, over",
        WITHOUT_OPENBSD,
        "BACKUP 1/100",
        "pass 3.390625; forget",
        "MASTER",
        Kernel,
    ),
    row(
        "by the configured skew, where demoted too",
        &[FreeBsd, NetBsd, Ucarp],
        "BACKUP 1/100 demoted 240",
        "pass 3.390625; forget",
        "MASTER demoted 240",
        Kernel,
    ),
    row(
        "advbase 0: 3·skew/256",
        OPENBSD,
        "BACKUP 0/1",
        "pass 0.011717",
        "BACKUP",
        Kernel,
    ),
    row(
        "advbase 0: 3·skew/256, over",
        OPENBSD,
        "BACKUP 0/1",
        "pass 0.011718; forget",
        "MASTER",
        Kernel,
    ),
    row(
        "advbase 0: 3·skew/256, not skew/256",
        SUPPRESSED,
        "BACKUP 0/1",
        "pass 0.011717",
        "BACKUP",
        Ours("one advert as a master-down time takes over from a healthy master"),
    ),
    row(
        "§4.4.1: no advert after a bow-out",
        ALL,
        "MASTER 1/100",
        "down; pass 1.5; forget; pass 60",
        "INIT",
        Kernel,
    ),
    row(
        "§4.4.2: both families heard",
        WITHOUT_OPENBSD,
        "BACKUP 1/100 over both",
        "pass 3; hear 1/0; hear 1/0 over inet6; pass 3.390624",
        "BACKUP",
        Kernel,
    ),
    row(
        "§4.4.2: both families heard",
        &[OpenBsd],
        "BACKUP 1/100 over both",
        "pass 4; hear 1/0; hear 1/0 over inet6; pass 4.171874",
        "BACKUP",
        Kernel,
    ),
    row(
        "§4.4.2: armed only for families that it has",
        WITHOUT_OPENBSD,
        "BACKUP 1/100",
        "pass 3; hear 1/0; pass 3.390624",
        "BACKUP",
        Kernel,
    ),
    row(
        "§4.4.2: armed only for families that it has",
        &[OpenBsd],
        "BACKUP 1/100",
        "pass 4; hear 1/0; pass 4.171874",
        "BACKUP",
        Kernel,
    ),
    row(
        "§4.4.3: by the receiver's own numbers",
        WITHOUT_OPENBSD,
        "BACKUP 1/100",
        "hear 3/0; pass 3.390624; hear 3/0; pass 3.390625; forget",
        "MASTER",
        Kernel,
    ),
    row(
        "§4.4.3: by the receiver's own numbers",
        &[OpenBsd],
        "BACKUP 1/100",
        "hear 3/0; pass 4.171874; hear 3/0; pass 4.171875; forget",
        "MASTER",
        Kernel,
    ),
];
