//! Where the control socket of a network namespace is.
//!
//! One service serves one network namespace, so its socket is named after the inode of the
//! namespace. The kernel uses such numbers again: a socket may be that of a namespace long gone.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// The files of the service of one network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paths {
    directory: PathBuf,
    socket: PathBuf,
}

impl Paths {
    /// The files of the namespace that this process is in.
    ///
    /// # Errors
    ///
    /// Where `/proc` is not mounted, so that the namespace has no name.
    pub(crate) fn of_this_namespace() -> io::Result<Self> {
        let inode = fs::metadata(NAMESPACE)
            .map_err(|error| about(Path::new(NAMESPACE), &error))?
            .ino();
        let directory = directory(std::env::var_os(OVERRIDE))?;
        Ok(Self::within(directory, inode))
    }

    /// The files of the namespace with this inode.
    pub(crate) fn within(directory: PathBuf, inode: u64) -> Self {
        let socket = directory.join(format!("net-{inode}.sock"));
        Self { directory, socket }
    }

    /// The directory that they are in.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The control socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// The lock that is held while a socket is made or removed. One for all namespaces, so that
    /// nothing piles up.
    pub(crate) fn lock(&self) -> PathBuf {
        self.directory.join("lock")
    }

    /// Where it is written down what is changed on the interfaces of the machine, so that it can
    /// be put back after a crash of everything.
    pub(crate) fn journal(&self) -> PathBuf {
        self.socket.with_extension("journal")
    }

    /// What a process has in its environment to find these files from any directory.
    pub(crate) fn in_environment(&self) -> (&'static str, &Path) {
        (OVERRIDE, &self.directory)
    }

    /// Whether they are where they are on a machine on which nobody says anything else.
    pub(crate) fn are_usual(&self) -> bool {
        self.directory == Path::new(DIRECTORY)
    }

    /// Makes the directory where it is not there yet, and sees to it that `user` may write there: it
    /// and what a service left in it belong to that user then. Whatever else is in it stays whose it
    /// is, as does a directory in which everybody may write.
    pub(crate) fn make_directory_of(&self, user: u32) -> io::Result<()> {
        const EVERYBODY: u32 = 0o002;
        self.make_directory()?;
        if !rustix::process::geteuid().is_root() {
            return Ok(()); // whoever started this has seen to it
        }
        let directory = fs::metadata(&self.directory);
        let directory = directory.map_err(|error| about(&self.directory, &error))?;
        if directory.mode() & EVERYBODY == 0 && directory.uid() != user {
            give(&self.directory, user)?;
        }
        for file in [self.socket.clone(), self.lock(), self.journal()] {
            match fs::symlink_metadata(&file) {
                Ok(found) if found.uid() != user => give(&file, user)?,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(about(&file, &error)),
            }
        }
        Ok(())
    }

    /// Makes the directory where it is not there yet: anyone may look, the owner may write.
    pub(crate) fn make_directory(&self) -> io::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&self.directory)
            .map_err(|error| about(&self.directory, &error))
    }
}

/// Says what an error is about, as the operating system's own words never do.
pub(crate) fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Gives a file to `user`, and never what a link points to.
fn give(path: &Path, user: u32) -> io::Result<()> {
    std::os::unix::fs::lchown(path, Some(user), None).map_err(|error| about(path, &error))
}

/// Absolute, because the service leaves the working directory.
fn directory(given: Option<OsString>) -> io::Result<PathBuf> {
    match given.filter(|given| !given.is_empty()) {
        Some(given) => std::path::absolute(given),
        None => Ok(PathBuf::from(DIRECTORY)),
    }
}

/// The directory, where the environment says nothing else.
const DIRECTORY: &str = "/run/carpctl";

/// The variable that names another directory.
const OVERRIDE: &str = "CARPCTL_RUN_DIR";

const NAMESPACE: &str = "/proc/self/ns/net";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_is_named_after_the_namespace() {
        let paths = Paths::within(PathBuf::from("/run/carpctl"), 4_026_531_840);
        let socket = Path::new("/run/carpctl/net-4026531840.sock");
        assert_eq!(paths.socket(), socket);
        assert_eq!(paths.lock(), Path::new("/run/carpctl/lock"));
    }

    #[test]
    fn directory_can_be_given_and_becomes_absolute() {
        let here = std::env::current_dir().unwrap();
        let given = |text: &str| directory(Some(text.into())).unwrap();
        assert_eq!(given("run"), here.join("run"));
        assert_eq!(given("/tmp/run"), Path::new("/tmp/run"));
        assert_eq!(given(""), Path::new("/run/carpctl"));
        assert_eq!(directory(None).unwrap(), Path::new("/run/carpctl"));
    }
}
