//! §4.2: which own interval is compared, as adverts show it.

use super::*;

#[test]
fn adverts_claim_what_the_dialect_compares() {
    check("§4.2", ROWS);
}

const fn kernel(
    rule: &'static str,
    dialects: &'static [Dialect],
    given: &'static str,
    then: &'static str,
) -> Row {
    Row {
        rule,
        dialects,
        given,
        when: "forget; hear 2/0 demoted 255",
        then,
        source: Source::Kernel,
    }
}

/// What a master answers to a worse one shows what it claims (that it answers is ours, §4.3).
const ROWS: &[Row] = &[
    kernel(
        "undemoted",
        ALL,
        "MASTER 1/100",
        "MASTER: advert inet 1/100, announce 192.0.2.10",
    ),
    kernel(
        "[O]: the configured skew, the demotion in byte 4",
        WITH_BYTE_4,
        "MASTER 1/100 demoted 3",
        "MASTER demoted 3: advert inet 1/100 demoted 3, announce 192.0.2.10",
    ),
    kernel(
        "[O]: capped at 255",
        WITH_BYTE_4,
        "MASTER 1/100 demoted 300",
        "MASTER demoted 300: advert inet 1/100 demoted 255, announce 192.0.2.10",
    ),
    kernel(
        "[O]: a demotion below 0 is none",
        WITH_BYTE_4,
        "MASTER 1/100 demoted -3",
        "MASTER demoted -3: advert inet 1/100, announce 192.0.2.10",
    ),
    kernel(
        "[F]: advskew + demotion",
        &[FreeBsd],
        "MASTER 1/100 demoted 28",
        "MASTER demoted 28: advert inet 1/128, announce 192.0.2.10",
    ),
    kernel(
        "[F]: at most 240",
        &[FreeBsd],
        "MASTER 1/100 demoted 141",
        "MASTER demoted 141: advert inet 1/240, announce 192.0.2.10",
    ),
    kernel(
        "[F]: at least 0",
        &[FreeBsd],
        "MASTER 1/100 demoted -101",
        "MASTER demoted -101: advert inet 1/0, announce 192.0.2.10",
    ),
    kernel(
        "[F]: a configured skew > 240 becomes 240",
        &[FreeBsd],
        "MASTER 1/254",
        "MASTER: advert inet 1/240, announce 192.0.2.10",
    ),
    kernel(
        "[N][D][U]: 240 if suppressed",
        SUPPRESSED,
        "MASTER 1/100 demoted 1",
        "MASTER demoted 1: advert inet 1/240, announce 192.0.2.10",
    ),
    kernel(
        "[N][D][U]: a configured skew > 240 stays",
        SUPPRESSED,
        "MASTER 1/254 demoted 1",
        "MASTER demoted 1: advert inet 1/254, announce 192.0.2.10",
    ),
    kernel(
        "[N][D][U]: a configured skew > 240 stays, not suppressed",
        SUPPRESSED,
        "MASTER 1/254",
        "MASTER: advert inet 1/254, announce 192.0.2.10",
    ),
];
