//! A message as one line for people: fields that only the journal has are left out, because the
//! text says the same.

use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::{RecordFields, VisitOutput as _};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};

/// Formats a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct OneLine;

struct ForPeople<'a>(DefaultVisitor<'a>);

/// Whether a field is for the journal alone: it has a name of the kind that the journal wants.
pub(super) fn is_for_the_journal(field: &Field) -> bool {
    let is_of_journal = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    field.name().bytes().all(is_of_journal)
}

impl<'writer> FormatFields<'writer> for OneLine {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = ForPeople(DefaultVisitor::new(writer, true));
        fields.record(&mut visitor);
        visitor.0.finish()
    }
}

impl Visit for ForPeople<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if !is_for_the_journal(field) {
            self.0.record_str(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if !is_for_the_journal(field) {
            self.0.record_debug(field, value);
        }
    }
}
