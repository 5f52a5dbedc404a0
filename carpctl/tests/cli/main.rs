//! The command line with the real binary: everything that needs no privilege and no network.
//!
//! Where a service is needed, the test plays it: it listens where the service of this namespace
//! would, looks at what the client sends, and answers what it likes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

mod examples;
mod files;
mod golden;
mod interfaces;
mod learning;
mod packaging;
#[path = "../ran/mod.rs"]
mod ran;
mod secrets;
mod services;
mod sim;
mod watch;
mod words;

use ran::{Ran, ran, says};

/// A directory for sockets, in which nothing runs yet.
struct Bench {
    directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_carpctl"));
        command
            .args(words)
            .env("CARPCTL_RUN_DIR", self.directory.path())
            // As clap takes it where it writes to no terminal.
            .env("COLUMNS", "80")
            .env("CARPCTL_ETC_DIR", self.etc())
            .env_remove("CREDENTIALS_DIRECTORY")
            .stdin(Stdio::null());
        command
    }

    /// What is `/etc` to the command line; not there unless a test makes it.
    fn etc(&self) -> PathBuf {
        self.directory.path().join("etc")
    }

    fn run(&self, line: &str) -> Ran {
        let words: Vec<&str> = line.split_whitespace().collect();
        ran(self.command(&words).output().unwrap())
    }

    /// Where the service of this namespace listens.
    fn socket(&self) -> PathBuf {
        let inode = fs::metadata("/proc/self/ns/net").unwrap().ino();
        self.directory.path().join(format!("net-{inode}.sock"))
    }

    fn listen(&self) -> UnixListener {
        UnixListener::bind(self.socket()).unwrap()
    }

    /// Starts a client, and waits until it has asked its question.
    fn ask(&self, listener: &UnixListener, command: &mut Command) -> (Child, UnixStream, String) {
        let client = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stream, _) = listener.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        (client, stream, line)
    }

    /// What a client makes of `answer`.
    fn answered(&self, line: &str, answer: &[u8]) -> Ran {
        let listener = self.listen();
        let words: Vec<&str> = line.split_whitespace().collect();
        let (client, mut stream, _) = self.ask(&listener, &mut self.command(&words));
        // The client may hang up before it has read all of it.
        stream.write_all(answer).ok();
        drop((stream, listener));
        fs::remove_file(self.socket()).unwrap();
        ran(client.wait_with_output().unwrap())
    }
}

#[test]
fn reading_without_a_service() {
    let bench = Bench::new();
    let sysctl = "net.inet.carp.allow=1\nnet.inet.carp.preempt=0\nnet.inet.carp.log=6\n\
                  net.inet.carp.lease=1\nnet.inet.carp.announce=60\nnet.inet.carp.demotion=0\n";
    for (line, expected) in [
        ("", says(0, "", "")),
        ("-a", says(0, "", "")),
        ("carp", says(0, "", "")),
        ("--json", says(0, "[]\n", "")),
        ("carp0", says(1, "", "carpctl: carp0: no such interface\n")),
        (
            "carp0 --json",
            says(1, "", "carpctl: carp0: no such interface\n"),
        ),
        ("show", says(0, "", "")),
        ("show carp", says(0, "", "")),
        (
            "show carp0",
            says(1, "", "carpctl: carp0: no such interface\n"),
        ),
        ("stats", says(0, NOTHING_COUNTED, "")),
        ("stats carp", says(0, NOTHING_COUNTED, "")),
        (
            "stats carp0",
            says(1, "", "carpctl: carp0: no such interface\n"),
        ),
        ("metrics", says(0, &no_metrics(), "")),
        ("sysctl", says(0, sysctl, "")),
        ("sysctl -a", says(0, sysctl, "")),
        ("sysctl -an", says(0, "1\n0\n6\n1\n60\n0\n", "")),
        ("-g carp", says(0, "carp: carp demote count 0\n", "")),
        (
            "-g web",
            says(
                1,
                "",
                "carpctl: web: no such interface group (there are: carp); `group' puts an \
                 interface into one\n",
            ),
        ),
        (
            "-g carp --json",
            says(
                0,
                "{\n  \"group\": \"carp\",\n  \"demotion\": 0,\n  \"demotions\": [],\n  \
                 \"interfaces\": []\n}\n",
                "",
            ),
        ),
        ("sysctl net.inet.carp", says(0, sysctl, "")),
        ("sysctl -n net.inet.carp.preempt", says(0, "0\n", "")),
        (
            "sysctl --json net.inet.carp.preempt net.inet.carp.announce",
            says(
                0,
                "{\n  \"net.inet.carp.announce\": 60,\n  \"net.inet.carp.preempt\": 0\n}\n",
                "",
            ),
        ),
    ] {
        assert_eq!(bench.run(line), expected, "carpctl {line}");
    }
    assert_eq!(fs::read_dir(bench.directory.path()).unwrap().count(), 0);
}

/// What Prometheus is told where no service runs.
fn no_metrics() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "# HELP carp_up Whether the service runs\n# TYPE carp_up gauge\ncarp_up 0\n\
         # HELP carp_build_info Always 1; the version of carpctl that runs\n\
         # TYPE carp_build_info gauge\ncarp_build_info{{version=\"{version}\"}} 1\n"
    )
}

/// What `netstat -s -p carp` prints where CARP did nothing.
const NOTHING_COUNTED: &str = "carp:
\t0 packets received (IPv4)
\t0 packets received (IPv6)
\t\t0 packets discarded for bad interface
\t\t0 packets discarded for wrong TTL
\t\t0 packets shorter than header
\t\t0 discarded for bad checksums
\t\t0 discarded packets with a bad version
\t\t0 discarded because packet too short
\t\t0 discarded for bad authentication
\t\t0 discarded for unknown vhid
\t\t0 discarded because of a bad address list
\t0 packets sent (IPv4)
\t0 packets sent (IPv6)
\t\t0 send failed due to mbuf memory error
\t0 transitions to master
";

#[test]
fn socket_that_nobody_listens_on_is_no_service() {
    let bench = Bench::new();
    drop(bench.listen());
    assert_eq!(bench.run(""), says(0, "", ""));
    assert_eq!(bench.run("carp0").code, Some(1));
}

/// Says why a test does not run; where everything must run, that is a failure.
fn skip(why: &str) {
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "skipped: {why}");
    eprintln!("skipped: {why}");
}
