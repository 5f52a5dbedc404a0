//! The classic format: a header, then packets, each behind a header of its own.

use std::time::Duration;

use pcap_parser::nom;
use pcap_parser::{
    LegacyPcapBlock, PcapError, PcapHeader, parse_pcap_frame, parse_pcap_frame_be,
    parse_pcap_frame_modified, parse_pcap_header,
};

use super::{Found, Part, Shortage, after_epoch};

/// What is known of a file of this format.
#[derive(Default)]
pub(super) struct Pcap {
    header: Option<PcapHeader>,
}

impl Pcap {
    /// Reads the part that `unread` begins with.
    pub(super) fn part(&mut self, unread: &[u8]) -> Result<Part, Shortage> {
        match &self.header {
            None => {
                let header = parse_pcap_header(unread)
                    .map_err(|error| shortage(unread, &error))?
                    .1;
                let length = header.size();
                if header.version_major != 2 {
                    return Err(Shortage::Damaged("a version of the format other than 2"));
                }
                self.header = Some(header);
                Ok(Part {
                    length,
                    packet: None,
                })
            }
            Some(header) => packet(header, unread),
        }
    }

    /// Returns the link type of all packets.
    pub(super) fn link_type(&self) -> Option<u16> {
        self.header.as_ref().map(link_type)
    }
}

/// Returns whether a file of this format may begin like this.
pub(super) fn is_magic(magic: [u8; 4]) -> bool {
    matches!(
        (u32::from_be_bytes(magic), u32::from_le_bytes(magic)),
        (MICROSECONDS | NANOSECONDS, _) | (_, MICROSECONDS | NANOSECONDS | MODIFIED)
    )
}

fn packet(header: &PcapHeader, unread: &[u8]) -> Result<Part, Shortage> {
    let parse = if header.is_modified_format() {
        parse_pcap_frame_modified
    } else if header.is_bigendian() {
        parse_pcap_frame_be
    } else {
        parse_pcap_frame
    };
    let (rest, packet) = parse(unread).map_err(|error| shortage(unread, &error))?;
    let length = unread.len() - rest.len();
    Ok(Part {
        length,
        packet: Some(Found {
            time: after_epoch(time(header, &packet)),
            interface: None,
            link_type: link_type(header),
            length: packet.origlen,
            place: length - packet.data.len()..length,
        }),
    })
}

/// Nothing keeps the fraction below a second, in a file that somebody damaged.
fn time(header: &PcapHeader, packet: &LegacyPcapBlock<'_>) -> Duration {
    let fraction = u64::from(packet.ts_usec);
    let fraction = if header.is_nanosecond_precision() {
        Duration::from_nanos(fraction)
    } else {
        Duration::from_micros(fraction)
    };
    Duration::from_secs(packet.ts_sec.into()) + fraction
}

/// The upper bits are for the length of a frame check sequence, which is behind the packet.
fn link_type(header: &PcapHeader) -> u16 {
    let [_, _, high, low] = header.network.0.to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn shortage(unread: &[u8], error: &nom::Err<PcapError<&[u8]>>) -> Shortage {
    match error {
        nom::Err::Incomplete(nom::Needed::Size(more)) => {
            Shortage::Needs(unread.len().saturating_add(more.get()))
        }
        nom::Err::Incomplete(nom::Needed::Unknown) => Shortage::Needs(unread.len() + 1),
        nom::Err::Error(_) | nom::Err::Failure(_) => Shortage::Damaged("not a header of a packet"),
    }
}

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// With longer headers of packets, as some old Linux systems wrote it.
const MODIFIED: u32 = 0xa1b2_cd34;
