//! The thread that asks the kernel for things.
//!
//! The kernel works while it takes a request in, and waits for its own lock before: seconds, where
//! somebody else changes hundreds of links. The loop must not, so it hands jobs to this thread,
//! which does them strictly in order and rings when there is an answer.

use std::io;
use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use carp_fsm::carp_proto::VirtualAddress;
use carp_fsm::{HostId, LinkId, Timestamp};

use super::clock;
use super::egress::Speech;
use super::kernel::{Kernel, Start};
use super::links::Links;
use super::netlink::Refusal;
use super::poller::Bell;
use super::precedence::Precedence;
use crate::{Report, Setup};

/// Something to do.
#[derive(Debug)]
pub(super) enum Job {
    /// The link is the interface with this index, or there is none.
    Follow {
        /// The link.
        link: LinkId,
        /// The index.
        index: Option<u32>,
    },
    /// The link counts no more.
    Unfollow(LinkId),
    /// Make what a virtual host needs.
    Configure(HostId, Setup),
    /// Take these away.
    TearDown(Vec<HostId>),
    /// Look whether exactly these addresses are there from a former run.
    Adopt {
        /// Whose.
        id: HostId,
        /// Which.
        addresses: Vec<VirtualAddress>,
    },
    /// Hold exactly these addresses.
    Hold {
        /// Whose.
        id: HostId,
        /// Which.
        addresses: Vec<VirtualAddress>,
        /// The networks in which the carpdev has addresses of its own.
        own: Vec<VirtualAddress>,
        /// How long they stay without a renewal.
        lease: Option<Duration>,
    },
    /// What these hold stays until then.
    Renew(Vec<(HostId, Timestamp)>),
    /// Somebody seems to have changed what a virtual host needs: look, tell and mend.
    Care {
        /// Whose.
        id: HostId,
        /// Whether it is known that the interface is down.
        down: bool,
    },
    /// The carpdev takes packets of another size.
    Resize(HostId),
    /// Stop speaking for the addresses.
    HandOver(HostId),
    /// Let go of the addresses.
    Release(HostId),
    /// Take the carrier away again from a carp interface that holds nothing.
    Mute(HostId),
    /// Look again whether the addresses have to bring routes.
    Reroute {
        /// Whose.
        id: HostId,
        /// The networks in which the carpdev has addresses of its own.
        own: Vec<VirtualAddress>,
    },
    /// Ask for all links and addresses.
    Survey,
    /// Close these: the last of a kind may have to wait.
    Close(Vec<(String, OwnedFd)>),
    /// Take nothing away in the end.
    LeaveInPlace,
}

impl Job {
    /// Whether nobody waits for its end, and it changes nothing that would be looked at then.
    const fn is_quiet(&self) -> bool {
        matches!(self, Self::Renew(_))
    }
}

/// What came of a job.
#[derive(Debug)]
pub(super) enum Answer {
    /// Something for whoever uses the backend.
    Report(Report),
    /// The interface that carries the addresses of a virtual host, if there is one.
    Place(HostId, Option<u32>),
    /// What a [`Job::Hold`] has put in place.
    Holding {
        /// Whose.
        id: HostId,
        /// Whether this host forwards the IPv6 packets of the interface.
        forwards: bool,
        /// Until when it stays.
        until: Option<Timestamp>,
        /// What ends its speech before that.
        speech: Option<Speech>,
    },
    /// Copies of the sockets that are members of the groups on a link.
    Joined {
        /// The link.
        link: LinkId,
        /// The interface that it is.
        index: u32,
        /// The copies, by name.
        copies: Vec<(String, OwnedFd)>,
    },
    /// All there is, after a [`Job::Survey`].
    Surveyed(Result<Links, Refusal>),
}

/// The thread, and the way to it.
#[derive(Debug)]
pub(super) struct Worker {
    /// None once it must end.
    jobs: Option<Sender<(Ticket, Job)>>,
    answers: Receiver<Answer>,
    submitted: Ticket,
    done: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// The number of a job, in the order they are submitted and done.
pub(super) type Ticket = u64;

impl Worker {
    /// Starts the thread. It works in the network namespace of the connection, which must be that
    /// of the calling thread. When this returns it has all that it needs beside its work, so that the
    /// process can be confined.
    pub(super) fn start(start: Start, bell: Bell) -> io::Result<Self> {
        let (jobs, todo) = channel();
        let (tell, answers) = channel();
        let (begun, has_begun) = channel();
        let done = Arc::new(AtomicU64::new(0));
        let last_done = Arc::clone(&done);
        let work = move || {
            if start.before_others {
                Precedence::Node.take();
            }
            if begun.send(()).is_err() {
                return; // nobody waits for it any more
            }
            let _last_ring = RingWhenDropped(bell.clone());
            let ring = bell.clone();
            let kernel = Kernel::new(start, move |answer| {
                // Nobody hears it once the backend is being dropped.
                drop(tell.send(answer));
                ring.ring();
            });
            work(kernel, &todo, |ticket, quietly| {
                last_done.store(ticket, Ordering::Release);
                if !quietly {
                    bell.ring();
                }
            });
        };
        let thread = Builder::new().name("carp-kernel".to_owned()).spawn(work)?;
        has_begun.recv().map_err(io::Error::other)?;
        Ok(Self {
            jobs: Some(jobs),
            answers,
            submitted: 0,
            done,
            thread: Some(thread),
        })
    }

    /// Hands a job to the thread.
    pub(super) fn submit(&mut self, job: Job) -> Ticket {
        self.submitted += 1;
        let job = (self.submitted, job);
        if self
            .jobs
            .as_ref()
            .is_none_or(|jobs| jobs.send(job).is_err())
        {
            tracing::error!("the thread that talks with the kernel has ended");
        }
        self.submitted
    }

    /// The next answer, if there is one.
    ///
    /// A panic of the thread, which would be a mistake in it, goes on here: without it nothing is
    /// held or let go of any more, and whoever watches over this process must know.
    pub(super) fn answer(&mut self) -> Option<Answer> {
        match self.answers.try_recv() {
            Ok(answer) => Some(answer),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                    resume_unwind(panic);
                }
                None
            }
        }
    }

    /// The last job that is done. What it has changed is among the news by now, and its answers
    /// are there.
    pub(super) fn done(&self) -> Ticket {
        self.done.load(Ordering::Acquire)
    }
}

/// Does the jobs until there will be no more.
fn work<T: FnMut(Answer)>(
    mut kernel: Kernel<T>,
    todo: &Receiver<(Ticket, Job)>,
    mut done: impl FnMut(Ticket, bool),
) {
    let mut next = None;
    loop {
        kernel.attend();
        let waited = match (next.take(), kernel.deadline()) {
            (Some(next), _) => Ok(next),
            (None, None) => todo.recv().map_err(|_| RecvTimeoutError::Disconnected),
            (None, Some(deadline)) => todo.recv_timeout(deadline - clock::now()),
        };
        let (mut ticket, mut job) = match waited {
            Ok(next) => next,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if let Job::TearDown(ids) = &mut job {
            (ticket, next) = together(ticket, ids, todo);
        }
        let is_quiet = job.is_quiet();
        kernel.perform(job);
        done(ticket, is_quiet);
    }
    kernel.clear();
}

/// Takes the virtual hosts that are to be taken away next, too. Returns the number of the last of
/// these jobs, and the job behind it, if there is one.
fn together(
    mut last: Ticket,
    ids: &mut Vec<HostId>,
    todo: &Receiver<(Ticket, Job)>,
) -> (Ticket, Option<(Ticket, Job)>) {
    while let Ok((ticket, job)) = todo.try_recv() {
        let Job::TearDown(more) = job else {
            return (last, Some((ticket, job)));
        };
        ids.extend(more);
        last = ticket;
    }
    (last, None)
}

/// Tells the loop that the thread has ended, however it did.
struct RingWhenDropped(Bell);

impl Drop for RingWhenDropped {
    fn drop(&mut self) {
        self.0.ring();
    }
}

impl Drop for Worker {
    /// Waits until every job is done and everything is as it was.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that talks with the kernel has panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use carp_fsm::carp_proto::{Key, Vhid};
    use carp_fsm::{Node, NodeConfig, VirtualHost};

    use super::*;

    #[test]
    fn tear_downs_in_a_row_are_one_and_the_next_job_stays_behind_them() {
        let mut node = Node::new(NodeConfig::default(), 1);
        let ids: Vec<HostId> = (1..=4)
            .map(|number| {
                let vhid = Vhid::new(number).unwrap();
                let host = VirtualHost::new(vhid, Key::from_password(""));
                node.add(Timestamp::ZERO, LinkId(1), host).unwrap()
            })
            .collect();
        let (jobs, todo) = channel();
        jobs.send((2, Job::TearDown(vec![ids[1]]))).unwrap();
        jobs.send((3, Job::TearDown(vec![ids[2]]))).unwrap();
        jobs.send((4, Job::Release(ids[3]))).unwrap();
        jobs.send((5, Job::TearDown(vec![ids[3]]))).unwrap();
        let mut first = vec![ids[0]];
        let (last, next) = together(1, &mut first, &todo);
        assert_eq!((last, first), (3, ids[..3].to_vec()));
        assert!(matches!(next, Some((4, Job::Release(id))) if id == ids[3]));
        assert!(matches!(todo.try_recv(), Ok((5, Job::TearDown(_)))));
    }
}
