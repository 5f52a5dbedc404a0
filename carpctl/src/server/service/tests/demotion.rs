//! Who demotes which group, by commands and for as long as a connection lasts.

use super::*;
use crate::clients::demotion::words::{self, Asked};
use crate::vocabulary::demotion::{Demand, GroupReport};

#[test]
fn boot_interlock_counts_for_interfaces_to_come_and_then_the_service_ends() {
    let bench = Bench::on_demand();
    demote(&bench, "carp carpdemote 128");
    assert_eq!(who(&bench, "carp"), [("operator".to_owned(), 128)]);
    bench.done("carp0", "vhid 1 carpdev vmx0");
    assert_eq!(bench.report("carp0").demotion, 128);
    // The last interface goes, the interlock stays.
    let (_, notes) = rehearsed(&bench, understood("carp0", "destroy"));
    let kept_by = "an interface, because somebody demotes group carp (`carpctl -g carp' shows who)";
    assert_eq!(
        notes,
        [format!("the service would go on without {kept_by}")]
    );
    let kept = format!("the service goes on without {kept_by}");
    assert_eq!(change(&bench.paths, "carp0", "destroy"), done(&[&kept]));
    bench.done("carp1", "vhid 2 carpdev vmx0");
    assert_eq!(bench.report("carp1").demotion, 128);
    demote(&bench, "carp -carpdemote 128");
    assert_eq!(bench.report("carp1").demotion, 0);
    bench.done("carp1", "destroy");
    bench.ended();
}

#[test]
fn owners_are_idempotent_and_the_sum_is_bounded() {
    let bench = Bench::staying();
    for _ in 0..2 {
        demote(&bench, "carp carpdemote 50 owner haproxy");
    }
    demote(&bench, "carp carpdemote 128");
    demote(&bench, "carp carpdemote 7");
    let expected = [("haproxy".to_owned(), 50), ("operator".to_owned(), 135)];
    assert_eq!(who(&bench, "carp"), expected);
    assert_eq!(
        not_demoted(&bench, "carp carpdemote 71"),
        "demoted by 185 already, and by at most 255 in all (`carpctl -g carp' shows by whom)"
    );
    assert_eq!(
        not_demoted(&bench, "carp carpdemote 128 owner haproxy"),
        "demoted by 185 already, and by at most 255 in all (`carpctl -g carp' shows by whom)"
    );
    demote(&bench, "carp -carpdemote 128");
    assert_eq!(
        not_demoted(&bench, "carp -carpdemote 8"),
        "the operator demotes it by 7, so 8 cannot be taken away (`carpctl -g carp' shows who \
         demotes)"
    );
    for _ in 0..2 {
        demote(&bench, "carp -carpdemote owner haproxy");
    }
    assert_eq!(who(&bench, "carp"), [("operator".to_owned(), 7)]);
    demote(&bench, "carp carpdemote 0 owner operator");
    assert_eq!(group(&bench, "carp").demotion, 0);
}

#[test]
fn demotion_of_a_group_is_that_of_its_interfaces() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1 carpdev vmx0 group web");
    bench.done("carp1", "vhid 2 carpdev vmx0");
    assert_eq!(
        not_demoted(&bench, "wep carpdemote"),
        "no such interface group (there are: carp, web); `group' puts an interface into one"
    );
    demote(&bench, "web carpdemote 40");
    demote(&bench, "carp carpdemote 2");
    let demotion = |name| bench.report(name).demotion;
    assert_eq!((demotion("carp0"), demotion("carp1")), (42, 2));
    assert_eq!(bench.report("carp1").demotions.len(), 1);
    assert_eq!(group(&bench, "web").interfaces, ["carp0"]);
    assert_eq!(group(&bench, "carp").interfaces, ["carp0", "carp1"]);
    bench.done("carp0", "-group web");
    assert_eq!((demotion("carp0"), demotion("carp1")), (2, 2));
    // What demotes it can be taken back although nobody is in it.
    demote(&bench, "web -carpdemote 40");
    not_demoted(&bench, "web carpdemote 40");
}

#[test]
fn demotion_is_read_and_added_to_like_a_setting() {
    let bench = Bench::on_demand();
    let demotion = |values: &[i32]| {
        let assign = values.iter().map(|value| Assignment {
            setting: Setting::Demotion,
            value: *value,
        });
        let assign = assign.collect();
        let request = Request::Settings { assign };
        client::ask_for_change(&bench.paths, &request)
            .unwrap()
            .remove(0)
    };
    let seen = |reply| {
        let Reply::Settings { before, now } = reply else {
            panic!("{reply:?}");
        };
        (before.demotion, now.demotion)
    };
    assert_eq!(seen(demotion(&[30])), (0, 30));
    demote(&bench, "carp carpdemote 5 owner x");
    assert_eq!(seen(demotion(&[])), (35, 35));
    assert_eq!(seen(demotion(&[-50])), (35, -15));
    let expected = [("sysctl".to_owned(), -20), ("x".to_owned(), 5)];
    assert_eq!(who(&bench, "carp"), expected);
    let Reply::Refused { reason } = demotion(&[-255]) else {
        panic!("out of range");
    };
    assert_eq!(
        reason,
        "net.inet.carp.demotion: -20 and -255 written make -275: out of range (-255 to 255)"
    );
    assert_eq!(seen(demotion(&[20])), (-15, 5));
    demote(&bench, "carp -carpdemote owner x");
    bench.ended();
}

#[test]
fn held_demotion_goes_with_its_connection() {
    let bench = Bench::on_demand();
    let stream = hold(&bench, "x", 1);
    let report = group(&bench, "carp");
    assert_eq!(report.demotion, 50);
    assert!(report.demotions[0].held);
    let held = "owner x holds a demotion of carp already, while a command runs (`carpctl \
                demote'): take another name, or end that command";
    assert_eq!(not_held(&bench, "x", 2), held);
    assert_eq!(not_demoted(&bench, "carp carpdemote 5 owner x"), held);
    assert_eq!(not_demoted(&bench, "carp -carpdemote owner x"), held);
    // Neither a time limit nor the last interface ends it.
    bench.done("carp0", "create group web");
    demote(&bench, "web carpdemote 5");
    change(&bench.paths, "carp0", "destroy");
    assert_eq!(group(&bench, "web").demotion, 5, "its members are gone");
    demote(&bench, "web -carpdemote 5");
    let other = hold(&bench, "y", 3);
    assert_eq!(group(&bench, "carp").demotion, 100);
    drop(stream);
    wait_for(|| group(&bench, "carp").demotion == 50);
    drop(other);
    bench.ended();
}

#[test]
fn held_demotion_is_taken_over_by_its_holder_alone() {
    let bench = Bench::staying();
    let before = hold(&bench, "x", 1);
    let after = hold(&bench, "x", 1);
    drop(before);
    bench.show();
    assert_eq!(group(&bench, "carp").demotion, 50);
    drop(after);
    wait_for(|| group(&bench, "carp").demotion == 0);
    demote(&bench, "carp carpdemote 5 owner x");
    assert_eq!(
        not_held(&bench, "x", 1),
        "owner x demotes already (`carpctl -g carp -carpdemote owner x' ends that)"
    );
    assert_eq!(
        not_held(&bench, "operator", 1),
        "owner operator is that of `carpdemote' without one"
    );
}

// ---- helpers ----

fn answer(bench: &Bench, line: &str) -> Reply {
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    let Ok(Asked::Group {
        group,
        demand: Some(demand),
        ..
    }) = words::parse(&words)
    else {
        panic!("{line}");
    };
    let request = Request::Demote { group, demand };
    client::ask_for_change(&bench.paths, &request)
        .unwrap()
        .remove(0)
}

/// Changes who demotes a group.
pub(super) fn demote(bench: &Bench, line: &str) {
    assert_eq!(answer(bench, line), done(&[]), "{line}");
}

/// Why that is refused.
fn not_demoted(bench: &Bench, line: &str) -> String {
    let Reply::Refused { reason } = answer(bench, line) else {
        panic!("{line} was done");
    };
    reason
}

fn group(bench: &Bench, name: &str) -> GroupReport {
    let group = name.parse().unwrap();
    let answer = client::ask(&bench.paths, &Request::Group { group }).unwrap();
    let Some(Reply::Group(report)) = answer.unwrap().pop() else {
        panic!("no report on {name}");
    };
    *report
}

/// Who demotes a group, and by how much.
fn who(bench: &Bench, name: &str) -> Vec<(String, i32)> {
    let entries = group(bench, name).demotions.into_iter();
    entries.map(|it| (it.reason, it.amount)).collect()
}

/// Asks for a demotion for as long as the connection lasts.
fn try_to_hold(bench: &Bench, owner: &str, holder: u64) -> (Vec<Reply>, UnixStream) {
    let request = Request::Demote {
        group: "carp".parse().unwrap(),
        demand: Demand::Hold {
            owner: owner.parse().unwrap(),
            amount: 50,
            holder,
        },
    };
    client::hold(&bench.paths, &request).unwrap()
}

fn hold(bench: &Bench, owner: &str, holder: u64) -> UnixStream {
    let (replies, stream) = try_to_hold(bench, owner, holder);
    assert_eq!(replies, [done(&[])]);
    stream
}

fn not_held(bench: &Bench, owner: &str, holder: u64) -> String {
    let (mut replies, _) = try_to_hold(bench, owner, holder);
    let Some(Reply::Refused { reason }) = replies.pop() else {
        panic!("{owner} holds it");
    };
    reason
}
