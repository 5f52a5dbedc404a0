//! The lines of a `hostname.carp0`, as a shell would read them: words, quotes, comments,
//! continuation, and lines that are commands.
//!
//! As in OpenBSD's netstart(8) a `\` at the end of a line joins it with the next one, in a comment
//! too, and `#` begins a comment where a word could begin.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use zeroize::Zeroizing;

/// A line, or several that are joined.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// At least one word.
    Words(Vec<Word>),
    /// What stands behind `!`.
    Command(ShellCommand),
}

/// A word, which may be a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: Zeroizing<Vec<u8>>,
    /// The line it begins on.
    pub(crate) line: usize,
}

/// A command for a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShellCommand {
    pub(crate) text: OsString,
    /// The line it begins on.
    pub(crate) line: usize,
}

/// What is wrong on a line; of a word that may be a password it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {problem}")]
pub(crate) struct LineError {
    pub(crate) line: usize,
    pub(crate) problem: String,
}

/// Takes `text` apart.
pub(crate) fn lines(text: &[u8]) -> Result<Vec<Line>, LineError> {
    let mut reader = Reader {
        rest: text,
        line: 1,
        escaped: false,
    };
    let mut lines = Vec::new();
    while let Some((byte, line)) = reader.next() {
        match byte {
            b'\n' | b' ' | b'\t' => {}
            b'!' => {
                let command = reader.command(line);
                if command.text.is_empty() {
                    let problem = "!: a command must follow".to_owned();
                    return Err(LineError { line, problem });
                }
                lines.push(Line::Command(command));
            }
            first => {
                let words = reader.words(first, line)?;
                if !words.is_empty() {
                    lines.push(Line::Words(words));
                }
            }
        }
    }
    Ok(lines)
}

impl Word {
    pub(crate) fn new(text: &[u8], line: usize) -> Self {
        Self {
            text: Zeroizing::new(text.to_vec()),
            line,
        }
    }

    /// One that is empty as yet, with room for a password, so that none is left behind by growing.
    fn begin(line: usize) -> Self {
        Self {
            text: Zeroizing::new(Vec::with_capacity(ROOM)),
            line,
        }
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        *self.text == text.as_bytes()
    }

    /// The word as text, if it is text.
    pub(crate) fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.text).ok()
    }

    pub(crate) fn to_os_string(&self) -> OsString {
        self.as_ref().to_owned()
    }
}

impl AsRef<OsStr> for Word {
    fn as_ref(&self) -> &OsStr {
        OsStr::from_bytes(&self.text)
    }
}

/// Not what it says, which may be a password.
impl std::fmt::Debug for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Word(.., line {})", self.line)
    }
}

/// Reads bytes, and joins lines on the way.
struct Reader<'a> {
    rest: &'a [u8],
    line: usize,
    /// Whether a `\` that counts came last.
    escaped: bool,
}

impl Reader<'_> {
    /// The next byte and the line it stands on.
    fn next(&mut self) -> Option<(u8, usize)> {
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            let line = self.line;
            let escaped = std::mem::take(&mut self.escaped);
            match byte {
                // As written by other systems.
                b'\r' if rest.starts_with(b"\n") => self.escaped = escaped,
                b'\n' => {
                    self.line += 1;
                    return Some((b'\n', line));
                }
                b'\\' if !escaped => {
                    let next = rest.strip_prefix(b"\r").unwrap_or(rest);
                    if let Some(rest) = next.strip_prefix(b"\n") {
                        self.rest = rest;
                        self.line += 1;
                    } else {
                        self.escaped = true;
                        return Some((b'\\', line));
                    }
                }
                byte => return Some((*byte, line)),
            }
        }
    }

    /// The rest of a line, which is a command.
    fn command(&mut self, line: usize) -> ShellCommand {
        let bytes: Vec<u8> = std::iter::from_fn(|| self.next())
            .map(|(byte, _)| byte)
            .take_while(|byte| *byte != b'\n')
            .collect();
        ShellCommand {
            text: OsStr::from_bytes(bytes.trim_ascii()).to_owned(),
            line,
        }
    }

    /// The words of a line that begins with `first`.
    fn words(&mut self, first: u8, line: usize) -> Result<Vec<Word>, LineError> {
        let mut words = Vec::new();
        let mut word: Option<Word> = None;
        let mut next = Some((first, line));
        while let Some((byte, line)) = next {
            let literal = match byte {
                b'\n' => break,
                b'#' if word.is_none() => {
                    self.command(line);
                    break;
                }
                b' ' | b'\t' => {
                    words.extend(word.take());
                    None
                }
                b'"' | b'\'' => {
                    let word = word.get_or_insert_with(|| Word::begin(line));
                    self.quoted(byte, line, word)?;
                    None
                }
                b'\\' if self.has_only_blanks() => {
                    let problem = BLANK_BEHIND_BACKSLASH.to_owned();
                    return Err(LineError { line, problem });
                }
                // At the end of the file it stands for itself.
                b'\\' => Some(self.next().map_or(b'\\', |(byte, _)| byte)),
                byte => Some(byte),
            };
            if let Some(byte) = literal {
                let word = word.get_or_insert_with(|| Word::begin(line));
                word.text.push(byte);
            }
            next = self.next();
        }
        words.extend(word);
        Ok(words)
    }

    /// Whether there are blanks up to the end of the line, and nothing else.
    fn has_only_blanks(&self) -> bool {
        let mut lines = self.rest.split(|byte| *byte == b'\n');
        let line = lines.next().unwrap_or_default();
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        line.first().is_some_and(is_blank) && line.trim_ascii().is_empty()
    }

    /// Adds to `word` what stands between two of `quote`, the first of which is on `line`.
    fn quoted(&mut self, quote: u8, line: usize, word: &mut Word) -> Result<(), LineError> {
        let unfinished = || LineError {
            line,
            problem: format!("`{}': the quote has no end on its line", char::from(quote)),
        };
        loop {
            let (byte, _) = self.next().ok_or_else(unfinished)?;
            match byte {
                b'\n' => return Err(unfinished()),
                b'\\' if quote == b'"' => {
                    let (next, _) = self.next().ok_or_else(unfinished)?;
                    if !br#""\$`"#.contains(&next) {
                        word.text.push(b'\\');
                    }
                    word.text.push(next);
                }
                byte if byte == quote => return Ok(()),
                byte => word.text.push(byte),
            }
        }
    }
}

const BLANK_BEHIND_BACKSLASH: &str = "`\\': blanks stand behind it, up to the end of the line: \
                                      remove them, so that the line goes on, or write them in \
                                      quotes";

/// Longer than any password of which all bytes count.
const ROOM: usize = 64;

#[cfg(test)]
mod tests;
