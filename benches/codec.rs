//! What an advertisement costs, sent, received and refused, beside the hash that none can do
//! without: an HMAC of a precomputed key is two compressions of SHA-1.
//!
//! `cargo bench -p carp-benches --bench codec`

use std::hint::black_box;
use std::net::IpAddr;

use carp_proto::{
    Advertisement, Authenticator, ChecksumForm, DigestForm, Envelope, Family, HOP_LIMIT, Key, Vhid,
    checksum_is_valid,
};
use criterion::{Criterion, criterion_group, criterion_main};

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

fn codec(c: &mut Criterion) {
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
    assert!(receive(&advert.encode(), &envelope, &authenticator));

    let mut group = c.benchmark_group("codec");
    group.bench_function("two SHA-1 compressions", |b| {
        let blocks = [[0x36; 64]; 2];
        b.iter(|| {
            let mut state = [0; 5];
            sha1::block_api::compress(&mut state, black_box(&blocks));
            state
        });
    });
    group.bench_function("encode", |b| b.iter(|| black_box(&advert).encode()));
    group.bench_function("encode and sign", |b| {
        b.iter(|| {
            Advertisement::new(vhid, 1, 100, 0, black_box(9))
                .signed(&authenticator, DigestForm::WithoutLinkLocal)
                .with_checksum(ChecksumForm::Plain)
                .encode()
        });
    });
    group.bench_function("decode", |b| {
        let bytes = advert.encode();
        b.iter(|| Advertisement::decode(black_box(&bytes)));
    });

    let received = [
        ("decode and verify", advert.encode().to_vec(), true),
        (
            "refuse a short packet",
            advert.encode()[..35].to_vec(),
            false,
        ),
        ("refuse a bad checksum", damaged.encode().to_vec(), false),
        ("refuse a forged digest", forged.encode().to_vec(), false),
    ];
    for (name, bytes, is_good) in received {
        assert_eq!(receive(&bytes, &envelope, &authenticator), is_good);
        group.bench_function(name, |b| {
            b.iter(|| receive(black_box(&bytes), black_box(&envelope), &authenticator));
        });
    }
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
