//! The vectors V1 to V8 of `docs/carp-protocol.md §2.3`, each in both directions.

use std::net::{IpAddr, Ipv6Addr};

use carp_proto::{
    AdvertHeaders, Advertisement, Authenticator, ChecksumForm, DigestForm, Envelope, HOP_LIMIT,
    Key, MacAddress, advert_frame, checksum_is_valid,
};

use crate::support::{COUNTER, PASSWORD, addresses, authenticator, hex, vhid};

/// The addresses of V2 and V3, in no order, of both families, one of them link-local.
const MIXED: &str =
    "192.0.2.10 10.0.0.1 192.0.2.9 2001:db8::20 2001:db8::3 fe80::200:5eff:fe00:101";

#[test]
fn v1_one_address() {
    let carp = "210164070001ec600123456789abcdef3459004fa58b5993d762e466267cf9561782c989";
    let v1 = authenticator(PASSWORD, 1, "192.0.2.10");

    check(
        carp,
        &unsigned(1, 100, 0),
        &v1,
        DigestForm::WithoutLinkLocal,
        ChecksumForm::Plain,
    );
    assert_eq!(
        v1.sign(COUNTER, DigestForm::WithoutLinkLocal),
        hex("3459004fa58b5993d762e466267cf9561782c989")
    );
}

#[test]
fn v1_whole_frame() {
    let carp = "210164070001ec600123456789abcdef3459004fa58b5993d762e466267cf9561782c989";
    let headers = AdvertHeaders::to_group(vhid(1).virtual_mac(), IpAddr::from([192, 0, 2, 2]));

    assert_eq!(
        *advert_frame(&headers, &hex(carp)),
        hex::<70>(
            "01005e00001200005e00010108004510003800004000ff70d930c0000202e0000012
             210164070001ec600123456789abcdef3459004fa58b5993d762e466267cf9561782c989"
        )
    );
    let headers = AdvertHeaders {
        traffic_class: 0xe0,
        ..headers
    };
    assert_eq!(
        advert_frame(&headers, &hex(carp))[14..34],
        hex::<20>("45e0003800004000ff70d860c0000202e0000012")
    );
}

#[test]
fn v1_digest_does_not_cover_interval_and_demotion() {
    let v1 = authenticator(PASSWORD, 1, "192.0.2.10");
    let variants = [
        ("2101f00700016060", unsigned(1, 240, 0)),
        ("2101000700005062", unsigned(0, 0, 0)),
        ("2101000721012f61", unsigned(1, 0, 33)),
    ];

    for (head, advert) in variants {
        let carp = format!("{head}0123456789abcdef3459004fa58b5993d762e466267cf9561782c989");
        check(
            &carp,
            &advert,
            &v1,
            DigestForm::WithoutLinkLocal,
            ChecksumForm::Plain,
        );
    }
}

#[test]
fn v2_without_link_local() {
    let carp = "210100070001eb9c0123456789abcdef970ac72a81aec723c00bb39424e26d348f6e1907";
    let v2 = authenticator(PASSWORD, 1, MIXED);

    check(
        carp,
        &unsigned(1, 0, 0),
        &v2,
        DigestForm::WithoutLinkLocal,
        ChecksumForm::Plain,
    );
}

#[test]
fn v2_ip_header() {
    let headers = AdvertHeaders::to_group(vhid(1).virtual_mac(), "fe80::1".parse().unwrap());

    assert_eq!(
        advert_frame(&headers, &[0; 36])[14..54],
        hex::<40>(
            "60000000002470fffe800000000000000000000000000001ff020000000000000000000000000012"
        )
    );
}

#[test]
fn v3_with_link_local() {
    let carp = "2101000700011c1e0123456789abcdef0e4ac4763fcb83bc57f11158707a2835dcd0afa0";
    let v3 = authenticator(PASSWORD, 1, MIXED);

    check(
        carp,
        &unsigned(1, 0, 0),
        &v3,
        DigestForm::WithLinkLocal,
        ChecksumForm::Plain,
    );
}

#[test]
fn v4_bow_out_without_password() {
    let carp = "21feff0780ff20caffffffffffffffffb6a0d8fa3de0d9cbe078d28811cd8b10dfb56653";
    let v4 = Authenticator::new(&Key::none(), vhid(254), addresses("192.0.2.10"));
    let bow_out = Advertisement::new(vhid(254), 255, 255, 128, u64::MAX);

    assert!(bow_out.is_bow_out());
    check(
        carp,
        &bow_out,
        &v4,
        DigestForm::WithoutLinkLocal,
        ChecksumForm::Plain,
    );
}

#[test]
fn v5_hardware_address_of_its_own() {
    let carp = "210100070001771e0123456789abcdef1903c092252075aac05b3681d5cbf455518d42c6";
    let mac = MacAddress(hex("021122334455"));
    let key = Key::from_password(PASSWORD);
    let v5 = Authenticator::with_hardware_address(&key, vhid(1), mac, addresses("192.0.2.10"));

    check(
        carp,
        &unsigned(1, 0, 0),
        &v5,
        DigestForm::WithoutLinkLocal,
        ChecksumForm::Plain,
    );
}

#[test]
fn v6_long_password_is_cut() {
    let carp = "21010007000124430123456789abcdef456122a2a9c42ed4e669deed53212505cf61cf11";

    for password in ["abcdefghijklmnopqrstuvwxy", "abcdefghijklmnopqrs"] {
        let v6 = authenticator(password, 1, "192.0.2.10");
        check(
            carp,
            &unsigned(1, 0, 0),
            &v6,
            DigestForm::WithoutLinkLocal,
            ChecksumForm::Plain,
        );
    }
}

#[test]
fn v6_raw_key_has_one_byte_more() {
    let key = Key::from_raw(*b"abcdefghijklmnopqrst");
    let raw = Authenticator::new(&key, vhid(1), addresses("192.0.2.10"));

    assert_eq!(
        raw.sign(COUNTER, DigestForm::WithoutLinkLocal),
        hex("1888bde6baf1b17c1b750d1d43dbf4d868870cfe")
    );
}

#[test]
fn v7_ipv6_with_both_checksums() {
    let plain = "210732070001ed770000000000000001def6dcf16e09ac5450e0d9f147af935b46ac9ca7";
    let netbsd = "210732070001ef4c0000000000000001def6dcf16e09ac5450e0d9f147af935b46ac9ca7";
    let v7 = authenticator(PASSWORD, 7, "2001:db8::20");
    let advert = Advertisement::new(vhid(7), 1, 50, 0, 1);
    let source: Ipv6Addr = "fe80::1".parse().unwrap();
    let destination: Ipv6Addr = "ff02::12".parse().unwrap();
    let pseudo_header = ChecksumForm::PseudoHeader {
        source,
        destination,
    };

    check(
        plain,
        &advert,
        &v7,
        DigestForm::WithoutLinkLocal,
        ChecksumForm::Plain,
    );
    check(
        netbsd,
        &advert,
        &v7,
        DigestForm::WithoutLinkLocal,
        pseudo_header,
    );

    let from_elsewhere = Envelope {
        source: "fe80::2".parse().unwrap(),
        destination: destination.into(),
        hop_limit: HOP_LIMIT,
        traffic_class: None,
        identification: None,
    };
    assert!(checksum_is_valid(&hex::<36>(plain), &from_elsewhere));
    assert!(!checksum_is_valid(&hex::<36>(netbsd), &from_elsewhere));
}

#[test]
fn v8_frame_of_ucarp() {
    let frame: [u8; 70] = hex(
        "01005e00001200005e00002a080045100038f7634000ff7090c50a090901e0000012
         212a0007000193af80aa4766ca04d358dc63522ca01a8069ae29178af4be34219b5d0caa",
    );
    let v8 = authenticator(PASSWORD, 42, "10.9.9.100");

    let (envelope, payload) = carp_proto::decode_ip_packet(&frame[14..]).unwrap();
    assert_eq!(envelope.source, IpAddr::from([10, 9, 9, 1]));
    assert!(envelope.is_to_group());
    assert_eq!(envelope.hop_limit, HOP_LIMIT);
    assert!(checksum_is_valid(payload, &envelope));

    let advert = Advertisement::decode(payload).unwrap();
    assert_eq!((advert.vhid, advert.advbase, advert.advskew), (42, 1, 0));
    assert_eq!(
        v8.verify(advert.counter, &advert.digest),
        Some(DigestForm::WithoutLinkLocal)
    );

    let headers = AdvertHeaders {
        identification: 0xf763,
        ..AdvertHeaders::to_group(MacAddress(hex("00005e00002a")), envelope.source)
    };
    assert_eq!(*advert_frame(&headers, &advert.encode()), frame);
}

/// The vectors' advertisement of vhid 1, without digest and checksum.
fn unsigned(advbase: u8, advskew: u8, demotion: u8) -> Advertisement {
    Advertisement::new(vhid(1), advbase, advskew, demotion, COUNTER)
}

/// Asserts that `advert`, signed and summed, is `carp`, and that `carp` is accepted.
fn check(
    carp: &str,
    advert: &Advertisement,
    authenticator: &Authenticator,
    digest_form: DigestForm,
    checksum_form: ChecksumForm,
) {
    let bytes: [u8; 36] = hex(carp);
    let signed = advert
        .signed(authenticator, digest_form)
        .with_checksum(checksum_form);
    assert_eq!(signed.encode(), bytes, "{carp}");

    let decoded = Advertisement::decode(&bytes).unwrap();
    assert_eq!(decoded, signed, "{carp}");
    assert_eq!(
        authenticator.verify(decoded.counter, &decoded.digest),
        Some(digest_form),
        "{carp}"
    );
    assert!(
        checksum_is_valid(&bytes, &envelope_of(checksum_form)),
        "{carp}"
    );
}

/// A packet to the group whose checksum is of this form.
fn envelope_of(form: ChecksumForm) -> Envelope {
    let (source, destination) = match form {
        ChecksumForm::Plain => (IpAddr::from([192, 0, 2, 2]), carp_proto::GROUP_V4.into()),
        ChecksumForm::PseudoHeader {
            source,
            destination,
        } => (source.into(), destination.into()),
    };
    Envelope {
        source,
        destination,
        hop_limit: HOP_LIMIT,
        traffic_class: None,
        identification: None,
    }
}
