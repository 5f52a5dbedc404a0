//! A flood of forged adverts: nothing comes of it but counters, what is true is heard all the while,
//! and the kernel drops what it can.

use carp_net::carp_fsm::carp_proto::Family;
use serde_json::Value;

use super::{Bench, Crafted};
use crate::net::{PATIENCE, wait_until};

/// Enough for the kernel's filter to go on.
const RATE: u32 = 20_000;

/// In turn: one of the vhid with a wrong digest, one of a vhid that nobody has, one that is cut off.
/// Each claims more than the node does.
fn forged() -> Vec<Vec<u8>> {
    let claiming = || Crafted::claiming(Family::Inet, 0, 0);
    let mut wrong = claiming();
    wrong.digest_damage = 1;
    let mut unknown = claiming();
    unknown.advert.vhid = 7;
    let mut short = claiming();
    short.length = 35;
    [wrong, unknown, short].map(|it| it.frame()).to_vec()
}

/// How often the node has changed its state.
fn transitions(bench: &Bench) -> u64 {
    let all: Value = serde_json::from_str(&bench.node().carpctl("stats --json")).unwrap();
    all["counters"]["transitions"].as_u64().unwrap()
}

#[test]
fn a_flood_moves_nothing_and_keeps_nothing_true_out() {
    let Some(bench) = Bench::new() else { return };
    let (before, changes) = (bench.counted(), transitions(&bench));
    let flood = bench.net.asker.flood(forged(), RATE).unwrap();
    let filtered = || bench.counted().service["filtered"];
    wait_until("the kernel drops what it can", || filtered() > 0);
    let meanwhile = bench.counted();
    assert_eq!(transitions(&bench), changes);
    assert!(meanwhile.service["badauth"] > before.service["badauth"]);
    // All that is left is of the vhid that is configured.
    let counts = |name: &str| bench.counted().service[name];
    let refused = ["badlen", "badvhid"].map(counts);
    let checked = counts("badauth");
    wait_until("more of them", || counts("badauth") > checked + 100);
    assert_eq!(["badlen", "badvhid"].map(counts), refused);
    // A better node is heard, and its good-bye.
    for ((advbase, advskew), state) in [((1, 0), "BACKUP"), ((255, 255), "MASTER")] {
        bench.send(&Crafted::claiming(Family::Inet, advbase, advskew).frame());
        bench.node().wait_for(state, PATIENCE);
    }
    assert_eq!(transitions(&bench), changes + 2);
    let sent = flood.stop().unwrap();
    // What was sent is counted once, or had no room in the socket.
    let counted = bench.counted();
    let more = |name: &str| counted.service[name] - before.service[name];
    assert!(more("ipackets") + more("filtered") <= sent + 2);
}
