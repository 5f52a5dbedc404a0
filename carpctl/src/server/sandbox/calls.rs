//! The system calls that an engine may make, by seccomp.
//!
//! What is not listed fails as if the kernel had no such call (`ENOSYS`), and the kernel logs it: the
//! C library and Rust have a way out of that, and a call that somebody has forgotten here costs a
//! function, not the addresses. Nothing that an intruder would want is on the list: no program can
//! be started, no memory become code, and no socket be made but of the kinds that CARP needs.

use std::collections::BTreeMap;
use std::fmt;

use carp_net::linux::privileges;

/// What became of confining this process to some system calls.
#[derive(Debug)]
pub(crate) struct Calls(Result<(), String>);

impl Calls {
    /// Lets all threads of this process make only the calls that an engine needs once everything is
    /// open.
    pub(crate) fn confine() -> Self {
        Self(filter::program().and_then(|program| {
            privileges::filter_system_calls(program).map_err(|error| error.to_string())
        }))
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(()) => f.write_str("seccomp on"),
            Err(why) => write!(f, "seccomp off: {why}"),
        }
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod filter {
    pub(super) fn program() -> Result<[(u16, u8, u8, u32); 0], String> {
        Err("the system calls of this processor are not listed".to_owned())
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod filter {
    use seccompiler::SeccompCmpArgLen::Dword;
    use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
    use seccompiler::{BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule};

    use super::*;

    type Instruction = (u16, u8, u8, u32);

    pub(super) fn program() -> Result<Vec<Instruction>, String> {
        let program = compile().map_err(|error| error.to_string())?;
        let parts = |it: seccompiler::sock_filter| (it.code, it.jt, it.jf, it.k);
        Ok(program.into_iter().map(parts).collect())
    }

    fn compile() -> Result<BpfProgram, seccompiler::BackendError> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
        for call in CALLS.iter().chain(OF_THIS_PROCESSOR) {
            rules.insert(*call, Vec::new()); // whatever its arguments
        }
        for (call, argument, values) in ONE_OF {
            let allow = |value: &i32| {
                let value = u64::from(value.cast_unsigned());
                let condition = SeccompCondition::new(*argument, Dword, Eq, value)?;
                SeccompRule::new(vec![condition])
            };
            let allowed: Result<Vec<_>, _> = values.iter().map(allow).collect();
            rules.insert(*call, allowed?);
        }
        for (call, argument, mask, value) in MASKED {
            let (mask, value) = [mask, value].map(|it| u64::from(it.cast_unsigned())).into();
            let condition = SeccompCondition::new(*argument, Dword, MaskedEq(mask), value)?;
            rules.insert(*call, vec![SeccompRule::new(vec![condition])?]);
        }
        let absent = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
        let processor = std::env::consts::ARCH.try_into()?;
        SeccompFilter::new(rules, absent, SeccompAction::Allow, processor)?.try_into()
    }

    /// Of every processor.
    const CALLS: &[i64] = &[
        // Memory, and what Rust and the C library do by themselves.
        libc::SYS_brk,
        libc::SYS_madvise,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_futex,
        libc::SYS_getrandom,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_geteuid,
        libc::SYS_getegid,
        libc::SYS_getuid,
        libc::SYS_getgid,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_exit,
        libc::SYS_exit_group,
        // Time.
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_timerfd_settime,
        // Waiting.
        libc::SYS_epoll_ctl,
        libc::SYS_epoll_pwait,
        libc::SYS_ppoll,
        libc::SYS_eventfd2,
        // What is open.
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_pread64,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_lseek,
        libc::SYS_close,
        libc::SYS_dup,
        libc::SYS_dup3,
        libc::SYS_fcntl,
        libc::SYS_fstat,
        // Files, as far as Landlock and the user's rights go.
        libc::SYS_openat,
        libc::SYS_newfstatat,
        libc::SYS_statx,
        libc::SYS_unlinkat,
        libc::SYS_renameat,
        libc::SYS_renameat2,
        libc::SYS_fsync,
        // Sockets that are there.
        libc::SYS_accept4,
        libc::SYS_bind,
        libc::SYS_connect,
        libc::SYS_getpeername,
        libc::SYS_getsockname,
        libc::SYS_getsockopt,
        libc::SYS_setsockopt,
        libc::SYS_shutdown,
        libc::SYS_recvfrom,
        libc::SYS_recvmsg,
        libc::SYS_recvmmsg,
        libc::SYS_sendmsg,
        libc::SYS_sendmmsg,
        libc::SYS_sendto,
    ];

    /// Of one processor, where others have a newer call only.
    #[cfg(target_arch = "x86_64")]
    const OF_THIS_PROCESSOR: &[i64] = &[
        libc::SYS_epoll_wait,
        libc::SYS_poll,
        libc::SYS_rename,
        libc::SYS_stat,
        libc::SYS_lstat,
        libc::SYS_unlink,
        libc::SYS_dup2,
    ];
    #[cfg(not(target_arch = "x86_64"))]
    const OF_THIS_PROCESSOR: &[i64] = &[];

    /// The values that an argument may have.
    const ONE_OF: &[(i64, u8, &[i32])] = &[
        (
            libc::SYS_socket,
            0,
            &[
                libc::AF_UNIX,
                libc::AF_INET,
                libc::AF_INET6,
                libc::AF_NETLINK,
                libc::AF_PACKET,
            ],
        ),
        // Non-blocking or not, closed on exec, and how much there is to read.
        (libc::SYS_ioctl, 1, &[FIONBIO, FIOCLEX, FIONREAD]),
    ];

    /// The bits of an argument that matter, and what they have to be.
    const MASKED: &[(i64, u8, i32, i32)] = &[
        // No memory is code that was not.
        (libc::SYS_mmap, 2, libc::PROT_EXEC, 0),
        (libc::SYS_mprotect, 2, libc::PROT_EXEC, 0),
        // A thread, no process.
        (libc::SYS_clone, 0, libc::CLONE_THREAD, libc::CLONE_THREAD),
    ];

    const FIONBIO: i32 = 0x5421;
    const FIOCLEX: i32 = 0x5451;
    const FIONREAD: i32 = 0x541b;
}
