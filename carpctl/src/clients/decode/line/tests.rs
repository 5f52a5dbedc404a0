//! Lines of adverts that are usual, odd and none.

use std::time::{Duration, SystemTime};

use carp_net::capture::Capture;
use carp_net::carp_fsm::carp_proto::{
    AdvertHeaders, Endpoints, GROUP_V6, LinkType, MacAddress, Vhid, advert_frame, decode_frame,
};

use super::*;

const MAC: MacAddress = MacAddress([0x02, 0x11, 0x22, 0x33, 0x44, 0x55]);

/// What is shown of a frame that was captured a second after the epoch.
fn line(frame: &[u8], digest: Digest) -> Line {
    let length = u32::try_from(frame.len()).unwrap();
    let numbers = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0, 1, 1, 0, length, length];
    let file = [numbers.map(u32::to_le_bytes).as_flattened(), frame].concat();
    let mut capture = Capture::new(&file[..]).unwrap();
    let packet = capture.next_packet().unwrap().unwrap();
    let decoded = decode_frame(LinkType::Ethernet, frame).unwrap();
    match decoded.advert() {
        Ok(advert) => Line::of_advert(&packet, &decoded, &advert, digest),
        Err(error) => Line::of_malformed(&packet, &decoded, error),
    }
}

fn advert() -> Advertisement {
    Advertisement::new(Vhid::MAX, 1, 50, 3, 0xabc).with_checksum(ChecksumForm::Plain)
}

fn frame_from(source: &str, advert: &Advertisement) -> Vec<u8> {
    let headers = AdvertHeaders::to_group(Vhid::MAX.virtual_mac(), source.parse().unwrap());
    advert_frame(&headers, &advert.encode()).to_vec()
}

fn text(frame: &[u8], digest: Digest) -> String {
    line(frame, digest).to_string()
}

const USUAL: &str = "1970-01-01T00:00:01.000000Z 192.0.2.2 vhid 255 advbase 1 advskew 50 \
                     demotion 3 counter 0000000000000abc checksum ok";
const USUAL_6: &str = "1970-01-01T00:00:01.000000Z fe80::1 vhid 255 advbase 1 advskew 50 \
                       demotion 3 counter 0000000000000abc checksum ok";

#[test]
fn digest_is_named_as_it_was_found() {
    let frame = frame_from("192.0.2.2", &advert());
    let good = |form, lladdr| Digest::Good { form, lladdr };
    let without = Some(DigestForm::WithoutLinkLocal);
    for (digest, expected) in [
        (good(None, None), "ok"),
        (good(without, None), "ok (without-link-local)"),
        (
            good(Some(DigestForm::WithLinkLocal), None),
            "ok (with-link-local)",
        ),
        (good(None, Some(MAC)), "ok (lladdr 02:11:22:33:44:55)"),
        (
            good(without, Some(MAC)),
            "ok (without-link-local) (lladdr 02:11:22:33:44:55)",
        ),
        (Digest::Bad, "bad"),
        (Digest::Unverified, "unverified"),
    ] {
        assert_eq!(text(&frame, digest), format!("{USUAL} digest {expected}"));
    }
}

#[test]
fn checksum_is_named_where_there_are_two() {
    let pseudo_header = ChecksumForm::PseudoHeader {
        source: "fe80::1".parse().unwrap(),
        destination: GROUP_V6,
    };
    for (form, name) in [
        (ChecksumForm::Plain, "plain"),
        (pseudo_header, "pseudo-header"),
    ] {
        let line = line(
            &frame_from("fe80::1", &advert().with_checksum(form)),
            Digest::Unverified,
        );
        let expected = format!("{USUAL_6} ({name}) digest unverified");
        assert_eq!(line.to_string(), expected);
        let json = serde_json::to_value(&line).unwrap();
        assert_eq!(json["checksum_form"], name);
    }
    let damaged = Advertisement {
        checksum: 1,
        ..advert()
    };
    for (source, usual) in [("192.0.2.2", USUAL), ("fe80::1", USUAL_6)] {
        let line = line(&frame_from(source, &damaged), Digest::Unverified);
        let expected = usual.replace("checksum ok", "checksum bad");
        assert_eq!(line.to_string(), format!("{expected} digest unverified"));
        let json = serde_json::to_value(&line).unwrap();
        assert_eq!(
            (&json["checksum"], &json["checksum_form"]),
            (&"bad".into(), &serde_json::Value::Null)
        );
    }
}

#[test]
fn what_is_odd_comes_last() {
    let odd = Advertisement {
        version: 4,
        kind: 2,
        authlen: 0,
        ..Advertisement::new(Vhid::MAX, 255, 255, 0, 1)
    }
    .with_checksum(ChecksumForm::Plain);
    let headers = AdvertHeaders {
        endpoints: Endpoints::new([192, 0, 2, 2].into(), [192, 0, 2, 3].into()).unwrap(),
        ..AdvertHeaders::to_group(MAC, [192, 0, 2, 2].into())
    };
    let mut frame = advert_frame(&headers, &odd.encode()).to_vec();
    frame[16..18].copy_from_slice(&60_u16.to_be_bytes()); // 4 bytes more than there are
    frame[20] = 0x20; // of a packet that goes on
    frame[22] = 64; // from far away
    frame.splice(12..12, [0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0x00, 0x05]);
    frame.extend([1, 2, 3]);

    assert_eq!(
        text(&frame, Digest::Bad),
        "1970-01-01T00:00:01.000000Z vlan 100.5 192.0.2.2 > 192.0.2.3 vhid 255 advbase 255 \
         advskew 255 bow-out demotion 0 counter 0000000000000001 checksum ok digest bad \
         version 4 type 2 authlen 0 ttl 64 ip-checksum bad fragment length 39 (truncated)"
    );
}

#[test]
fn packet_that_is_no_advert_says_why() {
    let mut frame = frame_from("192.0.2.2", &advert());
    frame[16..18].copy_from_slice(&40_u16.to_be_bytes());
    let line = line(&frame, Digest::Unverified);

    assert_eq!(
        line.to_string(),
        "1970-01-01T00:00:01.000000Z 192.0.2.2 malformed: 20 bytes are too few for an \
         advertisement of 36 ip-checksum bad"
    );
    let json = serde_json::to_value(&line).unwrap();
    assert_eq!(
        (&json["checksum"], &json["digest"], &json["vhid"]),
        (
            &"bad".into(),
            &"unverified".into(),
            &serde_json::Value::Null
        )
    );
    assert_eq!(
        json["error"],
        "20 bytes are too few for an advertisement of 36"
    );
}

#[test]
fn json_has_every_field_in_every_object() {
    let mut malformed = frame_from("192.0.2.2", &advert());
    malformed[16..18].copy_from_slice(&40_u16.to_be_bytes());
    let expected = serde_json::json!({
        "packet": 1,
        "time": "1970-01-01T00:00:01.000000Z",
        "interface": null,
        "vlans": [],
        "source_mac": "00:00:5e:00:01:ff",
        "destination_mac": "01:00:5e:00:00:12",
        "family": "inet",
        "source": "192.0.2.2",
        "destination": "224.0.0.18",
        "ttl": 255,
        "fragment": false,
        "truncated": false,
        "ip_checksum": "ok",
        "length": 36,
        "version": 2,
        "type": 1,
        "vhid": 255,
        "advbase": 1,
        "advskew": 50,
        "bow_out": false,
        "demotion": 3,
        "authlen": 7,
        "counter": "0000000000000abc",
        "checksum": "ok",
        "checksum_form": "plain",
        "digest": "ok",
        "digest_form": null,
        "digest_lladdr": null,
        "error": null,
    });
    let good = Digest::Good {
        form: None,
        lladdr: None,
    };
    let shown = line(&frame_from("192.0.2.2", &advert()), good);
    assert_eq!(serde_json::to_value(&shown).unwrap(), expected);

    let fields = |value: serde_json::Value| {
        let object = value.as_object().unwrap();
        object.keys().cloned().collect::<Vec<_>>()
    };
    let shown = line(&malformed, Digest::Unverified);
    let shown = serde_json::to_value(&shown).unwrap();
    assert_eq!(fields(shown), fields(expected));
}

#[test]
fn time_has_the_digits_that_are_told() {
    let after = |nanoseconds| SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds);
    let second = 1_000_000_000;
    for (time, expected) in [
        (after(0), "1970-01-01T00:00:00.000000Z"),
        (after(1_700_000_000 * second), "2023-11-14T22:13:20.000000Z"),
        (after(1_000), "1970-01-01T00:00:00.000001Z"),
        (after(1), "1970-01-01T00:00:00.000000001Z"),
        (after(1_000_100), "1970-01-01T00:00:00.001000100Z"),
    ] {
        assert_eq!(rfc_3339(time).as_deref(), Some(expected));
    }
    let far = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1 << 60));
    assert_eq!(far.and_then(rfc_3339), None);
}
