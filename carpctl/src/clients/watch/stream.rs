//! The client's side of watching: what the service tells, over a connection that is made again
//! whenever it has gone, so that a watch outlives `carpctl restart` and begins before any service.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};

use crate::clients::client::{self, ClientError};
use crate::paths::Paths;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::protocol::{self, Answer, MAX_LINE, ProtocolError, Reply, Request};
use crate::vocabulary::report::Report;
use crate::vocabulary::watch::{Happening, What};

/// What is heard of a service.
#[derive(Debug)]
pub(super) enum Heard {
    /// An interface, as it stands when a connection begins.
    Interface(Box<Report>),
    /// All interfaces that there are were told; what happens from then on follows.
    Ready,
    /// Something happened.
    Happened(Box<Happening>),
    /// There is no service (any more). This waits for one.
    NoService,
    /// The time is over.
    TimeOut,
    /// Nobody reads the output any more.
    NobodyReads,
}

/// A watch.
#[derive(Debug)]
pub(super) struct Stream {
    paths: Paths,
    request: Request,
    connection: Option<Lines>,
    /// Whether it was said that there is no service.
    is_alone: bool,
    /// Whether this ends when nobody reads the output.
    is_for_output: bool,
    /// Whether the next connection is not to be made at once, as the last one came to nothing.
    is_in_vain: bool,
}

/// A connection, and what came over it.
#[derive(Debug)]
struct Lines {
    stream: UnixStream,
    input: Vec<u8>,
    has_ended: bool,
    /// Whether the service has said that it ends: another takes its place then.
    was_told: bool,
    is_ready: bool,
}

impl Stream {
    /// Watches `interfaces`, or all where there are none.
    pub(super) const fn new(paths: Paths, interfaces: Vec<InterfaceName>) -> Self {
        Self {
            paths,
            request: Request::Watch { interfaces },
            connection: None,
            is_alone: false,
            is_for_output: false,
            is_in_vain: false,
        }
    }

    /// The same, until nobody reads the output any more.
    #[must_use]
    pub(super) const fn for_output(mut self) -> Self {
        self.is_for_output = true;
        self
    }

    /// What is heard next, `until` a moment at the latest.
    ///
    /// # Errors
    ///
    /// Where there is a service that lets nobody watch, or cannot be understood.
    pub(super) fn next(&mut self, until: Option<Duration>) -> Result<Heard, ClientError> {
        loop {
            if let Some(lines) = &mut self.connection {
                match lines.next()? {
                    Some(Reply::Refused { reason }) => return Err(ClientError::Refused(reason)),
                    Some(Reply::Ending) => (lines.has_ended, lines.was_told) = (true, true),
                    Some(reply) => {
                        self.is_alone = false;
                        if let Some(heard) = Heard::of(reply) {
                            return Ok(heard);
                        }
                    }
                    None if lines.has_ended => {
                        self.is_in_vain = !lines.is_ready;
                        let was_cut = lines.is_ready && !lines.was_told;
                        self.connection = None;
                        // The next one may take its place before anybody finds that there is none.
                        if was_cut && !std::mem::replace(&mut self.is_alone, true) {
                            return Ok(Heard::NoService);
                        }
                    }
                    None => {
                        if let Some(end) = self.wait(None, until)? {
                            return Ok(end);
                        }
                    }
                }
                continue;
            }
            if !std::mem::take(&mut self.is_in_vain) {
                let stream = client::watch(&self.paths, &self.request)?;
                self.connection = stream.map(Lines::new);
                if self.connection.is_some() {
                    continue;
                }
                if !std::mem::replace(&mut self.is_alone, true) {
                    return Ok(Heard::NoService);
                }
            }
            if let Some(end) = self.wait(Some(RETRY), until)? {
                return Ok(end);
            }
        }
    }

    /// Learns anew how things stand.
    pub(super) fn begin_again(&mut self) {
        self.connection = None;
    }

    /// Waits until something can be read, for `pause` at the longest; says whether that is all.
    fn wait(
        &self,
        pause: Option<Duration>,
        until: Option<Duration>,
    ) -> Result<Option<Heard>, ClientError> {
        let left = until.map(|until| until.saturating_sub(now()));
        let is_over = left.is_some_and(|left| left.is_zero());
        let span = [pause, left].into_iter().flatten().min();
        let span = span.map(|span| Timespec {
            tv_sec: span.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: span.subsec_nanos().into(),
        });
        let output = io::stdout();
        let stream = self.connection.as_ref().map(|lines| &lines.stream);
        let stream = stream.map(|stream| PollFd::new(stream, PollFlags::IN));
        // It is looked whether anybody reads the output, not whether it has room.
        let output = PollFd::new(&output, PollFlags::empty());
        let output = Some(output).filter(|_| self.is_for_output);
        let has_stream = stream.is_some();
        let mut fds: Vec<PollFd<'_>> = stream.into_iter().chain(output).collect();
        match poll(&mut fds, span.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let gone = PollFlags::ERR | PollFlags::HUP;
        let has_gone = |fd: &PollFd<'_>| fd.revents().intersects(gone);
        if self.is_for_output && fds.last().is_some_and(has_gone) {
            return Ok(Some(Heard::NobodyReads));
        }
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        let can_be_read = has_stream && fds.first().is_some_and(is_ready);
        Ok((is_over && !can_be_read).then_some(Heard::TimeOut))
    }
}

impl Lines {
    const fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            input: Vec::new(),
            has_ended: false,
            was_told: false,
            is_ready: false,
        }
    }

    /// The next whole line, if there is one.
    fn next(&mut self) -> Result<Option<Reply>, ClientError> {
        loop {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                let reply = protocol::decode(&line)?;
                self.is_ready |= reply == Reply::End;
                return Ok(Some(reply));
            }
            if self.input.len() > MAX_LINE {
                return Err(ProtocolError::TooLong.into());
            }
            let mut chunk = [0; CHUNK];
            match self.stream.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => self.input.extend(chunk.iter().take(read)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // However it ends: another service is looked for.
                Err(_) => break,
            }
        }
        self.has_ended = true;
        Ok(None)
    }
}

impl Answer for Heard {
    fn of(reply: Reply) -> Option<Self> {
        if let Reply::Interface(report) = reply {
            Some(Self::Interface(report))
        } else if let Reply::Happened(happening) = reply {
            Some(Self::Happened(happening))
        } else if let Reply::Missed { count } = reply {
            let missed = Happening::now(None, What::Missed { count });
            Some(Self::Happened(Box::new(missed)))
        } else {
            (reply == Reply::End).then_some(Self::Ready)
        }
    }
}

/// The moment it is, on a clock that goes on while the machine is suspended.
pub(super) fn now() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// How soon a service that is not there is looked for again.
const RETRY: Duration = Duration::from_millis(250);

/// How much is read at once, in bytes.
const CHUNK: usize = 4096;

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// What is heard of services that follow each other on one socket, each with these last words.
    fn heard(last_words: [&'static [Reply]; 2]) -> Vec<&'static str> {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::within(directory.path().to_owned(), 7);
        let listener = UnixListener::bind(paths.socket()).unwrap();
        let services = thread::spawn(move || {
            for replies in last_words {
                let (mut stream, _) = listener.accept().unwrap();
                let lines = [Reply::End].iter().chain(replies);
                let lines: Vec<u8> = lines
                    .flat_map(|it| protocol::encode(it).unwrap().to_vec())
                    .collect();
                // Not read, it would cut the connection before these words are heard.
                assert!(stream.read(&mut [0; CHUNK]).unwrap() > 0);
                stream.write_all(&lines).unwrap();
            }
        });
        let mut stream = Stream::new(paths, Vec::new());
        let until = now() + Duration::from_secs(20);
        let mut all = Vec::new();
        while all.iter().filter(|it| **it == "ready").count() < 2 {
            let heard = stream.next(Some(until)).unwrap();
            assert!(
                matches!(heard, Heard::Ready | Heard::NoService),
                "{heard:?}"
            );
            all.push(if matches!(heard, Heard::Ready) {
                "ready"
            } else {
                "gone"
            });
        }
        services.join().unwrap();
        all
    }

    #[test]
    fn service_that_ends_without_a_word_is_gone_also_where_the_next_is_there_at_once() {
        assert_eq!(heard([&[], &[]]), ["ready", "gone", "ready"]);
        assert_eq!(heard([&[Reply::Ending], &[]]), ["ready", "ready"]);
    }
}
