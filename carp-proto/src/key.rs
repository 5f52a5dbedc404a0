//! The shared secret.

use core::fmt;
use core::hint::black_box;
use core::ops::BitXor;

use zeroize::Zeroize as _;

/// The secret that the nodes of a virtual host share: 20 bytes, padded with zeros
/// (`docs/carp-protocol.md §2.1`).
///
/// It is wiped when dropped and never printed: `Debug` shows a placeholder, and there is neither
/// `Display` nor serialization. Two keys compare in constant time.
///
/// # Examples
///
/// ```
/// use carp_proto::Key;
///
/// let key = Key::from_password("mekmitasdigoat");
/// assert_eq!(format!("{key:?}"), "Key(..)");
/// assert!(!key.is_none());
/// assert!(Key::none().is_none());
/// ```
#[derive(Clone, Default)]
pub struct Key([u8; Self::LEN]);

impl Key {
    /// The length of a key in bytes.
    pub const LEN: usize = 20;

    /// The number of bytes of a password that count; what follows is cut off silently.
    ///
    /// The BSDs keep the password as a C string in the 20 bytes. Compare with this to warn an
    /// operator whose password is longer.
    pub const MAX_PASSWORD: usize = Self::LEN - 1;

    /// Makes the key of a password: its first 19 bytes, or those before the first NUL.
    ///
    /// # Examples
    ///
    /// ```
    /// use carp_proto::Key;
    ///
    /// let long = Key::from_password("abcdefghijklmnopqrstuvwxy");
    /// assert_eq!(long, Key::from_password("abcdefghijklmnopqrs"));
    /// ```
    pub fn from_password(password: impl AsRef<[u8]>) -> Self {
        let mut key = Self::none();
        let significant = password
            .as_ref()
            .iter()
            .take(Self::MAX_PASSWORD)
            .take_while(|&&byte| byte != 0);
        for (slot, byte) in key.0.iter_mut().zip(significant) {
            *slot = *byte;
        }
        key
    }

    /// Makes a key of 20 bytes as they are, the last one too.
    ///
    /// Only FreeBSD and NetBSD can be given such a key, and not by their `ifconfig`.
    pub const fn from_raw(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Returns the key of a host without a password: 20 zero bytes.
    ///
    /// Digests are made and checked all the same, but anybody can make them.
    pub const fn none() -> Self {
        Self([0; Self::LEN])
    }

    /// Returns whether this is the key without a password.
    pub fn is_none(&self) -> bool {
        *self == Self::none()
    }

    /// Returns the secret itself.
    ///
    /// For showing it to an operator who asked for it and may see it, and for handing it on.
    pub const fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        are_same(self.0, other.0)
    }
}

impl Eq for Key {}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Compares two secrets in a time that does not depend on where they differ.
pub(crate) fn are_same<T>(
    one: impl IntoIterator<Item = T>,
    other: impl IntoIterator<Item = T>,
) -> bool
where
    T: BitXor<Output = T> + Into<u32>,
{
    let pairs = one.into_iter().zip(other);
    let difference = pairs.fold(0, |difference, (a, b)| difference | (a ^ b).into());
    // The barrier keeps the compiler from deciding at the first difference.
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn password_is_padded_with_zeros() {
        assert_eq!(
            Key::from_password("abc").expose(),
            b"abc\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        );
    }

    #[test]
    fn password_is_cut_at_19_bytes() {
        let key = Key::from_password("abcdefghijklmnopqrstuvwxyz");
        assert_eq!(key.expose(), b"abcdefghijklmnopqrs\0");
    }

    #[test]
    fn password_ends_at_a_nul() {
        assert_eq!(Key::from_password(b"abc\0def"), Key::from_password("abc"));
    }

    #[test]
    fn no_password_and_an_empty_one_are_the_same() {
        assert!(Key::from_password("").is_none());
        assert!(Key::default().is_none());
        assert!(!Key::from_raw([1; Key::LEN]).is_none());
    }

    #[test]
    fn keys_differ_by_any_bit() {
        for bit in 0..Key::LEN * 8 {
            let mut bytes = [0x5a; Key::LEN];
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Key::from_raw(bytes), Key::from_raw([0x5a; Key::LEN]));
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Key::from_password("secret")), "Key(..)");
    }
}
