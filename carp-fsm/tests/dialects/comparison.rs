//! §4.3: a valid advert is heard.

use super::Source::{Kernel, Ours};
use super::*;

#[test]
fn init() {
    check("§4.3", INIT);
}

#[test]
fn master() {
    check("§4.3, MASTER", MASTER);
}

#[test]
fn backup() {
    check("§4.3, BACKUP", BACKUP);
}

const OVERLAP: Source = Ours("goes on answering data until the neighbours know the new master");
const ANSWER: Source = Ours("a worse master is answered at once, two masters end sooner");
const BOW_OUT: Source = Ours("who yielded to a node that leaves would leave nobody");
const ONE_MASTER: Source = Ours("a backup follows one master (ARCHITECTURE, decision 14)");

const YIELDS: &str = "BACKUP: hand over";
const STAYS: &str = "MASTER: advert inet 1/100, announce 192.0.2.10";
const TAKES_OVER: &str = "MASTER: hold, advert inet 1/100, announce 192.0.2.10";

const INIT: &[Row] = &[
    row(
        "INIT: any: ignore",
        ALL,
        "INIT 1/100 preempt",
        "hear 1/200",
        "INIT",
        Kernel,
    ),
    row(
        "INIT: any: ignore, a bow-out",
        ALL,
        "INIT 1/100",
        "hear 255/255",
        "INIT",
        Kernel,
    ),
];

const MASTER: &[Row] = &[
    row(
        "own > rcv",
        BSD,
        "MASTER 1/100",
        "hear 1/99",
        YIELDS,
        OVERLAP,
    ),
    row(
        "own > rcv, seconds first",
        BSD,
        "MASTER 2/0",
        "hear 1/254",
        YIELDS,
        OVERLAP,
    ),
    row(
        "own > rcv: let go",
        BSD,
        "MASTER 1/100",
        "hear 1/99; pass 0.12",
        "BACKUP: hand over, release",
        OVERLAP,
    ),
    row(
        "own = rcv",
        BSD,
        "MASTER 1/100",
        "hear 1/100",
        YIELDS,
        OVERLAP,
    ),
    row(
        "own < rcv",
        BSD,
        "MASTER 1/100",
        "hear 1/101",
        STAYS,
        ANSWER,
    ),
    row(
        "own < rcv: answered once a second",
        ALL,
        "MASTER 1/100",
        "hear 1/101; forget; pass 0.999999; forget; hear 1/101",
        "MASTER",
        ANSWER,
    ),
    row(
        "own > rcv, [U] with one last advert",
        &[Ucarp],
        "MASTER 1/100",
        "hear 1/99",
        "BACKUP: advert inet 1/100, hand over",
        OVERLAP,
    ),
    // As 32-bit words of a little-endian machine 10.9.1.2 is the smaller one.
    row(
        "own = rcv and tie-break lost",
        &[Ucarp],
        "MASTER 1/100 at 10.9.0.200",
        "hear 1/100 from 10.9.1.2",
        "BACKUP: advert inet 1/100, hand over",
        OVERLAP,
    ),
    row(
        "own = rcv and tie-break won",
        &[Ucarp],
        "MASTER 1/100 at 10.9.1.2",
        "hear 1/100 from 10.9.0.200",
        STAYS,
        Kernel,
    ),
    row(
        "own < rcv: GARP now",
        &[Ucarp],
        "MASTER 1/100",
        "hear 1/101",
        STAYS,
        ANSWER,
    ),
    row(
        "own < rcv: another after 2 adverts",
        &[Ucarp],
        "MASTER 1/100",
        "hear 1/101; pass 2.781249; forget; pass 0.000001",
        "MASTER: advert inet 1/100, announce 192.0.2.10",
        Kernel,
    ),
    row(
        "own ≥ rcv and D_rcv = D_own",
        WITH_BYTE_4,
        "MASTER 1/100 demoted 3",
        "hear 1/99 demoted 3",
        "BACKUP demoted 3: hand over",
        OVERLAP,
    ),
    row(
        "own ≥ rcv but D_rcv > D_own",
        WITH_BYTE_4,
        "MASTER 1/100 demoted 3",
        "hear 1/99 demoted 4",
        "MASTER demoted 3: advert inet 1/100 demoted 3, announce 192.0.2.10",
        ANSWER,
    ),
    row(
        "D_rcv < D_own, however slow",
        WITH_BYTE_4,
        "MASTER 1/100 demoted 3",
        "hear 254/254 demoted 2",
        "BACKUP demoted 3: hand over",
        OVERLAP,
    ),
    row(
        "§4.3.3: demoted yields to a peer without byte 4",
        WITH_BYTE_4,
        "MASTER 1/0 demoted 1",
        "hear 1/240",
        "BACKUP demoted 1: hand over",
        OVERLAP,
    ),
    row(
        "byte 4 is not compared, own > rcv",
        &[FreeBsd, NetBsd],
        "MASTER 1/100",
        "hear 1/99 demoted 255",
        YIELDS,
        OVERLAP,
    ),
    row(
        "byte 4 is not compared, own < rcv",
        IN_SKEW,
        "MASTER 1/100 demoted 0",
        "hear 1/101 demoted 0",
        STAYS,
        ANSWER,
    ),
    row(
        "[F]: own is the demoted skew, 128",
        &[FreeBsd],
        "MASTER 1/100 demoted 28",
        "hear 1/127",
        "BACKUP demoted 28: hand over",
        OVERLAP,
    ),
    row(
        "[F]: own is the demoted skew, 128, and better",
        &[FreeBsd],
        "MASTER 1/100 demoted 28",
        "hear 1/129",
        "MASTER demoted 28: advert inet 1/128, announce 192.0.2.10",
        ANSWER,
    ),
    row(
        "[N][D]: own is 240 where suppressed",
        &[NetBsd],
        "MASTER 1/100 demoted 1",
        "hear 1/239",
        "BACKUP demoted 1: hand over",
        OVERLAP,
    ),
    row(
        "[U]: own is 240 where suppressed",
        &[Ucarp],
        "MASTER 1/100 demoted 1",
        "hear 1/239",
        "BACKUP demoted 1: advert inet 1/240, hand over",
        OVERLAP,
    ),
    row(
        "a bow-out",
        ALL,
        "MASTER 1/100",
        "hear 255/255",
        "MASTER",
        BOW_OUT,
    ),
    row(
        "a bow-out of a less demoted node",
        WITH_BYTE_4,
        "MASTER 1/100 demoted 3",
        "hear 255/255",
        "MASTER demoted 3",
        BOW_OUT,
    ),
];

const BACKUP: &[Row] = &[
    row(
        "a: preempt and own < rcv",
        ALL,
        "BACKUP 1/100 preempt",
        "hear 1/101",
        TAKES_OVER,
        Kernel,
    ),
    row(
        "a: preempt and own = rcv",
        ALL,
        "BACKUP 1/100 preempt",
        "hear 1/100",
        "BACKUP",
        Kernel,
    ),
    row(
        "a: own < rcv without preempt",
        ALL,
        "BACKUP 1/100",
        "hear 1/101",
        "BACKUP",
        Kernel,
    ),
    row(
        "a: and D_rcv ≥ D_own",
        WITH_BYTE_4,
        "BACKUP 1/100 preempt demoted 3",
        "hear 1/101 demoted 3",
        "MASTER demoted 3: hold, advert inet 1/100 demoted 3, announce 192.0.2.10",
        Kernel,
    ),
    row(
        "a: but D_rcv < D_own",
        WITH_BYTE_4,
        "BACKUP 1/100 preempt demoted 3",
        "hear 1/101 demoted 2",
        "BACKUP demoted 3",
        Kernel,
    ),
    row(
        "a: by the demoted skew, 240",
        SUPPRESSED,
        "BACKUP 1/100 preempt demoted 1",
        "hear 1/240",
        "BACKUP demoted 1",
        Kernel,
    ),
    row(
        "a: by the demoted skew, 128",
        &[FreeBsd],
        "BACKUP 1/100 preempt demoted 28",
        "hear 1/129",
        "MASTER demoted 28: hold, advert inet 1/128, announce 192.0.2.10",
        Kernel,
    ),
    row(
        "b: D_rcv > D_own, without preempt",
        WITH_BYTE_4,
        "BACKUP 1/100",
        "hear 1/0 demoted 1",
        TAKES_OVER,
        Kernel,
    ),
    row(
        "b: byte 4 is not compared",
        IN_SKEW,
        "BACKUP 1/100",
        "hear 1/0 demoted 255",
        "BACKUP",
        Kernel,
    ),
    row(
        "c: (3, 100) < rcv",
        ALL,
        "BACKUP 1/100",
        "hear 3/101",
        TAKES_OVER,
        Kernel,
    ),
    row(
        "c: (3, 100) = rcv",
        ALL,
        "BACKUP 1/100",
        "hear 3/100",
        "BACKUP",
        Kernel,
    ),
    row(
        "c: by the demoted skew, 240",
        SUPPRESSED,
        "BACKUP 1/100 demoted 1",
        "hear 3/240",
        "BACKUP demoted 1",
        Kernel,
    ),
    row(
        "c: a bow-out",
        ALL,
        "BACKUP 1/100",
        "hear 255/255",
        TAKES_OVER,
        Kernel,
    ),
    row(
        "c: a bow-out, heard by a very slow backup",
        ALL,
        "BACKUP 254/100",
        "hear 255/255",
        "MASTER: hold, advert inet 254/100, announce 192.0.2.10",
        Ours("(762, 100) > (255, 255): the kernels wait for the master-down time of 762 s"),
    ),
    row(
        "c: advbase 0, only if advbase ≠ 0",
        WITH_BYTE_4,
        "BACKUP 0/100",
        "hear 0/101",
        "BACKUP",
        Kernel,
    ),
    row(
        "c: advbase 0",
        SUPPRESSED,
        "BACKUP 0/100",
        "hear 0/101",
        "MASTER: hold, advert inet 0/100, announce 192.0.2.10",
        Kernel,
    ),
    row(
        "c: advbase 0, a bow-out",
        OPENBSD,
        "BACKUP 0/100",
        "hear 255/255",
        "MASTER: hold, advert inet 0/100, announce 192.0.2.10",
        Ours("no gap of a master-down time at a switch on purpose"),
    ),
    row(
        "d: restart the timer",
        &[Portable, OpenBsdOld, FreeBsd, NetBsd, Ucarp],
        "BACKUP 1/100",
        "pass 3.390624; hear 1/0; pass 3.390624",
        "BACKUP",
        Kernel,
    ),
    row(
        "d: restart the timer",
        &[OpenBsd],
        "BACKUP 1/100",
        "pass 4.171874; hear 1/0; pass 4.171874",
        "BACKUP",
        Kernel,
    ),
    row(
        "d: of that address family only",
        WITHOUT_OPENBSD,
        "BACKUP 1/100 over both",
        "pass 3.390624; hear 1/0; pass 0.000001; forget",
        "MASTER",
        Kernel,
    ),
    row(
        "d: of that address family only",
        &[OpenBsd],
        "BACKUP 1/100 over both",
        "pass 4.171874; hear 1/0; pass 0.000001; forget",
        "MASTER",
        Kernel,
    ),
    row(
        "d: of that address family only, the other",
        WITHOUT_OPENBSD,
        "BACKUP 1/100 over both",
        "pass 3.390624; hear 1/0 over inet6; pass 0.000001; forget",
        "MASTER",
        Kernel,
    ),
    row(
        "d: of that address family only, the other",
        &[OpenBsd],
        "BACKUP 1/100 over both",
        "pass 4.171874; hear 1/0 over inet6; pass 0.000001; forget",
        "MASTER",
        Kernel,
    ),
    row(
        "another than the master that is followed",
        ALL,
        "BACKUP 1/100 preempt",
        "hear 1/0; hear 1/101 from 192.0.2.3",
        "BACKUP",
        ONE_MASTER,
    ),
];
