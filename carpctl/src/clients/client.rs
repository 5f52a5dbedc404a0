//! The client's side of the control socket: asks, and starts the service where a change needs one.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use carp_net::linux::keep_descriptors_from_programs;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_peercred};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::clients::systemd::Systemd;
use crate::paths::{Paths, about};
use crate::process::own_executable;
use crate::server::daemon::READY;
use crate::server::notify;
use crate::server::sandbox;
use crate::server::service::NOT_ROOT;
use crate::vocabulary::hooks::order::{Finished, Order};
use crate::vocabulary::protocol::{
    self, Answer, Done, MAX_LINE, ProtocolError, Reply, Request, answers,
};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("permission denied: {0} lets only root and its group read")]
    MayNotRead(String),
    #[error("{NOT_ROOT}")]
    MayNotChange,
    #[error(
        "the service that listens is run by user {0}: not root, nor you, nor `_carpctl' \
         (the variable {variable} names another user)",
        variable = sandbox::OVERRIDE
    )]
    NotTrusted(u32),
    #[error("the service does not answer")]
    NoAnswer,
    #[error("the service ended without an answer")]
    Ended,
    #[error(
        "the service ended without an answer: \
         the change may or may not have been made (`carpctl' shows what is)"
    )]
    PerhapsDone,
    /// The request was not read as a whole, so nothing has come of it.
    #[error("the service ended before it was asked")]
    NotAsked,
    #[error("no service runs for this network namespace")]
    NoService,
    #[error("the service ends again and again")]
    KeepsEnding,
    #[error("{0}")]
    Refused(String),
    #[error("the service could not be started: {0}")]
    NotStarted(String),
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Asks the service, if there is one, and returns all it says. Never starts one.
pub(crate) fn ask(paths: &Paths, request: &Request) -> Result<Option<Vec<Reply>>, ClientError> {
    let mut ended = None;
    for _ in 0..TRIES {
        let Some(connection) = connect_to(paths)? else {
            return ended.map_or(Ok(None), Err);
        };
        if request.holds_a_key() {
            connection.must_be_trusted()?;
        }
        match connection.ask(request) {
            // Another is started in its place, which answers the next try.
            Err(ClientError::NotAsked) => {}
            Err(error @ ClientError::Ended) => ended = Some(error),
            // A service about to end has nothing left to tell of.
            Ok(replies) => return Ok((!replies.contains(&Reply::Ending)).then_some(replies)),
            Err(error) => return Err(error),
        }
    }
    Err(ClientError::KeepsEnding)
}

/// The same, but for the part of the answer that is wanted; a refusal is an error.
pub(crate) fn ask_of<T: Answer>(
    paths: &Paths,
    request: &Request,
) -> Result<Option<Vec<T>>, ClientError> {
    let answered = ask(paths, request)?.map(answers).transpose();
    answered.map_err(ClientError::Refused)
}

/// Asks the service for a change, and starts one where there is none.
pub(crate) fn ask_for_change(paths: &Paths, request: &Request) -> Result<Vec<Reply>, ClientError> {
    hold(paths, request).map(|(replies, _)| replies)
}

/// The same, for the notes on what was done; a refusal is an error.
pub(crate) fn change(paths: &Paths, request: &Request) -> Result<Vec<String>, ClientError> {
    let done = answers(ask_for_change(paths, request)?).map_err(ClientError::Refused)?;
    Ok(done.into_iter().flat_map(|Done { notes }| notes).collect())
}

/// Asks for a change that lasts as long as the connection.
pub(crate) fn hold(
    paths: &Paths,
    request: &Request,
) -> Result<(Vec<Reply>, UnixStream), ClientError> {
    for _ in 0..TRIES {
        let connection = match connect_to(paths)? {
            Some(connection) => connection,
            None => {
                start(paths)?;
                let Some(connection) = connect_to(paths)? else {
                    continue; // it ended again already
                };
                connection
            }
        };
        connection.must_be_trusted()?;
        match connection.ask(request) {
            Err(ClientError::NotAsked) => {}
            Err(ClientError::Ended) => return Err(ClientError::PerhapsDone),
            Ok(replies) if replies.contains(&Reply::Ending) => {}
            Ok(replies) => return Ok((replies, connection.stream)),
            Err(error) => return Err(error),
        }
    }
    Err(ClientError::KeepsEnding)
}

/// The same, where there is a service.
pub(crate) fn hold_again(
    paths: &Paths,
    request: &Request,
) -> Result<Option<(Vec<Reply>, UnixStream)>, ClientError> {
    let Some(connection) = connect_to(paths)? else {
        return Ok(None);
    };
    match connection.ask(request) {
        // Another takes its place.
        Err(ClientError::NotAsked | ClientError::Ended) => Ok(None),
        Ok(replies) if replies.contains(&Reply::Ending) => Ok(None),
        Ok(replies) => Ok(Some((replies, connection.stream))),
        Err(error) => Err(error),
    }
}

/// Begins to ask the service, if there is one, for what it goes on telling. What it tells can be
/// read without waiting.
pub(crate) fn watch(paths: &Paths, request: &Request) -> Result<Option<UnixStream>, ClientError> {
    let Some(connection) = connect_to(paths)? else {
        return Ok(None);
    };
    let line = protocol::encode(request)?;
    match (&connection.stream).write_all(&line) {
        // As where it ends a moment later.
        Err(error) if is_end(&error) => {}
        written => written.map_err(unanswered)?,
    }
    connection.stream.set_nonblocking(true)?;
    Ok(Some(connection.stream))
}

/// Tells the service, if there is one, that it is being configured anew for as long as what is
/// returned lasts. It is a courtesy: nothing depends on it.
pub(crate) fn reloading(paths: &Paths) -> Option<Reloading> {
    let connection = connect_to(paths).ok().flatten()?;
    let replies = connection.ask(&Request::Reload).ok()?;
    let is_told = matches!(replies.as_slice(), [Reply::Done { .. }]);
    is_told.then_some(Reloading(connection.stream))
}

/// The service is being configured anew.
#[derive(Debug)]
pub(crate) struct Reloading(#[expect(dead_code, reason = "held")] UnixStream);

/// A connection on which a service gives hooks to run.
pub(crate) struct Worker {
    connection: Connection,
    is_root: bool,
}

/// Begins to work for the service, if there is one.
pub(crate) fn work(paths: &Paths) -> Result<Option<Worker>, ClientError> {
    let Some(connection) = connect_to(paths)? else {
        return Ok(None);
    };
    connection.must_be_trusted()?;
    let service = socket_peercred(&connection.stream).map_err(io::Error::from)?;
    // An order may be long in coming.
    connection.stream.set_read_timeout(None)?;
    Ok(Some(Worker {
        connection,
        is_root: service.uid.is_root(),
    }))
}

impl Worker {
    /// Whether the service is root.
    pub(crate) const fn is_root(&self) -> bool {
        self.is_root
    }

    /// Says how the last order went, and waits for the next.
    pub(crate) fn next_order(&self, finished: Option<Finished>) -> Result<Order, ClientError> {
        let replies = self.connection.ask(&Request::Work { finished })?;
        match replies.into_iter().next() {
            Some(Reply::Hook(order)) => Ok(*order),
            Some(Reply::Refused { reason }) => Err(ClientError::Refused(reason)),
            _ => Err(ClientError::Ended),
        }
    }
}

/// Asks the service to be started anew, and waits until the new one answers.
pub(crate) fn ask_to_restart(paths: &Paths) -> Result<Vec<Reply>, ClientError> {
    let connection = connect_to(paths)?.ok_or(ClientError::NoService)?;
    let replies = connection.ask(&Request::Restart)?;
    if matches!(replies.as_slice(), [Reply::Done { .. }]) {
        // The old one admits nobody any more; this waits in the socket that the new one has.
        let assign = Vec::new();
        ask(paths, &Request::Settings { assign })?.ok_or(ClientError::Ended)?;
    }
    Ok(replies)
}

/// A connection to a service.
struct Connection {
    stream: UnixStream,
}

impl Connection {
    /// Makes sure that a key is told to nobody but root, oneself, or the user of the service.
    fn must_be_trusted(&self) -> Result<(), ClientError> {
        let service = socket_peercred(&self.stream).map_err(io::Error::from)?.uid;
        if service.is_root()
            || service == rustix::process::geteuid()
            || sandbox::is_user_of_the_service(service)
        {
            return Ok(());
        }
        Err(ClientError::NotTrusted(service.as_raw()))
    }

    fn ask(&self, request: &Request) -> Result<Vec<Reply>, ClientError> {
        let line = protocol::encode(request)?;
        let mut end = ClientError::Ended;
        match (&self.stream).write_all(&line) {
            // It may have said why it ends before it did.
            Err(error) if is_end(&error) => end = ClientError::NotAsked,
            written => written.map_err(unanswered)?,
        }
        let mut input = BufReader::new(&self.stream);
        let mut replies = Vec::new();
        loop {
            let mut line = Vec::new();
            let bound = u64::try_from(MAX_LINE + 1).unwrap_or(u64::MAX);
            match input.by_ref().take(bound).read_until(b'\n', &mut line) {
                Ok(0) => return Err(end),
                Ok(_) => {}
                // Which the kernel says where something that was sent was not read.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(ClientError::NotAsked);
                }
                Err(error) if is_end(&error) => return Err(end),
                Err(error) => return Err(unanswered(error)),
            }
            // The last line may be cut.
            if !line.ends_with(b"\n") && line.len() <= MAX_LINE {
                return Err(end);
            }
            let reply: Reply = protocol::decode(&line)?;
            let more = reply.has_more_behind_it();
            replies.push(reply);
            if !more {
                return Ok(replies);
            }
        }
    }
}

/// Connects to the service; `None` where there is none.
fn connect_to(paths: &Paths) -> Result<Option<Connection>, ClientError> {
    let path = paths.socket();
    let failed = |error: rustix::io::Errno| about(path, &error.into());
    let flags = SocketFlags::CLOEXEC;
    let socket =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(failed)?;
    // A service that is stopped by a signal or a debugger neither accepts nor answers.
    set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE)).map_err(failed)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE)).map_err(failed)?;
    let address = SocketAddrUnix::new(path).map_err(failed)?;
    match connect(&socket, &address) {
        Ok(()) => Ok(Some(Connection {
            stream: UnixStream::from(socket),
        })),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::CONNREFUSED) => Ok(None),
        Err(rustix::io::Errno::ACCESS) => Err(ClientError::MayNotRead(path.display().to_string())),
        Err(rustix::io::Errno::AGAIN) => Err(ClientError::NoAnswer),
        Err(error) => Err(failed(error).into()),
    }
}

/// Starts a service in the background and waits until it can be connected to.
fn start(paths: &Paths) -> Result<(), ClientError> {
    if !rustix::process::geteuid().is_root() {
        return Err(ClientError::MayNotChange);
    }
    let started = Systemd::of_this_machine().start(paths);
    if started.map_err(|error| ClientError::NotStarted(error.to_string()))? {
        return Ok(());
    }
    // The service outlives the caller; a lock that the caller holds must not live on with it.
    if let Err(error) = keep_descriptors_from_programs() {
        tracing::debug!(%error, "the service inherits the caller's descriptors");
    }
    let mut command = Command::new(own_executable());
    command
        .args(["daemon", "--on-demand"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    for variable in notify::VARIABLES {
        command.env_remove(variable);
    }
    let mut service = command.spawn()?;
    let said = outcome(&mut service)?;
    if said == READY {
        return Ok(());
    }
    // It ends by itself, having said why.
    service.wait()?;
    let fallback = || format!("see the system log ({})", paths.socket().display());
    let said = Some(said).filter(|said| !said.is_empty());
    Err(ClientError::NotStarted(said.unwrap_or_else(fallback)))
}

/// What a service says of its start.
fn outcome(service: &mut Child) -> Result<String, ClientError> {
    let mut said = Vec::new();
    let Some(mut output) = service.stdout.take() else {
        return Ok(String::new());
    };
    let patience = Timespec {
        tv_sec: PATIENCE.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: 0,
    };
    while said.len() < MAX_LINE {
        let ready = poll(&mut [PollFd::new(&output, PollFlags::IN)], Some(&patience));
        if ready.map_err(io::Error::from)? == 0 {
            return Err(ClientError::NoAnswer);
        }
        let mut chunk = [0; 512];
        let read = output.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        said.extend(chunk.iter().take(read));
    }
    Ok(String::from_utf8_lossy(&said).trim_end().to_owned())
}

fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

fn unanswered(error: io::Error) -> ClientError {
    if error.kind() == io::ErrorKind::WouldBlock {
        return ClientError::NoAnswer; // its time is over
    }
    ClientError::Io(error)
}

/// How long an answer may take: longer than handing over to another node ever does.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many services that are just about to end are tried.
const TRIES: u32 = 5;
