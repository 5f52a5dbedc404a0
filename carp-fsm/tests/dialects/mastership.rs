//! §4.5 and §4.6: becoming and being master.

use super::Source::{Kernel, Ours};
use super::*;

#[test]
fn becoming_master() {
    check("§4.5", BECOMING);
}

#[test]
fn being_master_or_backup() {
    check("§4.6", BEING);
}

const fn row(rule: &'static str, when: &'static str, then: &'static str, source: Source) -> Row {
    Row {
        rule,
        dialects: ALL,
        given: "BACKUP 1/100 over both",
        when,
        then,
        source,
    }
}

const BECOMING: &[Row] = &[
    row(
        "advert at once (v4, then v6), GARP, NA",
        "state master",
        "MASTER: hold, advert inet 1/100, advert inet6 1/100, announce 192.0.2.10, \
         announce 2001:db8::10",
        Ours("the addresses are in place before the first advert"),
    ),
    row(
        "arm advert timer",
        "state master; pass 1.3; forget; pass 0.090625",
        "MASTER: advert inet 1/100, advert inet6 1/100",
        Kernel,
    ),
    row(
        "2nd GARP round with the 2nd scheduled advert",
        "state master; pass 2.781249; forget; pass 0.000001",
        "MASTER: advert inet 1/100, advert inet6 1/100, announce 192.0.2.10, \
         announce 2001:db8::10",
        Ours("in every dialect: a switch that was not ready learns late"),
    ),
    row(
        "cancelled on BACKUP",
        "state master; pass 1.5; hear 1/0; pass 0.5; forget; pass 1",
        "BACKUP",
        Kernel,
    ),
];

const BEING: &[Row] = &[row(
    "§4.6.3: BACKUP sends nothing",
    "pass 3; hear 1/0; hear 1/0 over inet6; pass 3",
    "BACKUP",
    Kernel,
)];
