//! This project's own program, as systemd runs it.

use std::env;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab;

use crate::{CARPDEV, Network, Node, PASS, Result, VHID, output_of, pause, shared};

/// A `carpctl` that can be run on nodes.
#[derive(Clone, Debug)]
pub struct Program(PathBuf);

impl Program {
    /// The one at `path`.
    ///
    /// # Errors
    ///
    /// Where there is no such file.
    pub fn at(path: &Path) -> Result<Self> {
        let there = path.canonicalize();
        let there = there.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(there))
    }

    /// The one at `path`, or without a path the one of this repository, which is built.
    ///
    /// # Errors
    ///
    /// Where there is no such file, or it cannot be built.
    pub fn chosen(path: Option<&Path>) -> Result<Self> {
        path.map_or_else(Self::build, Self::at)
    }

    /// The one of this repository, which is built.
    ///
    /// # Errors
    ///
    /// Where it cannot be built.
    pub fn build() -> Result<Self> {
        // This program is TARGET/release/deps/BENCH-….
        let own = env::current_exe()?;
        let target = own.ancestors().nth(3).ok_or("no target directory")?;
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let status = Command::new(cargo)
            .args(["build", "--release", "--locked", "-p", "carpctl"])
            .arg("--manifest-path")
            .arg(manifest)
            .arg("--target-dir")
            .arg(target)
            .status()?;
        if !status.success() {
            return Err("carpctl could not be built".into());
        }
        Ok(Self(target.join("release/carpctl")))
    }

    /// Has a virtual host with an IPv4 address on both nodes of a network, and node one be master.
    ///
    /// # Errors
    ///
    /// Where that does not become master.
    pub fn start_pair(&self, net: &Network) -> Result<()> {
        let addresses = shared(Family::Inet);
        for (node, advskew) in [(&net.one, 0), (&net.two, 100)] {
            self.start(node)?;
            let words = format!(
                "carp0 vhid {VHID} pass {PASS} carpdev {CARPDEV} advskew {advskew} {addresses}"
            );
            self.run(node, &words)?;
            if node.is_preferred() && !node.wait_for(Family::Inet, true, PATIENCE)? {
                return Err(format!("did not become master: {}", node.log().trim()).into());
            }
        }
        pause(SETTLED)
    }

    /// What it says its version is.
    ///
    /// # Errors
    ///
    /// Where it cannot be run.
    pub fn version(&self) -> Result<String> {
        let mut command = Command::new(&self.0);
        command.arg("--version");
        Ok(output_of(command)?.trim().to_owned())
    }

    /// Starts the service on a node and waits until it listens.
    ///
    /// # Errors
    ///
    /// What it said where it does not start.
    pub fn start(&self, node: &Node) -> Result<()> {
        node.spawn(self.command(node, "daemon"))?;
        let socket = Self::socket(node);
        let deadline = lab::now() + PATIENCE;
        // That of a service that was killed is still there, but nobody listens to it.
        while UnixStream::connect(&socket).is_err() {
            if lab::now() > deadline {
                return Err(format!("carpctl daemon: {}", node.log().trim()).into());
            }
            pause(Duration::from_millis(2))?;
        }
        Ok(())
    }

    /// Where the service of a node listens.
    pub fn socket(node: &Node) -> PathBuf {
        node.file(&format!("net-{}.sock", node.host.namespace().inode()))
    }

    /// Runs it with these words, which must succeed; returns what it printed.
    ///
    /// # Errors
    ///
    /// Where it does not succeed.
    pub fn run(&self, node: &Node, words: &str) -> Result<String> {
        output_of(self.command(node, words))
    }

    /// Has the service on a node do what the files in `directory` say, `hostname.carp0` and so on.
    ///
    /// # Errors
    ///
    /// Where not all of it could be done.
    pub fn netstart(&self, node: &Node, directory: &Path) -> Result<()> {
        let mut command = self.command(node, "netstart");
        command.env("CARPCTL_ETC_DIR", directory);
        output_of(command).map(drop)
    }

    fn command(&self, node: &Node, words: &str) -> Command {
        let mut command = node.host.command(&self.0);
        command.args(words.split_whitespace());
        command.env("CARPCTL_RUN_DIR", node.directory());
        command
    }
}

/// How long a start may take, and becoming master.
const PATIENCE: Duration = Duration::from_secs(12);
/// Past the announcements of a new master.
const SETTLED: Duration = Duration::from_secs(4);
