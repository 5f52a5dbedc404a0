//! Holding addresses: what is there, what answers, and what happens when it cannot be done.

use std::time::Duration;

use carp_fsm::carp_proto::VirtualAddress;

use super::*;

const NODAD: u32 = libc::IFA_F_NODAD;
const DEPRECATED: u32 = libc::IFA_F_DEPRECATED;
const PERMANENT: u32 = libc::IFA_F_PERMANENT;
const NO_ROUTE: u32 = libc::IFA_F_NOPREFIXROUTE;

#[test]
fn what_is_held_is_there_when_it_is_said_to_be() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24", "2001:db8::1/64"]);
    let id = one.configure(&carp0());
    one.hold(id, &["192.0.2.10/24", "2001:db8::10/64"]);

    let addresses = one.view("address carp0");
    let [inet, inet6] = &addresses[..] else {
        panic!("{addresses:?}")
    };
    let is = |line: &str, start: &str| line.starts_with(&format!("address carp0 {start} "));
    assert!(is(inet, "192.0.2.10/24 broadcast 192.0.2.255"), "{inet}");
    assert_eq!(flags(inet), PERMANENT | NO_ROUTE, "{inet}");
    assert!(is(inet6, "2001:db8::10/64"), "{inet6}");
    let expected = PERMANENT | NO_ROUTE | NODAD | DEPRECATED;
    assert_eq!(flags(inet6), expected, "{inet6}");
    let link = &one.view("link carp0")[0];
    assert!(link.contains(" protodown 0"), "{link}");
    assert_eq!(flags(link) & 0x1_0001, 0x1_0001, "{link}");

    wait_until(|| {
        one.backend.poll();
        one.backend.inspect(id).installed.len() == 2
    });
    let inspection = one.backend.inspect(id);
    assert_eq!(inspection.link_address, Some(VMAC));
    assert_eq!(inspection.mtu, Some(1500));
    assert!(inspection.running && inspection.up);
    assert_eq!(
        (inspection.link_priority, inspection.route_priority),
        (3, 15)
    );
}

/// Less than the time after which the kernel repeats a request for a neighbour.
const REPEAT: Duration = Duration::from_millis(500);

#[test]
fn a_client_is_answered_from_the_virtual_address_at_once() {
    let _alone = alone();
    let Some(lab) = lab() else { return };
    let client = client(&lab);
    let own: [&[&str]; 2] = [&["192.0.2.1/24", "2001:db8::1/64"], &[]];
    for (setup, own) in [carp0(), carp0_on_carpdev()]
        .iter()
        .flat_map(|setup| own.map(|own| (setup, own)))
    {
        let mut one = Machine::plug(&lab, "one", own);
        one.host.set_forwarding(true).unwrap();
        one.host
            .set_sysctl("net/ipv4/conf/all/rp_filter", "1")
            .unwrap();
        let id = one.configure(setup);
        one.hold(id, &["192.0.2.10/24", "2001:db8::10/64"]);
        let echoes = [ip("192.0.2.10"), ip("2001:db8::10")].map(|ip| client.echo(ip, 500).unwrap());
        for echo in echoes {
            assert!(echo.wait_for_answers(100, LONG), "{setup:?} {own:?}");
            let report = echo.stop().unwrap();
            // A macvlan takes in broadcasts when a work queue of the kernel gets round to it, so
            // the first answer may be late on a busy machine. A request that was lost would be
            // repeated after a second.
            let late = report.longest_gap();
            assert!(late < REPEAT, "{setup:?} {own:?} {report}");
        }
        one.tear_down(id);
        client.forget_neighbours();
    }
}

#[test]
fn exactly_the_list_is_held() {
    let Some(lab) = lab() else { return };
    for setup in [carp0(), carp0_on_carpdev()] {
        let name = format!("{:?}", setup.lladdr).to_lowercase();
        let mut one = Machine::plug(&lab, &name, &["192.0.2.1/24", "2001:db8::1/64"]);
        let own = one.virtual_view();
        let id = one.configure(&setup);
        for list in [
            &["192.0.2.10/24", "2001:db8::10/64"][..],
            &["192.0.2.11/24", "2001:db8::10/64"],
            &[
                "192.0.2.11/24",
                "192.0.2.10/24",
                "2001:db8::11/64",
                "198.51.100.1/32",
            ],
            &["192.0.2.10/25"],
        ] {
            one.hold(id, list);
            one.hold(id, list);
            let mut expected: Vec<String> = list
                .iter()
                .map(|address| address.split('/').next().unwrap().to_owned())
                .chain(own.clone())
                .collect();
            expected.sort();
            assert_eq!(one.virtual_view(), expected, "{setup:?}");
        }
        one.release(id);
        assert_eq!(one.virtual_view(), own);
        if setup.lladdr == Lladdr::Virtual {
            assert!(one.view("link carp0")[0].contains(" protodown 1"));
        }
    }
}

#[test]
fn without_addresses_there_is_nothing_to_hold_and_nothing_to_say() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &[]);
    let setup = Setup {
        up: false,
        ..carp0()
    };
    let id = one.configure(&setup);
    one.hold(id, &[]);
    let link = &one.view("link carp0")[0];
    assert!(link.contains(" protodown 1"), "{link}");
    assert_eq!(flags(link) & 1, 0, "{link}");
}

#[test]
fn what_fails_leaves_what_was_held_and_nothing_else() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24"]);
    let id = one.configure(&carp0_on_carpdev());
    // Whether a carpdev has IPv6 is the host's own affair.
    one.host
        .set_sysctl("net/ipv6/conf/vmx0/disable_ipv6", "1")
        .unwrap();
    let both: [VirtualAddress; 2] =
        ["192.0.2.10/24", "2001:db8::10/64"].map(|a| a.parse().unwrap());
    let error = one.try_hold(id, &both).unwrap_err();
    assert!(
        error.starts_with("carp0: 2001:db8::10/64: Permission denied"),
        "{error}"
    );
    assert_eq!(one.virtual_view(), ["192.0.2.1"]);

    one.hold(id, &["192.0.2.10/24"]);
    one.try_hold(id, &both).unwrap_err();
    assert_eq!(one.virtual_view(), ["192.0.2.1", "192.0.2.10"]);
}

#[test]
fn several_virtual_hosts_share_a_carpdev() {
    let _alone = alone();
    let Some(lab) = lab() else { return };
    let client = client(&lab);
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24"]);
    let other = Setup {
        interface: "carp1".to_owned(),
        vhid: vhid(7),
        ..carp0()
    };
    let (first, second) = (one.configure(&carp0()), one.configure(&other));
    one.hold(first, &["192.0.2.10/24"]);
    one.hold(second, &["192.0.2.11/24"]);
    one.release(first);
    one.tear_down(first);
    let echo = client.echo(ip("192.0.2.11"), 500).unwrap();
    assert!(echo.wait_for_answers(100, LONG));
    assert_eq!(echo.stop().unwrap().lost(), 0);
}

impl Machine {
    /// The addresses on `vmx0` and `carp0` but link-local ones, without their prefix lengths.
    fn virtual_view(&self) -> Vec<String> {
        let mut addresses: Vec<_> = self
            .view("address ")
            .iter()
            .filter(|line| !line.starts_with("address lo "))
            .map(|line| {
                line.split(' ')
                    .nth(2)
                    .unwrap()
                    .split('/')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .filter(|ip| !ip.starts_with("fe80:"))
            .collect();
        addresses.sort();
        addresses
    }
}

/// A host that asks.
fn client(lab: &Lab) -> Client {
    let host = lab.host("client").unwrap();
    host.add_address("192.0.2.50/24").unwrap();
    host.add_address("2001:db8::50/64").unwrap();
    Client(host)
}

struct Client(Host);

impl std::ops::Deref for Client {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.0
    }
}

impl Client {
    /// Taking the interface down is what every kernel understands.
    fn forget_neighbours(&self) {
        self.0.set_up("vmx0", false).unwrap();
        self.0.set_up("vmx0", true).unwrap();
        self.0.add_address("2001:db8::50/64").unwrap();
    }
}
