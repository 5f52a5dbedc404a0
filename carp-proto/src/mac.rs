//! Ethernet addresses.

use core::{fmt, str::FromStr};

/// An Ethernet address, in the order in which its octets are sent.
///
/// # Examples
///
/// ```
/// use carp_proto::MacAddress;
///
/// let mac: MacAddress = "00:00:5E:00:01:63".parse()?;
/// assert_eq!(mac, MacAddress([0x00, 0x00, 0x5e, 0x00, 0x01, 0x63]));
/// assert_eq!(mac.to_string(), "00:00:5e:00:01:63");
/// assert!(!mac.is_multicast());
/// assert!(MacAddress::BROADCAST.is_multicast());
/// # Ok::<(), carp_proto::MacAddressError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// The broadcast address, `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Returns the six octets.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Returns whether frames to this address go to a group of hosts; so do broadcasts.
    pub const fn is_multicast(self) -> bool {
        let [first, ..] = self.0;
        first & 1 != 0
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for MacAddress {
    type Err = MacAddressError;

    /// Parses six octets of one or two hexadecimal digits each, separated by colons.
    fn from_str(text: &str) -> Result<Self, MacAddressError> {
        let mut octets = [0; 6];
        let mut words = text.split(':');
        for octet in &mut octets {
            *octet = words.next().and_then(parse_octet).ok_or(MacAddressError)?;
        }
        match words.next() {
            None => Ok(Self(octets)),
            Some(_) => Err(MacAddressError),
        }
    }
}

/// The text is not an Ethernet address.
///
/// # Examples
///
/// ```
/// use carp_proto::MacAddress;
///
/// assert!("00:00:5e:00:01".parse::<MacAddress>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("not an Ethernet address (six octets in hexadecimal, separated by colons)")]
#[non_exhaustive]
pub struct MacAddressError;

/// Parses an octet of one or two digits; `from_str_radix` alone would take a plus sign as well.
fn parse_octet(word: &str) -> Option<u8> {
    let digits = matches!(word.len(), 1..=2) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u8::from_str_radix(word, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::{MacAddress, MacAddressError};

    #[test]
    fn one_digit_is_enough() {
        assert_eq!(
            "0:0:5e:0:1:a".parse(),
            Ok(MacAddress([0, 0, 0x5e, 0, 1, 0x0a]))
        );
    }

    #[test]
    fn display_parses_back() {
        for mac in [
            MacAddress::BROADCAST,
            MacAddress([0x02, 0x11, 0x22, 0x33, 0x44, 0x05]),
        ] {
            assert_eq!(mac.to_string().parse(), Ok(mac));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let texts = [
            "",
            ":",
            "0:0:5e:0:1",
            "0:0:5e:0:1:a:",
            "0:0:5e:0:1:a:0",
            "0:0:5e:0:1:",
            "0:0:5e::1:a",
            "000:0:5e:0:1:a",
            "+1:0:5e:0:1:a",
            "-1:0:5e:0:1:a",
            "g:0:5e:0:1:a",
            " 0:0:5e:0:1:a",
            "00-00-5e-00-01-0a",
            "00005e00010a",
            "0:0:5e:0:1:ä",
        ];
        for text in texts {
            assert_eq!(text.parse::<MacAddress>(), Err(MacAddressError), "{text}");
        }
    }

    #[test]
    fn lowest_bit_of_the_first_octet_makes_a_group() {
        assert!(MacAddress([0x01, 0, 0x5e, 0, 0, 0x12]).is_multicast());
        assert!(MacAddress([0x33, 0x33, 0, 0, 0, 0x12]).is_multicast());
        assert!(!MacAddress([0x02, 0xff, 0xff, 0xff, 0xff, 0xff]).is_multicast());
    }
}
