//! Files that the operator names: opened without waiting for anybody, and who else can read them.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::paths::about;

/// To whom a file is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    owner: u32,
    group: u32,
    mode: u32,
}

/// Opens the file at `path` for reading; it must be one.
///
/// # Errors
///
/// They name the file.
pub(crate) fn open(path: &Path) -> io::Result<(File, Access)> {
    let in_file = |error: io::Error| about(path, &error);
    // A pipe would be waited for.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path);
    let file = file.map_err(in_file)?;
    let metadata = file.metadata().map_err(in_file)?;
    if !metadata.is_file() {
        return Err(in_file(io::Error::other("not a file")));
    }
    Ok((file, Access::of(&metadata)))
}

impl Access {
    fn of(metadata: &Metadata) -> Self {
        Self {
            owner: metadata.uid(),
            group: metadata.gid(),
            mode: metadata.mode(),
        }
    }

    /// Whether only its owner can do anything with it.
    pub(crate) const fn is_private(self) -> bool {
        self.mode & 0o077 == 0
    }

    /// Who else can read the password in the file at `path`, and what helps; nothing where nobody
    /// can.
    pub(crate) fn exposure(self, path: &Path) -> Option<String> {
        let own = rustix::process::geteuid().as_raw();
        // A credential is handed out as the service manager sees fit.
        let is_foreign = ![0, own].contains(&self.owner) && !is_credential(path);
        let path = path.display();
        if is_foreign {
            let owner = self.owner;
            return Some(format!(
                "{path}: user {owner} can read the password in it: chown root {path}"
            ));
        }
        self.is_open_to_others()
            .then(|| format!("{path}: others can read the password in it: chmod 600 {path}"))
    }

    /// Whether others than root and the owner can read it.
    const fn is_open_to_others(self) -> bool {
        self.mode & 0o004 != 0 || (self.mode & 0o040 != 0 && self.group != 0)
    }
}

fn is_credential(path: &Path) -> bool {
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY");
    directory.is_some_and(|directory| !directory.is_empty() && path.starts_with(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_told_from_root_and_the_owner() {
        let own = rustix::process::geteuid().as_raw();
        let path = Path::new("carp.key");
        let exposure = |owner, mode, group| Access { owner, group, mode }.exposure(path);
        for owner in [0, own] {
            assert_eq!(exposure(owner, 0o600, 1000), None);
            assert_eq!(exposure(owner, 0o640, 0), None);
            for (mode, group) in [(0o640, 1000), (0o604, 0)] {
                let expected = "carp.key: others can read the password in it: chmod 600 carp.key";
                assert_eq!(exposure(owner, mode, group).as_deref(), Some(expected));
            }
        }
        let expected = format!(
            "carp.key: user {} can read the password in it: chown root carp.key",
            own + 1
        );
        assert_eq!(exposure(own + 1, 0o600, 0), Some(expected));
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
        for path in [directory.path(), &pipe] {
            let error = open(path).unwrap_err().to_string();
            assert_eq!(error, format!("{}: not a file", path.display()));
        }
    }
}
