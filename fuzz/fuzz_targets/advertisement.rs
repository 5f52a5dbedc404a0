//! Any bytes as the payload of a packet: read, summed, verified and written again.

#![no_main]

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use carp_proto::{
    Advertisement, Authenticator, ChecksumForm, DigestForm, Envelope, Family, HOP_LIMIT, Key, Vhid,
    checksum_is_valid,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(advert) = Advertisement::decode(bytes) else {
        assert!(bytes.len() < Advertisement::LEN);
        return;
    };
    assert_eq!(Some(&advert.encode()), bytes.first_chunk());

    check_checksum(bytes, &advert);
    check_digest(&advert);
});

/// What is accepted is one of the checksums that we would send.
fn check_checksum(bytes: &[u8], advert: &Advertisement) {
    let pseudo_header = ChecksumForm::PseudoHeader {
        source: SOURCE_V6,
        destination: carp_proto::GROUP_V6,
    };
    let is = |form| {
        let right = advert.with_checksum(form).checksum;
        advert.checksum == right || (advert.checksum, right) == OTHER_ZERO
    };

    let inet = Envelope {
        source: Ipv4Addr::LOCALHOST.into(),
        destination: Family::Inet.group(),
        hop_limit: HOP_LIMIT,
        traffic_class: None,
        identification: None,
    };
    assert_eq!(checksum_is_valid(bytes, &inet), is(ChecksumForm::Plain));

    let inet6 = Envelope {
        source: SOURCE_V6.into(),
        destination: Family::Inet6.group(),
        hop_limit: HOP_LIMIT,
        traffic_class: None,
        identification: None,
    };
    assert_eq!(
        checksum_is_valid(bytes, &inet6),
        is(ChecksumForm::Plain) || is(pseudo_header)
    );
}

/// What is accepted is the digest that we would send, and nothing else is.
fn check_digest(advert: &Advertisement) {
    let signed = [DigestForm::WithoutLinkLocal, DigestForm::WithLinkLocal]
        .into_iter()
        .find(|form| AUTHENTICATOR.sign(advert.counter, *form) == advert.digest);
    assert_eq!(AUTHENTICATOR.verify(advert.counter, &advert.digest), signed);
}

/// One's complement has two zeros: we send 0, and a receiver cannot tell 0xffff from it.
const OTHER_ZERO: (u16, u16) = (0xffff, 0);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// That of V2 in `docs/carp-protocol.md §2.3`, one of the seeds.
static AUTHENTICATOR: LazyLock<Authenticator> = LazyLock::new(|| {
    let addresses = [
        [192, 0, 2, 10].into(),
        [10, 0, 0, 1].into(),
        [192, 0, 2, 9].into(),
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x20].into(),
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x3].into(),
        [0xfe80, 0, 0, 0, 0x200, 0x5eff, 0xfe00, 0x101].into(),
    ];
    Authenticator::new(&Key::from_password("mekmitasdigoat"), Vhid::MIN, addresses)
});
