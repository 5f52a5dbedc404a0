//! Reading capture files, pcap and pcapng, as they grow or at once.
//!
//! A [`Capture`] hands out one packet after the other from anything that can be read, a pipe
//! included, and holds no more than one of them in memory. What is in a packet is for
//! [`decode_frame`](carp_fsm::carp_proto::decode_frame).

use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::time::{Duration, SystemTime};

mod buffer;
use buffer::Buffer;
mod pcap;
use pcap::Pcap;
mod pcapng;
use pcapng::PcapNg;

/// A capture that is being read.
///
/// # Examples
///
/// ```
/// use carp_net::capture::Capture;
/// use carp_net::carp_fsm::carp_proto::{LinkType, decode_frame};
///
/// # fn read(file: impl std::io::Read) -> Result<(), Box<dyn std::error::Error>> {
/// let mut capture = Capture::new(file)?;
/// while let Some(packet) = capture.next_packet()? {
///     let link_type = LinkType::from_number(packet.link_type).ok_or("unknown link type")?;
///     if let Ok(frame) = decode_frame(link_type, packet.bytes)
///         && let Ok(advert) = frame.advert()
///     {
///         println!("{}: vhid {}", frame.envelope().source, advert.vhid);
///     }
/// }
/// # Ok(())
/// # }
/// # let empty = [
/// #     0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
/// # ];
/// # read(&empty[..]).unwrap();
/// ```
pub struct Capture<R> {
    buffer: Buffer<R>,
    format: Format,
    packets: u64,
}

enum Format {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

/// A packet of a capture.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CapturedPacket<'a> {
    /// The number of the packet in its file, from 1, as other programs count.
    pub number: u64,
    /// When it was captured; not every packet of a pcapng file has a time.
    pub time: Option<SystemTime>,
    /// The name of the interface, which only pcapng has.
    pub interface: Option<&'a str>,
    /// The number of its link type in libpcap's registry.
    pub link_type: u16,
    /// How long the packet was on the network, in bytes. More than `bytes` has where it was cut
    /// off.
    pub length: u32,
    /// What was captured of it.
    pub bytes: &'a [u8],
}

impl<R: Read> Capture<R> {
    /// Begins to read a capture.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] if `input` cannot be read, or begins as no capture does.
    pub fn new(input: R) -> Result<Self, CaptureError> {
        let mut buffer = Buffer::new(input);
        let mut magic = [0; 4];
        while buffer.unread().len() < magic.len() && buffer.fill()? {}
        match buffer.unread().first_chunk() {
            Some(chunk) => magic = *chunk,
            None if buffer.unread().is_empty() => return Err(CaptureError::Empty),
            None => return Err(CaptureError::NotACapture),
        }
        let mut format = if magic == pcapng::MAGIC {
            Format::PcapNg(PcapNg::default())
        } else if pcap::is_magic(magic) {
            Format::Pcap(Pcap::default())
        } else if let Some(by) = compressed_by(magic) {
            return Err(CaptureError::Compressed { by });
        } else {
            return Err(CaptureError::NotACapture);
        };
        // The header, so that whoever gives us something else hears of it before all else.
        let header = read_part(&mut buffer, &mut format, 0)?;
        if let Some(part) = header {
            buffer.take(part.length);
        }
        Ok(Self {
            buffer,
            format,
            packets: 0,
        })
    }

    /// Returns the number of the link type that all packets have, in libpcap's registry; `None`
    /// for pcapng, where each has its own.
    pub fn link_type(&self) -> Option<u16> {
        match &self.format {
            Format::Pcap(format) => format.link_type(),
            Format::PcapNg(_) => None,
        }
    }

    /// Returns the next packet, or `None` where the capture ends.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] if the rest cannot be read. The capture can be read no further then.
    pub fn next_packet(&mut self) -> Result<Option<CapturedPacket<'_>>, CaptureError> {
        let (length, found) = loop {
            match read_part(&mut self.buffer, &mut self.format, self.packets)? {
                None => return Ok(None),
                Some(Part { length, packet }) => match packet {
                    Some(found) => break (length, found),
                    None => self.buffer.take(length),
                },
            };
        };
        self.packets += 1;
        let interface = match &self.format {
            Format::Pcap(_) => None,
            Format::PcapNg(format) => found.interface.and_then(|id| format.name_of(id)),
        };
        let part = self.buffer.take(length);
        Ok(Some(CapturedPacket {
            number: self.packets,
            time: found.time,
            interface,
            link_type: found.link_type,
            length: found.length,
            bytes: part.get(found.place).unwrap_or_default(),
        }))
    }
}

impl<R> fmt::Debug for Capture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("packets", &self.packets)
            .finish_non_exhaustive()
    }
}

/// Why a capture cannot be read, or no further.
///
/// # Examples
///
/// ```
/// use carp_net::capture::Capture;
///
/// let error = Capture::new(&b"hello, world"[..]).unwrap_err();
/// assert_eq!(error.to_string(), "neither a pcap nor a pcapng file");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// There is nothing, not even the header of a capture.
    #[error("empty: not even the header of a capture file")]
    Empty,
    /// What is there is no capture.
    #[error("neither a pcap nor a pcapng file")]
    NotACapture,
    /// It is compressed.
    #[error("compressed with {by}: decompress it first")]
    Compressed {
        /// The program that can decompress it.
        by: &'static str,
    },
    /// The file ends too early: whoever captured did not get to write the rest.
    #[error("cut off {}", behind(*.packets))]
    Truncated {
        /// How many packets came before.
        packets: u64,
    },
    /// What follows makes no sense.
    #[error("damaged {}: {reason}", behind(*.packets))]
    Damaged {
        /// How many packets came before.
        packets: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// The operating system says no.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn behind(packets: u64) -> String {
    match packets {
        0 => "before the end of the first packet".to_owned(),
        _ => format!("behind packet {packets}"),
    }
}

// ---- what both formats are made of ----

/// What a file is made of: a header, a packet, or something else to read over.
struct Part {
    length: usize,
    packet: Option<Found>,
}

/// A packet in a part.
struct Found {
    time: Option<SystemTime>,
    /// The number of its interface among those that pcapng describes.
    interface: Option<usize>,
    link_type: u16,
    length: u32,
    /// Where in the part it is.
    place: Range<usize>,
}

/// Why there is no part yet.
enum Shortage {
    /// It is longer than what there is, and needs as many bytes in all.
    Needs(usize),
    /// It makes no sense.
    Damaged(&'static str),
}

/// Reads on until there is a whole part; `None` where there is nothing left.
fn read_part<R: Read>(
    buffer: &mut Buffer<R>,
    format: &mut Format,
    packets: u64,
) -> Result<Option<Part>, CaptureError> {
    loop {
        let unread = buffer.unread();
        let parsed = match format {
            Format::Pcap(format) => format.part(unread),
            Format::PcapNg(format) => format.part(unread),
        };
        let damaged = |reason| CaptureError::Damaged { packets, reason };
        match parsed {
            Ok(part) => return Ok(Some(part)),
            Err(Shortage::Damaged(reason)) => return Err(damaged(reason)),
            Err(Shortage::Needs(length)) if length > LONGEST_PART => {
                return Err(damaged("what follows is said to be longer than 16 MiB"));
            }
            Err(Shortage::Needs(_)) => {}
        }
        if !buffer.fill()? {
            return match buffer.unread() {
                [] => Ok(None),
                _ => Err(CaptureError::Truncated { packets }),
            };
        }
    }
}

/// What `duration` after the epoch is as a time, where that can be told.
fn after_epoch(duration: Duration) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(duration)
}

/// The name of the program that made a file which begins like this one.
fn compressed_by(magic: [u8; 4]) -> Option<&'static str> {
    match magic {
        [0x1f, 0x8b, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd] => Some("zstd"),
        [0xfd, b'7', b'z', b'X'] => Some("xz"),
        [b'B', b'Z', b'h', _] => Some("bzip2"),
        [0x04, 0x22, 0x4d, 0x18] => Some("lz4"),
        _ => None,
    }
}

/// No program writes longer ones, and a damaged length shall not make us read a whole disk.
const LONGEST_PART: usize = 16 << 20;

#[cfg(test)]
mod tests;
