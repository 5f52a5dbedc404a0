//! `carpctl save`: an interface as it is, written to the file that makes it.
//!
//! What a file holds beside that is kept: the comments that it begins with, its commands, and that
//! its password stands in another file. A file that says what there is already is not touched.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Problems;
use super::command::with_passfile;
use super::files::{Etc, Text};
use super::hostname::{self, Hostname, Password};
use super::lines::{Line, lines};
use super::plan::key_in;
use crate::clients::cli::{print_bytes, show};
use crate::clients::shell::command_line;
use crate::failure::Failure;
use crate::paths::about;
use crate::vocabulary::change::{CarriedKey, Change};
use crate::vocabulary::config::Config;
use crate::vocabulary::name::{InterfaceName, NotACarpName};
use crate::vocabulary::protocol::Told;

/// The words of `carpctl save`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct SaveOptions {
    /// Print what would be written, without the password; do nothing
    #[arg(short = 'n')]
    check: bool,
    /// The interface; without it, all of them
    #[arg(value_name = "INTERFACE")]
    interface: Option<String>,
}

/// A file to write.
struct Draft {
    path: PathBuf,
    /// It may hold a password.
    text: Zeroizing<Vec<u8>>,
}

/// Writes the files of an interface, or of all.
pub(crate) fn run(options: &SaveOptions) -> Result<(), Failure> {
    let wrong = |name: &str, error: NotACarpName| Failure::Usage(format!("save: {name}: {error}"));
    let parse = |name: &str| name.parse().map_err(|error| wrong(name, error));
    let interface = options.interface.as_deref().map(parse).transpose()?;
    let etc = Etc::from_environment();
    for told in show::ask(interface, !options.check)? {
        let name = told.interface;
        let failed = |error: String| Failure::about(&name.to_string(), error);
        let path = place(&etc, name).map_err(failed)?;
        let there = read(name, &path).map_err(failed)?;
        let draft = draft(&told, path, there.as_ref())?;
        if options.check {
            print_bytes(format!("# {}\n", draft.path.display()).as_bytes())?;
            print_bytes(&draft.text)?;
        } else if let Some(there) = there.filter(|there| there.makes(&told.change)) {
            let path = draft.path.display();
            let closed = there.close().map_err(|error| failed(error.to_string()))?;
            let closed = if closed { CLOSED } else { "" };
            Problems::note(&format!("{name}: {path} says so already{closed}"));
        } else {
            draft.write().map_err(|error| failed(error.to_string()))?;
            Problems::note(&format!("{name}: saved in {}", draft.path.display()));
        }
    }
    Ok(())
}

/// Where the file of `name` is, or is to be.
fn place(etc: &Etc, name: InterfaceName) -> Result<PathBuf, String> {
    let [own, system] = etc.places(name);
    match (own.exists(), system.exists()) {
        (true, true) => Err(super::both(&[own, system])),
        (true, false) => Ok(own),
        (false, true) => Ok(system),
        // Whoever has a directory for carpctl wants its files there.
        (false, false) if own.parent().is_some_and(Path::is_dir) => Ok(own),
        (false, false) => Ok(system),
    }
}

/// A file that is there already.
struct There {
    text: Text,
    hostname: Hostname,
    /// The key that it leads to, where one can be had.
    key: Option<CarriedKey>,
}

/// Reads the file that is there. One that cannot be understood is not written over: whoever wrote
/// it meant something.
fn read(name: InterfaceName, path: &Path) -> Result<Option<There>, String> {
    let text = Text::read_if_there(path).map_err(|error| error.to_string())?;
    let Some(text) = text else {
        return Ok(None);
    };
    let hostname = hostname::parse(name, &text.bytes)
        .map_err(|error| format!("{}:{error}; not written over", path.display()))?;
    let secret = hostname
        .password
        .as_ref()
        .map(|password| key_in(password, &text));
    let key = secret
        .and_then(Result::ok)
        .map(|secret| CarriedKey(secret.key));
    Ok(Some(There {
        text,
        hostname,
        key,
    }))
}

impl There {
    /// Whether the file makes an interface what `change` makes it.
    fn makes(&self, change: &Change) -> bool {
        let own = Change {
            key: self.key.clone(),
            ..self.hostname.change.clone()
        };
        let config = |change: &Change| Config::default().with(change).ok().map(|(it, _)| it);
        config(&own).is_some_and(|own| Some(own) == config(change))
    }

    /// Takes it from others than its owner, and returns whether they had it.
    fn close(&self) -> io::Result<bool> {
        let path = &self.text.path;
        if self.text.access.is_private() {
            return Ok(false);
        }
        let closed = fs::set_permissions(path, Permissions::from_mode(0o600));
        closed.map_err(|error| about(path, &error)).map(|()| true)
    }

    /// The file that its password is in, where it is that of `change`.
    fn passfile(&self, change: &Change) -> Option<&Path> {
        let is_same = change.key.is_none() || self.key == change.key;
        match &self.hostname.password {
            Some(Password::File { path, .. }) if is_same => Some(path),
            Some(Password::File { .. } | Password::Here(_)) | None => None,
        }
    }

    /// The comments that it begins with.
    fn head(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self.text.bytes.split_inclusive(|byte| *byte == b'\n');
        lines.take_while(|line| {
            line.trim_ascii_start().starts_with(b"#") && !line.trim_ascii_end().ends_with(b"\\")
        })
    }

    /// Its commands, as they stand there.
    fn commands(&self) -> impl Iterator<Item = Vec<u8>> {
        // It was understood before.
        let lines = lines(&self.text.bytes).unwrap_or_default();
        lines.into_iter().filter_map(|line| match line {
            Line::Command(command) => Some(command.text.as_bytes().to_vec()),
            Line::Words(_) => None,
        })
    }
}

/// What is to be written to `path`, where perhaps there is a file already.
fn draft(told: &Told, path: PathBuf, there: Option<&There>) -> Result<Draft, Failure> {
    let passfile = there.and_then(|there| there.passfile(&told.change));
    let words = match passfile.filter(|_| told.has_key) {
        Some(file) => with_passfile(&told.change, file),
        None => show::words(told)?,
    };
    let mut text = Zeroizing::new(Vec::with_capacity(ROOM));
    for line in there.iter().flat_map(|there| there.head()) {
        text.extend_from_slice(line);
    }
    text.extend_from_slice(command_line(&words).as_bytes());
    if told.has_key && told.change.key.is_none() && passfile.is_none() {
        text.extend_from_slice(b"# and its password\n");
    }
    for command in there.iter().flat_map(|there| there.commands()) {
        text.push(b'!');
        text.extend_from_slice(&command);
        text.push(b'\n');
    }
    Ok(Draft { path, text })
}

impl Draft {
    /// Writes the file, which is at each moment the old or the new one as a whole.
    fn write(&self) -> io::Result<()> {
        // A link stays one.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // No file of an interface has such a name.
        let new = path.with_file_name(format!(".{name}.{}", std::process::id()));
        let written = self.write_to(&new).and_then(|()| fs::rename(&new, &path));
        if let Err(error) = written {
            // It may not even be there.
            drop(fs::remove_file(&new));
            return Err(about(&self.path, &error));
        }
        // That the name is the new one's lasts only with its directory.
        let directory = path.parent().map(File::open).transpose()?;
        directory.map_or(Ok(()), |directory| directory.sync_all())
    }

    fn write_to(&self, path: &Path) -> io::Result<()> {
        let options = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .clone();
        let mut file = options.open(path)?;
        file.write_all(&self.text)?;
        file.sync_all()
    }
}

/// How much is written at most, in most cases.
const ROOM: usize = 4096;

const CLOSED: &str = ", and is for its owner alone now (0600)";

const HELP: &str = "\
For root only. The file is the one that is there, or a new one: /etc/carpctl/
hostname.carp0 where there is such a directory, otherwise /etc/hostname.carp0.
Kept of a file that is there: the comments it begins with, its commands, and
its passfile if the password is still the same.";

#[cfg(test)]
mod tests;
