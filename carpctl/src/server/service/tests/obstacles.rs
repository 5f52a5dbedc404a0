//! What stands in the way of a change, and what is told of it.

use super::*;

#[test]
fn refusals_name_what_stands_in_the_way() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1 carpdev vmx0 192.0.2.10/24");
    for (interface, line, expected) in [
        (
            "carp1",
            "vhid 1 carpdev vmx0",
            "carpdev vmx0: vhid 1 is already used on this carpdev by carp0",
        ),
        (
            "carp1",
            "vhid 2 carpdev carp0",
            "carpdev carp0: a carp interface cannot be a carpdev",
        ),
        (
            "carp1",
            "vhid 2 carpdev vmx0 192.0.2.10/24",
            "192.0.2.10 is already on carp0 of this machine",
        ),
        (
            "carp1",
            "carpdev vmx0 192.0.2.10/24",
            "192.0.2.10 is already on carp0 of this machine",
        ),
        (
            "carp1",
            "vhid 2 192.0.2.11/24",
            "an address needs a carpdev: say `carpdev INTERFACE' too",
        ),
        ("carp1", "destroy", "no such interface"),
        ("carp0", "create", "exists already"),
    ] {
        assert_eq!(
            bench.refused(interface, line),
            expected,
            "{interface} {line}"
        );
    }
    assert_eq!(bench.show().len(), 1);
}

#[test]
fn several_words_are_one_change_or_none() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1 carpdev vmx0 advskew 5 192.0.2.10/24");
    let before = still(bench.report("carp0"));
    bench.refused("carp0", "advskew 7 carpdev carp0");
    bench.refused("carp0", "advskew 7 -alias 192.0.2.99");
    bench.refused("carp0", "down advbase 3 create");
    assert_eq!(still(bench.report("carp0")), before);
}

#[test]
fn address_that_a_master_cannot_hold_is_refused_and_the_others_stay() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1 carpdev vmx0 192.0.2.10/24 state master");
    bench.wishes.refuse_holding(true);
    let expected = "192.0.2.10: Permission denied (os error 13)";
    assert_eq!(bench.refused("carp0", "alias 192.0.2.11/24"), expected);
    bench.wishes.refuse_holding(false);
    let report = bench.report("carp0");
    assert_eq!(report.addresses.len(), 1);
    bench.done("carp0", "alias 192.0.2.11/24");
    assert!(
        bench
            .report("carp0")
            .addresses
            .iter()
            .all(|it| it.installed)
    );
    bench.done("carp0", "-alias 192.0.2.10");
    assert_eq!(bench.state("carp0"), State::Master);
}

#[test]
fn absent_carpdev_is_waited_for() {
    let bench = Bench::staying();
    let waiting = "carpdev absent0 is not there yet: waiting for it";
    let reply = change(
        &bench.paths,
        "carp0",
        "vhid 1 carpdev absent0 192.0.2.10/24",
    );
    assert_eq!(reply, done(&[waiting]));
    assert_eq!(bench.state("carp0"), State::Init);
    bench.done("carp0", "advskew 7");
    assert_eq!(change(&bench.paths, "carp0", "up"), done(&[waiting]));
    assert_eq!(
        bench.refused("carp0", "state master"),
        "`state' needs the carpdev, and absent0 is absent"
    );
    bench.lan.set_link(0, "absent0", LinkState::Up);
    wait_for(|| bench.state("carp0") == State::Backup);
    bench.done("carp0", "state master");

    // The same for one that is named before the vhid, and for a change of the carpdev.
    bench.lan.set_link(0, "absent0", LinkState::Absent);
    bench.done("carp1", "carpdev absent0");
    assert_eq!(change(&bench.paths, "carp1", "vhid 2"), done(&[waiting]));
    bench.done("carp1", "carpdev vmx0");
    assert_eq!(bench.state("carp1"), State::Backup);
    let reply = change(&bench.paths, "carp1", "carpdev absent0");
    assert_eq!(reply, done(&[waiting]));
    bench.done("carp1", "destroy");
    bench.done("carp0", "destroy");
}

#[test]
fn what_fails_later_is_shown_until_it_works() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1 carpdev vmx0 192.0.2.10/24");
    bench.wishes.fail_late();
    wait_for(|| bench.report("carp0").error.is_some());
    let error = bench.report("carp0").error.unwrap();
    let taken = "an interface of this name exists already and is not a carp interface";
    assert_eq!(error.reason, taken);
    bench.done("carp0", "state master");
    assert_eq!(bench.report("carp0").error, None);
}

#[test]
fn damage_by_another_program_is_shown() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1 carpdev vmx0 192.0.2.10/24 state master");
    let report = bench.report("carp0");
    assert_eq!((report.trouble, report.demotions), (None, vec![]));
    assert_eq!(
        report.last_transition.unwrap().reason,
        "requested: state master"
    );
    let harm = Harm::Damage(Damage::LinkAddress);
    bench.lan.harm(0, "carp0", harm);
    wait_for(|| bench.report("carp0").trouble.is_some_and(|it| it.mended));
    let report = bench.report("carp0");
    let expected = "MAC address changed by another program";
    assert_eq!(report.trouble.unwrap().what, expected);
    assert_eq!((report.demotion, report.demotions), (0, vec![]));

    bench.lan.set_link(0, "vmx0", LinkState::Down);
    bench.done("carp1", "vhid 2 carpdev vmx1");
    wait_for(|| bench.report("carp1").demotion == 1);
    let report = bench.report("carp1");
    let entry = &report.demotions[0];
    assert_eq!(entry.interface.as_deref(), Some("carp0"));
    assert_eq!(entry.reason, "carpdev is not up");
    let shown = render::interface(&report);
    assert!(
        shown.contains("\tdemotion: 1 (carp0: carpdev is not up)\n"),
        "{shown}"
    );
}

#[test]
fn interface_that_another_program_took_down_is_down_until_up() {
    let bench = Bench::staying();
    let is_up = || {
        let report = bench.report("carp0");
        report.flags.iter().any(|flag| flag.to_string() == "UP")
    };
    bench.done("carp0", "vhid 1 carpdev vmx0 192.0.2.10/24");
    for (state, how) in [
        (State::Backup, TakenDown::SetDown),
        (State::Master, TakenDown::Deleted),
        (State::Master, TakenDown::SetDown),
    ] {
        if state == State::Master {
            bench.done("carp0", "state master");
        }
        assert!(is_up());
        bench.lan.harm(0, "carp0", Harm::TakeDown(how));
        wait_for(|| bench.state("carp0") == State::Init);
        assert!(!is_up());
        // It stays down when something else is changed.
        bench.done("carp0", "advskew 7");
        assert_eq!(bench.state("carp0"), State::Init);
        assert!(!is_up());
        bench.done("carp0", "advskew 0 up");
        assert_eq!(bench.state("carp0"), State::Backup);
    }
}

#[test]
fn interface_that_could_not_be_made_is_not_there() {
    let bench = Bench::staying();
    bench.wishes.refuse_configuring(true);
    let taken = "an interface of this name exists already and is not a carp interface";
    assert_eq!(bench.refused("carp0", "vhid 1 carpdev vmx0"), taken);
    assert!(bench.show().is_empty());
    // One that was made before is as incomplete as it was.
    bench.done("carp0", "vhid 1");
    let before = bench.report("carp0");
    assert_eq!(bench.refused("carp0", "carpdev vmx0"), taken);
    assert_eq!(bench.report("carp0"), before);
    bench.wishes.refuse_configuring(false);
    bench.done("carp0", "carpdev vmx0");
    assert_eq!(bench.state("carp0"), State::Backup);
}

#[test]
fn change_that_could_not_be_made_is_taken_back() {
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1 carpdev vmx0 192.0.2.10/24");
    let before = still(bench.report("carp0"));
    bench.wishes.refuse_configuring(true);
    bench.refused("carp0", "vhid 2 advskew 9");
    bench.wishes.refuse_configuring(false);
    let mut after = still(bench.report("carp0"));
    after.error = None; // making it what it was may have been refused too
    assert_eq!(after, before);
    bench.done("carp0", "vhid 3");
    assert_eq!(bench.report("carp0").carp.unwrap().vhid, 3);
}

#[test]
fn others_are_served_while_an_interface_is_being_made() {
    let bench = Bench::staying();
    bench.wishes.hold_up_configuring(true);
    let paths = bench.paths.clone();
    let first = thread::spawn(move || change(&paths, "carp0", "vhid 1 carpdev vmx0"));
    wait_for(|| bench.show().len() == 1);
    bench.done("carp1", "vhid 2");
    // The same interface has to wait its turn.
    let paths = bench.paths.clone();
    let second = thread::spawn(move || change(&paths, "carp0", "destroy"));
    assert_eq!(bench.show().len(), 2);
    assert!(!first.is_finished());
    bench.wishes.hold_up_configuring(false);
    assert_eq!(first.join().unwrap(), done(&[]));
    assert_eq!(second.join().unwrap(), done(&[]));
    assert_eq!(bench.show().len(), 1);
}
