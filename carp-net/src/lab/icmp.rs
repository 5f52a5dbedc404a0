//! Echo requests and their answers (RFC 792, RFC 4443 §4), each with a 64-bit number so that
//! a long run has no ambiguous sequence.

use carp_fsm::carp_proto::Family;

/// Which echo: they differ in their types and in what a raw socket hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EchoKind {
    V4,
    V6,
}

impl EchoKind {
    pub(super) const fn of(family: Family) -> Self {
        match family {
            Family::Inet => Self::V4,
            Family::Inet6 => Self::V6,
        }
    }

    const fn request(self) -> u8 {
        match self {
            Self::V4 => 8,
            Self::V6 => 128,
        }
    }

    const fn reply(self) -> u8 {
        match self {
            Self::V4 => 0,
            Self::V6 => 129,
        }
    }
}

/// ```text
///  0               1               2               3
/// +---------------+---------------+-------------------------------+
/// |     type      |   code = 0    |           checksum            |
/// +---------------+---------------+-------------------------------+
/// |     identifier = token[..2]   |    sequence = number & 65535  |
/// +-------------------------------+-------------------------------+
/// |                         token (64 bits)                       |
/// +---------------------------------------------------------------+
/// |                         number (64 bits)                      |
/// +---------------------------------------------------------------+
/// ```
///
/// Over IPv6 the kernel writes the checksum, which covers addresses that it chooses.
pub(super) fn echo_request(kind: EchoKind, token: [u8; 8], number: u64) -> [u8; LEN] {
    let [a, b, ..] = token;
    let [.., c, d] = number.to_be_bytes();
    let mut packet = [0; LEN];
    let head = [kind.request(), 0, 0, 0, a, b, c, d];
    let fields = head.into_iter().chain(token).chain(number.to_be_bytes());
    for (byte, field) in packet.iter_mut().zip(fields) {
        *byte = field;
    }
    if kind == EchoKind::V4 {
        let [high, low] = internet_checksum(&packet).to_be_bytes();
        packet[2] = high;
        packet[3] = low;
    }
    packet
}

/// The number of the request that this packet answers, if it answers one with `token`.
///
/// `packet` is what a raw socket gives: over IPv4 with its IP header.
pub(super) fn read_echo_reply(kind: EchoKind, token: [u8; 8], packet: &[u8]) -> Option<u64> {
    let icmp = match kind {
        EchoKind::V4 => packet.get(usize::from(packet.first()? & 0x0f) * 4..)?,
        EchoKind::V6 => packet,
    };
    let (head, rest) = icmp.split_first_chunk::<8>()?;
    let (their_token, rest) = rest.split_first_chunk::<8>()?;
    let number = rest.first_chunk()?;
    let answers = head.starts_with(&[kind.reply(), 0]) && *their_token == token;
    answers.then(|| u64::from_be_bytes(*number))
}

/// RFC 1071, over an even number of bytes.
pub(super) fn internet_checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks_exact(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    });
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).unwrap_or_default()
}

const LEN: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: [u8; 8] = *b"carptest";

    #[test]
    fn an_ipv4_request_has_a_checksum_that_sums_to_zero() {
        let request = echo_request(EchoKind::V4, TOKEN, 0x1_0000_ffff);
        assert_eq!(internet_checksum(&request), 0);
        assert_eq!(request[6..8], [0xff, 0xff]);
    }

    #[test]
    fn a_reply_gives_back_a_number_beyond_16_bits() {
        let mut reply = echo_request(EchoKind::V6, TOKEN, 70_000);
        reply[0] = 129;
        assert_eq!(read_echo_reply(EchoKind::V6, TOKEN, &reply), Some(70_000));

        let mut packet = vec![0x46; 24];
        reply[0] = 0;
        packet.extend(reply);
        assert_eq!(read_echo_reply(EchoKind::V4, TOKEN, &packet), Some(70_000));
    }

    #[test]
    fn what_answers_somebody_else_is_not_ours() {
        let request = echo_request(EchoKind::V6, TOKEN, 1);
        assert_eq!(read_echo_reply(EchoKind::V6, TOKEN, &request), None);
        let mut reply = request;
        reply[0] = 129;
        assert_eq!(read_echo_reply(EchoKind::V6, *b"somebody", &reply), None);
        for length in 0..reply.len() {
            assert_eq!(read_echo_reply(EchoKind::V6, TOKEN, &reply[..length]), None);
        }
    }
}
