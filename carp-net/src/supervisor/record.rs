//! What an engine wants kept: bytes that nobody else is to see.

use std::fmt;
use std::ops::Deref;

use zeroize::Zeroizing;

/// A record. It may hold keys: it is wiped from memory when it is dropped, and its
/// [`Debug`](fmt::Debug) form shows none of it.
pub struct Record(Zeroizing<Vec<u8>>);

impl Record {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl Deref for Record {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").finish_non_exhaustive()
    }
}
