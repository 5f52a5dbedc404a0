//! What the service may do. All other tests here run it as a user of no rights, in its sandbox; these
//! look at that, and at the other ways to run it.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, chown};

use carp_net::lab::Process;

use crate::net::{Net, Node, PATIENCE, Terrain, USER, V4, V6, none_lost, wait_until};

/// A line of what the kernel tells of the first thread of a process, without its name.
fn status(process: &Process, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let words = line.unwrap().trim_start_matches(':').split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

/// `CAP_NET_ADMIN` and `CAP_NET_RAW`, as the kernel writes them.
const TWO: &str = "0000000000003000";

fn must_have_little_as(node: &Node, user: &str) {
    for process in node.services() {
        for name in ["Uid", "Gid"] {
            assert_eq!(status(&process, name), [user; 4].join(" "), "{name}");
        }
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(status(&process, set), TWO, "{set}");
        }
        assert_eq!(status(&process, "Groups"), "");
        assert_eq!(status(&process, "NoNewPrivs"), "1");
    }
    // Last of all it puts a filter on its system calls, once everything is open.
    let is_filtered = || status(&node.engine(), "Seccomp") == "2";
    wait_until("the system calls of the engine are filtered", is_filtered);
    assert_eq!(
        status(&node.supervisor(), "Seccomp"),
        "0",
        "what it puts on, no successor takes off"
    );
    assert_eq!(node.services().len(), 2);
}

#[test]
fn service_is_a_user_of_two_capabilities_and_stays_so() {
    let Some(net) = Net::new(Terrain::default()) else {
        return;
    };
    net.configure(&format!("{V4} {V6}"));
    net.wait_for_master(&net.one, &net.two);
    must_have_little_as(&net.one, USER);
    net.one.carpctl("restart");
    must_have_little_as(&net.one, USER);
    let killed = net.one.engine();
    killed.kill().unwrap();
    wait_until("the engine is replaced", || {
        let services = net.one.services();
        services.len() == 2 && services.iter().all(|it| it.pid() != killed.pid())
    });
    must_have_little_as(&net.one, USER);
    // And it still does what a master has to.
    let echoes = net.echoes(&[V4, V6]);
    net.one.carpctl("carp0 state backup");
    net.two.wait_for("MASTER", PATIENCE);
    none_lost(echoes, "hand-over by a user of two capabilities");
}

/// Where there is no such user, root has no more than that user would.
#[test]
fn service_of_root_has_two_capabilities() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    for node in [&net.one, &net.two] {
        let mut create = node.command("carp0 create");
        let created = create.env("CARPCTL_USER", "root").status();
        assert!(created.unwrap().success());
        must_have_little_as(node, "0");
    }
    net.configure(&format!("{V4} {V6}"));
    net.wait_for_master(&net.one, &net.two);
    net.one.carpctl("carp0 down");
    net.two.wait_for("MASTER", PATIENCE);
    net.one.carpctl("restart");
    must_have_little_as(&net.one, "0");
}

#[test]
fn user_that_is_not_there_is_said_to_whoever_starts_the_service() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let mut create = net.one.command("carp0 create");
    let refused = create.env("CARPCTL_USER", "nosuchuser").output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        "carpctl: carp0: the service could not be started: \
         nosuchuser: not a user of /etc/passwd (give its number)\n"
    );
    net.one.wait_until_idle();
}

/// The control socket, once there is one. No command is asked, which might start a service.
fn socket_of(node: &Node) -> Option<fs::Metadata> {
    let files = fs::read_dir(node.run_dir()).unwrap();
    let mut all = files.filter_map(|file| fs::symlink_metadata(file.ok()?.path()).ok());
    all.find(|file| file.file_type().is_socket())
}

/// As systemd starts it: it is that user, and has these capabilities, already.
#[test]
fn service_that_is_started_as_its_user_needs_no_root() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let node = &net.one;
    // Where the binary is, that user may have no way to.
    let program = node.run_dir().join("carpctl");
    node.copy_program(env!("CARGO_BIN_EXE_carpctl"), &program);
    let user = Some(USER.parse().unwrap());
    chown(node.run_dir(), user, user).unwrap();
    let two = "-all,+net_admin,+net_raw";
    let mut daemon = node.host.command("setpriv");
    daemon
        .args(["--reuid", USER, "--regid", USER, "--clear-groups"])
        .args([
            "--inh-caps",
            two,
            "--ambient-caps",
            two,
            "--bounding-set",
            two,
        ])
        .arg(&program)
        .arg("daemon")
        .env("CARPCTL_RUN_DIR", node.run_dir());
    let mut daemon = daemon.spawn().unwrap();
    node.wait_until_it_listens();
    node.carpctl("carp0 create"); // it answers when it has confined itself
    must_have_little_as(node, USER);
    net.configure(&format!("{V4} {V6}"));
    net.wait_for_master(node, &net.two);
    node.supervisor().terminate().unwrap();
    net.two.wait_for("MASTER", PATIENCE);
    assert!(daemon.wait().unwrap().success());
}

/// A user without CAP_CHOWN gives a socket only to a group that it is in.
#[test]
fn socket_belongs_to_the_group_that_it_is_for() {
    const GROUP: u32 = 60_114;
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let mut daemon = net.one.command(&format!("daemon --group {GROUP}"));
    let mut daemon = daemon.spawn().unwrap();
    let is_given = |socket: fs::Metadata| (socket.gid(), socket.mode() & 0o777) == (GROUP, 0o660);
    wait_until("the socket is the group's", || {
        socket_of(&net.one).is_some_and(is_given)
    });
    let owner = socket_of(&net.one).map(|socket| socket.uid().to_string());
    assert_eq!(owner.as_deref(), Some(USER));
    net.one.supervisor().terminate().unwrap();
    assert!(daemon.wait().unwrap().success());
}
