//! What is compared (§4.2) and how long it takes (§4.4).

use crate::model::Dialect::{FreeBsd, NetBsd, OpenBsd, OpenBsdOld, Portable, Ucarp};
use crate::model::claim::Claim;
use crate::model::timers::{advert_interval, first_advert_interval, master_down};
use crate::model::{Dialect, Interval};

/// The dialects that compare byte 4.
const WITH_BYTE_4: [Dialect; 3] = [Portable, OpenBsd, OpenBsdOld];

/// §4.4, the table of numbers: base, skew, advert interval, master-down [O] new, others. [F] keeps
/// to the skew of 1/254 only once.
#[test]
fn timers_are_those_of_the_table() {
    for (base, skew, advert, openbsd, others) in [
        (1, 0, 1_000_000, 3_000_000, 3_000_000),
        (1, 100, 1_390_625, 4_171_875, 3_390_625),
        (1, 240, 1_937_500, 5_812_500, 3_937_500),
        (1, 254, 1_992_187, 5_976_561, 3_992_187),
        (0, 1, 3_906, 11_718, 11_718),
        (0, 0, 3_906, 11_718, 11_718),
    ] {
        let interval = Interval::new(base, skew);
        for dialect in Dialect::ALL {
            let later = match (dialect, skew) {
                (FreeBsd, 254) => 1_937_500,
                _ => advert,
            };
            let adverts = [first_advert_interval, advert_interval].map(|f| f(dialect, interval, 0));
            assert_eq!(adverts, [advert, later], "{dialect:?} {interval:?}");
            let down = if dialect == OpenBsd { openbsd } else { others };
            assert_eq!(
                master_down(dialect, interval),
                down,
                "{dialect:?} {interval:?}"
            );
        }
    }
}

/// §4.4 and its notes 1 and 3: what a demotion does to the adverts, and the first of them.
#[test]
fn demotion_slows_adverts_where_it_is_in_the_skew() {
    let interval = Interval::new(1, 100);
    for dialect in WITH_BYTE_4 {
        assert_eq!(advert_interval(dialect, interval, 33), 1_390_625);
    }
    assert_eq!(advert_interval(FreeBsd, interval, 28), 1_500_000);
    assert_eq!(first_advert_interval(FreeBsd, interval, 28), 1_390_625);
    for dialect in [NetBsd, Ucarp] {
        assert_eq!(advert_interval(dialect, interval, 1), 1_937_500);
        assert_eq!(first_advert_interval(dialect, interval, 1), 1_937_500);
    }
}

/// §4.2, and §5.2 to §5.4.
#[test]
fn claims_are_those_of_the_dialect() {
    for (dialects, skew, demotion, claimed, byte_4) in [
        (WITH_BYTE_4, 254, 1, 254, 1),
        (WITH_BYTE_4, 0, 300, 0, 255),
        ([FreeBsd; 3], 100, 33, 133, 0),
        ([FreeBsd; 3], 100, 240, 240, 0),
        ([FreeBsd; 3], 100, -240, 0, 0),
        ([FreeBsd; 3], 254, 0, 240, 0),
        ([NetBsd, Ucarp, Ucarp], 100, 0, 100, 0),
        ([NetBsd, Ucarp, Ucarp], 100, 1, 240, 0),
        ([NetBsd, Ucarp, Ucarp], 254, 2, 254, 0),
    ] {
        for dialect in dialects {
            let expected = Claim {
                interval: Interval::new(1, claimed),
                demotion: byte_4,
            };
            assert_eq!(
                dialect.claim(Interval::new(1, skew), demotion),
                expected,
                "{dialect:?}"
            );
        }
    }
}
