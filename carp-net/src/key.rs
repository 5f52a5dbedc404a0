//! Keys from files: `carp-proto` reads no files, so this is the first crate that can.

use std::fs;
use std::path::Path;

use carp_fsm::carp_proto::Key;
use zeroize::Zeroizing;

use crate::error::About as _;
use crate::{Error, ErrorKind, Result};

/// Reading a [`Key`] from a file.
///
/// ```no_run
/// use carp_net::KeyFile as _;
/// use carp_net::carp_fsm::carp_proto::Key;
///
/// let key = Key::from_file("/etc/carp.key")?;
/// # Ok::<(), carp_net::Error>(())
/// ```
pub trait KeyFile: Sized {
    /// Reads the password in the first line of `path`; of a longer one the first 19 bytes count
    /// (`docs/carp-protocol.md §2.1`).
    ///
    /// # Errors
    ///
    /// Where the file cannot be read or its first line is empty.
    fn from_file(path: impl AsRef<Path>) -> Result<Self>;
}

impl KeyFile for Key {
    fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let content = Zeroizing::new(fs::read(path).about(path.display())?);
        let line = content
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        let password = line.strip_suffix(b"\r").unwrap_or(line);
        if password.is_empty() {
            let empty = ErrorKind::BadKey("the first line holds no password");
            return Err(Error::new(path.display().to_string(), empty));
        }
        Ok(Self::from_password(password))
    }
}
