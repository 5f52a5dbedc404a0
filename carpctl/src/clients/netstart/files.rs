//! Where the files are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::clients::file::{self, Access};
use crate::paths::about;
use crate::vocabulary::name::{InterfaceName, PREFIX};

/// The directories with configuration files.
#[derive(Clone, Debug)]
pub(crate) struct Etc {
    /// `/etc`.
    system: PathBuf,
    /// `/etc/carpctl`.
    own: PathBuf,
}

/// The files of interfaces that there are.
#[derive(Debug, Default)]
pub(crate) struct Hostnames {
    /// More than one for an interface is a mistake.
    pub(crate) of: BTreeMap<InterfaceName, Vec<PathBuf>>,
    /// Those whose number is not written as that of an interface.
    pub(crate) misnamed: Vec<PathBuf>,
}

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) path: PathBuf,
    /// It may hold a password.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    pub(crate) access: Access,
}

impl Etc {
    /// The directories of this machine, or below the one that the environment names.
    pub(crate) fn from_environment() -> Self {
        let given = std::env::var_os(OVERRIDE).filter(|given| !given.is_empty());
        Self::within(given.map_or_else(|| PathBuf::from("/etc"), PathBuf::from))
    }

    /// The directories below this one instead of `/etc`.
    pub(crate) fn within(system: PathBuf) -> Self {
        let own = system.join("carpctl");
        Self { system, own }
    }

    /// `/etc/carpctl`.
    pub(crate) fn own(&self) -> &Path {
        &self.own
    }

    /// Which files of interfaces there are. Everything else, such as `hostname.carp0.bak`, is
    /// nobody's business here.
    pub(crate) fn hostnames(&self) -> io::Result<Hostnames> {
        let mut found = Hostnames::default();
        for directory in [&self.own, &self.system] {
            for name in names_in(directory)? {
                let path = directory.join(&name);
                let interface = name
                    .to_str()
                    .and_then(|name| name.strip_prefix("hostname."));
                let Some(interface) = interface.filter(|name| is_numbered(name)) else {
                    continue;
                };
                match interface.parse() {
                    Ok(interface) => found.of.entry(interface).or_default().push(path),
                    Err(_) => found.misnamed.push(path),
                }
            }
        }
        Ok(found)
    }

    /// Where files of `interface` may be: the first one is for those who want everything of
    /// carpctl in one place.
    pub(crate) fn places(&self, interface: InterfaceName) -> [PathBuf; 2] {
        let name = format!("hostname.{interface}");
        [self.own.join(&name), self.system.join(name)]
    }

    /// The files with settings, the later ones taking precedence: those of the system in the
    /// order of sysctl(8), and `carpctl/sysctl.conf`, which comes alone in the second list.
    pub(crate) fn settings(&self) -> io::Result<(Vec<PathBuf>, PathBuf)> {
        let last = self.system.join("sysctl.conf");
        let directory = self.system.join("sysctl.d");
        let mut names = names_in(&directory)?;
        names.retain(|name| name.as_bytes().ends_with(b".conf"));
        names.sort();
        let mut files: Vec<PathBuf> = names.iter().map(|name| directory.join(name)).collect();
        // Some systems have it there as well, as a link.
        let real = fs::canonicalize(&last).ok();
        // So sysctl.d(5) has a file say nothing.
        let masked = Some(PathBuf::from("/dev/null"));
        files.retain(|path| {
            let path = fs::canonicalize(path).ok();
            path != masked && (real.is_none() || path != real)
        });
        files.push(last);
        Ok((files, self.own.join("sysctl.conf")))
    }
}

impl Text {
    /// Reads the file at `path`, which must not be long.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let (file, access) = file::open(path)?;
        let mut bytes = contents(file).map_err(|error| about(path, &error))?;
        if bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Self {
            path: path.to_owned(),
            bytes,
            access,
        })
    }

    /// The same; nothing where no file is there.
    pub(crate) fn read_if_there(path: &Path) -> io::Result<Option<Self>> {
        match Self::read(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_numbered(name: &str) -> bool {
    let digits = name.strip_prefix(PREFIX).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The names in `directory`, if it is there.
fn names_in(directory: &Path) -> io::Result<Vec<OsString>> {
    let in_directory = |error: io::Error| about(directory, &error);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(in_directory(error)),
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
    names.collect::<io::Result<_>>().map_err(in_directory)
}

fn contents(file: File) -> io::Result<Zeroizing<Vec<u8>>> {
    // Of full length from the start: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    let most = u64::try_from(LONGEST + 1).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut bytes)?;
    if bytes.len() > LONGEST {
        let text = format!("longer than {LONGEST} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(bytes)
}

/// The longest file that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// As editors of other systems put in front of a text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The variable that names another directory instead of `/etc`.
const OVERRIDE: &str = "CARPCTL_ETC_DIR";

#[cfg(test)]
mod tests;
