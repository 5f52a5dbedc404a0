//! A row of a table, and how it is checked.

use carp_fsm::Dialect;

use crate::bench::Bench;

/// Whose behaviour a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The dialect's kernel or program does so.
    Kernel,
    /// This project does, for the reason given.
    Ours(&'static str),
}

/// One rule: for each of the dialects, a host that is `given`, to which `when` happens, does
/// `then`. The words are those of [`Bench`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) rule: &'static str,
    pub(crate) dialects: &'static [Dialect],
    pub(crate) given: &'static str,
    pub(crate) when: &'static str,
    pub(crate) then: &'static str,
    pub(crate) source: Source,
}

/// A row, in the order in which it is read.
pub(crate) const fn row(
    rule: &'static str,
    dialects: &'static [Dialect],
    given: &'static str,
    when: &'static str,
    then: &'static str,
    source: Source,
) -> Row {
    Row {
        rule,
        dialects,
        given,
        when,
        then,
        source,
    }
}

/// Checks each row in each of its dialects, and tells all that fail.
pub(crate) fn check(section: &str, rows: &[Row]) {
    let mut wrong = Vec::new();
    for row in rows {
        for dialect in row.dialects {
            let mut bench = Bench::new(*dialect, row.given);
            bench.take();
            for event in row.when.split("; ") {
                bench.happen(event);
            }
            let then = bench.take();
            if then != row.then {
                let Row {
                    rule, given, when, ..
                } = row;
                wrong.push(format!(
                    "{section} {rule} ({dialect}, {:?}):\n  given {given}\n  when {when}\n  \
                     then {then}\n  not  {}",
                    row.source, row.then
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
