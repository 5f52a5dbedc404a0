//! Reading and writing the 36 bytes.

use carp_proto::{
    Advertisement, ChecksumForm, DecodeError, Envelope, Family, HOP_LIMIT, checksum_is_valid,
};
use proptest::prelude::*;

use crate::support::{PASSWORD, authenticator, hex};

/// V1 of `docs/carp-protocol.md §2.3`.
const V1: &str = "210164070001ec600123456789abcdef3459004fa58b5993d762e466267cf9561782c989";

#[test]
fn decode_capture() {
    let advert = Advertisement::decode(&hex::<36>(V1)).unwrap();

    assert_eq!(advert, v1());
}

#[test]
fn encode_capture() {
    assert_eq!(v1().encode(), hex(V1));
}

#[cfg(feature = "bytes")]
#[test]
fn encode_into_fills_exactly_its_bytes() {
    let mut buffer = [0xa5; Advertisement::LEN + 2];

    let mut room = &mut buffer[1..];
    v1().encode_into(&mut room);
    let left = room.len();

    assert_eq!(left, 1);
    assert_eq!(buffer[1..37], hex::<36>(V1));
    assert_eq!((buffer[0], buffer[37]), (0xa5, 0xa5));
}

#[test]
fn truncated_at_every_length() {
    let bytes: [u8; 36] = hex(V1);

    for length in 0..Advertisement::LEN {
        let error = Advertisement::decode(&bytes[..length]).unwrap_err();
        assert_eq!(error, DecodeError::TooShort { length });
        assert!(!checksum_is_valid(&bytes[..length], &envelope()));
    }
}

#[test]
fn trailing_bytes_are_ignored() {
    let mut bytes = hex::<36>(V1).to_vec();
    bytes.extend([0xa5; 24]);

    assert_eq!(Advertisement::decode(&bytes), Ok(v1()));
    assert!(checksum_is_valid(&bytes, &envelope()));
}

#[test]
fn unknown_version_and_type_are_kept() {
    let mut bytes: [u8; 36] = hex(V1);
    bytes[0] = 0x3f;

    let advert = Advertisement::decode(&bytes).unwrap();

    assert_eq!((advert.version, advert.kind), (3, 15));
    assert_eq!(advert.encode(), bytes);
}

#[test]
fn bow_out_is_both_at_255() {
    let with = |advbase, advskew| Advertisement {
        advbase,
        advskew,
        ..v1()
    };

    assert!(with(255, 255).is_bow_out());
    assert!(!with(255, 254).is_bow_out());
    assert!(!with(254, 255).is_bow_out());
}

/// Its sum is not 0xffff, the other zero of one's complement, as a right one is.
#[test]
fn zeros_alone_are_rejected() {
    assert!(!checksum_is_valid(&[0; 36], &envelope()));
}

#[test]
fn every_bit_flip_is_rejected_or_equal() {
    let bytes: [u8; 36] = hex(V1);

    for flipped in bit_flips(bytes) {
        assert!(!checksum_is_valid(&flipped, &envelope()));
    }
}

/// An attacker makes the checksum right again; counter and digest are safe all the same, and so is
/// the vhid, by way of the authenticator that belongs to it (`docs/carp-protocol.md §2.4`).
#[test]
fn every_bit_flip_of_counter_or_digest_is_rejected_whatever_the_checksum() {
    let authenticator = authenticator(PASSWORD, 1, "192.0.2.10");

    let mut protected = 0;
    for flipped in bit_flips(hex(V1)) {
        let advert = Advertisement::decode(&flipped)
            .unwrap()
            .with_checksum(ChecksumForm::Plain);
        assert!(checksum_is_valid(&advert.encode(), &envelope()));
        let is_authentic = authenticator
            .verify(advert.counter, &advert.digest)
            .is_some();
        let is_touched = (advert.counter, advert.digest) != (v1().counter, v1().digest);
        assert_eq!(is_authentic, !is_touched);
        protected += usize::from(is_touched);
    }
    assert_eq!(protected, (8 + 20) * 8);
}

proptest! {
    #[test]
    fn round_trip_of_bytes(bytes: [u8; 12], digest: [u8; 24]) {
        let bytes: Vec<u8> = bytes.into_iter().chain(digest).collect();

        let advert = Advertisement::decode(&bytes).unwrap();

        prop_assert_eq!(&advert.encode()[..], &bytes);
    }

    #[test]
    fn round_trip_of_fields(advert in any_advertisement()) {
        prop_assert_eq!(Advertisement::decode(&advert.encode()), Ok(advert));
    }

    #[test]
    fn a_checksum_filled_in_is_valid(advert in any_advertisement(), source: u128, group: u128) {
        let envelope = Envelope {
            source: std::net::Ipv6Addr::from(source).into(),
            destination: std::net::Ipv6Addr::from(group).into(),
            hop_limit: HOP_LIMIT,
            traffic_class: None,
            identification: None,
        };
        let pseudo_header =
            ChecksumForm::PseudoHeader { source: source.into(), destination: group.into() };

        for form in [ChecksumForm::Plain, pseudo_header] {
            let bytes = advert.with_checksum(form).encode();
            prop_assert!(checksum_is_valid(&bytes, &envelope));
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        let decoded = Advertisement::decode(&bytes);

        prop_assert_eq!(decoded.is_ok(), bytes.len() >= Advertisement::LEN);
        prop_assert!(decoded.is_ok() || !checksum_is_valid(&bytes, &envelope()));
    }
}

fn v1() -> Advertisement {
    Advertisement {
        version: 2,
        kind: 1,
        vhid: 1,
        advskew: 100,
        authlen: 7,
        demotion: 0,
        advbase: 1,
        checksum: 0xec60,
        counter: 0x0123_4567_89ab_cdef,
        digest: hex("3459004fa58b5993d762e466267cf9561782c989"),
    }
}

fn envelope() -> Envelope {
    Envelope {
        source: [192, 0, 2, 2].into(),
        destination: Family::Inet.group(),
        hop_limit: HOP_LIMIT,
        traffic_class: None,
        identification: None,
    }
}

fn bit_flips(bytes: [u8; 36]) -> impl Iterator<Item = [u8; 36]> {
    (0..bytes.len() * 8).map(move |bit| {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

prop_compose! {
    fn any_advertisement()(
        version in 0..16_u8,
        kind in 0..16_u8,
        [vhid, advskew, authlen, demotion, advbase]: [u8; 5],
        checksum: u16,
        counter: u64,
        digest: [u8; 20],
    ) -> Advertisement {
        Advertisement {
            version, kind, vhid, advskew, authlen, demotion, advbase, checksum, counter, digest,
        }
    }
}
