//! Any bytes as a capture file: read at once and in pieces it holds the same packets, or is wrong
//! for the same reason, and whatever is in the packets is decoded.

#![no_main]

use std::io::Read;

use carp_net::capture::Capture;
use carp_net::carp_fsm::carp_proto::{LinkType, decode_frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(read(bytes, 5), read(bytes, usize::MAX));
});

/// What is in a file, each packet as text, and how it ends.
fn read(file: &[u8], piece: usize) -> (Vec<String>, String) {
    let mut packets = Vec::new();
    let mut capture = match Capture::new(Pieces { file, piece }) {
        Ok(capture) => capture,
        Err(error) => return (packets, error.to_string()),
    };
    loop {
        match capture.next_packet() {
            Ok(Some(packet)) => {
                assert!(packet.bytes.len() < file.len());
                let decoded = LinkType::from_number(packet.link_type)
                    .and_then(|link_type| decode_frame(link_type, packet.bytes).ok());
                let advert = decoded.as_ref().map(|decoded| decoded.advert());
                packets.push(format!("{packet:?} {decoded:?} {advert:?}"));
            }
            Ok(None) => return (packets, String::new()),
            Err(error) => return (packets, error.to_string()),
        }
    }
}

/// Hands out a file in pieces, as a pipe does.
struct Pieces<'a> {
    file: &'a [u8],
    piece: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.piece.min(buffer.len());
        self.file.read(buffer.get_mut(..length).unwrap_or_default())
    }
}
