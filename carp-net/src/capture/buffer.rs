//! What was read and is not used up yet.

use std::io::{self, Read};

/// A reader with a window on what comes next.
pub(super) struct Buffer<R> {
    input: R,
    bytes: Vec<u8>,
    /// What lies in front of this was used up.
    start: usize,
    /// What lies behind this is free.
    end: usize,
}

impl<R: Read> Buffer<R> {
    pub(super) const fn new(input: R) -> Self {
        Self {
            input,
            bytes: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    /// Returns what was read and not taken yet.
    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Takes what is next; it stays where it is until more is read.
    pub(super) fn take(&mut self, length: usize) -> &[u8] {
        let start = self.start;
        self.start = (start + length).min(self.end);
        self.bytes.get(start..self.start).unwrap_or_default()
    }

    /// Reads what the input has at the moment, and waits if that is nothing. Returns whether there
    /// was more.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.bytes.len() - self.end < LEAST_READ {
            // As much again as there is, so that long parts are not copied over and over.
            self.bytes.resize(self.end * 2 + LEAST_READ, 0);
        }
        let free = self.bytes.get_mut(self.end..).unwrap_or_default();
        loop {
            match self.input.read(free) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

const LEAST_READ: usize = 64 << 10;
