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

mod ran;
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
            .stdin(Stdio::null());
        command
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

// ---- reading starts nothing ----

#[test]
fn reading_without_a_service() {
    let bench = Bench::new();
    let sysctl = "net.inet.carp.preempt=0\nnet.inet.carp.lease=1\nnet.inet.carp.announce=60\n\
                  net.inet.carp.demotion=0\n";
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
        ("stats", says(0, NOTHING_COUNTED, "")),
        ("stats carp", says(0, NOTHING_COUNTED, "")),
        (
            "stats carp0",
            says(1, "", "carpctl: carp0: no such interface\n"),
        ),
        ("sysctl", says(0, sysctl, "")),
        ("sysctl -a", says(0, sysctl, "")),
        ("sysctl -an", says(0, "0\n1\n60\n0\n", "")),
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

// ---- words ----

#[test]
fn misunderstood_words_exit_2_and_start_nothing() {
    let bench = Bench::new();
    for (line, expected) in [
        (
            "carp0 advskw 100",
            "carp0: `advskw': unknown keyword (did you mean `advskew'?)",
        ),
        (
            "carp0 vhid 300",
            "carp0: `vhid 300': out of range (1 to 255)",
        ),
        (
            "carp0 vhid",
            "carp0: `vhid': a number from 1 to 255 must follow",
        ),
        (
            "carp0 inet 192.0.2.10 255.255.255.0",
            "carp0: `255.255.255.0': looks like a netmask: write `netmask 255.255.255.0'",
        ),
        (
            "carp0 carpnodes 1:0",
            "carp0: `carpnodes': load balancing is not supported: make one interface for each vhid",
        ),
        (
            "vmx0",
            "vmx0: not the name of a carp interface (carp0, carp1, ...)",
        ),
        (
            "carp00 vhid 1",
            "carp00: not the name of a carp interface (carp0, carp1, ...)",
        ),
        (
            "-g",
            "`-g': the name of a group must follow (`carpctl -g carp')",
        ),
        (
            "-g carp carpdemote 129",
            "carp: invalid carp demotion: `129' is too large (0 to 128)",
        ),
        (
            "carp0 carpdemote",
            "carp0: `carpdemote': a group is demoted, not an interface: \
             `carpctl -g carp carpdemote'",
        ),
        (
            "demote 50 owner x",
            "demote: `-- COMMAND' must follow: the demotion lasts as long as it runs",
        ),
        (
            "demote 50 owner x sleep 1",
            "demote: `sleep': unexpected word (carpctl demote N [group NAME] owner NAME -- \
             COMMAND)",
        ),
        ("deamon", "deamon: unknown command (did you mean `daemon'?)"),
        (
            "sysctl net.inet.carp.premept=1",
            "sysctl: `net.inet.carp.premept': unknown name (did you mean `net.inet.carp.preempt'?)",
        ),
        (
            "sysctl net.inet.carp.preempt=2",
            "sysctl: `net.inet.carp.preempt=2': out of range (0 to 1)",
        ),
        (
            "sysctl kern.hostname",
            "sysctl: `kern.hostname': unknown name (`carpctl sysctl' shows all)",
        ),
    ] {
        let expected = says(2, "", &format!("carpctl: {expected}\n"));
        assert_eq!(bench.run(line), expected, "carpctl {line}");
    }
    assert_eq!(fs::read_dir(bench.directory.path()).unwrap().count(), 0);
}

#[test]
fn misunderstood_options_are_told_in_one_line() {
    let bench = Bench::new();
    for (line, expected) in [
        (
            "--frobnicate",
            "`--frobnicate': unknown option (allowed: --all, --json, --help, --version); \
             see `carpctl --help'",
        ),
        (
            "--jsn sysctl",
            "`--jsn': unknown option (did you mean `--json'?); see `carpctl --help'",
        ),
        (
            "--json=1",
            "`--json=1': takes no value; see `carpctl --help'",
        ),
        ("help foo", "`foo': unknown command; see `carpctl --help'"),
        (
            "sysctl -x",
            "sysctl: `-x': unknown option (allowed: --all, -n, --json, NAME[=VALUE], --help); \
             see `carpctl sysctl --help'",
        ),
        (
            "--json sysctl -n -n",
            "sysctl: `-n': said twice; see `carpctl sysctl --help'",
        ),
        (
            "sysctl -a net.inet.carp.preempt=1",
            "sysctl: `--all': cannot be said together with [NAME[=VALUE]]...; \
             see `carpctl sysctl --help'",
        ),
        (
            "daemon foo",
            "daemon: `foo': unexpected word (allowed: --group, --unsupervised, --help); \
             see `carpctl daemon --help'",
        ),
        (
            "daemon --group",
            "daemon: `--group': NAME|GID must follow; see `carpctl daemon --help'",
        ),
        (
            "demo --fault foo",
            "demo: `--fault foo': must be stop or kill; see `carpctl demo --help'",
        ),
        (
            "demo --fault",
            "demo: `--fault': stop or kill must follow; see `carpctl demo --help'",
        ),
    ] {
        let expected = says(2, "", &format!("carpctl: {expected}\n"));
        assert_eq!(bench.run(line), expected, "carpctl {line}");
    }
}

#[test]
fn spaces_in_an_assignment_are_pointed_at() {
    let bench = Bench::new();
    let meant = "(write NAME=VALUE: `net.inet.carp.preempt=1')";
    for said in [
        "net.inet.carp.preempt = 1",
        "net.inet.carp.preempt= 1",
        "net.inet.carp.preempt =1",
    ] {
        let expected = format!("carpctl: sysctl: `{said}': spaces around `=' {meant}\n");
        assert_eq!(bench.run(&format!("sysctl {said}")), says(2, "", &expected));
    }
    let expected = "carpctl: sysctl: `=1': no name before `=' (write NAME=VALUE)\n";
    assert_eq!(bench.run("sysctl =1"), says(2, "", expected));
    let expected = "carpctl: sysctl: `net.inet.carp.preempt=': not a number from 0 to 1\n";
    let ran = bench.run("sysctl net.inet.carp.preempt=");
    assert_eq!(ran, says(2, "", expected));
}

#[test]
fn words_that_no_terminal_should_see_are_escaped() {
    let bench = Bench::new();
    let clear = "vh\nid\u{1b}[2J";
    let shown = r"vh\nid\u{1b}[2J";
    for (words, expected) in [
        (
            &["carp0", clear][..],
            format!("carp0: `{shown}': unknown keyword (`carpctl --help' shows all)"),
        ),
        (
            &["carp0", "vhid", clear],
            format!("carp0: `vhid {shown}': not a number from 1 to 255"),
        ),
        (
            &[clear],
            format!("{shown}: not the name of a carp interface (carp0, carp1, ...)"),
        ),
        (
            &["sysctl", clear],
            format!("sysctl: `{shown}': unknown name (`carpctl sysctl' shows all)"),
        ),
        (
            &["demo", "--fault", clear],
            format!("demo: `--fault {shown}': must be stop or kill; see `carpctl demo --help'"),
        ),
    ] {
        let ran = ran(bench.command(words).output().unwrap());
        assert_eq!(ran, says(2, "", &format!("carpctl: {expected}\n")));
    }
    let help = ran(bench.command(&[clear, "--help"]).output().unwrap());
    assert_eq!(
        help.out.lines().next(),
        Some(&*format!("Usage: carpctl {shown} WORD..."))
    );
}

#[test]
fn words_that_are_no_text_are_told_in_one_line() {
    let bench = Bench::new();
    for (before, expected) in [
        (
            &[][..],
            "`v\u{fffd}': not readable as text; see `carpctl --help'",
        ),
        (&["carp0"], "carp0: `v\u{fffd}': not readable as text"),
        (
            &["sysctl"],
            "sysctl: `v\u{fffd}': not readable as text; see `carpctl sysctl --help'",
        ),
    ] {
        let mut command = bench.command(before);
        let output = command.arg(OsStr::from_bytes(b"v\xff")).output().unwrap();
        let expected = says(2, "", &format!("carpctl: {expected}\n"));
        assert_eq!(ran(output), expected, "{before:?}");
    }
}

#[test]
fn help_and_version_fit_a_terminal() {
    let bench = Bench::new();
    let version = format!("carpctl {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(bench.run("--version"), says(0, &version, ""));
    for line in [
        "--help",
        "-h",
        "carp0 --help",
        "-g carp --help",
        "sysctl --help",
        "stats --help",
        "demote --help",
        "restart --help",
        "daemon --help",
        "decode --help",
        "demo --help",
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ran = ran(bench.command(&words).env("COLUMNS", "80").output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{line}");
        for line in ran.out.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn reader_that_went_away_is_no_failure() {
    let bench = Bench::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = bench.command(&["--help"]);
    let output = command.stdout(writer).stderr(Stdio::piped()).spawn();
    assert_eq!(
        ran(output.unwrap().wait_with_output().unwrap()),
        says(0, "", "")
    );
}

#[test]
fn others_than_root_are_told_that_changes_need_root() {
    let bench = Bench::new();
    for (words, about) in [
        (&["carp0", "vhid", "1"][..], "carp0"),
        (&["sysctl", "net.inet.carp.preempt=1"][..], "sysctl"),
    ] {
        let mut command = bench.command(words);
        if rustix::process::geteuid().is_root() {
            command.uid(65534).gid(65534).current_dir("/");
        }
        let Ok(output) = command.output() else {
            return skip("nobody cannot run the binary where it is");
        };
        let expected = format!("carpctl: {about}: permission denied: changes need root\n");
        assert_eq!(ran(output), says(1, "", &expected));
    }
}

// ---- secrets ----

#[test]
fn password_leaves_the_command_line_at_once() {
    let bench = Bench::new();
    let listener = bench.listen();
    let mut command = bench.command(&[
        "carp0",
        "vhid",
        "99",
        "pass",
        "SharedSecret",
        "carpdev",
        "vmx0",
    ]);
    let (mut client, mut stream, request) = bench.ask(&listener, &mut command);
    let of_client = |file: &str| fs::read(format!("/proc/{}/{file}", client.id()));
    let words = of_client("cmdline").unwrap();
    let words: Vec<&[u8]> = words.split(|byte| *byte == 0).skip(1).collect();
    assert_eq!(words.join(&b' '), b"carp0 vhid 99 pass - carpdev vmx0 ");
    assert_eq!(of_client("comm").unwrap(), b"carpctl\n");
    // Only root can read this of a process that keeps out of core dumps.
    let environment = of_client("environ").unwrap_or_default();
    assert!(!String::from_utf8_lossy(&environment).contains("SharedSecret"));
    // The service gets it, in a form that no other part of the message has.
    assert!(request.contains("53686172656453656372657400"), "{request}");
    assert!(!request.contains("SharedSecret"));
    stream
        .write_all(b"{\"version\":1,\"message\":{\"done\":{\"notes\":[]}}}\n")
        .unwrap();
    assert!(client.wait().unwrap().success());
}

#[test]
fn password_comes_from_standard_input_or_a_file() {
    let bench = Bench::new();
    let listener = bench.listen();
    let file = bench.directory.path().join("key");
    fs::write(&file, "SharedSecret\nsomething else\n").unwrap();
    let requests = [
        bench.command(&["carp0", "passfile", file.to_str().unwrap()]),
        bench.command(&["carp0", "pass", "-"]),
    ]
    .map(|mut command| {
        command.stdin(fs::File::open(&file).unwrap());
        let (mut client, stream, request) = bench.ask(&listener, &mut command);
        drop(stream);
        assert_eq!(client.wait().unwrap().code(), Some(1));
        request
    });
    assert!(
        requests[0].contains("53686172656453656372657400"),
        "{}",
        requests[0]
    );
    assert_eq!(requests[0], requests[1]);
}

#[test]
fn password_troubles_are_told_without_the_password() {
    let bench = Bench::new();
    assert_eq!(
        bench.run("carp0 pass -"),
        says(1, "", "carpctl: carp0: no password on standard input\n")
    );
    assert_eq!(
        bench.run("carp0 passfile /nonexistent"),
        says(
            1,
            "",
            "carpctl: carp0: /nonexistent: No such file or directory (os error 2)\n"
        )
    );
    // A word in the wrong place behind a password is pointed at, the password is not.
    let ran = bench.run("carp0 pass SharedSecret vhid");
    assert_eq!(ran.code, Some(2));
    assert!(!ran.err.contains("SharedSecret"), "{}", ran.err);
    let ran = bench.run("carp0 vhid pass SharedSecret");
    assert_eq!(ran.code, Some(2));
    assert!(!ran.err.contains("SharedSecret"), "{}", ran.err);
}

#[test]
fn long_password_is_cut_with_a_note() {
    let bench = Bench::new();
    let done = b"{\"version\":1,\"message\":{\"done\":{\"notes\":[]}}}\n";
    let note = "carpctl: carp0: only the first 19 bytes of the password count, as on OpenBSD\n";
    let long = bench.answered("carp0 pass abcdefghijklmnopqrst", done);
    assert_eq!(long, says(0, "", note));
    let short = bench.answered("carp0 pass abcdefghijklmnopqrs", done);
    assert_eq!(short, says(0, "", ""));
}

// ---- services of every kind ----

const REPORT: &str = r#"{"version":1,"message":{"interface":{"name":"carp0",
    "flags":["UP","BROADCAST","RUNNING","SIMPLEX","MULTICAST"],"mtu":1500,
    "lladdr":"00:00:5e:00:01:63","index":4,"priority":15,"llprio":3,
    "carp":{"state":"BACKUP","carpdev":"vmx0","vhid":99,"advbase":1,"advskew":100},
    "groups":["carp"],"status":"backup","addresses":[{"family":"inet","address":"192.0.2.10",
    "prefixlen":24,"broadcast":"192.0.2.255","installed":false}],
    "link":{"up":true,"running":false}}}}"#;

fn report_and_end() -> Vec<u8> {
    let report = REPORT.replace("\n    ", "");
    format!("{report}\n{{\"version\":1,\"message\":\"end\"}}\n").into_bytes()
}

#[test]
fn interface_is_shown_as_ifconfig_shows_it() {
    let bench = Bench::new();
    let expected = "carp0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500\n\
                    \tlladdr 00:00:5e:00:01:63\n\
                    \tindex 4 priority 15 llprio 3\n\
                    \tcarp: BACKUP carpdev vmx0 vhid 99 advbase 1 advskew 100\n\
                    \tgroups: carp\n\
                    \tstatus: backup\n\
                    \tinet 192.0.2.10 netmask 0xffffff00 broadcast 192.0.2.255\n";
    for line in ["", "-a", "carp", "carp0"] {
        let shown = bench.answered(line, &report_and_end());
        assert_eq!(shown, says(0, expected, ""), "carpctl {line}");
    }
    let json = bench.answered("carp0 --json", &report_and_end());
    let value: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let address = value.pointer("/0/addresses/0").unwrap();
    assert_eq!(address.get("installed"), Some(&false.into()));
    assert_eq!(value.pointer("/0/link/running"), Some(&false.into()));
}

/// What a service tells of itself, of an interface and of the one peer of that.
const STATS: &str = r#"{"version":1,"message":{"stats":{"counters":{"ipackets":3,"badttl":2}}}}
{"version":1,"message":{"stats":{"name":"carp0","counters":{"ipackets":1,"reflected":1},"peers":[{"source":"192.0.2.2","counters":{"ipackets":1,"counted later":5}}]}}}
{"version":1,"message":"end"}
"#;

#[test]
fn counters_are_shown_as_netstat_shows_them() {
    let bench = Bench::new();
    let service = NOTHING_COUNTED
        .replace("0 packets received (IPv4)", "3 packets received (IPv4)")
        .replace(
            "0 packets discarded for wrong",
            "2 packets discarded for wrong",
        );
    let shown = bench.answered("stats", STATS.as_bytes());
    assert_eq!(shown, says(0, &service, ""));
    let interface = NOTHING_COUNTED
        .replace("carp:", "carp0:")
        .replace("0 packets received (IPv4)", "1 packet received (IPv4)");
    let ours = "\t0 packets not sent\n\t1 own packet that came back\n\
                \t0 freezes of the service\n\t0 changes by another program\n";
    let shown = bench.answered("stats carp0", STATS.as_bytes());
    assert_eq!(shown, says(0, &format!("{interface}{ours}"), ""));
    for line in ["stats --json", "--json stats", "stats carp0 --json"] {
        let shown = bench.answered(line, STATS.as_bytes());
        let value: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
        for (pointer, expected) in [
            ("/counters/badttl", 2),
            ("/counters/ostates", 0),
            ("/interfaces/0/counters/reflected", 1),
            ("/interfaces/0/peers/0/counters/ipackets", 1),
        ] {
            let found = value.pointer(pointer);
            assert_eq!(found, Some(&expected.into()), "{line}: {pointer}");
        }
        assert_eq!(
            value.pointer("/interfaces/0/peers/0/source"),
            Some(&"192.0.2.2".into())
        );
    }
}

#[test]
fn settings_are_changed_as_sysctl_does() {
    let bench = Bench::new();
    let answer = b"{\"version\":1,\"message\":{\"settings\":\
                   {\"before\":{\"preempt\":false},\"now\":{\"preempt\":true}}}}\n";
    let shown = bench.answered("sysctl net.inet.carp.preempt=1", answer);
    assert_eq!(shown, says(0, "net.inet.carp.preempt: 0 -> 1\n", ""));
    let shown = bench.answered("sysctl -n net.inet.carp.preempt=1", answer);
    assert_eq!(shown, says(0, "1\n", ""));
}

#[test]
fn refusals_and_notes_go_to_standard_error() {
    let bench = Bench::new();
    let refused = b"{\"version\":1,\"message\":{\"refused\":{\"reason\":\"not today\"}}}\n";
    let expected = says(1, "", "carpctl: carp0: not today\n");
    assert_eq!(bench.answered("carp0 up", refused), expected);
    assert_eq!(bench.answered("carp0", refused), expected);
    let done = b"{\"version\":1,\"message\":{\"done\":{\"notes\":[\"by the way\"]}}}\n";
    let expected = says(0, "", "carpctl: carp0: by the way\n");
    assert_eq!(bench.answered("carp0 up", done), expected);
}

#[test]
fn answers_that_make_no_sense_are_failures() {
    let bench = Bench::new();
    let understood = "a control message cannot be understood";
    let version = "the other side speaks version 2 of the control protocol, this one version 1: \
                   use the same carpctl for both (restart the service after an upgrade)";
    let long = [b'x'; 70_000];
    for (answer, expected) in [
        (&b"\n"[..], understood),
        (b"hello\n", understood),
        (b"{\"version\":1,\"message\":{\"sing\":{}}}\n", understood),
        (b"{\"version\":2,\"message\":{\"sing\":{}}}\n", version),
        (&long, "a control message is longer than 65536 bytes"),
    ] {
        for line in ["carp0", "carp0 up"] {
            let expected = says(1, "", &format!("carpctl: carp0: {expected}\n"));
            assert_eq!(bench.answered(line, answer), expected, "carpctl {line}");
        }
    }
}

#[test]
fn nobody_is_told_that_an_unanswered_change_was_not_made() {
    let bench = Bench::new();
    for answer in [&b""[..], b"{\"version\":1,\"mess"] {
        let ended = "carpctl: carp0: the service ended without an answer";
        assert_eq!(
            bench.answered("carp0", answer),
            says(1, "", &format!("{ended}\n"))
        );
        let perhaps = "the change may or may not have been made (`carpctl' shows what is)";
        let expected = says(1, "", &format!("{ended}: {perhaps}\n"));
        assert_eq!(bench.answered("carp0 up", answer), expected);
    }
}

#[test]
fn service_that_is_about_to_end_is_none() {
    let bench = Bench::new();
    let ending = b"{\"version\":1,\"message\":\"ending\"}\n";
    assert_eq!(bench.answered("", ending), says(0, "", ""));
    let expected = says(1, "", "carpctl: carp0: no such interface\n");
    assert_eq!(bench.answered("carp0", ending), expected);
}

#[test]
fn key_is_told_to_nobody_but_root_or_oneself() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can be somebody else");
    }
    let bench = Bench::new();
    let socket = bench.socket();
    // The credentials of a listener are those of whoever made it listen: nobody, here.
    fs::set_permissions(bench.directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let nobody = std::thread::spawn(move || {
        let nobody = rustix::process::Uid::from_raw(65534);
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        UnixListener::bind(socket).unwrap()
    });
    let listener = nobody.join().unwrap();
    let asked = bench.run("carp0 vhid 1 pass SharedSecret");
    let expected = "carpctl: carp0: the service that listens is run neither by root nor by you\n";
    assert_eq!(asked, says(1, "", expected));
    let (mut stream, _) = listener.accept().unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"");
}

/// Says why a test does not run; where everything must run, that is a failure.
fn skip(why: &str) {
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "skipped: {why}");
    eprintln!("skipped: {why}");
}
