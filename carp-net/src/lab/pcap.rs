//! Writes frames as a pcap file, the format that every reader of captures knows
//! (draft-ietf-opsawg-pcap).

use std::io::{self, Write};

use carp_fsm::Timestamp;

use super::clock;
use super::tap::Frame;

/// Writes a whole file: Ethernet, times in microseconds of the wall clock.
pub(super) fn write(mut out: impl Write, frames: &[Frame]) -> io::Result<()> {
    let offset = clock::wall_offset();
    for field in [MAGIC, VERSION, 0, 0, LONGEST, ETHERNET] {
        out.write_all(&field.to_le_bytes())?;
    }
    for frame in frames {
        let length = u32::try_from(frame.bytes.len()).map_err(io::Error::other)?;
        let time = frame.time - Timestamp::ZERO + offset;
        // The format's 32 bits last until 2106.
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        for field in [seconds, time.subsec_micros(), length, length] {
            out.write_all(&field.to_le_bytes())?;
        }
        out.write_all(&frame.bytes)?;
    }
    out.flush()
}

/// Says: little endian, microseconds.
const MAGIC: u32 = 0xa1b2_c3d4;

/// Major version 2 in the lower half, minor version 4 in the upper.
const VERSION: u32 = 4 << 16 | 2;

/// No frame is cut below this.
const LONGEST: u32 = 0x0004_0000;

/// The link type.
const ETHERNET: u32 = 1;
