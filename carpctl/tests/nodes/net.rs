//! A switch, a client, a host that asks, and two nodes that run the service.

use std::fs::Permissions;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

use carp_net::lab::{self, Asker, Echo, EchoReport, Host, Lab};
use serde_json::Value;

use crate::watchdog::{self, Watched};

pub(crate) const V4: &str = "192.0.2.10/24";
pub(crate) const V6: &str = "2001:db8::10/64";
pub(crate) const PASS: &str = "SharedSecret";

/// How long anything may take that is not measured.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

/// Whom the service runs as: a user that has nothing else on any machine.
pub(crate) const USER: &str = "60112";

/// The network of one test.
pub(crate) struct Net {
    // Nodes and hosts go before the switch they are plugged into.
    pub(crate) one: Node,
    pub(crate) two: Node,
    pub(crate) client: Host,
    pub(crate) asker: Host,
    pub(crate) lab: Lab,
    quiet: Option<Quiet>,
    #[expect(dead_code, reason = "held")]
    watched: Watched,
}

/// Read where echoes are counted or time is measured, written where a network is made or taken
/// down: that holds a lock of the kernel's that a take-over would wait for.
static MEASURING: RwLock<()> = RwLock::new(());

/// What keeps others from disturbing.
#[expect(dead_code, reason = "held")]
enum Quiet {
    /// Nobody makes a network or takes one down.
    Measured(RwLockReadGuard<'static, ()>),
    /// Nobody measures.
    Changing(RwLockWriteGuard<'static, ()>),
}

impl Quiet {
    fn measured() -> Self {
        Self::Measured(MEASURING.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn changing() -> Self {
        Self::Changing(MEASURING.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A host that runs the service.
pub(crate) struct Node {
    pub(crate) host: Host,
    run_dir: tempfile::TempDir,
    /// The service cannot write here, unlike in its run directory.
    etc: tempfile::TempDir,
}

/// What a network is like.
#[derive(Clone, Copy, Default)]
pub(crate) struct Terrain {
    /// The carpdevs have no address, not even a link-local one.
    pub(crate) bare: bool,
    pub(crate) forwarding: bool,
    pub(crate) rp_filter: bool,
}

impl Net {
    /// Makes it, or says why not. Until it goes no other is made or taken down, so that time can be
    /// measured.
    pub(crate) fn new(terrain: Terrain) -> Option<Self> {
        let mut net = Self::beside_others(terrain)?;
        net.quiet = Some(Quiet::measured());
        Some(net)
    }

    /// Makes it, or says why not. Others may come and go meanwhile, so that only states and
    /// counters can be looked at, with patience.
    pub(crate) fn beside_others(terrain: Terrain) -> Option<Self> {
        let watched = Watched::new();
        let _quiet = Quiet::changing();
        let lab = match Lab::new() {
            Ok(lab) => lab,
            Err(error) => {
                assert!(
                    std::env::var_os("CI").is_none(),
                    "skipped, which CI forbids: {error}"
                );
                eprintln!("skipped: cannot make network namespaces (run as root): {error}");
                return None;
            }
        };
        let client = lab.host("client").unwrap();
        client.add_address("192.0.2.50/24").unwrap();
        client.add_address("2001:db8::50/64").unwrap();
        let asker = lab.host("asker").unwrap();
        asker.add_address("192.0.2.51/24").unwrap();
        asker.add_address("2001:db8::51/64").unwrap();
        let one = Node::new(&lab, "one", 1, terrain);
        let two = Node::new(&lab, "two", 2, terrain);
        Some(Self {
            one,
            two,
            client,
            asker,
            lab,
            quiet: None,
            watched,
        })
    }

    /// Configures both nodes alike, but for the skew of the second: 100.
    pub(crate) fn configure(&self, words: &str) {
        self.one
            .carpctl(&format!("carp0 vhid 99 pass {PASS} carpdev vmx0 {words}"));
        self.two.carpctl(&format!(
            "carp0 vhid 99 pass {PASS} carpdev vmx0 advskew 100 {words}"
        ));
    }

    /// Waits until one node is master and the other backup.
    pub(crate) fn wait_for_master(&self, master: &Node, backup: &Node) {
        master.wait_for("MASTER", PATIENCE);
        backup.wait_for("BACKUP", PATIENCE);
    }

    /// Starts 1,000 echoes a second to each address, once each answers.
    pub(crate) fn echoes(&self, addresses: &[&str]) -> Vec<Echo> {
        let start = |address: &&str| {
            let echo = self.client.echo(ip(address), 1_000).unwrap();
            assert!(
                echo.wait_for_answers(100, PATIENCE),
                "{address} does not answer"
            );
            echo
        };
        addresses.iter().map(start).collect()
    }

    /// A third host asks for each address every 10 ms from now on.
    pub(crate) fn asks(&self, addresses: &[&str]) -> Vec<Asker> {
        let ask = |address: &&str| {
            self.asker
                .ask(ip(address), Duration::from_millis(10))
                .unwrap()
        };
        addresses.iter().map(ask).collect()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        // The own turn to measure ends first.
        self.quiet = None;
        // Goes after all that is taken down here.
        self.quiet = Some(Quiet::changing());
    }
}

impl Node {
    pub(crate) fn new(lab: &Lab, name: &str, number: u8, terrain: Terrain) -> Self {
        let host = lab.host(name).unwrap();
        watchdog::belongs_to_this_test(host.namespace());
        if terrain.bare {
            host.set_sysctl("net/ipv6/conf/vmx0/addr_gen_mode", "1")
                .unwrap();
            host.set_up("vmx0", false).unwrap();
            host.set_up("vmx0", true).unwrap();
        } else {
            host.add_address(&format!("192.0.2.{number}/24")).unwrap();
            host.add_address(&format!("2001:db8::{number}/64")).unwrap();
        }
        if terrain.forwarding {
            host.set_forwarding(true).unwrap();
        }
        if terrain.rp_filter {
            for interface in ["all", "default", "vmx0"] {
                let setting = format!("net/ipv4/conf/{interface}/rp_filter");
                host.set_sysctl(&setting, "1").unwrap();
            }
        }
        Self {
            host,
            run_dir: tempfile::tempdir().unwrap(),
            etc: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn run_dir(&self) -> &Path {
        self.run_dir.path()
    }

    /// What is `/etc` to this node's `carpctl`.
    pub(crate) fn etc(&self) -> PathBuf {
        self.etc.path().to_owned()
    }

    /// Writes a file that nobody else can read below `/etc`.
    pub(crate) fn write_etc(&self, name: &str, text: &str) {
        let path = self.etc().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }

    /// `carpctl` with `words`, ready to run on this node.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = self.host.command(env!("CARGO_BIN_EXE_carpctl"));
        command.args(words.split_whitespace());
        command.env("CARPCTL_RUN_DIR", self.run_dir.path());
        command.env("CARPCTL_ETC_DIR", self.etc());
        command.env_remove("CREDENTIALS_DIRECTORY");
        command.env("CARPCTL_USER", USER);
        command.env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::null());
        command
    }

    /// Runs `carpctl` with `words`, whatever comes of it.
    pub(crate) fn try_carpctl(&self, words: &str) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs `carpctl` with `words`, which must succeed, and returns what it printed.
    pub(crate) fn carpctl(&self, words: &str) -> String {
        let output = self.try_carpctl(words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "carpctl {words}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `carpctl` with `words`, which must be refused (1: it cannot be done, 2: the words make
    /// no sense), and returns what it said.
    pub(crate) fn refused(&self, words: &str) -> String {
        let output = self.try_carpctl(words);
        assert!(
            matches!(output.status.code(), Some(1 | 2)),
            "carpctl {words}"
        );
        String::from_utf8(output.stderr).unwrap()
    }

    /// Copies a program. Another program does it: while this one writes the copy, a child of another
    /// test could keep it open, and it could not be run.
    pub(crate) fn copy_program(&self, program: &str, to: &Path) {
        self.run("cp", &format!("{program} {}", to.display()));
    }

    /// Runs another program on this node, which must succeed, and returns what it printed.
    pub(crate) fn run(&self, program: &str, words: &str) -> String {
        let output = self
            .host
            .command(program)
            .args(words.split_whitespace())
            .output();
        let output = output.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {words}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The index of carp0 as the kernel of the node says it.
    pub(crate) fn index(&self) -> String {
        let link = self.run("ip", "-o link show carp0");
        link.split(':').next().unwrap().to_owned()
    }

    /// What `ifconfig carp0` shows in the how-to, with the index that carp0 has on this node.
    pub(crate) fn as_in_the_how_to(&self, state: &str, advskew: u8) -> String {
        format!(
            "carp0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500\n\
             \tlladdr 00:00:5e:00:01:63\n\
             \tindex {index} priority 15 llprio 3\n\
             \tcarp: {state} carpdev vmx0 vhid 99 advbase 1 advskew {advskew}\n\
             \tgroups: carp\n\
             \tstatus: {status}\n\
             \tinet 192.0.2.10 netmask 0xffffff00 broadcast 192.0.2.255\n",
            index = self.index(),
            status = state.to_lowercase(),
        )
    }

    /// carp0 as data.
    pub(crate) fn json(&self) -> Value {
        let all: Vec<Value> = serde_json::from_str(&self.carpctl("carp0 --json")).unwrap();
        all.into_iter().next().unwrap()
    }

    /// How often carp0 has changed its state, up to the 16 times that are remembered.
    pub(crate) fn transitions(&self) -> usize {
        let all: Value = serde_json::from_str(&self.carpctl("why carp0 --json")).unwrap();
        all[0]["transitions"].as_array().unwrap().len()
    }

    /// INIT, BACKUP or MASTER.
    pub(crate) fn state(&self) -> String {
        self.json()["carp"]["state"].as_str().unwrap().to_owned()
    }

    /// Waits until the state is `state`; returns how long that took.
    pub(crate) fn wait_for(&self, state: &str, patience: Duration) -> Duration {
        let start = lab::now();
        while self.state() != state {
            let waited = lab::now() - start;
            assert!(
                waited < patience,
                "{} is {}, not {state}",
                self.host.name(),
                self.state()
            );
            thread::sleep(Duration::from_millis(10));
        }
        lab::now() - start
    }

    /// Waits until a service listens. No command is asked, which might start one itself.
    pub(crate) fn wait_until_it_listens(&self) {
        let inode = self.host.namespace().inode();
        let socket = self.run_dir().join(format!("net-{inode}.sock"));
        wait_until("the service listens", || {
            UnixStream::connect(&socket).is_ok()
        });
    }

    /// The process that runs the election on this node.
    pub(crate) fn engine(&self) -> lab::Process {
        self.process(true)
    }

    /// The process that keeps the engine running; the engine itself where it has no other.
    pub(crate) fn supervisor(&self) -> lab::Process {
        self.process(false)
    }

    fn process(&self, engine: bool) -> lab::Process {
        let mut services = self.services();
        let alone = services.len() == 1;
        services.retain(|process| alone || has_word(process, "--engine") == engine);
        assert_eq!(services.len(), 1, "one service on {}", self.host.name());
        services.remove(0)
    }

    /// The processes of the service on this node.
    pub(crate) fn services(&self) -> Vec<lab::Process> {
        let mut processes = self.host.namespace().processes().unwrap();
        // Not those of commands that run at the moment.
        processes.retain(|process| has_word(process, "daemon"));
        processes
    }

    /// Waits until no process is left on this node.
    pub(crate) fn wait_until_idle(&self) {
        let idle = || self.host.namespace().processes().unwrap().is_empty();
        wait_until("the service has ended", idle);
    }
}

/// Whether a process was started with `word` on its command line.
pub(crate) fn has_word(process: &lab::Process, word: &str) -> bool {
    let line = std::fs::read(format!("/proc/{}/cmdline", process.pid())).unwrap_or_default();
    line.split(|byte| *byte == 0)
        .any(|found| found == word.as_bytes())
}

/// Waits until `what` holds.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = lab::now();
    while !holds() {
        assert!(lab::now() - start < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Ends echoes and wants every one of them answered.
pub(crate) fn none_lost(echoes: Vec<Echo>, when: &str) {
    for report in stop(echoes) {
        assert!(report.sent() > 100, "{when}: {report}");
        assert_eq!(report.lost(), 0, "{when}: {report}\n{:#?}", report.gaps());
    }
}

pub(crate) fn stop(echoes: Vec<Echo>) -> Vec<EchoReport> {
    echoes
        .into_iter()
        .map(|echo| echo.stop().unwrap())
        .collect()
}

/// Lets time pass in which something must not happen.
pub(crate) fn let_pass(span: Duration) {
    thread::sleep(span);
}

/// The address in front of the prefix length.
pub(crate) fn ip(address: &str) -> IpAddr {
    address.split('/').next().unwrap().parse().unwrap()
}
