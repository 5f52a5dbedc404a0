//! Who besieges a control socket: many connections at once, of root or of somebody else.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use carp_benches::{Result, say};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::{Resource, Rlimit, Uid, getrlimit, setrlimit};
use rustix::thread::set_thread_uid;

/// Makes [`AT_ONCE`] connections to `socket` and says `saying` on each; then has a new one in the place
/// of the oldest each millisecond, until it is over. Returns how many there were. The calling thread
/// is `user` from then on.
///
/// # Errors
///
/// Where the machine does not let it.
pub(crate) fn besiege(socket: &Path, user: Uid, saying: &[u8], over: &AtomicBool) -> Result<usize> {
    set_thread_uid(user)?;
    let mut clients = VecDeque::new();
    let mut count = 0;
    while !over.load(Ordering::Relaxed) {
        let client = UnixStream::connect(socket)?;
        client.set_nonblocking(true)?;
        clients.push_back((client, saying));
        // What there was no room for at first is said when there is, a few milliseconds long.
        for (client, rest) in clients.iter_mut().rev().take(TALKING) {
            *rest = say(client, rest);
        }
        count += 1;
        if clients.len() > AT_ONCE {
            clients.pop_front();
            thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(count)
}

/// Keeps [`AT_ONCE`] connections to `socket` open that say nothing: whichever the service closes has
/// another one in its place, until it is over. Returns how many there were. The calling thread is
/// `user` from then on.
///
/// # Errors
///
/// Where the machine does not let it.
pub(crate) fn hold(socket: &Path, user: Uid, over: &AtomicBool) -> Result<usize> {
    set_thread_uid(user)?;
    let address = SocketAddrUnix::new(socket)?;
    let mut clients: Vec<UnixStream> = Vec::new();
    let mut count = 0;
    while !over.load(Ordering::Relaxed) {
        clients.retain(is_open);
        while clients.len() < AT_ONCE {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let client = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
            match connect(&client, &address) {
                Ok(()) => clients.push(client.into()),
                // As many wait to be admitted as may.
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
            count += 1;
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(count)
}

/// Whether the other side has not closed a connection; what it says first is not of interest.
fn is_open(mut client: &UnixStream) -> bool {
    let mut said = [0; 512];
    loop {
        match client.read(&mut said) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}

/// Lets this process have as many connections open as that takes.
///
/// # Errors
///
/// Where it may not.
pub(crate) fn make_room() -> Result<()> {
    let needed = u64::try_from(AT_ONCE + 256)?;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < needed) {
        let current = Some(needed);
        let maximum = maximum.map(|maximum| maximum.max(needed));
        setrlimit(Resource::Nofile, Rlimit { current, maximum })?;
    }
    Ok(())
}

/// How many of them go on talking.
const TALKING: usize = 16;

/// How many connections are open at once.
pub(crate) const AT_ONCE: usize = 1_000;
