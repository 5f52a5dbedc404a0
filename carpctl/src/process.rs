//! What a process of this program is: its file, from which it starts others, and what it leaves.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// `carpctl hooks` as `role`, a word that only this program knows. It is in a process group of its
/// own: what a terminal sends to the service is not for hooks, which outlive it by a moment.
pub(crate) fn hooks(role: &str, on_demand: bool) -> Command {
    let mut command = Command::new(own_executable());
    command.arg0("carpctl").args(["hooks", role]);
    command.process_group(0);
    if on_demand {
        command.arg("--on-demand");
    }
    command
}

/// The file of this program, for running it again.
pub(crate) fn own_executable() -> PathBuf {
    // A program that was replaced while it ran has no path, but can still be run.
    match std::env::current_exe() {
        Ok(path) if path.exists() => path,
        Ok(_) | Err(_) => PathBuf::from("/proc/self/exe"),
    }
}

/// The program that was installed in the place of the one that this process runs, if one was.
pub(crate) fn installed_program() -> Option<PathBuf> {
    let running = std::env::current_exe().ok()?;
    let installed = without_mark(running.clone());
    (installed != running && installed.exists()).then_some(installed)
}

/// The path of a program, also where its file has been replaced already, which the kernel marks.
pub(crate) fn without_mark(path: PathBuf) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    match bytes.strip_suffix(b" (deleted)") {
        Some(replaced) if !path.exists() => PathBuf::from(OsStr::from_bytes(replaced)),
        Some(_) | None => path,
    }
}

/// Keeps what this process knows out of core dumps, and other users' debuggers away from it.
pub(crate) fn stay_out_of_core_dumps() {
    // Where the kernel refuses, there is nothing better to do than to go on.
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::debug!(%error, "core dumps stay possible");
    }
}
