//! Precedence over all programs that only compute, so that adverts are on time and heard in time
//! however busy the machine is.
//!
//! A thread with the kernel's fair scheduler waits for its turn behind others, for some milliseconds
//! where every core is busy, now and then for tens of them: longer than a peer with sub-second timers
//! waits for an advert.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};

use super::sys;

/// What a thread is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precedence {
    /// It is a node's.
    Node,
    /// It watches over one that does not go on: it comes before that.
    Supervisor,
    /// It measures whether the machine runs at all: it comes before both.
    #[cfg(feature = "lab")]
    Witness,
}

impl Precedence {
    /// Gives it to the calling thread, but not to what that starts. Says whether the kernel lets it
    /// have it: `CAP_SYS_NICE` in the first user namespace or an `RLIMIT_RTPRIO` is needed, and in a
    /// control group for the processor a share for such threads. Who has neither may keep what it
    /// was started with; that goes on to what it starts, which could not take it either.
    pub(crate) fn take(self) -> bool {
        let reset_on_fork = self.may_be_taken();
        let taken = sys::schedule_first_in_first_out(self.priority(), reset_on_fork);
        if let Err(error) = &taken {
            tracing::debug!(%error, "SCHED_FIFO is refused: it runs like any other program");
        }
        taken.is_ok()
    }

    fn may_be_taken(self) -> bool {
        let limit = getrlimit(Resource::Rtprio).current;
        limit.is_none_or(|limit| limit >= u64::from(self.priority()))
            || capabilities(None).is_ok_and(|it| it.effective.contains(CapabilitySet::SYS_NICE))
    }

    const fn priority(self) -> u8 {
        match self {
            Self::Node => 1,
            Self::Supervisor => 2,
            #[cfg(feature = "lab")]
            Self::Witness => 3,
        }
    }
}

/// Lets the calling thread and what it starts have the precedence of a node and its supervisor also
/// when they have no `CAP_SYS_NICE` any more: by `RLIMIT_RTPRIO` where that can be raised, which takes
/// `CAP_SYS_RESOURCE`, and by giving it to this thread and all of that otherwise.
pub(super) fn allow() -> io::Result<()> {
    let priority = Precedence::Supervisor.priority();
    let needed = u64::from(priority);
    let Rlimit { current, maximum } = getrlimit(Resource::Rtprio);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(needed),
        maximum: maximum.map(|maximum| maximum.max(needed)),
    };
    setrlimit(Resource::Rtprio, raised)
        .or_else(|_| sys::schedule_first_in_first_out(priority, false))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread;

    use super::*;

    /// The priority and the policy of the calling thread, as the kernel tells.
    fn scheduling() -> (u32, u32) {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        // Behind the name, which may contain anything: fields 3 and on, see proc(5).
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let mut fields = fields.split_whitespace().skip(37);
        let mut next = || fields.next().unwrap().parse().unwrap();
        (next(), next())
    }

    #[test]
    fn thread_takes_precedence_and_what_it_starts_does_not() {
        for (precedence, priority) in [(Precedence::Node, 1), (Precedence::Supervisor, 2)] {
            let scheduled = thread::spawn(move || {
                let taken = precedence.take();
                let started = thread::spawn(scheduling).join().unwrap();
                (taken, scheduling(), started)
            });
            let (taken, own, started) = scheduled.join().unwrap();
            // Refused is as good: it goes on as it was.
            let fifo = u32::try_from(libc::SCHED_FIFO).unwrap();
            let other = u32::try_from(libc::SCHED_OTHER).unwrap();
            let expected = if taken { (priority, fifo) } else { (0, other) };
            assert_eq!(own, expected);
            assert_eq!(started, (0, other));
        }
    }
}
