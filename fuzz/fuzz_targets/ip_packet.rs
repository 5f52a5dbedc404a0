//! Any bytes as an IP packet: what is accepted can be sent again and says the same.

#![no_main]

use carp_proto::{
    AdvertHeaders, Endpoints, Envelope, HOP_LIMIT, MacAddress, advert_frame, decode_ip_packet,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok((envelope, payload)) = decode_ip_packet(bytes) else {
        return;
    };
    assert!(payload.len() < bytes.len());

    let Some(advert) = payload.first_chunk() else {
        return;
    };
    let headers = AdvertHeaders {
        source_mac: MacAddress::BROADCAST,
        destination_mac: envelope.family().group_mac(),
        endpoints: Endpoints::new(envelope.source, envelope.destination)
            .expect("a packet has addresses of one family"),
        // No receiver checks these two; what is known of them is sent again.
        traffic_class: envelope.traffic_class.unwrap_or_default(),
        identification: envelope.identification.unwrap_or_default(),
    };
    let frame = advert_frame(&headers, advert);
    let (_, packet) = frame.split_at(14);
    let sent = Envelope {
        hop_limit: HOP_LIMIT,
        ..envelope
    };
    assert_eq!(decode_ip_packet(packet), Ok((sent, advert.as_slice())));
});
