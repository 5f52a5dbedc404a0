//! Command lines as a shell reads them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// The command line of `words`, as lines of at most 80 columns where the words allow it, the
/// last one ended.
pub(crate) fn command_line(words: impl IntoIterator<Item: AsRef<OsStr>>) -> OsString {
    let mut text = Vec::new();
    let mut column = 0;
    for word in words.into_iter().map(|word| quoted(word.as_ref())) {
        let width = word.to_string_lossy().chars().count();
        if column > 0 && column + 1 + width > COLUMNS - CONTINUED.len() {
            text.extend_from_slice(CONTINUED.as_bytes());
            text.extend_from_slice(INDENTED.as_bytes());
            column = INDENTED.len() - 1;
        } else if column > 0 {
            text.push(b' ');
            column += 1;
        }
        text.extend_from_slice(word.as_bytes());
        column += width;
    }
    text.push(b'\n');
    OsString::from_vec(text)
}

/// `word` in such a way that a shell takes it for one word, and as it stands.
pub(crate) fn quoted(word: &OsStr) -> OsString {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./:%,@+=-".contains(byte);
    let bytes = word.as_bytes();
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return word.to_owned();
    }
    let mut text = vec![b'\''];
    for byte in bytes {
        match byte {
            b'\'' => text.extend_from_slice(br"'\''"),
            byte => text.push(*byte),
        }
    }
    text.push(b'\'');
    OsString::from_vec(text)
}

/// How wide a terminal is taken to be.
const COLUMNS: usize = 80;

/// What ends a line that goes on, and what begins the next one.
const CONTINUED: &str = " \\";
const INDENTED: &str = "\n    ";

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn line(words: &[&str]) -> String {
        let line = command_line(words.iter().map(OsStr::new));
        line.into_string().unwrap()
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more_into_them() {
        assert_eq!(
            line(&["carpctl", "carp0", "pass", "it's $me", "carpdev", "eth0.5"]),
            "carpctl carp0 pass 'it'\\''s $me' carpdev eth0.5\n"
        );
        assert_eq!(line(&["pass", ""]), "pass ''\n");
    }

    #[test]
    fn shell_reads_the_same_words_again() {
        let words = [
            "printf", "%s\\n", "", "a b", "'", "$HOME", "`id`", "x\\", "*", "~", "#x",
        ];
        let long: Vec<String> = (0..40)
            .map(|number| format!("192.0.2.{number}/24"))
            .collect();
        let words: Vec<&str> = words
            .into_iter()
            .chain(long.iter().map(String::as_str))
            .collect();
        let script = line(&words);
        let widest = script.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{script}");
        let output = Command::new("sh").arg("-c").arg(&script).output().unwrap();
        let expected: String = words
            .iter()
            .skip(2)
            .map(|word| format!("{word}\n"))
            .collect();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
}
