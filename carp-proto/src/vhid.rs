//! The virtual host id.

use core::fmt;

use crate::{MacAddress, OutOfRange};

/// A virtual host id, 1 to 255: the name of a virtual host on its network segment.
///
/// It is shared with the VRRP router ids of the segment, because both make the same virtual MAC
/// address of it (`docs/carp-protocol.md §1.5`).
///
/// # Examples
///
/// ```
/// use carp_proto::Vhid;
///
/// let vhid = Vhid::new(99)?;
/// assert_eq!(vhid.get(), 99);
/// assert_eq!(vhid.to_string(), "99");
/// assert_eq!(vhid.virtual_mac().to_string(), "00:00:5e:00:01:63");
/// assert!(Vhid::new(0).is_err());
/// # Ok::<(), carp_proto::OutOfRange>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vhid(u8);

impl Vhid {
    /// The smallest id.
    pub const MIN: Self = Self(1);
    /// The largest id.
    pub const MAX: Self = Self(u8::MAX);

    /// Makes an id of a number from 1 to 255.
    ///
    /// # Errors
    ///
    /// [`OutOfRange`] if `value` is 0.
    pub fn new(value: u8) -> Result<Self, OutOfRange> {
        OutOfRange::check("vhid", value, Self::MIN.0..=Self::MAX.0).map(Self)
    }

    /// Returns the number, 1 to 255.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Returns the virtual MAC address of this id, `00:00:5e:00:01:VHID`, the same for IPv4 and
    /// IPv6 (`docs/carp-protocol.md §1.4`).
    pub const fn virtual_mac(self) -> MacAddress {
        MacAddress([0x00, 0x00, 0x5e, 0x00, 0x01, self.0])
    }
}

impl TryFrom<u8> for Vhid {
    type Error = OutOfRange;

    fn try_from(value: u8) -> Result<Self, OutOfRange> {
        Self::new(value)
    }
}

impl From<Vhid> for u8 {
    fn from(vhid: Vhid) -> Self {
        vhid.get()
    }
}

impl fmt::Display for Vhid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Vhid;

    #[test]
    fn zero_alone_is_refused() {
        for value in 0..=u8::MAX {
            assert_eq!(
                Vhid::new(value).map(Vhid::get).ok(),
                (value != 0).then_some(value)
            );
            assert_eq!(Vhid::try_from(value), Vhid::new(value));
        }
    }

    #[test]
    fn number_comes_out_as_it_is() {
        let vhid = Vhid::new(42).unwrap();
        assert_eq!(u8::from(vhid), 42);
        assert_eq!(format!("{vhid:>4}"), "  42");
    }

    #[test]
    fn virtual_mac_ends_in_the_vhid() {
        let mac = Vhid::MAX.virtual_mac();
        assert_eq!(mac.octets(), [0x00, 0x00, 0x5e, 0x00, 0x01, 0xff]);
    }
}
