//! Which programs are run with all rights: those that nobody else can change, and of a service that
//! has not these rights itself only those of the operator's own directory.

use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Why a program is not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Untrusted {
    #[error("{0}")]
    Unreadable(String),
    #[error("not a file")]
    NotAFile,
    #[error("not executable (chmod +x)")]
    NotExecutable,
    #[error("{} can be changed by others: only root may (chown root, chmod go-w)", .0.display())]
    Changeable(PathBuf),
    #[error(
        "{} belongs to nobody, or to a user that this user namespace does not know: only root may \
         own it (chown root)", .0.display()
    )]
    OfNobody(PathBuf),
    #[error(
        "not below {}: a service that is not root may name no other programs \
         (see `carpctl hooks --within')", .0.display()
    )]
    Elsewhere(PathBuf),
}

/// Makes sure that `program` can be run, and changed by nobody but root and whoever runs this.
/// Returns where it really is: only that was looked at.
pub(crate) fn check(program: &Path) -> Result<PathBuf, Untrusted> {
    let real = real_path(program)?;
    check_real(program, &real)?;
    Ok(real)
}

/// The same, and that it is below one of `directories`, whatever links there are.
pub(crate) fn check_within(program: &Path, directories: &[PathBuf]) -> Result<PathBuf, Untrusted> {
    let real = real_path(program)?;
    check_place(&real, directories)?;
    check_real(program, &real)?;
    Ok(real)
}

fn check_real(program: &Path, real: &Path) -> Result<(), Untrusted> {
    check_way(program, real)?;
    let found = fs::metadata(real).map_err(unreadable)?;
    if !found.is_file() {
        return Err(Untrusted::NotAFile);
    }
    if found.permissions().mode() & EXECUTABLE == 0 {
        return Err(Untrusted::NotExecutable);
    }
    Ok(())
}

/// Makes sure that nobody but root and whoever runs this can change `file`, or put another one there.
pub(crate) fn check_changeable(file: &Path) -> Result<(), Untrusted> {
    check_way(file, &real_path(file)?)
}

fn check_way(file: &Path, real: &Path) -> Result<(), Untrusted> {
    // Whoever can change a directory on the way, or a link, can put another file there.
    for path in file.ancestors().skip(1).chain(real.ancestors()) {
        if path.as_os_str().is_empty() {
            continue; // where this runs
        }
        let found = fs::metadata(path).map_err(unreadable)?;
        if is_of_others(&found) && found.uid() == NOBODY {
            return Err(Untrusted::OfNobody(path.to_owned()));
        }
        if is_changeable(&found) {
            return Err(Untrusted::Changeable(path.to_owned()));
        }
    }
    Ok(())
}

fn check_place(real: &Path, directories: &[PathBuf]) -> Result<(), Untrusted> {
    let is_below = |directory: &PathBuf| {
        fs::canonicalize(directory).is_ok_and(|directory| real.starts_with(directory))
    };
    if directories.iter().any(is_below) {
        return Ok(());
    }
    let first = directories.first().cloned();
    Err(Untrusted::Elsewhere(first.unwrap_or_default()))
}

fn real_path(program: &Path) -> Result<PathBuf, Untrusted> {
    fs::canonicalize(program).map_err(unreadable)
}

/// Names in a directory with the sticky bit are safe from others.
fn is_changeable(found: &Metadata) -> bool {
    let mode = found.permissions().mode();
    let is_sticky = found.is_dir() && mode & STICKY != 0;
    is_of_others(found) || (mode & WRITABLE_BY_OTHERS != 0 && !is_sticky)
}

fn is_of_others(found: &Metadata) -> bool {
    let own = rustix::process::geteuid().as_raw();
    found.uid() != 0 && found.uid() != own
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unreadable(error: std::io::Error) -> Untrusted {
    if error.kind() == std::io::ErrorKind::NotFound {
        return Untrusted::Unreadable("no such file".to_owned());
    }
    Untrusted::Unreadable(error.to_string())
}

const EXECUTABLE: u32 = 0o111;
const WRITABLE_BY_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Whom the kernel names where it has no name for an owner in a user namespace.
const NOBODY: u32 = 65_534;

#[cfg(test)]
mod tests;
