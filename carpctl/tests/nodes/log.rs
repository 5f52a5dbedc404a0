//! The log of the real service in a journal that the test plays.

use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use crate::net::{Net, Node, PATIENCE, Terrain, V4};

/// Where the journal has its socket on a machine with systemd, and what is there on this node.
struct Journal {
    directory: tempfile::TempDir,
    socket: UnixDatagram,
}

impl Journal {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("socket")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { directory, socket }
    }

    /// `carpctl` with `words` on `node`, on a file system where this journal is that of systemd.
    fn command(&self, node: &Node, words: &str) -> Command {
        let script = format!(
            "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && \
             mount --bind {} /run/systemd/journal && exec {} {words}",
            self.directory.path().display(),
            env!("CARGO_BIN_EXE_carpctl")
        );
        let mut command = node.host.command("unshare");
        command.args(["--mount", "sh", "-c", &script]);
        command.env("CARPCTL_RUN_DIR", node.run_dir());
        command
    }

    /// The fields of the first message with all of these.
    fn waits_for(&self, fields: &[&str]) -> Vec<String> {
        let mut buffer = [0; 65_536];
        loop {
            let length = self.socket.recv(&mut buffer).unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]);
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            if fields.iter().all(|it| lines.iter().any(|line| line == it)) {
                return lines;
            }
        }
    }
}

/// What systemd says in the environment of a service whose standard error is `file`.
fn stream_of(file: impl AsFd) -> String {
    let found = rustix::fs::fstat(file).unwrap();
    format!("{}:{}", found.st_dev, found.st_ino)
}

#[test]
fn transitions_are_in_the_journal_with_their_fields() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    let journal = Journal::new();
    let (mut stderr, stream) = std::io::pipe().unwrap();
    let mut command = journal.command(node, "daemon");
    command.env("JOURNAL_STREAM", stream_of(&stream));
    let mut service = command.stderr(stream).spawn().unwrap();
    drop(command);
    let socket = node
        .run_dir()
        .join(format!("net-{}.sock", node.host.namespace().inode()));
    journal.waits_for(&[&format!("MESSAGE=listening on {}", socket.display())]);
    node.carpctl(&format!("carp0 vhid 99 pass x carpdev vmx0 {V4}"));
    let master = journal.waits_for(&["CARP_INTERFACE=carp0", "CARP_STATE=MASTER"]);
    for field in [
        "CARP_PREVIOUS=BACKUP",
        "CARP_REASON=master timed out (inet)",
        "MESSAGE_ID=3e91310c85b34cea8f2d4da4747e530e",
        "MESSAGE=carp0: state transition: BACKUP -> MASTER (master timed out (inet))",
        "PRIORITY=6",
        "SYSLOG_IDENTIFIER=carpctl",
    ] {
        assert!(master.iter().any(|it| it == field), "{field}: {master:#?}");
    }
    node.carpctl("-g carp carpdemote 50 owner haproxy");
    journal.waits_for(&[
        "CARP_GROUP=carp",
        "CARP_DEMOTION=50",
        "CARP_OWNER=haproxy",
        "PRIORITY=4",
    ]);
    let pid = rustix::process::Pid::from_child(&service);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(service.wait().unwrap().success());
    let mut said = String::new();
    std::io::Read::read_to_string(&mut stderr, &mut said).unwrap();
    assert_eq!(said, "", "nothing is said twice");
}

#[test]
fn service_in_the_background_logs_to_the_journal_where_there_is_one() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    let journal = Journal::new();
    let words = format!("carp0 vhid 99 pass x carpdev vmx0 {V4}");
    assert!(journal.command(node, &words).status().unwrap().success());
    journal.waits_for(&["CARP_INTERFACE=carp0", "CARP_STATE=BACKUP"]);
    node.carpctl("carp0 destroy");
    node.wait_until_idle();
}
