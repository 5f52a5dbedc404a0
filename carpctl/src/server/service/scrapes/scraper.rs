//! One scraper: a request in, an answer out in pieces, never waiting for it.

use std::io::{self, Read as _};
use std::time::Duration;

use carp_net::Backend;
use carp_net::carp_fsm::Timestamp;
use mio::event::Source;

use super::door::Stream;
use super::request::{Asked, MOST_BYTES, Status, judge};
use crate::server::service::control::Control;
use crate::server::service::output::write_on;
use crate::vocabulary::metrics::Exposition;
use crate::vocabulary::name::InterfaceName;

/// A connection.
#[derive(Debug)]
pub(super) struct Scraper {
    stream: Stream,
    stage: Stage,
    input: Vec<u8>,
    output: Vec<u8>,
    written: usize,
    deadline: Timestamp,
    /// When it last sent or took anything.
    progress: Timestamp,
}

/// How far it has got.
#[derive(Debug)]
enum Stage {
    /// Its request is read.
    Asking,
    /// What there is to tell is looked at, up to and with this interface.
    Gathering(Box<Exposition>, Option<InterfaceName>, Form),
    /// That is written.
    Answering(Box<Exposition>, Form),
    /// What is left is written.
    Ending,
    /// Everything was said; what it sends is not looked at, but read, because a connection that is
    /// closed with something unread takes the answer back.
    Leaving,
}

/// How a scraper sees the end of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Chunks,
    /// The connection ends.
    Bare,
}

/// What a scraper needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing, until something happens.
    Wait,
    /// Another turn.
    Again,
    /// To be forgotten.
    Close,
}

impl Scraper {
    /// A scraper at the other end of `stream`, at `now`.
    pub(super) fn new(stream: Stream, now: Timestamp) -> Self {
        Self {
            stream,
            stage: Stage::Asking,
            input: Vec::new(),
            output: Vec::new(),
            written: 0,
            deadline: now + TIME_TO_ASK,
            progress: now,
        }
    }

    /// When it is given up.
    pub(super) const fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// When it last did its part.
    pub(super) const fn progress(&self) -> Timestamp {
        self.progress
    }

    /// Whether it has asked for the metrics and has not got all of them.
    pub(super) const fn is_served(&self) -> bool {
        match self.stage {
            Stage::Gathering(..) | Stage::Answering(..) => true,
            Stage::Asking | Stage::Ending | Stage::Leaving => false,
        }
    }

    /// How much of the answer it has not taken yet, in bytes.
    #[cfg(test)]
    pub(super) const fn waiting(&self) -> usize {
        self.output.len() - self.written
    }

    pub(super) fn source(&mut self) -> &mut dyn Source {
        self.stream.source()
    }

    /// Says that there is no room for it, as far as it takes that at once.
    pub(super) fn turn_away(mut self, now: Timestamp) {
        self.refuse(Status::Unavailable);
        // What it has asked is read first, see `Leaving`. The answer is lost if it is not there to
        // take it; nothing can be done then.
        let told = match self.stream.read(&mut [0; MOST_BYTES]) {
            Ok(_) => self.flush(now),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.flush(now),
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            tracing::debug!(%error, "scraper went away");
        }
    }

    /// Goes on a bit, as far as that is possible without waiting; `clients` are connected to the
    /// control socket.
    pub(super) fn step<B: Backend>(
        &mut self,
        control: &mut Control<B>,
        clients: usize,
        now: Timestamp,
    ) -> Step {
        match self.flush(now) {
            Ok(true) => {}
            Ok(false) => return Step::Wait,
            Err(_) => return Step::Close,
        }
        match std::mem::replace(&mut self.stage, Stage::Asking) {
            Stage::Asking => return self.read_request(control, clients, now),
            Stage::Gathering(mut exposition, mut last, form) => {
                for _ in 0..INTERFACES_AT_ONCE {
                    let Some(name) = control.next_name(last) else {
                        self.stage = Stage::Answering(exposition, form);
                        return Step::Again;
                    };
                    if let Some(facts) = control.facts(name) {
                        exposition.add(facts);
                    }
                    last = Some(name);
                }
                self.stage = Stage::Gathering(exposition, last, form);
            }
            Stage::Answering(mut exposition, form) => {
                let mut text = String::with_capacity(2 * PIECE);
                let more = exposition.write(&mut text, PIECE);
                self.push(&text, form);
                if more {
                    self.stage = Stage::Answering(exposition, form);
                } else {
                    if form == Form::Chunks {
                        self.output.extend_from_slice(b"0\r\n\r\n");
                    }
                    self.stage = Stage::Ending;
                }
            }
            Stage::Ending => {
                self.stage = Stage::Leaving;
                self.deadline = now + TIME_TO_LEAVE;
                if self.stream.end().is_err() {
                    return Step::Close;
                }
            }
            Stage::Leaving => {
                self.stage = Stage::Leaving;
                return match self.stream.read(&mut [0; MOST_BYTES]) {
                    Ok(0) => Step::Close,
                    Ok(_) => Step::Again,
                    Err(error) => waits(&error),
                };
            }
        }
        Step::Again
    }

    fn read_request<B: Backend>(
        &mut self,
        control: &mut Control<B>,
        clients: usize,
        now: Timestamp,
    ) -> Step {
        let mut chunk = [0; 1_024];
        match self.stream.read(&mut chunk) {
            Ok(0) => return Step::Close,
            Ok(read) => self.input.extend(chunk.iter().take(read)),
            Err(error) => return waits(&error),
        }
        self.progress = now;
        let Some(asked) = judge(&self.input) else {
            return Step::Again;
        };
        self.input = Vec::new();
        self.deadline = now + TIME_TO_READ;
        match asked {
            Asked::Refused(status) => self.refuse(status),
            Asked::Metrics { head, chunks } => {
                let form = if chunks { Form::Chunks } else { Form::Bare };
                self.begin(form);
                self.stage = if head {
                    Stage::Ending
                } else {
                    let exposition = Exposition::new(Some(control.vitals(clients)));
                    Stage::Gathering(Box::new(exposition), None, form)
                };
            }
        }
        Step::Again
    }

    // ---- what is said ----

    fn begin(&mut self, form: Form) {
        let chunked = match form {
            Form::Chunks => "Transfer-Encoding: chunked\r\n",
            Form::Bare => "",
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\n{chunked}Connection: close\r\n\r\n"
        );
        self.output.extend_from_slice(head.as_bytes());
    }

    fn push(&mut self, text: &str, form: Form) {
        match form {
            // An empty chunk would be the end.
            _ if text.is_empty() => {}
            Form::Bare => self.output.extend_from_slice(text.as_bytes()),
            Form::Chunks => {
                let chunk = format!("{:x}\r\n{text}\r\n", text.len());
                self.output.extend_from_slice(chunk.as_bytes());
            }
        }
    }

    fn refuse(&mut self, status: Status) {
        let (line, body) = (status.line(), format!("{}\n", status.remedy()));
        let allow = match status {
            Status::MethodNotAllowed => "Allow: GET, HEAD\r\n",
            Status::BadRequest | Status::NotFound | Status::TooLarge | Status::Unavailable => "",
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {line}\r\n{allow}Content-Type: text/plain; charset=utf-8\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        self.output.extend_from_slice(answer.as_bytes());
        self.stage = Stage::Ending;
    }

    /// Writes what there is to write. Returns whether all of it was taken.
    fn flush(&mut self, now: Timestamp) -> io::Result<bool> {
        let before = self.written;
        let all = write_on(&mut self.stream, &self.output, &mut self.written)?;
        if self.written > before {
            self.progress = now;
        }
        if all {
            self.output.clear();
            self.written = 0;
        }
        Ok(all)
    }
}

/// What is done where nothing could be read.
fn waits(error: &io::Error) -> Step {
    let kind = error.kind();
    if kind == io::ErrorKind::WouldBlock {
        Step::Wait
    } else if kind == io::ErrorKind::Interrupted {
        Step::Again
    } else {
        Step::Close
    }
}

/// What HTTP calls the format of the text.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How long a scraper may take to ask, to read the answer, and to close the connection.
const TIME_TO_ASK: Duration = Duration::from_secs(5);
const TIME_TO_READ: Duration = Duration::from_secs(30);
const TIME_TO_LEAVE: Duration = Duration::from_secs(1);

/// How many interfaces are looked at in one turn, and how much text is made, in bytes: each a
/// fraction of a millisecond.
const INTERFACES_AT_ONCE: usize = 16;
const PIECE: usize = 16 * 1_024;
