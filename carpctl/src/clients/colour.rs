//! Colour, sparingly: the states of interfaces, and what is wrong, where a person looks at a
//! terminal. Text is made without it, so that nobody else ever has to take it out.

use std::io::{self, IsTerminal as _};

/// `text` in colour where standard output is a terminal that wants it (<https://no-color.org>).
pub(crate) fn painted(text: &str) -> String {
    let says = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let is_plain = says("NO_COLOR").is_some() || says("TERM").is_none_or(|it| it == "dumb");
    if is_plain || !io::stdout().is_terminal() {
        return text.to_owned();
    }
    text.split_inclusive('\n').map(line).collect()
}

/// A line of what is shown of an interface.
fn line(line: &str) -> String {
    let Some((label, rest)) = line.trim_start().split_once(' ') else {
        return line.to_owned();
    };
    let word = rest.split_whitespace().next().unwrap_or_default();
    let (what, colour) = match label {
        "carp:" | "status:" => match word {
            "MASTER" | "master" => (word, GREEN),
            "INIT" | "invalid" => (word, YELLOW),
            _ => return absent(line),
        },
        "demotion:" | "trouble:" => (label, YELLOW),
        "error:" => (label, RED),
        _ => return line.to_owned(),
    };
    absent(&line.replacen(what, &in_colour(what, colour), 1))
}

fn absent(line: &str) -> String {
    line.replacen("(absent)", &in_colour("(absent)", YELLOW), 1)
}

fn in_colour(word: &str, colour: u8) -> String {
    format!("\u{1b}[{colour}m{word}\u{1b}[m")
}

const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_troubles_are_seen_at_once() {
        let carp = "\tcarp: MASTER carpdev vmx0 vhid 99\n";
        assert_eq!(
            line(carp),
            "\tcarp: \u{1b}[32mMASTER\u{1b}[m carpdev vmx0 vhid 99\n"
        );
        let status = "\tstatus: invalid\n";
        assert_eq!(line(status), "\tstatus: \u{1b}[33minvalid\u{1b}[m\n");
        let error = "\terror: 5 s ago: no buffer\n";
        assert_eq!(
            line(error),
            "\t\u{1b}[31merror:\u{1b}[m 5 s ago: no buffer\n"
        );
        let carp = "\tcarp: BACKUP carpdev vmx0 (absent) vhid 99\n";
        assert!(line(carp).contains("\u{1b}[33m(absent)\u{1b}[m"));
    }

    #[test]
    fn all_else_is_as_it_was() {
        for text in [
            "carp0: flags=8843<UP> mtu 1500\n",
            "\tcarp: BACKUP carpdev vmx0\n",
            "\n",
            "",
        ] {
            assert_eq!(line(text), text);
        }
    }
}
