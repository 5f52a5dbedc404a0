use std::string::ToString as _;

use carp_proto::{ChecksumForm, GROUP_V6};

use super::*;
use crate::testing::{V4, advert, envelope};

fn of(advert: &Advertisement, envelope: &Envelope) -> std::string::String {
    let checksum = Some(ChecksumForm::Plain);
    Speakers::of(advert, envelope, checksum, None).to_string()
}

fn inet(traffic_class: u8) -> Envelope {
    Envelope {
        traffic_class: Some(traffic_class),
        ..envelope(Family::Inet)
    }
}

#[test]
fn one_advert_rules_out_who_does_not_send_such() {
    let plain = advert(1, 0, 0, &[V4]);
    let inet6 = envelope(Family::Inet6);
    assert_eq!(of(&plain, &envelope(Family::Inet)), "unknown");
    assert_eq!(of(&plain, &inet(0x10)), "openbsd|netbsd|ucarp|carpctl");
    assert_eq!(of(&plain, &inet(0xe0)), "freebsd|carpctl");
    assert_eq!(of(&plain, &inet(0x48)), "unknown");
    assert_eq!(of(&plain, &inet6), "openbsd|freebsd|netbsd|carpctl");
    let demoted = advert(1, 0, 1, &[V4]);
    assert_eq!(of(&demoted, &inet(0x10)), "openbsd|carpctl");
    let bow_out = advert(255, 255, 0, &[V4]);
    assert_eq!(of(&bow_out, &inet(0x10)), "openbsd|netbsd|carpctl");
    let quick = advert(0, 20, 0, &[V4]);
    assert_eq!(
        of(&quick, &envelope(Family::Inet)),
        "openbsd|netbsd|ucarp|carpctl"
    );
    let pseudo = ChecksumForm::PseudoHeader {
        source: "fe80::2".parse().unwrap(),
        destination: GROUP_V6,
    };
    let netbsd = Speakers::of(&plain, &inet6, Some(pseudo), None);
    assert_eq!(netbsd.to_string(), "netbsd|carpctl");
}

#[test]
fn digest_tells_where_there_is_a_link_local_address() {
    let list = |address: &str| core::iter::once(address.parse().unwrap());
    let form = DigestForm::WithLinkLocal;
    assert_eq!(telling(form, list("2001:db8::1")), None);
    assert_eq!(telling(form, list("fe80::1")), Some(form));
    let (advert, envelope) = (advert(1, 0, 0, &[V4]), envelope(Family::Inet));
    let of = |form| Speakers::of(&advert, &envelope, None, Some(form)).to_string();
    assert_eq!(of(DigestForm::WithLinkLocal), "freebsd|netbsd|carpctl");
    assert_eq!(of(DigestForm::WithoutLinkLocal), "openbsd|ucarp|carpctl");
}

#[test]
fn counters_and_identifications_tell_from_the_second_advert_on() {
    for (counters, identifications, expected) in [
        ([7, 7], [None, None], "openbsd|carpctl"),
        ([7, 7], [Some(3), Some(9)], "openbsd|carpctl"),
        ([7, 7], [Some(0), Some(0)], "carpctl"),
        ([7, 8], [None, None], "freebsd|netbsd|ucarp"),
        ([7, 8], [Some(0), Some(0)], "freebsd|netbsd"),
        ([7, 8], [Some(3), Some(9)], "freebsd|ucarp"),
        // A random one may be 0.
        ([7, 8], [Some(3), Some(0)], "freebsd|netbsd|ucarp"),
    ] {
        let left = Speakers::of_pair(counters, identifications);
        assert_eq!(
            left.to_string(),
            expected,
            "{counters:?} {identifications:?}"
        );
    }
}

#[test]
fn what_contradicts_itself_is_what_it_was_last() {
    let one = Speakers::ALL.without(&[Speaker::OpenBsd, Speaker::Carpctl]);
    let other = Speakers::ALL.without(&[Speaker::FreeBsd, Speaker::NetBsd, Speaker::Ucarp]);
    assert_eq!(one.and(other), other);
    assert!(
        Speakers::ALL
            .and(one)
            .iter()
            .eq([Speaker::FreeBsd, Speaker::NetBsd, Speaker::Ucarp])
    );
}
