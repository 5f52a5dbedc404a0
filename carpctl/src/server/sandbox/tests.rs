//! What is confined, in processes of their own: this test program itself, in another part.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;

use rustix::net::{AddressFamily, SocketType, socket};

use super::*;

const PART: &str = "CARPCTL_TEST_PART";
const DIRECTORY: &str = "CARPCTL_TEST_DIRECTORY";

/// What this process does when it is not the test itself.
#[test]
fn part() {
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap_or_default());
    match std::env::var(PART).as_deref() {
        Ok("files") => try_files(&directory),
        Ok("calls") => try_calls(),
        Ok("without") => try_without(),
        _ => {}
    }
}

fn play(part: &str) -> (Output, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "server::sandbox::tests::part", "--nocapture"])
        .env(PART, part)
        .env(DIRECTORY, directory.path())
        .env_remove("RUST_BACKTRACE")
        .output();
    (output.unwrap(), directory)
}

fn must_succeed(part: &str) -> String {
    let (output, _directory) = play(part);
    assert!(output.status.success(), "{part}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether the kernel of this machine has it; that of CI must.
fn is_there(confined: &str, name: &str) -> bool {
    let is_there = confined.contains(&format!("{name} on"));
    assert!(is_there || std::env::var_os("CI").is_none(), "{confined}");
    if !is_there {
        eprintln!("skipped: {confined}");
    }
    is_there
}

// ---- files ----

fn try_files(own: &Path) {
    let other = tempfile::tempdir().unwrap();
    let secret = other.path().join("secret");
    fs::write(&secret, "x").unwrap();
    let open = File::open(&secret).unwrap();
    let files = Files::confine_to(&[own]);
    println!("{files}");
    if files.to_string().starts_with("Landlock off") {
        return;
    }
    // Its own, as journal and socket are made, replaced and removed.
    let (journal, new) = (own.join("journal"), own.join("journal.new"));
    fs::write(&new, "one").unwrap();
    fs::rename(&new, &journal).unwrap();
    fs::write(&journal, "two").unwrap();
    assert_eq!(fs::read(&journal).unwrap(), b"two");
    fs::remove_file(&journal).unwrap();
    std::os::unix::net::UnixListener::bind(own.join("socket")).unwrap();
    fs::read("/proc/sys/net/ipv4/conf/all/rp_filter").unwrap();
    fs::write("/dev/null", "x").unwrap();
    // What is open stays open.
    assert_eq!(io::read_to_string(open).unwrap(), "x");

    let denied = |done: io::Result<()>| {
        let kind = done.unwrap_err().kind();
        assert_eq!(kind, ErrorKind::PermissionDenied);
    };
    denied(fs::read("/etc/passwd").map(drop));
    denied(fs::write(&secret, "y"));
    denied(fs::read_dir("/").map(drop));
    denied(fs::remove_file(&secret));
    denied(fs::create_dir(own.join("directory")));
    denied(std::os::unix::fs::symlink("/etc/passwd", own.join("link")));
    denied(Command::new("/bin/true").status().map(drop));
    // And so do the threads that it starts.
    let from_thread = move || denied(fs::read("/etc/passwd").map(drop));
    thread::spawn(from_thread).join().unwrap();
}

#[test]
fn engine_reaches_no_files_but_its_own() {
    is_there(&must_succeed("files"), "Landlock");
}

// ---- system calls ----

fn try_calls() {
    // Beside this thread there is the one that waits for it.
    let waiting = thread::spawn(|| {
        thread::park();
        socket(AddressFamily::INET, SocketType::DGRAM, None).unwrap();
        let vsock = AddressFamily::VSOCK;
        socket(vsock, SocketType::DGRAM, None).unwrap_err()
    });
    let calls = Calls::confine();
    println!("{calls}");
    if calls.to_string().starts_with("seccomp off") {
        return;
    }
    let absent = |done: io::Result<()>| {
        let error = done.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOSYS), "{error}");
    };
    absent(Command::new("/bin/true").status().map(drop));
    absent(fs::create_dir("/tmp/never made"));
    absent(fs::set_permissions(
        "/",
        fs::metadata("/").unwrap().permissions(),
    ));
    absent(rustix::process::chdir("/").map_err(Into::into));
    absent(rustix::thread::set_name(c"other").map_err(Into::into));
    // Of all threads.
    waiting.thread().unpark();
    assert_eq!(waiting.join().unwrap(), rustix::io::Errno::NOSYS);
    // What needs no such call works.
    fs::read("/proc/self/statm").unwrap();
    thread::spawn(|| {}).join().unwrap();
}

#[test]
fn engine_makes_no_system_calls_but_those_of_carp() {
    is_there(&must_succeed("calls"), "seccomp");
}

// ---- a kernel that has neither ----

/// Lets `call` fail with this error, as kernels of another make do.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn forbid(call: i64, error: i32) {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    let error = SeccompAction::Errno(error.cast_unsigned());
    let processor = std::env::consts::ARCH.try_into().unwrap();
    let rules = [(call, Vec::new())].into();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, error, processor);
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    let parts = program.into_iter().map(|it| (it.code, it.jt, it.jf, it.k));
    privileges::filter_system_calls(parts).unwrap();
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn try_without() {
    rustix::thread::set_no_new_privs(true).unwrap();
    let files = || Files::confine_to(&[Path::new("/")]).to_string();
    forbid(libc::SYS_landlock_create_ruleset, libc::EOPNOTSUPP);
    assert_eq!(
        files(),
        "Landlock off: the kernel was started without it (lsm=landlock,...)"
    );
    forbid(libc::SYS_landlock_create_ruleset, libc::ENOSYS);
    // Of two filters the kernel takes the answer of the newer one.
    assert_eq!(files(), "Landlock off: the kernel has none");
    forbid(libc::SYS_seccomp, libc::ENOSYS);
    assert_eq!(
        Calls::confine().to_string(),
        "seccomp off: seccomp: Function not implemented (os error 38)"
    );
    println!("went on");
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn try_without() {
    println!("{}; went on", Calls::confine());
}

#[test]
fn kernel_without_them_is_told_of_and_served() {
    let said = must_succeed("without");
    assert!(said.contains("went on"), "{said}");
}
