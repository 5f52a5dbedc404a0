//! An advertisement without a node: made and signed, read and verified, and refused.

use std::hint::black_box;
use std::net::IpAddr;

use carp_benches::Result;
use carp_proto::{
    Advertisement, Authenticator, ChecksumForm, DigestForm, Envelope, Family, HOP_LIMIT, Key, Vhid,
    checksum_is_valid,
};

use sha1::block_api::compress;

use crate::rounds::Subject;

/// The compressions that an advert of one IPv4 address needs, with the states after the key kept:
/// version, type, vhid, address and counter are 15 bytes, one block, and the outer hash is another.
/// The second needs what the first one gives.
pub(crate) const BARE: &str = "two compressions of SHA-1, one after the other";
/// What they would cost if they did not need each other: then a processor does parts of both at once.
const BARE_TOGETHER: &str = "two that do not need each other";
/// Read, checksum, digest.
pub(crate) const RECEIVED: &str = "decode and verify";
/// Digest, checksum, written.
pub(crate) const SENT: &str = "encode and sign";

/// What a receiver does with a payload, in the order of `docs/carp-protocol.md §3`.
fn receive(bytes: &[u8], envelope: &Envelope, authenticator: &Authenticator) -> bool {
    let Ok(advert) = Advertisement::decode(bytes) else {
        return false;
    };
    checksum_is_valid(bytes, envelope)
        && authenticator
            .verify(advert.counter, &advert.digest)
            .is_some()
}

pub(crate) fn subjects() -> Result<Vec<Subject<'static>>> {
    let vhid = Vhid::MAX;
    let key = Key::from_password("mekmitasdigoat");
    let authenticator = Authenticator::new(&key, vhid, [IpAddr::from([192, 0, 2, 10])]);
    let envelope = Envelope {
        source: [192, 0, 2, 2].into(),
        destination: Family::Inet.group(),
        hop_limit: HOP_LIMIT,
        traffic_class: None,
        identification: None,
    };
    let advert = Advertisement::new(vhid, 1, 100, 0, 9)
        .signed(&authenticator, DigestForm::WithoutLinkLocal)
        .with_checksum(ChecksumForm::Plain);
    let forged = Advertisement {
        counter: 10,
        ..advert
    }
    .with_checksum(ChecksumForm::Plain);
    let damaged = Advertisement {
        advskew: 0,
        ..advert
    };

    let blocks = [[0x36; 64]; 2];
    let signer = authenticator.clone();
    let mut subjects = vec![
        Subject::new(BARE, move || {
            let mut inner = [1; 5];
            compress(&mut inner, black_box(&blocks[..1]));
            let mut second = [0x36; 64];
            let (slots, _) = second.as_chunks_mut();
            for (slot, word) in slots.iter_mut().zip(inner) {
                *slot = word.to_be_bytes();
            }
            let mut outer = [2; 5];
            compress(&mut outer, &[second]);
            outer
        }),
        Subject::new(BARE_TOGETHER, move || {
            let mut state = [1; 5];
            compress(&mut state, black_box(&blocks));
            state
        }),
        Subject::new(SENT, move || {
            Advertisement::new(vhid, 1, 100, 0, black_box(9))
                .signed(&signer, DigestForm::WithoutLinkLocal)
                .with_checksum(ChecksumForm::Plain)
                .encode()
        }),
    ];
    let received = [
        (RECEIVED, advert.encode().to_vec(), true),
        ("refuse a forged digest", forged.encode().to_vec(), false),
        ("refuse a bad checksum", damaged.encode().to_vec(), false),
        (
            "refuse a short packet",
            advert
                .encode()
                .split_last()
                .map_or(vec![], |it| it.1.to_vec()),
            false,
        ),
    ];
    for (name, bytes, is_good) in received {
        if receive(&bytes, &envelope, &authenticator) != is_good {
            return Err(format!("{name}: that is not what happens").into());
        }
        let authenticator = authenticator.clone();
        subjects.push(Subject::checked(name, move || {
            receive(black_box(&bytes), black_box(&envelope), &authenticator) == is_good
        }));
    }
    Ok(subjects)
}
