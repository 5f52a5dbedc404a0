//! What is said of a digest, by the vectors of `docs/carp-protocol.md §2.3`.

use super::*;

const COUNTER: u64 = 0x0123_4567_89ab_cdef;
const PASSWORD: &str = "mekmitasdigoat";
const SEVERAL: [&str; 6] = [
    "192.0.2.10",
    "10.0.0.1",
    "192.0.2.9",
    "2001:db8::20",
    "2001:db8::3",
    "fe80::200:5eff:fe00:101",
];

fn sender(vhid: Option<u8>, addresses: &[&str]) -> Sender {
    let addresses = addresses.iter().map(|text| text.parse().unwrap());
    Sender {
        vhid,
        secret: None,
        addresses: addresses.collect(),
        lladdr: None,
    }
}

fn verifier(password: &str, addresses: &[&str]) -> Verifier {
    Verifier::with_password(&sender(None, addresses), Key::from_password(password))
}

fn advert(digest: &str) -> Advertisement {
    let octet = |at| u8::from_str_radix(digest.get(at..at + 2).unwrap(), 16).unwrap();
    Advertisement {
        digest: std::array::from_fn(|at| octet(at * 2)),
        ..Advertisement::new(Vhid::MIN, 1, 0, 0, COUNTER)
    }
}

/// Of 192.0.2.10.
fn v1() -> Advertisement {
    advert("3459004fa58b5993d762e466267cf9561782c989")
}

#[test]
fn good_one_with_one_form_alone() {
    let verifier = verifier(PASSWORD, &["192.0.2.10"]);
    let good = Digest::Good {
        form: None,
        lladdr: None,
    };
    assert_eq!(verifier.verify(&v1(), None), good);
    assert_eq!(verifier.verify(&v1(), Some(Vhid::MIN.virtual_mac())), good);
    assert_eq!(verifier.verify(&v1(), Some(MacAddress([2; 6]))), good);
}

#[test]
fn good_one_with_and_without_link_local_addresses() {
    let verifier = verifier(PASSWORD, &SEVERAL);
    for (digest, form) in [
        (
            "970ac72a81aec723c00bb39424e26d348f6e1907",
            DigestForm::WithoutLinkLocal,
        ),
        (
            "0e4ac4763fcb83bc57f11158707a2835dcd0afa0",
            DigestForm::WithLinkLocal,
        ),
    ] {
        let form = Some(form);
        let good = Digest::Good { form, lladdr: None };
        assert_eq!(verifier.verify(&advert(digest), None), good);
    }
}

#[test]
fn good_one_with_the_link_layer_address_of_its_frame() {
    let verifier = verifier(PASSWORD, &["192.0.2.10"]);
    let v5 = advert("1903c092252075aac05b3681d5cbf455518d42c6");
    let lladdr = Some(MacAddress([0x02, 0x11, 0x22, 0x33, 0x44, 0x55]));
    let good = Digest::Good { form: None, lladdr };
    assert_eq!(verifier.verify(&v5, lladdr), good);
    for other in [
        None,
        Some(MacAddress([2; 6])),
        Some(Vhid::MIN.virtual_mac()),
    ] {
        assert_eq!(verifier.verify(&v5, other), Digest::Bad);
    }
    // Said, where no frame shows it.
    let sender = Sender {
        lladdr,
        ..sender(None, &["192.0.2.10"])
    };
    let told = Verifier::with_password(&sender, Key::from_password(PASSWORD));
    assert_eq!(told.verify(&v5, None), good);
    assert_eq!(told.verify(&v5, Some(MacAddress([2; 6]))), good);
}

#[test]
fn bad_one_if_password_and_addresses_are_known() {
    for (password, addresses) in [
        ("mekmitasdigoaT", &["192.0.2.10"][..]),
        (PASSWORD, &["192.0.2.11"]),
        (PASSWORD, &["192.0.2.10", "2001:db8::10"]),
    ] {
        assert_eq!(
            verifier(password, addresses).verify(&v1(), None),
            Digest::Bad
        );
    }
    let of_nobody = Advertisement { vhid: 0, ..v1() };
    let verifier = verifier(PASSWORD, &["192.0.2.10"]);
    assert_eq!(verifier.verify(&of_nobody, None), Digest::Bad);
    let of_another = Advertisement { vhid: 2, ..v1() };
    assert_eq!(verifier.verify(&of_another, None), Digest::Bad);
}

#[test]
fn nothing_is_called_bad_as_long_as_something_was_not_said() {
    let good = Digest::Good {
        form: None,
        lladdr: None,
    };
    let signed = |key: &Key, addresses: &[&str]| {
        let authenticator = Authenticator::new(
            key,
            Vhid::MIN,
            sender(None, addresses).addresses.iter().copied(),
        );
        v1().signed(&authenticator, DigestForm::WithoutLinkLocal)
    };

    let no_addresses = verifier(PASSWORD, &[]);
    assert_eq!(no_addresses.verify(&v1(), None), Digest::Unverified);
    let empty = signed(&Key::from_password(PASSWORD), &[]);
    assert_eq!(no_addresses.verify(&empty, None), good);

    let of = sender(None, &["192.0.2.10"]);
    let no_password = Verifier::without_password(&of).unwrap();
    assert_eq!(no_password.verify(&v1(), None), Digest::Unverified);
    let open = signed(&Key::none(), &["192.0.2.10"]);
    assert_eq!(no_password.verify(&open, None), good);
    let with_none = Verifier::with_password(&of, Key::none());
    assert_eq!(with_none.verify(&v1(), None), Digest::Bad);

    assert!(Verifier::without_password(&sender(Some(1), &[])).is_none());
}

#[test]
fn adverts_of_another_vhid_are_left_alone() {
    for (vhid, expected) in [(2, Digest::Unverified), (1, Digest::Bad)] {
        let sender = sender(Some(vhid), &["192.0.2.11"]);
        let verifier = Verifier::with_password(&sender, Key::none());
        assert_eq!(verifier.verify(&v1(), None), expected);
    }
}
