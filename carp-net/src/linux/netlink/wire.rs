//! The frame of netlink: a header of 16 bytes before each message, several messages a datagram.

use netlink_packet_core::{NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;

use super::{Attributes, Refusal};

/// Adds `message` to a datagram.
pub(super) fn append(datagram: &mut Vec<u8>, message: RouteNetlinkMessage, flags: u16, seq: u32) {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    header.sequence_number = seq;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
    message.finalize();
    let start = datagram.len();
    datagram.resize(start + message.buffer_len(), 0);
    if let Some(space) = datagram.get_mut(start..) {
        message.serialize(space);
    }
    datagram.resize(datagram.len().next_multiple_of(ALIGNMENT), 0);
}

/// A message in a received datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received<'a> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) seq: u32,
    pub(super) payload: &'a [u8],
}

impl Received<'_> {
    /// The verdict of an `NLMSG_ERROR` or `NLMSG_DONE`, with the kernel's text if there is one.
    pub(super) fn verdict(&self) -> Result<(), Refusal> {
        let Some((code, rest)) = self.payload.split_first_chunk::<4>() else {
            return Ok(());
        };
        let errno = i32::from_ne_bytes(*code).saturating_neg();
        if errno <= 0 {
            return Ok(());
        }
        let text = (self.flags & FLAG_ACK_TLVS != 0)
            .then(|| self.attributes_of_error(rest).get(ATTRIBUTE_MESSAGE))
            .flatten()
            .map(|text| text.text());
        Err(Refusal::new(errno, text))
    }

    /// An error repeats the request: its header alone where it is capped, else all of it.
    fn attributes_of_error<'a>(&self, rest: &'a [u8]) -> Attributes<'a> {
        let repeated = match rest.first_chunk::<4>() {
            Some(_) if self.kind == DONE => 0,
            Some(length) if self.flags & FLAG_CAPPED == 0 => {
                usize::try_from(u32::from_ne_bytes(*length)).unwrap_or(usize::MAX)
            }
            _ => HEADER,
        };
        let start = repeated.checked_next_multiple_of(ALIGNMENT);
        Attributes::behind(rest, start.unwrap_or(usize::MAX))
    }
}

/// The messages of a datagram; where one is broken, they end there.
pub(super) fn messages(datagram: &[u8]) -> impl Iterator<Item = Received<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let (header, _) = rest.split_first_chunk::<HEADER>()?;
        let &[l0, l1, l2, l3, t0, t1, f0, f1, s0, s1, s2, s3, _, _, _, _] = header;
        let length = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).ok()?;
        let payload = rest.get(HEADER..length)?;
        let next = length.next_multiple_of(ALIGNMENT);
        rest = rest.get(next..).unwrap_or_default();
        Some(Received {
            kind: u16::from_ne_bytes([t0, t1]),
            flags: u16::from_ne_bytes([f0, f1]),
            seq: u32::from_ne_bytes([s0, s1, s2, s3]),
            payload,
        })
    })
}

const HEADER: usize = 16;
const ALIGNMENT: usize = 4;
pub(super) const ERROR: u16 = 2;
pub(super) const DONE: u16 = 3;
pub(super) const FLAG_DUMP_INTERRUPTED: u16 = 0x10;
const FLAG_CAPPED: u16 = 0x100;
const FLAG_ACK_TLVS: u16 = 0x200;
const ATTRIBUTE_MESSAGE: u16 = 1;
