//! The newer format: blocks that tell their kind and length, of which few matter here.

use std::time::{Duration, SystemTime};

use pcap_parser::nom::{self, Offset as _};
use pcap_parser::traits::PcapNGPacketBlock as _;
use pcap_parser::{
    InterfaceDescriptionBlock, PcapError, parse_enhancedpacketblock_be,
    parse_enhancedpacketblock_le, parse_interfacedescriptionblock_be,
    parse_interfacedescriptionblock_le, parse_sectionheaderblock, parse_simplepacketblock_be,
    parse_simplepacketblock_le,
};

use super::{Found, Part, Shortage, after_epoch};

/// What every file of this format begins with, in either order of bytes.
pub(super) const MAGIC: [u8; 4] = SECTION_HEADER.to_be_bytes();

/// What is known of the section that is being read.
#[derive(Default)]
pub(super) struct PcapNg {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

/// An interface, and how its packets are to be read.
struct Interface {
    name: Option<String>,
    link_type: u16,
    /// The most that was captured of a packet, 0 for all of it.
    snap_length: u32,
    /// The units of its time in a second, `None` if they are too many to count.
    resolution: Option<u64>,
    /// Seconds to add to its time.
    offset: i64,
}

impl PcapNg {
    /// Reads the part that `unread` begins with.
    pub(super) fn part(&mut self, unread: &[u8]) -> Result<Part, Shortage> {
        let (kind, length) = self.kind_and_length(unread)?;
        let block = unread.get(..length).ok_or(Shortage::Needs(length))?;
        let packet = match kind {
            SECTION_HEADER => {
                let header = whole(parse_sectionheaderblock(block))?;
                if header.major_version != 1 {
                    return Err(Shortage::Damaged("a version of the format other than 1"));
                }
                self.interfaces.clear();
                None
            }
            INTERFACE_DESCRIPTION => {
                let description = whole(if self.big_endian {
                    parse_interfacedescriptionblock_be(block)
                } else {
                    parse_interfacedescriptionblock_le(block)
                })?;
                let interface = Interface::new(&description, self.big_endian);
                self.interfaces.push(interface);
                None
            }
            ENHANCED_PACKET => Some(self.enhanced_packet(block)?),
            SIMPLE_PACKET => Some(self.simple_packet(block)?),
            // Rather told than left out: nothing would say that the packet is missing.
            PACKET => return Err(Shortage::Damaged("a packet block of before 2010")),
            _ => None,
        };
        Ok(Part { length, packet })
    }

    /// Returns the name of an interface, as far as the file has it.
    pub(super) fn name_of(&self, interface: usize) -> Option<&str> {
        self.interfaces.get(interface)?.name.as_deref()
    }

    /// Reads what a block begins with. The header of a section says how to read its own length.
    fn kind_and_length(&mut self, unread: &[u8]) -> Result<(u32, usize), Shortage> {
        let &[k0, k1, k2, k3, l0, l1, l2, l3, order @ ..] =
            unread.first_chunk::<12>().ok_or(Shortage::Needs(12))?;
        let (kind, length) = ([k0, k1, k2, k3], [l0, l1, l2, l3]);
        if kind == MAGIC {
            self.big_endian = match (u32::from_be_bytes(order), u32::from_le_bytes(order)) {
                (BYTE_ORDER, _) => true,
                (_, BYTE_ORDER) => false,
                _ => return Err(Shortage::Damaged("a section without an order of bytes")),
            };
        }
        let number = if self.big_endian {
            u32::from_be_bytes
        } else {
            u32::from_le_bytes
        };
        let length = usize::try_from(number(length)).unwrap_or(usize::MAX);
        if length < 12 {
            return Err(Shortage::Damaged("a block that is shorter than its header"));
        }
        Ok((number(kind), length))
    }

    fn enhanced_packet(&self, block: &[u8]) -> Result<Found, Shortage> {
        let packet = whole(if self.big_endian {
            parse_enhancedpacketblock_be(block)
        } else {
            parse_enhancedpacketblock_le(block)
        })?;
        let id = usize::try_from(packet.if_id).unwrap_or(usize::MAX);
        let interface = self.interfaces.get(id).ok_or(UNKNOWN_INTERFACE)?;
        let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
        let bytes = packet.packet_data();
        let start = block.offset(bytes);
        Ok(Found {
            time: interface.time(ticks),
            interface: Some(id),
            link_type: interface.link_type,
            length: packet.origlen,
            place: start..start + bytes.len(),
        })
    }

    /// A packet of the first interface, without a time.
    fn simple_packet(&self, block: &[u8]) -> Result<Found, Shortage> {
        let packet = whole(if self.big_endian {
            parse_simplepacketblock_be(block)
        } else {
            parse_simplepacketblock_le(block)
        })?;
        let interface = self.interfaces.first().ok_or(UNKNOWN_INTERFACE)?;
        let bytes = packet.packet_data();
        let most = match interface.snap_length {
            0 => usize::MAX,
            most => usize::try_from(most).unwrap_or(usize::MAX),
        };
        let start = block.offset(bytes);
        Ok(Found {
            time: None,
            interface: Some(0),
            link_type: interface.link_type,
            length: packet.origlen,
            place: start..start + bytes.len().min(most),
        })
    }
}

impl Interface {
    fn new(description: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Self {
        let name = description.if_name().and_then(Result::ok);
        let [_, _, high, low] = description.linktype.0.to_be_bytes();
        Self {
            name: name.map(ToOwned::to_owned),
            link_type: u16::from_be_bytes([high, low]),
            snap_length: description.snaplen,
            resolution: resolution(description.if_tsresol),
            // The crate reads this one as little-endian whatever the section is.
            offset: match big_endian {
                true => description.if_tsoffset.swap_bytes(),
                false => description.if_tsoffset,
            },
        }
    }

    /// What a number of units after the epoch is as a time.
    fn time(&self, ticks: u64) -> Option<SystemTime> {
        let resolution = self.resolution?;
        let seconds = (ticks / resolution).checked_add_signed(self.offset)?;
        let rest = u128::from(ticks % resolution) * 1_000_000_000 / u128::from(resolution);
        after_epoch(Duration::new(seconds, u32::try_from(rest).ok()?))
    }
}

/// Returns the units of time in a second: a power of 10, or with the highest bit one of 2.
fn resolution(exponent: u8) -> Option<u64> {
    let base: u64 = if exponent & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow((exponent & 0x7f).into())
}

/// A block is all there: what it lacks is not in the file.
fn whole<'a, T>(parsed: nom::IResult<&'a [u8], T, PcapError<&'a [u8]>>) -> Result<T, Shortage> {
    match parsed {
        Ok((_, block)) => Ok(block),
        Err(_) => Err(Shortage::Damaged("a block whose content does not fit it")),
    }
}

const UNKNOWN_INTERFACE: Shortage =
    Shortage::Damaged("a packet of an interface that was not described");
/// The same in either order of bytes.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
