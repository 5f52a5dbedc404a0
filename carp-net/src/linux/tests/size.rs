//! How large packets can be, whatever becomes of the carpdev, and what that says of its networks.

use carp_fsm::HostId;

use super::*;

fn of_size(mtu: Option<u32>) -> Setup {
    Setup { mtu, ..carp0() }
}

fn size(machine: &mut Machine, id: HostId) -> Option<u32> {
    let report = machine.backend.poll();
    machine.reports.extend(report);
    machine.backend.inspect(id).mtu
}

#[test]
fn packets_are_as_large_as_said_or_as_on_the_carpdev() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24"]);
    let id = one.configure(&of_size(Some(1400)));
    one.hold(id, &["192.0.2.10/24"]);
    wait_until(|| size(&mut one, id) == Some(1400));
    for (mtu, expected) in [(Some(1300), 1300), (None, 1500), (Some(1500), 1500)] {
        one.try_configure(id, &of_size(mtu)).unwrap();
        wait_until(|| size(&mut one, id) == Some(expected));
        // What is held stays where it is.
        assert_eq!(one.held_view().len(), 1, "mtu {mtu:?}");
    }
}

#[test]
fn no_packet_is_larger_than_on_the_carpdev() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &[]);
    let mut refusal = |mtu| {
        let checked = one.backend.check("vmx0", &of_size(Some(mtu)), &[]);
        checked.err().map(|error| error.to_string())
    };
    assert_eq!(refusal(1500), None);
    let why = "carp0: mtu 1501: vmx0 takes 1500 bytes at most";
    assert_eq!(refusal(1501).as_deref(), Some(why));
}

/// What is said next of a carpdev that takes less than it should, and whether it does.
fn limit(machine: &mut Machine, id: HostId) -> Option<String> {
    machine.wait_for("limit", |report| {
        if let Report::Limited { id: of, error } = report {
            return (*of == id).then(|| error.as_ref().map(ToString::to_string));
        }
        None
    })
}

#[test]
fn packets_grow_and_shrink_with_the_carpdev_and_none_is_lost() {
    let _alone = alone();
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let client = lab.host("client").unwrap();
    client.add_address("192.0.2.50/24").unwrap();
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24"]);
    let id = one.configure(&carp0());
    one.hold(id, &["192.0.2.10/24"]);
    let echo = client.echo(ip("192.0.2.10"), 1_000).unwrap();
    assert!(echo.wait_for_answers(10, LONG));
    for carpdev in [9000, 1400, 1500] {
        one.ip(&format!("ip link set vmx0 mtu {carpdev}"));
        wait_until(|| size(&mut one, id) == Some(carpdev));
    }
    one.ip("ip link set vmx0 mtu 9000");
    one.try_configure(id, &of_size(Some(8000))).unwrap();
    for (carpdev, expected) in [(1500, 1500), (9000, 8000), (8000, 8000)] {
        one.ip(&format!("ip link set vmx0 mtu {carpdev}"));
        wait_until(|| size(&mut one, id) == Some(expected));
    }
    // Nor does it stay where another program has put it.
    one.ip("ip link set carp0 mtu 1300");
    wait_until(|| size(&mut one, id) == Some(8000));
    assert!(echo.wait_for_answers(echo.progress().1 + 10, LONG));
    let echoes = echo.stop().unwrap();
    assert_eq!(echoes.lost(), 0, "{echoes}");
    let why = "carp0: mtu 8000: vmx0 takes 1500 bytes at most";
    assert_eq!(limit(&mut one, id).as_deref(), Some(why));
    assert_eq!(limit(&mut one, id), None);
    let is_odd = |report: &Report| {
        matches!(
            report,
            Report::Limited { .. } | Report::Damaged { .. } | Report::TakenDown { .. }
        )
    };
    one.settle();
    assert!(!one.reports.iter().any(is_odd), "{:?}", one.reports);
}

#[test]
fn inet6_is_as_quiet_as_before_once_packets_are_large_enough_again() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24", "2001:db8::1/64"]);
    let id = one.configure(&carp0());
    one.hold(id, &["192.0.2.10/24", "2001:db8::10/64"]);
    let before = one.view("address carp0");
    for mtu in [1279, 1280] {
        one.ip(&format!("ip link set vmx0 mtu {mtu}"));
        wait_until(|| size(&mut one, id) == Some(mtu));
    }
    wait_until(|| {
        one.settle();
        one.view("address carp0") == before
    });
    for name in ["accept_ra", "autoconf", "accept_dad"] {
        assert_eq!(one.setting("ipv6", "carp0", name), "0", "{name}");
    }
    let details = one.ip("ip -details link show dev carp0");
    assert!(details.contains("addrgenmode none"), "{details}");
}

#[test]
fn carpdev_that_comes_with_less_limits_the_interface_until_it_takes_more() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &[]);
    one.backend.watch(LinkId(2), "late0").unwrap();
    let setup = Setup {
        link: LinkId(2),
        ..of_size(Some(9000))
    };
    let id = one.configure(&setup);
    one.ip("ip link add late0 mtu 1500 type veth peer name late1");
    let why = "carp0: mtu 9000: late0 takes 1500 bytes at most";
    assert_eq!(limit(&mut one, id).as_deref(), Some(why));
    wait_until(|| size(&mut one, id) == Some(1500));
    assert!(one.backend.inspect(id).up);
    // What changes something else is no new wish for that size, and a smaller one is.
    let mut refusal = |mtu| {
        let setup = Setup {
            mtu: Some(mtu),
            ..setup.clone()
        };
        one.backend.check("late0", &setup, &[]).is_err()
    };
    assert_eq!((refusal(9000), refusal(8000)), (false, true));
    one.try_configure(id, &setup).unwrap();

    one.ip("ip link set late0 mtu 9000");
    assert_eq!(limit(&mut one, id), None);
    wait_until(|| size(&mut one, id) == Some(9000));
    one.settle();
    let is_down = |report: &Report| matches!(report, Report::TakenDown { .. });
    assert!(!one.reports.iter().any(is_down), "{:?}", one.reports);
}

#[test]
fn networks_are_those_of_the_addresses_of_the_host_itself() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24", "2001:db8::1/64"]);
    let id = one.configure(&carp0_on_carpdev());
    one.hold(id, &["192.0.2.10/24"]);
    wait_until(|| {
        one.backend.poll();
        one.backend.inspect(id).installed.len() == 1
    });
    let mut networks = |link: &str| {
        let found = one.backend.networks(link);
        let mut found: Vec<_> = found.iter().map(ToString::to_string).collect();
        found.retain(|address| !address.starts_with("fe80:"));
        found
    };
    assert_eq!(networks("vmx0"), ["192.0.2.1/24", "2001:db8::1/64"]);
    assert_eq!(networks("vmx7"), Vec::<String>::new());
}
