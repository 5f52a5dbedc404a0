//! A process apart from the rest of the machine: its own network, mounts and process numbers,
//! with or without root, ending with the process that asked for it.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Signal, getegid, geteuid, set_parent_process_death_signal};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::Result;
use crate::error::About as _;

/// Gives this process network and mount namespaces of its own, and its children to come a pid
/// namespace: the first child is its init, and when that ends the kernel ends all the others.
/// A process that may not do this does it in a user namespace of its own, as root of that.
///
/// Call it while the process has one thread only, then start the child and have that call
/// [`settle`].
///
/// # Errors
///
/// Where the kernel is set to forbid it; the error says which setting does.
pub fn isolate() -> Result<(), IsolationError> {
    let spaces = UnshareFlags::NEWNET | UnshareFlags::NEWNS | UnshareFlags::NEWPID;
    match unshare(spaces) {
        Err(Errno::PERM) => unshare_as_root_of_a_user_namespace(spaces)?,
        unshared => unshared.map_err(|errno| IsolationError::new(errno.into()))?,
    }
    // What is mounted from here on must not show on the rest of the machine.
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(|errno| IsolationError::new(errno.into()))
}

/// Completes [`isolate`] in the child: has the kernel end it when its parent ends, shows it its
/// own processes in `/proc`, and mounts an empty file system over the directory `scratch`.
///
/// The child's standard input must be a pipe whose other end only the parent holds: by that a
/// parent is noticed that ended before the kernel was asked to watch it.
///
/// # Errors
///
/// Where the parent has ended already or the file system cannot be mounted.
pub fn settle(scratch: &Path) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).about("parent death signal")?;
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).about("standard input")?;
    if fds.iter().any(|fd| fd.revents().contains(PollFlags::HUP)) {
        return Err(io::Error::from(io::ErrorKind::BrokenPipe)).about("parent process");
    }

    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    match mount("proc", "/proc", "proc", flags, None) {
        // Where a container hides parts of /proc the kernel refuses to show a new one in a user
        // namespace. The old one does, with other numbers in it.
        Err(Errno::PERM) => {}
        mounted => mounted.about("mounting /proc")?,
    }
    mount("tmpfs", scratch, "tmpfs", flags, Some(c"mode=755"))
        .about(format_args!("mounting a tmpfs on {}", scratch.display()))
}

fn unshare_as_root_of_a_user_namespace(spaces: UnshareFlags) -> Result<(), IsolationError> {
    let (user, group) = (geteuid(), getegid());
    unshare(spaces | UnshareFlags::NEWUSER).map_err(|errno| IsolationError::new(errno.into()))?;
    // A group map of an unprivileged process is accepted only without setgroups.
    let maps = [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {} 1", user.as_raw())),
        ("/proc/self/gid_map", format!("0 {} 1", group.as_raw())),
    ];
    for (file, content) in maps {
        fs::write(file, content).map_err(IsolationError::new)?;
    }
    Ok(())
}

fn unshare(spaces: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: only `UnshareFlags::FILES` can hurt other threads, and no caller passes it.
    unsafe { unshare_unsafe(spaces) }
}

/// Why [`isolate`] could not.
#[derive(Debug, thiserror::Error)]
pub struct IsolationError {
    source: io::Error,
    obstacle: Option<Obstacle>,
}

impl IsolationError {
    fn new(source: io::Error) -> Self {
        let obstacle = OBSTACLES.into_iter().find(|obstacle| obstacle.is_there());
        Self { source, obstacle }
    }

    /// The setting of the kernel that stands in the way, where one was found.
    pub const fn obstacle(&self) -> Option<Obstacle> {
        self.obstacle
    }
}

impl fmt::Display for IsolationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.obstacle {
            Some(Obstacle {
                setting,
                forbids,
                allows,
                binds_root: true,
            }) => write!(
                f,
                "{setting}={forbids} forbids new namespaces: as root, \
                 sysctl -w {setting}={allows}"
            ),
            Some(Obstacle {
                setting,
                forbids,
                allows,
                binds_root: false,
            }) => write!(
                f,
                "{setting}={forbids} lets only root make namespaces: run this as root, \
                 or, as root, sysctl -w {setting}={allows}"
            ),
            None if geteuid().is_root() => write!(
                f,
                "new namespaces: {}: a container must be started with --privileged",
                self.source
            ),
            None => write!(f, "new namespaces: {}: run this as root", self.source),
        }
    }
}

/// A setting of the kernel that forbids making namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Obstacle {
    /// The setting, as `sysctl` names it.
    pub setting: &'static str,
    /// The value that forbids.
    pub forbids: &'static str,
    /// A value that allows.
    pub allows: &'static str,
    /// Whether it forbids root too.
    pub binds_root: bool,
}

impl Obstacle {
    const fn unprivileged(
        setting: &'static str,
        forbids: &'static str,
        allows: &'static str,
    ) -> Self {
        Self {
            setting,
            forbids,
            allows,
            binds_root: false,
        }
    }

    const fn limit(setting: &'static str) -> Self {
        Self {
            setting,
            forbids: "0",
            allows: "1024",
            binds_root: true,
        }
    }

    fn is_there(self) -> bool {
        let file = format!("/proc/sys/{}", self.setting.replace('.', "/"));
        // A setting that this kernel does not have forbids nothing.
        fs::read_to_string(file).is_ok_and(|value| value.trim() == self.forbids)
    }
}

/// Those known: limits of every kernel, Debian's switch, Ubuntu's.
const OBSTACLES: [Obstacle; 6] = [
    Obstacle::limit("user.max_net_namespaces"),
    Obstacle::limit("user.max_mnt_namespaces"),
    Obstacle::limit("user.max_pid_namespaces"),
    Obstacle::unprivileged("user.max_user_namespaces", "0", "1024"),
    Obstacle::unprivileged("kernel.unprivileged_userns_clone", "0", "1"),
    Obstacle::unprivileged("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_that_says_what_to_do() {
        let said = OBSTACLES.map(|obstacle| {
            let error = IsolationError {
                source: io::Error::from(Errno::PERM),
                obstacle: Some(obstacle),
            };
            error.to_string()
        });
        assert_eq!(
            said[0],
            "user.max_net_namespaces=0 forbids new namespaces: as root, \
             sysctl -w user.max_net_namespaces=1024"
        );
        assert_eq!(
            said[5],
            "kernel.apparmor_restrict_unprivileged_userns=1 lets only root make namespaces: \
             run this as root, or, as root, \
             sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
        );
        assert!(said.iter().all(|line| !line.contains('\n')));
    }
}
