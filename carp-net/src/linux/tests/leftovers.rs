//! What a former run has left and nobody claims goes; what it has changed is put back in the end.

use super::*;

const OWN: [&str; 2] = ["198.51.100.1/24", "2001:db8:1::1/64"];
const HELD: [&str; 2] = ["192.0.2.10/24", "2001:db8::10/64"];

fn soon() -> Options {
    let mut options = Options::new();
    options.grace = Duration::from_millis(100);
    options
}

#[test]
fn what_nobody_claims_goes_after_a_while() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let host = lab.host("one").unwrap();
    for address in OWN {
        host.add_address(address).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("journal");
    let before = settled(&host);
    let mut one = Machine::with(host, Options::new().journal(&journal));
    one.backend.watch(LINK, "vmx0").unwrap();
    let id = one.configure(&carp0());
    one.hold(id, &HELD);
    let other = Setup {
        interface: "carp1".to_owned(),
        vhid: vhid(7),
        ..carp0_on_carpdev()
    };
    let shared = one.configure(&other);
    one.hold(shared, &["192.0.2.11/24", "2001:db8:7::11/64"]);
    one.hand_over(shared);
    assert_ne!(one.ip("ip -6 route show proto 112"), "");
    // Other software's macvlans with such addresses have no filter of ours.
    one.ip("ip link add vrrp4-2-9 link vmx0 type macvlan mode bridge");
    one.ip("ip link set dev vrrp4-2-9 address 00:00:5e:00:01:09");

    let mut options = soon().journal(&journal);
    options.grace = Duration::from_millis(500);
    one.begin_again_with(options);
    assert_eq!(one.view("link carp0").len(), 1);
    wait_until(|| one.view("link carp0").is_empty());
    wait_until(|| !journal.exists());
    assert_eq!(one.view("link vrrp4-2-9").len(), 1);
    one.ip("ip link del dev vrrp4-2-9");
    assert_eq!(one.ip("ip -6 route show proto 112"), "");
    assert!(!one.ip("tc qdisc show dev vmx0").contains("clsact"));
    assert_eq!(left_since(&one.host, &before), [""; 0]);
}

#[test]
fn what_is_claimed_stays() {
    let Some(lab) = lab() else { return };
    // A busy machine must not need longer to claim it.
    let grace = Duration::from_secs(1);
    let later = || {
        let mut options = Options::new();
        options.grace = grace;
        options
    };
    let beyond = grace + Duration::from_millis(200);
    for (name, setup) in [("own", carp0()), ("shared", carp0_on_carpdev())] {
        let mut one = Machine::plug(&lab, name, &[]);
        let id = one.configure(&setup);
        one.hold(id, &HELD);
        let view = one.held_view();
        let routes = has_iproute2().then(|| one.ip("ip -6 route show proto 112"));
        one.begin_again_with(later());
        one.backend.watch(LINK, "vmx0").unwrap();
        let id = one.configure(&setup);
        one.hold(id, &HELD);
        one.all_within(beyond);
        one.settle();
        assert_eq!(one.held_view(), view, "{name}");
        if let Some(routes) = routes {
            assert_eq!(one.ip("ip -6 route show proto 112"), routes, "{name}");
            assert_ne!(routes, "");
        }
        one.hand_over(id);
        one.begin_again_with(later());
        one.backend.watch(LINK, "vmx0").unwrap();
        let id = one.configure(&setup);
        one.adopt(id, &HELD);
        one.all_within(beyond);
        one.settle();
        assert_eq!(one.held_view(), view, "{name}");
    }
}

#[test]
fn what_was_changed_is_put_back_by_whoever_ends_in_good_order() {
    let Some(lab) = lab() else { return };
    let directory = tempfile::tempdir().unwrap();
    for setup in [carp0(), carp0_on_carpdev()] {
        let name = format!("{:?}", setup.lladdr).to_lowercase();
        let journal = directory.path().join(&name);
        let host = lab.host(&name).unwrap();
        let setting = |name: &str| format!("net/ipv4/conf/vmx0/{name}");
        host.set_sysctl(&setting("arp_ignore"), "2").unwrap();
        let before = settled(&host);
        let mut one = Machine::with(host, Options::new().journal(&journal));
        one.backend.watch(LINK, "vmx0").unwrap();
        let id = one.configure(&setup);
        one.hold(id, &HELD);
        for _ in 0..2 {
            one.begin_again_with(Options::new().journal(&journal));
            one.backend.watch(LINK, "vmx0").unwrap();
            let id = one.configure(&setup);
            one.hold(id, &HELD);
            assert_eq!(one.setting("ipv4", "vmx0", "arp_ignore"), "1");
            assert!(journal.exists());
        }
        // What the operator has changed in the meantime is the operator's.
        one.host.set_sysctl(&setting("accept_local"), "0").unwrap();
        drop(one.backend);
        assert_eq!(left_since(&one.host, &before), [""; 0], "{name}");
        assert!(!journal.exists());
    }
}

#[test]
fn a_journal_knows_nothing_of_an_interface_that_has_gone() {
    let Some(lab) = lab() else { return };
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("journal");
    let host = lab.host("one").unwrap();
    let mut one = Machine::with(host, Options::new().journal(&journal));
    one.backend.watch(LINK, "vmx0").unwrap();
    one.settle();
    let first = std::fs::read_to_string(&journal).unwrap();
    lab.remove_interface(&one.host).unwrap();
    while one.wait_for_link() != LinkState::Absent {}
    one.settle();
    assert!(!journal.exists());
    lab.add_interface(&one.host).unwrap();
    while one.wait_for_link() != LinkState::Up {}
    one.settle();
    // Another index.
    assert_ne!(std::fs::read_to_string(&journal).unwrap(), first);
    drop(one.backend);
    assert!(!journal.exists());
}
