//! §5: preemption and demotion.

use super::Source::Kernel;
use super::*;

#[test]
fn demotion() {
    check("§5", ROWS);
}

/// All of this is what the kernels do.
const fn kernel(
    rule: &'static str,
    dialects: &'static [Dialect],
    given: &'static str,
    when: &'static str,
    then: &'static str,
) -> Row {
    row(rule, dialects, given, when, then, Kernel)
}

const ROWS: &[Row] = &[
    kernel(
        "§5.1: preempt is off by default",
        ALL,
        "BACKUP 1/0",
        "hear 1/254",
        "BACKUP",
    ),
    kernel(
        "§5.1: without preempt the other must die",
        ALL,
        "BACKUP 1/0",
        "hear 1/254; pass 3; forget",
        "MASTER",
    ),
    kernel(
        "§5.2: two broken things add",
        WITH_BYTE_4,
        "MASTER 1/0",
        "demoted 5; fails 2; forget; fails 1",
        "MASTER demoted 6: advert inet 1/0 demoted 6",
    ),
    kernel(
        "§5.2: the byte is capped at 255, the sum is not",
        WITH_BYTE_4,
        "MASTER 1/0 demoted 255",
        "fails 2; forget; fails 1",
        "MASTER demoted 256: advert inet 1/0 demoted 255",
    ),
    kernel(
        "§5.2.5: the lower value takes all, by rule b",
        WITH_BYTE_4,
        "BACKUP 1/200",
        "hear 1/0 demoted 1; forget",
        "MASTER",
    ),
    kernel(
        "§5.3: a negative demotion improves",
        &[FreeBsd],
        "BACKUP 1/100 preempt demoted -50",
        "hear 1/51",
        "MASTER demoted -50: hold, advert inet 1/50, announce 192.0.2.10",
    ),
    kernel(
        "§5.3: a negative demotion undoes a positive one",
        &[FreeBsd],
        "MASTER 1/100 demoted -40",
        "fails 2; forget; fails 1",
        "MASTER demoted 200: advert inet 1/240",
    ),
    kernel(
        "§5.3: effective skew = min(240, max(0, advskew + demotion))",
        &[FreeBsd],
        "MASTER 1/100 demoted -200",
        "forget; demoted 1000",
        "MASTER demoted 1000: advert inet 1/240",
    ),
    kernel(
        "§5.4: suppressed or not, however often",
        SUPPRESSED,
        "MASTER 1/100 demoted 1",
        "forget; demoted 2",
        "MASTER demoted 2: advert inet 1/240",
    ),
    kernel(
        "§5.4: a negative count does not improve",
        SUPPRESSED,
        "BACKUP 1/100 preempt demoted -50",
        "hear 1/99",
        "BACKUP demoted -50",
    ),
];
