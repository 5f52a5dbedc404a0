//! Which addresses a digest covers, and in which order.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use carp_proto::{Authenticator, DigestForm, Key};
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use sha1::Sha1;

use crate::support::{COUNTER, PASSWORD, addresses, authenticator, vhid};

const NOV6LL: DigestForm = DigestForm::WithoutLinkLocal;
const ORIG: DigestForm = DigestForm::WithLinkLocal;

#[test]
fn order_and_duplicates_do_not_count() {
    let sorted = authenticator(PASSWORD, 1, "10.0.0.1 192.0.2.10 2001:db8::1");
    let shuffled = authenticator(
        PASSWORD,
        1,
        "192.0.2.10 2001:db8::1 10.0.0.1 192.0.2.10 2001:db8::1",
    );

    assert_eq!(sorted.sign(COUNTER, NOV6LL), shuffled.sign(COUNTER, NOV6LL));
}

#[test]
fn lowest_and_highest_addresses_are_never_covered() {
    let bounds = "0.0.0.0 255.255.255.255 :: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let none = authenticator(PASSWORD, 1, "");

    for form in [NOV6LL, ORIG] {
        assert_eq!(
            authenticator(PASSWORD, 1, bounds).sign(COUNTER, form),
            none.sign(COUNTER, form)
        );
    }
}

#[test]
fn embedded_scope_counts_as_zero() {
    let scoped = authenticator(PASSWORD, 1, "fe80:5::1");
    let plain = authenticator(PASSWORD, 1, "fe80::1");

    assert_eq!(scoped.sign(COUNTER, ORIG), plain.sign(COUNTER, ORIG));
}

#[test]
fn link_local_addresses_make_the_forms_differ() {
    let both = authenticator(PASSWORD, 1, "2001:db8::1 fe80::1");
    let global = authenticator(PASSWORD, 1, "2001:db8::1");

    assert_eq!(both.sign(COUNTER, NOV6LL), global.sign(COUNTER, NOV6LL));
    assert_ne!(both.sign(COUNTER, ORIG), global.sign(COUNTER, ORIG));
    assert_eq!(
        both.verify(COUNTER, &both.sign(COUNTER, NOV6LL)),
        Some(NOV6LL)
    );
    assert_eq!(both.verify(COUNTER, &both.sign(COUNTER, ORIG)), Some(ORIG));
    assert_eq!(global.verify(COUNTER, &both.sign(COUNTER, ORIG)), None);
}

#[test]
fn without_link_local_addresses_there_is_one_form() {
    let global = authenticator(PASSWORD, 1, "2001:db8::1 169.254.1.1");

    assert_eq!(global.sign(COUNTER, NOV6LL), global.sign(COUNTER, ORIG));
    assert_eq!(
        global.verify(COUNTER, &global.sign(COUNTER, ORIG)),
        Some(NOV6LL)
    );
}

#[test]
fn virtual_mac_is_no_hardware_address_of_its_own() {
    let key = Key::from_password(PASSWORD);
    let list = addresses("192.0.2.10");
    let with = |mac| Authenticator::with_hardware_address(&key, vhid(1), mac, list.clone());
    let digest = authenticator(PASSWORD, 1, "192.0.2.10").sign(COUNTER, NOV6LL);

    assert_eq!(with(vhid(1).virtual_mac()).sign(COUNTER, NOV6LL), digest);
    assert_ne!(with(vhid(2).virtual_mac()).sign(COUNTER, NOV6LL), digest);
}

#[test]
fn debug_shows_nothing() {
    let shown = format!("{:?}", authenticator("secret", 1, "192.0.2.10"));

    assert_eq!(shown, "Authenticator { .. }");
}

proptest! {
    /// An independent reading of `docs/carp-protocol.md §2.2`: ordered sets, one HMAC per digest.
    #[test]
    fn agrees_with_the_rule(
        key: [u8; 20],
        number in 1..=u8::MAX,
        list in prop::collection::vec(any_address(), 0..12),
        counter: u64,
    ) {
        let authenticator = Authenticator::new(&Key::from_raw(key), vhid(number), list.clone());

        for form in [NOV6LL, ORIG] {
            let digest = authenticator.sign(counter, form);
            prop_assert_eq!(digest, rule(&key, number, &list, counter, form));
            let verified = authenticator.verify(counter, &digest);
            let has_two_forms = list.iter().any(is_link_local);
            prop_assert_eq!(verified, Some(if has_two_forms { form } else { NOV6LL }));
        }
    }
}

fn rule(key: &[u8], vhid: u8, list: &[IpAddr], counter: u64, form: DigestForm) -> [u8; 20] {
    let mut inet = BTreeSet::new();
    let mut inet6 = BTreeSet::new();
    for address in list {
        match address {
            IpAddr::V4(address) => drop(inet.insert(address.octets())),
            IpAddr::V6(_) if is_link_local(address) && form == NOV6LL => {}
            IpAddr::V6(v6) => {
                let mut octets = v6.octets();
                if is_link_local(address) {
                    octets[2..4].fill(0);
                }
                inet6.insert(octets);
            }
        }
    }
    inet.retain(|octets| ![[0; 4], [0xff; 4]].contains(octets));
    inet6.retain(|octets| ![[0; 16], [0xff; 16]].contains(octets));

    let mut message = vec![2, 1, vhid];
    message.extend(inet.iter().flatten());
    message.extend(inet6.iter().flatten());
    message.extend(counter.to_be_bytes());
    Hmac::<Sha1>::new_from_slice(key)
        .unwrap()
        .chain_update(message)
        .finalize()
        .into_bytes()
        .into()
}

fn is_link_local(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.octets()[0] == 0xfe && v6.octets()[1] >> 6 == 0b10)
}

/// Few enough addresses that duplicates and bounds come up.
fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
        prop::sample::select(vec![
            IpAddr::from(Ipv4Addr::UNSPECIFIED),
            IpAddr::from(Ipv4Addr::BROADCAST),
            IpAddr::from([10, 0, 0, 1]),
            IpAddr::from(Ipv6Addr::UNSPECIFIED),
            IpAddr::from([0xff; 16]),
            IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 1]),
            IpAddr::from([0xfe80, 7, 0, 0, 0, 0, 0, 1]),
            IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]),
        ]),
    ]
}
