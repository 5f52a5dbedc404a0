//! What a node needs of the rights of root, and how a process gives up the rest.
//!
//! A node needs `CAP_NET_ADMIN` and `CAP_NET_RAW`, in the user namespace that owns its network
//! namespace, for as long as it runs. Two things it can do without, or have from a process that was
//! allowed more, once, before: see [`prepare`].
//!
//! ```no_run
//! use carp_net::linux::{Linux, Options, privileges};
//!
//! # fn main() -> carp_net::Result<()> {
//! let prepared = privileges::prepare();
//! privileges::give_up(Some(privileges::Identity { user: 998, group: 998 }))?;
//! let options = prepared
//!     .into_iter()
//!     .fold(Options::new(), |options, (name, it)| options.inherit(name, it));
//! let linux = Linux::open_with(options)?;
//! # Ok(())
//! # }
//! ```

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
    set_keep_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use super::egress::Speeches;
use super::precedence;
use super::sieve::Sieve;
use super::sys;
use crate::Result;
use crate::error::About as _;

/// Who a process is for the kernel: two numbers, as `/etc/passwd` has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The number of a user.
    pub user: u32,
    /// The number of a group.
    pub group: u32,
}

impl Identity {
    /// That of this process.
    pub fn of_this_process() -> Self {
        Self {
            user: rustix::process::geteuid().as_raw(),
            group: rustix::process::getegid().as_raw(),
        }
    }
}

/// Does what takes more than a node needs, as far as the kernel lets us: allows what
/// [`Options::before_others`](super::Options::before_others) asks for to the calling thread and what
/// it starts (`CAP_SYS_RESOURCE`, or `CAP_SYS_NICE`, by which they have it from here on), and loads
/// the programs by which a dead node falls silent in time, and a flood stays outside (`CAP_BPF`).
///
/// Returns the descriptors of these programs, by name: for
/// [`Options::inherit`](super::Options::inherit), perhaps in another process, and to be handed on
/// from one to the next. None of them where the kernel refuses; the node does without.
#[must_use = "the programs go with their descriptors"]
pub fn prepare() -> Vec<(String, OwnedFd)> {
    if let Err(error) = precedence::allow() {
        tracing::debug!(%error, "SCHED_FIFO cannot be allowed");
    }
    let speeches = Speeches::load().and_then(Speeches::into_descriptors);
    let mut loaded = speeches.unwrap_or_else(|error| {
        tracing::debug!(%error, "no lease of speech");
        Vec::new()
    });
    match Sieve::load().and_then(Sieve::into_descriptors) {
        Ok(sieve) => loaded.extend(sieve),
        Err(error) => tracing::debug!(%error, "no sieve"),
    }
    loaded
}

/// Becomes `identity`, where one is given, and keeps no more than `CAP_NET_ADMIN` and `CAP_NET_RAW`,
/// as far as they are there: for itself, and for whatever it starts, which can get no others
/// (`no_new_privs`).
///
/// # Errors
///
/// Where there is another thread, which would keep everything; where the kernel does not let this
/// process become somebody else (`CAP_SETUID`, `CAP_SETGID`).
pub fn give_up(identity: Option<Identity>) -> Result<()> {
    must_be_the_only_thread().about(ABOUT)?;
    give_up_those_of_this_thread(identity)
}

/// Identities and capabilities belong to a thread.
fn give_up_those_of_this_thread(identity: Option<Identity>) -> Result<()> {
    let kept = capabilities(None).about(ABOUT)?.permitted & NEEDED;
    shrink_bounding_set().about(ABOUT)?;
    if let Some(Identity { user, group }) = identity {
        let about = format!("becoming user {user}, group {group}");
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
        set_keep_capabilities(true).about(&about)?;
        if !is_without_groups() {
            set_thread_groups(&[]).about(&about)?;
        }
        set_thread_res_gid(group, group, group).about(&about)?;
        set_thread_res_uid(user, user, user).about(&about)?;
    } else if let Err(error) = set_thread_groups(&[]) {
        tracing::debug!(%error, "supplementary groups stay");
    }
    let sets = CapabilitySets {
        effective: kept,
        permitted: kept,
        inheritable: kept,
    };
    set_capabilities(None, sets).about(ABOUT)?;
    clear_ambient_capability_set().about(ABOUT)?;
    for capability in kept.iter() {
        configure_capability_in_ambient_set(capability, true).about(ABOUT)?;
    }
    set_no_new_privs(true).about(ABOUT)
}

/// Has the kernel refuse system calls of all threads of this process, and of whatever it starts, by
/// a program of classic BPF over `struct seccomp_data`: its instructions are `code`, `jt`, `jf` and
/// `k`. What it refuses with an error number the kernel tells in its log, where there is one.
///
/// # Errors
///
/// Where the kernel has no seccomp, or [`give_up`] has not been called and it takes
/// `CAP_SYS_ADMIN`.
pub fn filter_system_calls(program: impl IntoIterator<Item = (u16, u8, u8, u32)>) -> Result<()> {
    let instruction = |(code, jt, jf, k)| libc::sock_filter { code, jt, jf, k };
    let mut program: Vec<_> = program.into_iter().map(instruction).collect();
    sys::filter_system_calls(&mut program).about("seccomp")
}

fn must_be_the_only_thread() -> io::Result<()> {
    match fs::read_dir("/proc/self/task")?.count() {
        1 => Ok(()),
        count => Err(io::Error::other(format!(
            "{count} threads run, and only one would give them up"
        ))),
    }
}

/// Whoever has no right to change them may have none to change.
fn is_without_groups() -> bool {
    rustix::process::getgroups().is_ok_and(|groups| groups.is_empty())
}

/// What is not in it no program can ever get. It takes `CAP_SETPCAP`; whoever starts this process
/// without that has seen to it.
fn shrink_bounding_set() -> io::Result<()> {
    let numbers = 0..u64::BITS;
    let all = numbers.map(|number| CapabilitySet::from_bits_retain(1 << number));
    for capability in all.filter(|capability| !NEEDED.contains(*capability)) {
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            Err(Errno::INVAL) => break, // there are no more
            Err(Errno::PERM) => {
                tracing::debug!("the bounding set stays as it is");
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

const ABOUT: &str = "privileges";
const NEEDED: CapabilitySet = CapabilitySet::NET_ADMIN.union(CapabilitySet::NET_RAW);

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::thread;

    use rustix::thread::no_new_privs;

    use super::*;
    use crate::linux::precedence::Precedence;

    const NOBODY: Identity = Identity {
        user: 65_534,
        group: 65_534,
    };

    /// Looks at a thread, and at what it starts.
    fn must_have_given_up() {
        const TWO: &str = "0000000000003000";
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let sets = status.lines().filter(|line| line.starts_with("Cap"));
        for line in sets {
            assert_eq!(line.split_once(":\t").unwrap().1, TWO, "{line}");
        }
        assert!(no_new_privs().unwrap());
        let mut started = Command::new("grep");
        let started = started.args(["^Cap", "/proc/self/status"]).output();
        let told = String::from_utf8(started.unwrap().stdout).unwrap();
        assert_eq!(told.matches(TWO).count(), 5, "{told}");
    }

    #[test]
    fn all_but_two_capabilities_go_for_good() {
        let needed = NEEDED | CapabilitySet::SETPCAP | CapabilitySet::SETUID;
        if !capabilities(None).unwrap().permitted.contains(needed) {
            assert!(std::env::var_os("CI").is_none(), "CI runs as root");
            return eprintln!("skipped: run as root");
        }
        for identity in [None, Some(NOBODY)] {
            let test = move || {
                give_up_those_of_this_thread(identity).unwrap();
                must_have_given_up();
                if identity.is_some() {
                    let user = rustix::process::geteuid();
                    assert_eq!(user.as_raw(), NOBODY.user);
                    assert_eq!(rustix::process::getegid().as_raw(), NOBODY.group);
                    assert!(is_without_groups());
                    assert!(fs::read("/etc/shadow").is_err(), "no CAP_DAC_OVERRIDE");
                    let back = set_thread_res_uid(user, Uid::ROOT, user);
                    assert_eq!(back, Err(Errno::PERM));
                    // Once more, as a program does that runs again.
                    give_up_those_of_this_thread(identity).unwrap();
                }
                must_have_given_up();
            };
            thread::spawn(test).join().unwrap();
        }
    }

    #[test]
    fn precedence_outlives_the_right_to_take_it() {
        let test = || {
            let may = capabilities(None).unwrap().permitted;
            if !Precedence::Node.take() {
                assert!(!may.contains(CapabilitySet::SYS_NICE), "refused");
                return; // nothing to test, as in a container
            }
            drop(prepare());
            give_up_those_of_this_thread(None).unwrap();
            assert!(Precedence::Supervisor.take());
            let engine = thread::spawn(|| {
                assert!(Precedence::Node.take());
                thread::spawn(|| Precedence::Node.take()).join()
            });
            assert!(engine.join().unwrap().unwrap());
        };
        thread::spawn(test).join().unwrap();
    }

    #[test]
    fn nothing_is_given_up_where_another_thread_would_keep_it() {
        let error = give_up(None).unwrap_err().to_string();
        assert!(error.contains("threads run, and only one"), "{error}");
    }
}
