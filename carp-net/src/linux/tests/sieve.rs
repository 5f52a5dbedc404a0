//! What the kernel drops during a flood, and when.

use carp_fsm::carp_proto::{AdvertHeaders, advert_frame};

use super::*;
use crate::linux::sieve::Flood;

/// An advert, or the beginning of one, as a frame.
fn frame(from: &Host, bytes: &[u8]) -> Vec<u8> {
    let headers = AdvertHeaders::to_group(from.mac(), ip("192.0.2.2"));
    let mut payload = PAYLOAD;
    payload[..bytes.len()].copy_from_slice(bytes);
    advert_frame(&headers, &payload).to_vec()
}

/// The same frame behind routers: a hop limit of 64, and the checksum of such a header.
fn from_afar(mut frame: Vec<u8>) -> Vec<u8> {
    let less = u16::from_be_bytes([frame[22] - 64, 0]);
    let (sum, carry) = u16::from_be_bytes([frame[24], frame[25]]).overflowing_add(less);
    frame[22] = 64;
    frame[24..26].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
    frame
}

#[test]
fn during_a_flood_the_kernel_drops_what_nobody_can_mean() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24"]);
    let two = lab.host("two").unwrap();
    one.configure(&carp0());
    let send = |bytes: &[u8]| two.send_frame("vmx0", &frame(&two, bytes)).unwrap();
    let (known, unknown) = ([0x21, 99], [0x21, 98]);
    let heard = |one: &mut Machine| one.wait_for_packet().bytes()[..2].to_vec();

    // Calm, everything is heard.
    send(&unknown);
    assert_eq!(heard(&mut one), unknown);
    for _ in 0..Flood::ENGAGE {
        one.backend.flood.note(&unknown);
    }
    let now = one.backend.now();
    let judge = |one: &mut Machine, now| {
        let (inet, inet6) = one.backend.hear.sockets();
        let sockets = [(Family::Inet, Some(inet)), (Family::Inet6, inet6)];
        one.backend.flood.judge(now, sockets)
    };
    assert_eq!(judge(&mut one, now), 0);
    send(&unknown);
    send(&known);
    assert_eq!(heard(&mut one), known);
    // A peer may be behind routers.
    let far = from_afar(frame(&two, &known));
    two.send_frame("vmx0", &far).unwrap();
    let packet = one.wait_for_packet();
    assert_eq!(
        (packet.envelope().hop_limit, &packet.bytes()[..2]),
        (64, &known[..])
    );
    // It goes when it has been calm for a while.
    let mut dropped = 0;
    for second in 1..=6 {
        dropped += judge(&mut one, now + Duration::from_secs(second));
    }
    assert_eq!(dropped, 1);
    send(&unknown);
    assert_eq!(heard(&mut one), unknown);
}

#[test]
fn a_vhid_is_known_as_long_as_anybody_has_it() {
    let mut flood = Flood::new(None, Timestamp::ZERO);
    let advert = [0x21, 99].into_iter().chain([0; 34]).collect::<Vec<u8>>();
    let counts = |flood: &mut Flood| {
        flood.note(&advert);
        flood.hopeless()
    };
    flood.note_vhid(vhid(99), true);
    flood.note_vhid(vhid(99), true);
    assert_eq!(counts(&mut flood), 0);
    flood.note_vhid(vhid(99), false);
    assert_eq!(counts(&mut flood), 0);
    flood.note_vhid(vhid(99), false);
    assert_eq!(counts(&mut flood), 1);
    flood.note(&advert[..35]);
    assert_eq!(flood.hopeless(), 2);
}
