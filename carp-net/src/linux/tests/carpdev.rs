//! Virtual addresses on the carpdev itself, beside the host's own.

use super::*;

#[test]
fn only_ours_are_added_and_removed() {
    let Some(lab) = lab() else { return };
    let own = ["192.0.2.1/24", "198.51.100.1/24", "2001:db8::1/64"];
    let mut one = Machine::plug(&lab, "one", &own);
    let before = settled(&one.host).only("address vmx0");
    let id = one.configure(&carp0_on_carpdev());
    assert_eq!(one.view("link carp0"), [""; 0]);
    one.hold(id, &["192.0.2.10/24", "203.0.113.10/24", "2001:db8::10/64"]);
    let held = one.host.snapshot().unwrap().only("address vmx0");
    let changes = held.changes_since(&before);
    let of = |ip: &str| {
        changes
            .iter()
            .filter(|line| line.starts_with(&format!("+address vmx0 {ip}")))
            .count()
    };
    assert_eq!(changes.len(), 3, "{changes:?}");
    assert_eq!(
        (
            of("192.0.2.10/32 "),
            of("203.0.113.10/32 "),
            of("2001:db8::10/128 ")
        ),
        (1, 1, 1)
    );

    // What the host gets in the meantime is its own, also in a network that was ours alone.
    one.host.add_address("203.0.113.1/24").unwrap();
    one.host.remove_address("198.51.100.1/24").unwrap();
    one.release(id);
    let after = one.host.snapshot().unwrap().only("address vmx0");
    assert_eq!(
        after.changes_since(&before),
        [
            "-address vmx0 198.51.100.1/24 broadcast 198.51.100.255 flags 0x80",
            "+address vmx0 203.0.113.1/24 broadcast 203.0.113.255 flags 0x80"
        ]
    );
}

#[test]
fn an_address_that_the_host_has_itself_is_not_taken() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24"]);
    let id = one.configure(&carp0_on_carpdev());
    one.host.add_address("192.0.2.10/32").unwrap();
    one.host.add_address("2001:db8::10/128").unwrap();
    for address in ["192.0.2.10/24", "2001:db8::10/64"] {
        let both = [address, "192.0.2.11/24"].map(|text| text.parse().unwrap());
        let error = one.try_hold(id, &both).unwrap_err();
        let bare = address.split('/').next().unwrap();
        assert_eq!(
            error,
            format!("carp0: {bare} is already on vmx0 of this machine")
        );
    }
    assert_eq!(one.view("address vmx0 192.0.2.11").len(), 0);
    one.release(id);
    one.tear_down(id);
    assert_eq!(one.view("address vmx0 192.0.2.10/32").len(), 1);
    assert_eq!(one.view("address vmx0 2001:db8::10/128").len(), 1);
}

#[test]
fn the_carpdev_answers_for_both_with_its_own_address() {
    let Some(lab) = lab() else { return };
    let client = lab.host("client").unwrap();
    client.add_address("192.0.2.50/24").unwrap();
    client.add_address("2001:db8::50/64").unwrap();
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24", "2001:db8::1/64"]);
    let id = one.configure(&carp0_on_carpdev());
    one.hold(id, &["192.0.2.10/24", "2001:db8::10/64"]);
    for target in ["192.0.2.1", "192.0.2.10", "2001:db8::1", "2001:db8::10"] {
        let ask = client.ask(ip(target), Duration::from_millis(10)).unwrap();
        let answer = ask.wait_for_answer(LONG).unwrap();
        assert_eq!(
            (answer.mac, answer.source),
            (one.host.mac(), one.host.mac())
        );
        ask.stop().unwrap();
    }
}
