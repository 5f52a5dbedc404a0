//! The control socket, and any other that local programs connect to: made by one service at a time,
//! removed when it is stale or done with.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{
    FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::os::unix::net;
use std::path::{Path, PathBuf};

use mio::net::{UnixListener, UnixStream};
use rustix::fs::{FlockOperation, Gid, flock};

use crate::paths::{Paths, about};

/// A listening socket of a service. Its file goes when this goes.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// Device and inode of the file, so that nobody else's is removed.
    identity: (u64, u64),
    /// Whether the file stays, for a successor that has the same socket.
    stays: bool,
}

/// Why a service cannot have the socket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error("a service runs already for this network namespace ({})", .0.display())]
    RunsAlready(PathBuf),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Listener {
    /// Makes the socket of `paths`, for everyone to read from, or for root and `group`.
    pub(crate) fn claim(paths: &Paths, group: Option<Gid>) -> Result<Self, ClaimError> {
        paths.make_directory()?;
        Self::bind(paths, paths.socket(), group)
    }

    /// The same of another socket, at `path`.
    pub(crate) fn bind(paths: &Paths, path: &Path, group: Option<Gid>) -> Result<Self, ClaimError> {
        let in_path = |error: io::Error| about(path, &error);
        // Held until this function returns: looking for another service and making the socket
        // are one step for everybody else.
        let _lock = lock(&paths.lock())?;
        remove_stale(path)?;
        let socket = UnixListener::bind(path).map_err(in_path)?;
        let file = fs::symlink_metadata(path).map_err(in_path)?;
        let listener = Self {
            socket,
            path: path.to_owned(),
            identity: (file.dev(), file.ino()),
            stays: false,
        };
        let mode = match group {
            None => 0o666,
            Some(_) => 0o660,
        };
        if group.is_some() {
            rustix::fs::chown(path, None, group).map_err(|error| in_path(error.into()))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(in_path)?;
        Ok(listener)
    }

    /// The listening socket of another process, which is at `path` and has its rights already.
    /// Its file is the one with this `identity`, or else the one that is there.
    pub(crate) fn inherit(
        path: &Path,
        socket: OwnedFd,
        identity: Option<(u64, u64)>,
    ) -> io::Result<Self> {
        let socket = net::UnixListener::from(socket);
        socket.set_nonblocking(true)?;
        let found = || fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()));
        Ok(Self {
            socket: UnixListener::from_std(socket),
            path: path.to_owned(),
            // No file has the number 0.
            identity: identity.or_else(|| found().ok()).unwrap_or_default(),
            stays: false,
        })
    }

    /// Device and inode of the file.
    pub(crate) const fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Leaves the file where it is when this goes.
    pub(crate) const fn leave(&mut self) {
        self.stays = true;
    }

    /// The next client that waits, if one does.
    pub(crate) fn accept(&self) -> io::Result<Option<UnixStream>> {
        match self.socket.accept() {
            Ok((stream, _)) => Ok(Some(stream)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the file: nobody finds the socket any more, those who did are still waiting.
    pub(crate) fn unlink(&self) {
        let ours = |file: fs::Metadata| (file.dev(), file.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(ours)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!("{}: {error}", self.path.display());
        }
    }

    pub(crate) const fn source(&mut self) -> &mut UnixListener {
        &mut self.socket
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if !self.stays {
            self.unlink();
        }
    }
}

fn lock(path: &Path) -> io::Result<fs::File> {
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600) // whoever can open it can keep services from starting
        .open(path)
        .map_err(|error| about(path, &error))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| about(path, &error.into()))?;
    Ok(file)
}

/// Removes the socket of a service that is gone.
fn remove_stale(path: &Path) -> Result<(), ClaimError> {
    let Err(error) = UnixStream::connect(path) else {
        return Err(ClaimError::RunsAlready(path.to_owned()));
    };
    let kind = error.kind();
    if kind == io::ErrorKind::NotFound {
        return Ok(());
    }
    if kind == io::ErrorKind::WouldBlock {
        // More clients wait than it has room for.
        return Err(ClaimError::RunsAlready(path.to_owned()));
    }
    if kind == io::ErrorKind::ConnectionRefused && is_socket(path) {
        tracing::info!("{}: removed, its service is gone", path.display());
        fs::remove_file(path).map_err(|error| about(path, &error))?;
        return Ok(());
    }
    Err(about(path, &error).into())
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}
