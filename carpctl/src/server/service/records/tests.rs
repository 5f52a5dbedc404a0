//! Records there and back, and services that go on from them on a simulated LAN.

use std::ffi::OsString;
use std::time::Duration;

use carp_net::carp_fsm::carp_proto::Key;
use carp_net::memory::{Lan, Memory};
use carp_net::{Backend as _, Driver};
use serde_json::Value;

use super::*;
use crate::server::service::Control;
use crate::server::service::control::Ticket;
use crate::vocabulary::change::CarriedKey;
use crate::vocabulary::demotion::{Demand, OwnerName};
use crate::vocabulary::protocol::Reply;
use crate::vocabulary::report::{Report, State};
use crate::vocabulary::settings::{Assignment, Setting};
use crate::vocabulary::words;

/// A change as an operator types it, with a key.
fn change(line: &str) -> Change {
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    let mut change = words::parse("carp0", &words).unwrap().change;
    change.key = Some(CarriedKey(Key::from_password("SharedSecret")));
    change
}

fn config(line: &str) -> Config {
    Config::default().with(&change(line)).unwrap().0
}

fn there_and_back(config: &Config) -> Config {
    let bytes = encode(&InterfaceRecord::new(config, None, None)).unwrap();
    let record: InterfaceRecord = decode(&bytes).unwrap();
    record.config().unwrap()
}

#[test]
fn configuration_survives_whole() {
    for line in [
        "create",
        "vhid 7",
        "carpdev vmx0 down",
        "vhid 255 carpdev vmx0 advbase 0 advskew 254 lladdr carpdev",
        "vhid 99 carpdev vmx0 192.0.2.10/24 broadcast 192.0.2.63",
        "vhid 99 carpdev vmx0 192.0.2.10 192.0.2.11/32 2001:db8::10",
        "peers freebsd advdemote both lladdr 02:00:5e:00:00:07 group web group dmz",
        "carppeer 10.0.0.2 peer 10.0.0.3 peer6 2001:db8::2",
        "upscript /u backupscript /b downscript /d preparescript /p xparam x hooktimeout 5",
    ] {
        let config = config(line);
        assert_eq!(there_and_back(&config), config, "{line}");
    }
    let mut many = config("vhid 99 carpdev vmx0");
    for address in ["2001:db8::10/64", "192.0.2.10/24", "198.51.100.1/32"] {
        many.addresses.push(address.parse().unwrap());
    }
    assert_eq!(there_and_back(&many), many);
}

#[test]
fn longest_record_fits() {
    let mut config = config("vhid 99 carpdev a23456789012345");
    for number in 0..=u8::MAX {
        let address = format!("2001:db8:ffff:ffff:ffff:ffff:ffff:ff{number:02x}/128");
        config.addresses.push(address.parse().unwrap());
    }
    let bytes = encode(&InterfaceRecord::new(&config, None, None)).unwrap();
    assert!(bytes.len() < carp_net::supervisor::MAX_RECORD / 2);
}

#[test]
fn unreadable_record_is_not_quoted() {
    let record = InterfaceRecord::new(&config("vhid 7"), None, None);
    let mut bytes = encode(&record).unwrap().to_vec();
    bytes.truncate(bytes.len() / 2);
    let error = decode::<InterfaceRecord>(&bytes).err().unwrap().to_string();
    assert!(error.starts_with("what the former service left"), "{error}");
}

// ---- a whole service ----

/// What a service that ends here would leave.
fn saved(control: &mut Control<Memory>) -> Legacy {
    control.touch_all();
    let mut interfaces = BTreeMap::new();
    control.save_interfaces(|name, record| {
        let bytes = encode(record.unwrap()).unwrap();
        let record: InterfaceRecord = decode(&bytes).unwrap();
        let left = Left {
            config: record.config().unwrap(),
            host: record.host,
            told: record.told,
        };
        interfaces.insert(name, left);
    });
    let service = encode(&control.save_service((3, 4)).unwrap()).unwrap();
    Legacy {
        service: decode(&service).unwrap(),
        interfaces,
    }
}

fn node(lan: &Lan) -> Control<Memory> {
    let driver = Driver::new(lan.node(), Settings::default().of_node()).unwrap();
    Control::new(driver, true)
}

/// Has `name` changed and waits until it is done.
fn make(clock: &mut Memory, control: &mut Control<Memory>, name: &str, line: &str) {
    control.change(Ticket(1), name.parse().unwrap(), change(line));
    pass(clock, &mut [control], Duration::from_millis(1));
    let (_, reply) = control.poll_reply().unwrap();
    assert!(matches!(reply, Reply::Done { .. }), "{reply:?}");
}

/// Lets `time` pass for these nodes.
fn pass(clock: &mut Memory, nodes: &mut [&mut Control<Memory>], time: Duration) {
    let end = clock.now() + time;
    while clock.now() < end {
        for node in nodes.iter_mut() {
            node.process();
        }
        let next = nodes.iter().filter_map(|node| node.deadline()).min();
        let next = next.map_or(end, |next| next.min(end));
        clock.wait(Some(next.max(clock.now()))).unwrap();
    }
}

fn report(control: &Control<Memory>, name: &str) -> Report {
    control.report(name.parse().unwrap()).unwrap()
}

fn state(control: &Control<Memory>, name: &str) -> State {
    report(control, name).carp.unwrap().state
}

/// What an interface has been through, but for when it was written down.
fn history(legacy: &Legacy, name: &str) -> Value {
    let saved = &legacy.interfaces[&name.parse().unwrap()].host;
    let mut saved = serde_json::to_value(saved).unwrap();
    assert!(
        saved["host"]["run"]["counters"]["opackets"].is_u64(),
        "{saved}"
    );
    saved["host"]["at"].take();
    saved
}

#[test]
fn service_goes_on_as_it_was() {
    let lan = Lan::new(42);
    let (mut one, mut two) = (node(&lan), node(&lan));
    let clock = &mut lan.node();
    make(
        clock,
        &mut one,
        "carp0",
        "vhid 99 carpdev vmx0 192.0.2.10/24",
    );
    let words = "vhid 99 carpdev vmx0 advskew 100 192.0.2.10/24";
    make(clock, &mut two, "carp0", words);
    make(clock, &mut one, "carp1", "vhid 7 carpdev vmx0 down");
    make(clock, &mut one, "carp2", "create");
    pass(clock, &mut [&mut one, &mut two], Duration::from_secs(10));
    assert_eq!(state(&one, "carp0"), State::Master);
    assert_eq!(state(&two, "carp0"), State::Backup);

    for (number, control) in [&mut one, &mut two].into_iter().enumerate() {
        let before = report(control, "carp0");
        let legacy = saved(control);
        assert_eq!(legacy.service.socket, (3, 4));
        let history_before = history(&legacy, "carp0");
        control.leave_in_place();
        let node = lan.node_again(number);
        *control = Control::resume(node, legacy, clock.now(), true).unwrap();
        assert_eq!(history(&saved(control), "carp0"), history_before);
        pass(clock, &mut [control], Duration::from_millis(1));
        let mut after = report(control, "carp0");
        let past = after.last_transition.take().unwrap();
        assert_eq!(past.reason, before.last_transition.as_ref().unwrap().reason);
        after.last_transition.clone_from(&before.last_transition);
        assert_eq!(after, before);
    }
    assert_eq!(state(&one, "carp1"), State::Init);
    assert_eq!(report(&one, "carp2").carp, None);
    pass(clock, &mut [&mut one, &mut two], Duration::from_secs(10));
    assert_eq!(state(&one, "carp0"), State::Master);
    assert_eq!(state(&two, "carp0"), State::Backup);
    assert_eq!(lan.holders("192.0.2.10".parse().unwrap()), [0]);
}

#[test]
fn settings_and_the_way_back_go_on() {
    let lan = Lan::new(42);
    let mut one = node(&lan);
    let clock = &mut lan.node();
    make(clock, &mut one, "carp0", "vhid 99 carpdev vmx0");
    let assign = Assignment {
        setting: Setting::Preempt,
        value: 1,
    };
    one.assign(Ticket(1), &[assign]);
    let settings = one.settings();
    let legacy = saved(&mut one);
    one.leave_in_place();
    one = Control::resume(lan.node_again(0), legacy, clock.now(), true).unwrap();
    assert_eq!(one.settings(), settings);
    // With the key, and the same words as before.
    one.change(Ticket(1), "carp0".parse().unwrap(), change("advskew 1"));
    pass(clock, &mut [&mut one], Duration::from_millis(1));
    let done = Reply::Done { notes: Vec::new() };
    assert_eq!(one.poll_reply(), Some((Ticket(1), done)));
    assert_eq!(one.poll_reply(), None);
}

#[test]
fn demotions_go_on_and_the_held_ones_wait_for_their_holders() {
    let lan = Lan::new(42);
    let mut one = node(&lan);
    let clock = &mut lan.node();
    make(clock, &mut one, "carp0", "vhid 99 carpdev vmx0 group web");
    let demand = |owner: &str, holder| Demand::Hold {
        owner: owner.parse().unwrap(),
        amount: 40,
        holder,
    };
    let carp = "carp".parse().unwrap();
    one.demote(Ticket(2), &carp, &Demand::Add(3));
    one.demote(Ticket(3), &carp, &demand("x", 7));
    one.demote(Ticket(4), &"web".parse().unwrap(), &demand("y", 8));
    for _ in 0..3 {
        let done = Reply::Done { notes: Vec::new() };
        assert_eq!(one.poll_reply().unwrap().1, done);
    }
    pass(clock, &mut [&mut one], Duration::from_secs(10));
    assert_eq!(report(&one, "carp0").demotion, 83);

    let legacy = saved(&mut one);
    one.leave_in_place();
    one = Control::resume(lan.node_again(0), legacy, clock.now(), true).unwrap();
    let after = report(&one, "carp0");
    assert_eq!(after.demotion, 83);
    assert!(after.demotions.iter().all(|entry| entry.ago_ms >= 10_000));
    pass(clock, &mut [&mut one], Duration::from_secs(4));
    one.demote(Ticket(5), &carp, &demand("x", 6));
    let (_, reply) = one.poll_reply().unwrap();
    assert!(matches!(reply, Reply::Refused { .. }), "{reply:?}");
    one.demote(Ticket(6), &carp, &demand("x", 7));
    let done = Reply::Done { notes: Vec::new() };
    assert_eq!(one.poll_reply(), Some((Ticket(6), done)));
    // Nobody comes for the other.
    pass(clock, &mut [&mut one], Duration::from_secs(2));
    assert_eq!(report(&one, "carp0").demotion, 43);
    one.release(Ticket(6));
    assert_eq!(report(&one, "carp0").demotion, 3);
}

#[test]
fn only_what_has_changed_is_saved() {
    let lan = Lan::new(42);
    let mut one = node(&lan);
    let clock = &mut lan.node();
    let names = |control: &mut Control<Memory>| {
        let mut names = Vec::new();
        control.save_interfaces(|name, record| names.push((name.to_string(), record.is_some())));
        names
    };
    make(clock, &mut one, "carp0", "vhid 99 carpdev vmx0");
    make(clock, &mut one, "carp1", "vhid 7 carpdev vmx0");
    let both = [("carp0".to_owned(), true), ("carp1".to_owned(), true)];
    assert_eq!(names(&mut one), both);
    assert!(one.save_service((3, 4)).is_some());
    assert_eq!(names(&mut one), []);
    assert!(one.save_service((3, 4)).is_none());
    one.change(Ticket(1), "carp0".parse().unwrap(), change("destroy"));
    pass(clock, &mut [&mut one], Duration::from_millis(1));
    assert_eq!(names(&mut one), [("carp0".to_owned(), false)]);
}

#[test]
fn machine_that_boots_is_demoted_for_a_minute_whoever_serves() {
    let lan = Lan::new(42);
    let mut one = node(&lan);
    let clock = &mut lan.node();
    one.demote_at_boot();
    make(clock, &mut one, "carp0", "vhid 99 carpdev vmx0");
    pass(clock, &mut [&mut one], Duration::from_secs(30));
    assert_eq!(report(&one, "carp0").demotion, 128);

    let legacy = saved(&mut one);
    one.leave_in_place();
    one = Control::resume(lan.node_again(0), legacy, clock.now(), true).unwrap();
    pass(clock, &mut [&mut one], Duration::from_secs(29));
    let after = report(&one, "carp0");
    assert_eq!((after.demotion, after.demotions[0].amount), (128, 128));
    assert_eq!(one.status(), "1 interface: carp0 MASTER; demotion 128");
    pass(clock, &mut [&mut one], Duration::from_secs(2));
    assert_eq!(report(&one, "carp0").demotion, 0);
    assert_eq!(one.deadline().filter(|at| *at <= clock.now()), None);
}

#[test]
fn whoever_takes_the_demotion_at_boot_back_may_have_it_again_for_longer() {
    let lan = Lan::new(42);
    let mut one = node(&lan);
    let clock = &mut lan.node();
    one.demote_at_boot();
    let (carp, owner) = (
        "carp".parse().unwrap(),
        "boot".parse::<OwnerName>().unwrap(),
    );
    one.demote(Ticket(1), &carp, &Demand::Clear(owner.clone()));
    was_done(&mut one);
    assert_eq!(one.settings_as_shown().demotion, 0);
    one.demote(Ticket(2), &carp, &Demand::Set { owner, amount: 5 });
    was_done(&mut one);
    pass(clock, &mut [&mut one], Duration::from_secs(90));
    assert_eq!(one.settings_as_shown().demotion, 5);
}

/// Takes the answer of something that was done.
fn was_done(control: &mut Control<Memory>) {
    let (_, reply) = control.poll_reply().unwrap();
    assert!(matches!(reply, Reply::Done { .. }), "{reply:?}");
}
