//! The frames of a flood.

use std::net::Ipv4Addr;

use carp_benches::{PASS, Result, VHID, best_advert, rubbish, shared_address};
use carp_net::carp_fsm::carp_proto::{
    AdvertHeaders, Advertisement, Envelope, Family, HOP_LIMIT, MacAddress, advert_frame,
    checksum_is_valid,
};

/// Frames, in turn: an advert of the vhid that is configured, with a digest made without the key; one
/// of a vhid that nobody has; and rubbish of protocol 112, now as long as an advert, now shorter, of
/// each length.
pub(crate) fn frames() -> Result<Vec<Vec<u8>>> {
    let mut frames = Vec::new();
    let configured: u8 = VHID.parse()?;
    let advert = |vhid, password, counter| {
        best_advert(vhid, password, [shared_address(Family::Inet)], counter)
    };
    for number in 0..=u8::MAX {
        let source = Ipv4Addr::new(192, 0, 2, 60 + number % 100);
        let headers = AdvertHeaders::to_group(MacAddress([2, 0, 0, 0, 9, number]), source.into());
        let frame = |payload: [u8; Advertisement::LEN]| advert_frame(&headers, &payload).to_vec();
        frames.push(frame(advert(configured, "guessed", number)?));
        // A right digest helps as little.
        let unknown = if number == 0 || number == configured {
            1
        } else {
            number
        };
        frames.push(frame(advert(unknown, PASS, number)?));
        let is_whole = number % 2 == 0;
        let length = usize::from(number / 2) % Advertisement::LEN;
        frames.push(match is_whole {
            true => frame(rubbish_with_a_bad_checksum(source)?),
            false => with_payload(frame(rubbish()?), length)?,
        });
    }
    Ok(frames)
}

/// Of 65,536 pieces of rubbish one has a right checksum, by chance.
fn rubbish_with_a_bad_checksum(source: Ipv4Addr) -> Result<[u8; Advertisement::LEN]> {
    let envelope = Envelope {
        source: source.into(),
        destination: Family::Inet.group(),
        hop_limit: HOP_LIMIT,
        traffic_class: None,
        identification: None,
    };
    loop {
        let rubbish = rubbish()?;
        if !checksum_is_valid(&rubbish, &envelope) {
            return Ok(rubbish);
        }
    }
}

/// Takes away what is behind so many bytes of the payload of an IPv4 packet, and has its header say so.
fn with_payload(mut frame: Vec<u8>, length: usize) -> Result<Vec<u8>> {
    frame.truncate(ETHERNET_LEN + HEADER_LEN + length);
    let total = u16::try_from(HEADER_LEN + length)?;
    let header = frame.get_mut(ETHERNET_LEN..ETHERNET_LEN + HEADER_LEN);
    let (words, _) = header.unwrap_or_default().as_chunks_mut::<2>();
    let [_, total_length, _, _, _, checksum, ..] = words else {
        return Err("a frame without a header".into());
    };
    *total_length = total.to_be_bytes();
    *checksum = [0; 2];
    let sum: u32 = words
        .iter()
        .map(|word| u32::from(u16::from_be_bytes(*word)))
        .sum();
    // Ten words carry into the upper half once, and that into it no more than once.
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = u16::try_from((folded & 0xffff) + (folded >> 16))?;
    if let Some(checksum) = words.get_mut(5) {
        *checksum = (!folded).to_be_bytes();
    }
    Ok(frame)
}

const ETHERNET_LEN: usize = 14;
/// Of IPv4, without options.
const HEADER_LEN: usize = 20;
