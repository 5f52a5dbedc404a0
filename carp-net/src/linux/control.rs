//! Control messages: what the kernel says about a packet, and what it is told (`cmsg(3)`).

/// The data of the first message of a kind.
pub(super) fn find(control: &[u8], level: i32, kind: i32) -> Option<&[u8]> {
    let mut rest = control;
    loop {
        let (length, header) = rest.split_first_chunk::<WORD>()?;
        let length = usize::from_ne_bytes(*length);
        let (its_level, header) = header.split_first_chunk::<4>()?;
        let (its_kind, _) = header.split_first_chunk::<4>()?;
        if i32::from_ne_bytes(*its_level) == level && i32::from_ne_bytes(*its_kind) == kind {
            return rest.get(HEADER..length);
        }
        let next = length.max(HEADER).checked_next_multiple_of(WORD)?;
        rest = rest.get(next..)?;
    }
}

/// A message of a kind with `data`.
pub(super) fn build(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
    let length = HEADER + data.len();
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(level.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(data);
    message.resize(length.next_multiple_of(WORD), 0);
    message
}

const WORD: usize = size_of::<usize>();
/// A length of one word, two numbers of 4 bytes.
const HEADER: usize = WORD + 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_by_level_and_kind() {
        let mut control = build(41, 50, b"20 bytes of pktinfo.");
        control.extend(build(41, 52, b"hops"));
        assert_eq!(find(&control, 41, 52), Some(&b"hops"[..]));
        assert_eq!(find(&control, 41, 50), Some(&b"20 bytes of pktinfo."[..]));
        assert_eq!(find(&control, 0, 52), None);
    }

    #[test]
    fn broken_messages_are_no_trap() {
        let mut control = build(41, 50, b"data");
        for length in 0..control.len() {
            assert_eq!(find(&control[..length], 41, 52), None);
        }
        for length in [0, 1, usize::MAX - 8, usize::MAX] {
            control[..WORD].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(find(&control, 41, 52), None);
            assert_eq!(find(&control, 41, 50), None);
        }
    }
}
