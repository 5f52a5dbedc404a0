//! Who besieges a control socket: many connections at once, of root or of somebody else.

use std::collections::VecDeque;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use carp_benches::{Result, say};
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
