//! How large packets can be, and what a carpdev says of its networks.

use carp_fsm::HostId;

use super::*;

fn of_size(mtu: Option<u32>) -> Setup {
    Setup { mtu, ..carp0() }
}

fn size(machine: &mut Machine, id: HostId) -> Option<u32> {
    machine.backend.poll();
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
