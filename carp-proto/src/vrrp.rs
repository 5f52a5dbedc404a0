//! Telling VRRP, which has the same protocol number, from CARP (`docs/carp-protocol.md §1.5`).

use crate::Advertisement;

/// Returns the version of the VRRP packet that a payload is, `None` if it is for CARP.
///
/// `length` is the length of the whole payload, of which there may be less.
///
/// Version 3 is VRRP, as FreeBSD has it. Version 2 begins as CARP does; what is in the place of
/// CARP's authlen is the number of addresses, which the length follows from. The one ambiguity, a
/// VRRP packet of seven addresses, is taken for CARP.
pub(crate) fn version(payload: &[u8], length: usize) -> Option<u8> {
    match *payload {
        [0x30..=0x3f, ..] => Some(3),
        [0x21, _, _, addresses, authentication, ..] => {
            let is_vrrp = addresses != Advertisement::AUTHLEN
                && addresses > 0
                && authentication <= MOST_AUTHENTICATION
                && length == HEADER + usize::from(addresses) * 4 + AUTHENTICATION;
            is_vrrp.then_some(2)
        }
        _ => None,
    }
}

/// RFC 2338 §5.3.6: none, a simple password, an IP authentication header.
const MOST_AUTHENTICATION: u8 = 2;
const HEADER: usize = 8;
const AUTHENTICATION: usize = 8;

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn third_version_is_vrrp_whatever_follows() {
        assert_eq!(version(&[0x31], 1), Some(3));
        assert_eq!(version(&[0x31; 36], 36), Some(3));
    }

    #[test]
    fn second_version_is_vrrp_if_its_length_follows_from_its_addresses() {
        let first = |addresses| [0x21, 1, 100, addresses, 0, 1];
        assert_eq!(version(&first(1), 20), Some(2));
        assert_eq!(version(&first(5), 36), Some(2));
        assert_eq!(version(&first(6), 40), Some(2));
        // CARP, with any number of bytes behind it.
        for length in [36, 37, 44, 100] {
            assert_eq!(version(&first(7), length), None);
        }
        // CARP all the same: no receiver checks authlen.
        for authlen in [0, 1, 5, 255] {
            assert_eq!(version(&first(authlen), 37), None);
        }
        assert_eq!(version(&first(0), 16), None, "no address");
        assert_eq!(version(&[0x21, 1, 100, 5, 3, 1], 36), None);
        assert_eq!(version(&[0x22, 1, 100, 5, 0, 1], 36), None);
        assert_eq!(version(&[0x21, 1, 100, 5], 36), None);
        assert_eq!(version(&[], 0), None);
    }
}
