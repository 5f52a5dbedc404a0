//! Any bytes as a captured frame, the first one of which chooses what the rest begins with.
//!
//! What is found must be in the frame, must not change when the frame gets another VLAN tag, and
//! must not turn into something else when the frame is cut off. Where it can be asked, the stricter
//! reader of IP packets agrees.

#![no_main]

use carp_proto::{
    AdvertError, Advertisement, ChecksumForm, DecodedFrame, FrameError, LinkType, PacketError,
    checksum_is_valid, decode_frame, decode_ip_packet,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, frame)) = bytes.split_first() else {
        return;
    };
    let choice = usize::from(*choice);
    let Some(link_type) = LinkType::ALL.get(choice % LinkType::ALL.len()) else {
        return;
    };
    let decoded = decode_frame(*link_type, frame);
    if let Ok(decoded) = &decoded {
        check_content(decoded, frame);
    }
    if *link_type == LinkType::Ip {
        check_against_the_strict(&decoded, frame);
    }
    if *link_type == LinkType::Ethernet {
        check_tagged(&decoded, frame);
    }
    let whole = said(&decoded);
    for length in (0..frame.len()).rev().take(64) {
        let cut = frame.get(..length).unwrap_or_default();
        check_cut(whole, said(&decode_frame(*link_type, cut)));
    }
});

/// What is found of an advert.
type Said = Result<Result<Advertisement, AdvertError>, FrameError>;

fn said(decoded: &Result<DecodedFrame<'_>, FrameError>) -> Said {
    match decoded {
        Ok(decoded) => Ok(decoded.advert()),
        Err(error) => Err(*error),
    }
}

fn check_content(decoded: &DecodedFrame<'_>, frame: &[u8]) {
    let payload = decoded.payload();
    assert!(frame.as_ptr_range().contains(&payload.as_ptr()) || payload.is_empty());
    assert!(payload.len() + decoded.vlan_tags().len() * 4 <= frame.len());
    assert_eq!(decoded.vlan_tags().count(), decoded.vlan_tags().len());
    let form = ChecksumForm::of(payload, decoded.envelope());
    assert_eq!(
        form.is_some(),
        checksum_is_valid(payload, decoded.envelope())
    );
    match decoded.advert() {
        Ok(advert) => {
            assert_eq!(Some(&advert.encode()), payload.first_chunk());
            assert_eq!(Advertisement::decode(payload), Ok(advert));
        }
        Err(AdvertError::TooShort { length }) => assert!(length < Advertisement::LEN),
        Err(AdvertError::Truncated { length }) => {
            assert!(decoded.is_truncated() && length < Advertisement::LEN);
        }
        Err(AdvertError::Fragment) => assert!(decoded.is_fragment()),
        Err(_) => {}
    }
}

/// A receiver takes what is whole and undamaged, and nothing else.
fn check_against_the_strict(decoded: &Result<DecodedFrame<'_>, FrameError>, packet: &[u8]) {
    let strict = decode_ip_packet(packet);
    match decoded {
        Ok(decoded) => {
            let is_whole = !decoded.is_truncated()
                && !decoded.is_fragment()
                && decoded.header_checksum_is_valid()
                && decoded.advert() != Err(AdvertError::ImpossibleLength);
            assert_eq!(strict.is_ok(), is_whole);
            if let Ok((envelope, payload)) = strict {
                assert_eq!(
                    (&envelope, payload),
                    (decoded.envelope(), decoded.payload())
                );
            }
        }
        Err(error) => assert_eq!(strict.map_err(FrameError::Packet), Err(*error)),
    }
}

/// A tag more changes nothing but the tags.
fn check_tagged(decoded: &Result<DecodedFrame<'_>, FrameError>, frame: &[u8]) {
    let Some((addresses, rest)) = frame.split_at_checked(12) else {
        return;
    };
    let tagged = [addresses, &[0x88, 0xa8, 0x20, 0x64], rest].concat();
    let tagged = decode_frame(LinkType::Ethernet, &tagged);
    assert_eq!(said(&tagged), said(decoded));
    if let (Ok(tagged), Ok(decoded)) = (tagged, decoded) {
        assert_eq!(tagged.envelope(), decoded.envelope());
        assert_eq!(tagged.payload(), decoded.payload());
        assert_eq!(tagged.vlan_tags().next().map(|tag| tag.id()), Some(100));
        assert!(tagged.vlan_tags().skip(1).eq(decoded.vlan_tags()));
    }
}

/// What a part of a frame says is what the whole says, or that it is only a part.
fn check_cut(whole: Said, part: Said) {
    match part {
        Ok(Err(AdvertError::Truncated { .. }))
        | Err(FrameError::Truncated | FrameError::Packet(PacketError::Truncated)) => {}
        Ok(_) | Err(_) => assert_eq!(part, whole),
    }
}
