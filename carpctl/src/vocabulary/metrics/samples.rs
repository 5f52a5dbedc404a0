//! One family of metrics as text: what it is, once, and then its samples.

use std::fmt::{self, Display, Write as _};

use super::families::Family;

/// The samples of one family, at the end of a text.
#[derive(Debug)]
pub(super) struct Samples<'a> {
    text: &'a mut String,
    family: &'a Family,
    /// Whether it was said what they are; that is put off until there is one.
    described: &'a mut bool,
}

/// A moment or a span in seconds, from milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(pub(super) u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

impl<'a> Samples<'a> {
    /// Those of `family`, behind `text`.
    pub(super) const fn new(
        text: &'a mut String,
        family: &'a Family,
        described: &'a mut bool,
    ) -> Self {
        Self {
            text,
            family,
            described,
        }
    }

    /// Adds a sample with the `values` of the family's labels; an empty one is as good as none.
    pub(super) fn add(&mut self, values: &[&str], value: impl Display) {
        // Writing to a string cannot go wrong.
        match self.write(values, &value) {
            Ok(()) | Err(fmt::Error) => {}
        }
    }

    fn write(&mut self, values: &[&str], value: &dyn Display) -> fmt::Result {
        let Family {
            name,
            kind,
            help,
            labels,
            ..
        } = self.family;
        debug_assert_eq!(values.len(), labels.len(), "{name} has these labels");
        if !std::mem::replace(self.described, true) {
            writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
        }
        self.text.push_str(name);
        let labels = labels.iter().zip(values);
        let mut opening = '{';
        for (label, value) in labels.filter(|(_, value)| !value.is_empty()) {
            write!(self.text, "{opening}{label}=\"")?;
            push_escaped(self.text, value);
            self.text.push('"');
            opening = ',';
        }
        let end = if opening == ',' { "}" } else { "" };
        writeln!(self.text, "{end} {value}")
    }
}

/// Quotes, line breaks and the mark that escapes them would end a value or its line.
fn push_escaped(text: &mut String, value: &str) {
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}
