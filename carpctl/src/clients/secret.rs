//! Passwords: out of the command line at once, and into a [`Key`].
//!
//! A command line can be read by every user of the machine for as long as the process lives. So a
//! process that finds a password in its own runs itself again in place, with `pass -` instead and
//! the password on a pipe as standard input.

use std::ffi::OsString;
use std::io::{self, Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use carp_net::carp_fsm::carp_proto::Key;
use zeroize::Zeroizing;

use crate::clients::file;
use crate::paths::about;
use crate::process;
use crate::vocabulary::words::{SecretSource, password_position};

/// A key and whether its password was longer than counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) key: Key,
    pub(crate) was_cut: bool,
    /// Who else can read it where it stands.
    pub(crate) exposure: Option<String>,
}

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("`pass': a password cannot hold a line break")]
    LineBreak,
    #[error("no password on standard input")]
    NothingOnStandardInput,
    #[error("{}: the first line holds no password", .0.display())]
    NothingInFile(PathBuf),
    #[error("`pass': {0}")]
    Hiding(#[source] io::Error),
    #[error("{0}")]
    Io(#[source] io::Error),
}

/// Runs this program again, in this process, where a password stands among `words`, which end the
/// command line. Returns where there is none.
pub(crate) fn leave_command_line(words: &[OsString]) -> Result<(), SecretError> {
    let Some(position) = password_position(words) else {
        return Ok(());
    };
    let password = words.get(position).map_or(&[][..], |word| word.as_bytes());
    if password.contains(&b'\n') {
        return Err(SecretError::LineBreak);
    }
    let stdin = on_a_pipe(password).map_err(SecretError::Hiding)?;
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let place = arguments.len().saturating_sub(words.len()) + position;
    if let Some(argument) = arguments.get_mut(place) {
        *argument = OsString::from("-");
    }
    let mut arguments = arguments.into_iter();
    let name = arguments.next().unwrap_or_else(|| "carpctl".into());
    let error = Command::new(process::own_executable())
        .arg0(name)
        .args(arguments)
        .stdin(stdin)
        .exec();
    Err(SecretError::Hiding(error))
}

/// Gets the key that `source` speaks of.
pub(crate) fn read(source: &SecretSource) -> Result<Secret, SecretError> {
    match source {
        SecretSource::None => Ok(Secret {
            key: Key::none(),
            was_cut: false,
            exposure: None,
        }),
        SecretSource::StandardInput => {
            let in_input = |error| SecretError::Io(about(Path::new("standard input"), &error));
            let line = first_line(io::stdin().lock()).map_err(in_input)?;
            secret(&line).ok_or(SecretError::NothingOnStandardInput)
        }
        SecretSource::File(path) => {
            let in_file = |error| SecretError::Io(about(path, &error));
            let (file, access) = file::open(path).map_err(SecretError::Io)?;
            let line = first_line(file).map_err(in_file)?;
            let nothing = || SecretError::NothingInFile(path.clone());
            let secret = secret(&line).ok_or_else(nothing)?;
            Ok(Secret {
                exposure: access.exposure(path),
                ..secret
            })
        }
    }
}

/// The password that `key` was made of, as it stands behind `pass`; nothing where no word there
/// means it: `-` would be taken for standard input, and a line break ends a password.
pub(crate) fn password(key: &Key) -> Option<Zeroizing<Vec<u8>>> {
    let mut password = Zeroizing::new(key.expose().to_vec());
    let end = password.iter().rposition(|byte| *byte != 0);
    password.truncate(end.map_or(0, |end| end + 1));
    let is_word = Key::from_password(password.as_slice()) == *key
        && password.as_slice() != b"-"
        && !password.contains(&b'\n');
    is_word.then_some(password)
}

fn secret(line: &[u8]) -> Option<Secret> {
    (!line.is_empty()).then(|| Secret {
        key: Key::from_password(line),
        was_cut: line.len() > Key::MAX_PASSWORD,
        exposure: None,
    })
}

/// A pipe that holds `password`, or as much of it as shows that it is too long.
fn on_a_pipe(password: &[u8]) -> io::Result<Stdio> {
    let (reader, mut writer) = io::pipe()?;
    let counting = password.get(..=Key::MAX_PASSWORD).unwrap_or(password);
    // So short that the pipe takes it before anybody reads.
    writer.write_all(counting)?;
    Ok(Stdio::from(reader))
}

/// The first line of `input`, without its end.
fn first_line(input: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    // Of full length from the start: growing would leave copies behind.
    let mut line = Zeroizing::new(vec![0; LONGEST_LINE + 1]);
    let mut filled = 0;
    let mut input = input;
    let (end, is_ended) = loop {
        let Some(free) = line.get_mut(filled..).filter(|free| !free.is_empty()) else {
            let text = format!("the line of the password is longer than {LONGEST_LINE} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        };
        let read = match input.read(free) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let new = free.get(..read).unwrap_or_default();
        if let Some(end) = new.iter().position(|byte| *byte == b'\n') {
            break (filled + end, true);
        }
        if read == 0 {
            break (filled, false);
        }
        filled += read;
    };
    line.truncate(end);
    // As other systems end a line; without an end it is a part of the password.
    if is_ended && line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

/// The longest line that is looked through for a password, in bytes.
const LONGEST_LINE: usize = 4096;

/// What is said of a password that is longer than counts.
pub(crate) const CUT_NOTICE: &str = "only the first 19 bytes of the password count, as on OpenBSD";

#[cfg(test)]
mod tests {
    use super::*;

    fn line(input: &[u8]) -> Vec<u8> {
        first_line(input).unwrap().to_vec()
    }

    #[test]
    fn first_line_counts() {
        assert_eq!(line(b"secret\nother\n"), b"secret");
        assert_eq!(line(b"secret\r\n"), b"secret");
        assert_eq!(line(b"secret"), b"secret");
        assert_eq!(line(b"secret\r"), b"secret\r");
        assert_eq!(line(b" se cret \n"), b" se cret ");
        assert_eq!(line(b"\nsecret\n"), b"");
        assert_eq!(line(b""), b"");
    }

    #[test]
    fn endless_line_is_refused() {
        let error = first_line(io::repeat(b'x')).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the line of the password is longer than 4096 bytes"
        );
    }

    #[test]
    fn long_password_is_cut_and_said_to_be() {
        let long = secret(b"abcdefghijklmnopqrst").unwrap();
        assert!(long.was_cut);
        assert_eq!(long.key, Key::from_password("abcdefghijklmnopqrs"));
        assert!(!secret(b"abcdefghijklmnopqrs").unwrap().was_cut);
        assert_eq!(secret(b""), None);
    }

    #[test]
    fn password_comes_back_out_of_its_key() {
        let there_and_back = |text: &[u8]| {
            let password = password(&Key::from_password(text));
            password.map(|password| password.to_vec())
        };
        for text in [
            "SharedSecret",
            "it's \" $me\\",
            "abcdefghijklmnopqrs",
            "\u{e9}",
            "",
        ] {
            assert_eq!(there_and_back(text.as_bytes()).unwrap(), text.as_bytes());
        }
        assert_eq!(
            there_and_back(b"abcdefghijklmnopqrst").unwrap(),
            b"abcdefghijklmnopqrs"
        );
        assert_eq!(there_and_back(b"-"), None);
        assert_eq!(password(&Key::from_raw([1; Key::LEN])), None);
    }

    #[test]
    fn password_file_errors_name_the_file_and_nothing_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let read = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            read(&SecretSource::File(path.clone()))
        };
        assert_eq!(
            read(b"SharedSecret\n").unwrap().key,
            Key::from_password("SharedSecret")
        );
        let error = read(b"\nSharedSecret\n").unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{}: the first line holds no password", path.display())
        );
        let missing = SecretSource::File("/nonexistent/key".into());
        let error = super::read(&missing).unwrap_err().to_string();
        assert_eq!(
            error,
            "/nonexistent/key: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn unchanged_words_need_no_other_run() {
        let words: Vec<OsString> = ["vhid", "99", "pass", "-"].map(OsString::from).into();
        assert!(leave_command_line(&words).is_ok());
        let broken: Vec<OsString> = ["pass", "a\nb"].map(OsString::from).into();
        let error = leave_command_line(&broken).unwrap_err().to_string();
        assert_eq!(error, "`pass': a password cannot hold a line break");
    }
}
