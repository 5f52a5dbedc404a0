//! The thread that asks the kernel for things.
//!
//! The kernel works while it takes a request in, and waits for its own lock before: seconds, where
//! somebody else changes hundreds of links. The loop must not, so it hands jobs to this thread,
//! which does them strictly in order and rings when there is an answer.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use carp_fsm::carp_proto::VirtualAddress;
use carp_fsm::{HostId, LinkId};

use super::kernel::Kernel;
use super::links::Links;
use super::netlink::{Connection, Refusal};
use super::poller::Bell;
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
    /// Take it away.
    TearDown(HostId),
    /// Hold exactly these addresses.
    Hold {
        /// Whose.
        id: HostId,
        /// Which.
        addresses: Vec<VirtualAddress>,
        /// The networks in which the carpdev has addresses of its own.
        own: Vec<VirtualAddress>,
    },
    /// Hold them as before: somebody has taken one away, or the interface. Nobody waits for it.
    Restore {
        /// Whose.
        id: HostId,
        /// Which.
        addresses: Vec<VirtualAddress>,
        /// The networks in which the carpdev has addresses of its own.
        own: Vec<VirtualAddress>,
    },
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
}

/// What came of a job.
#[derive(Debug)]
pub(super) enum Answer {
    /// Something for whoever uses the backend.
    Report(Report),
    /// Whether this host forwards the IPv6 packets of the interface of a virtual host.
    Forwards(HostId, bool),
    /// All there is, after a [`Job::Survey`].
    Surveyed(Result<Links, Refusal>),
}

/// The thread, and the way to it.
#[derive(Debug)]
pub(super) struct Worker {
    /// None once it must end.
    jobs: Option<Sender<Job>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread. It works in the network namespace of `connection`, which must be that
    /// of the calling thread.
    pub(super) fn start(connection: Connection, bell: Bell) -> io::Result<Self> {
        let (jobs, todo) = channel();
        let (tell, answers) = channel();
        let work = move || {
            let mut kernel = Kernel::new(connection, |answer| {
                // Nobody hears it once the backend is being dropped.
                drop(tell.send(answer));
                bell.ring();
            });
            for job in todo {
                kernel.perform(job);
            }
            kernel.clear();
        };
        let thread = Builder::new().name("carp-kernel".to_owned()).spawn(work)?;
        Ok(Self {
            jobs: Some(jobs),
            answers,
            thread: Some(thread),
        })
    }

    /// Hands a job to the thread.
    pub(super) fn submit(&self, job: Job) {
        if self
            .jobs
            .as_ref()
            .is_none_or(|jobs| jobs.send(job).is_err())
        {
            tracing::error!("the thread that talks with the kernel has ended");
        }
    }

    /// The next answer, if there is one.
    pub(super) fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
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
