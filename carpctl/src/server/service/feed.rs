//! What is told to a reader as it happens: lines that wait until it takes them.
//!
//! The queue of a reader is bounded, by lines and by bytes. One that is slow, or has stopped, costs
//! the service that queue and nothing more: the oldest lines give way to the new ones, and it is
//! told how many it has missed, in their place. A line is made once, however many read it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::protocol::{self, ProtocolError, Reply};

/// A line for any number of readers, its end included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line(Arc<[u8]>);

/// What a reader is to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// What happens to any of these interfaces, and to the whole node; where there are none, all
    /// that happens.
    Happenings(BTreeSet<InterfaceName>),
}

/// What one reader is told, and has not taken yet.
#[derive(Debug)]
pub(crate) struct Feed {
    subject: Subject,
    lines: VecDeque<Line>,
    bytes: usize,
    /// How many lines gave way since it was last told.
    missed: u64,
}

impl Line {
    /// `reply` as a line.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::TooLong`] where no line has room for it.
    pub(crate) fn of(reply: &Reply) -> Result<Self, ProtocolError> {
        let line = protocol::encode(reply)?;
        Ok(Self(Arc::from(line.as_slice())))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Feed {
    /// Nothing was told yet.
    pub(crate) const fn new(subject: Subject) -> Self {
        Self {
            subject,
            lines: VecDeque::new(),
            bytes: 0,
            missed: 0,
        }
    }

    pub(crate) const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Adds `line`, for which older ones give way if they must.
    pub(crate) fn push(&mut self, line: &Line) {
        self.bytes += line.0.len();
        self.lines.push_back(line.clone());
        while self.lines.len() > MOST_LINES || self.bytes > MOST_BYTES {
            let Some(oldest) = self.lines.pop_front() else {
                return;
            };
            self.bytes -= oldest.0.len();
            self.missed += 1;
        }
    }

    /// The next line to send: how many were missed, before those that came after them.
    pub(crate) fn next(&mut self) -> Option<Line> {
        if self.missed > 0 {
            let count = std::mem::take(&mut self.missed);
            return Line::of(&Reply::Missed { count }).ok();
        }
        let line = self.lines.pop_front()?;
        self.bytes -= line.0.len();
        Some(line)
    }
}

impl Subject {
    /// Whether it is about `interface`, or about everything.
    pub(crate) fn covers(&self, interface: InterfaceName) -> bool {
        match self {
            Self::Happenings(named) => named.is_empty() || named.contains(&interface),
        }
    }
}

/// How much waits for one reader at most: more than happens to a node in a day that is not ill.
pub(crate) const MOST_LINES: usize = 512;
const MOST_BYTES: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::of(&Reply::Refused {
            reason: text.to_owned(),
        })
        .unwrap()
    }

    fn feed() -> Feed {
        Feed::new(Subject::Happenings(BTreeSet::new()))
    }

    fn missed(count: u64) -> Line {
        Line::of(&Reply::Missed { count }).unwrap()
    }

    #[test]
    fn lines_come_in_their_order() {
        let mut feed = feed();
        for text in ["a", "b"] {
            feed.push(&line(text));
        }
        assert_eq!(feed.next(), Some(line("a")));
        assert_eq!(feed.next(), Some(line("b")));
        assert_eq!(feed.next(), None);
    }

    #[test]
    fn the_oldest_give_way_and_their_number_stands_in_their_place() {
        let mut feed = feed();
        for number in 0..MOST_LINES + 3 {
            feed.push(&line(&number.to_string()));
        }
        assert_eq!(feed.lines.len(), MOST_LINES);
        assert_eq!(feed.next(), Some(missed(3)));
        assert_eq!(feed.next(), Some(line("3")));
        // It is told of the others once, and of those that come later anew.
        for number in 0..5 {
            feed.push(&line(&number.to_string()));
        }
        assert_eq!(feed.next(), Some(missed(4)));
    }

    #[test]
    fn long_lines_are_bounded_by_their_bytes() {
        let mut feed = feed();
        let long = line(&"x".repeat(30_000));
        for _ in 0..10 {
            feed.push(&long);
            assert!(feed.bytes <= MOST_BYTES);
            assert_eq!(
                feed.bytes,
                feed.lines.iter().map(|line| line.0.len()).sum::<usize>()
            );
        }
        assert_eq!(feed.next(), Some(missed(6)));
    }

    #[test]
    fn a_line_is_kept_once_for_all() {
        let (mut one, mut other) = (feed(), feed());
        let line = line("a");
        one.push(&line);
        other.push(&line);
        assert_eq!(Arc::strong_count(&line.0), 3);
    }
}
