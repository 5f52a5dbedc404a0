//! The network of one lane: two nodes, a client and a host that asks, on one switch.

use std::fs::File;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use carp_net::carp_fsm::Timestamp;
use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab::{Host, Lab, Watch};
use tempfile::TempDir;

use crate::{Result, pause, tell};

/// Made once, used for many runs.
#[derive(Debug)]
pub struct Network {
    // Hosts go before the switch that they are plugged into.
    /// The node that is preferred.
    pub one: Node,
    /// The other node.
    pub two: Node,
    /// Who uses what the nodes share.
    pub client: Host,
    /// Who asks where it is.
    pub asker: Host,
    /// The switch.
    pub lab: Lab,
}

impl Network {
    /// Makes a network in which nothing runs.
    ///
    /// # Errors
    ///
    /// Where the caller is not root.
    pub fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let host = |name, number| {
            let host = lab.host(name)?;
            give_addresses(&host, number)?;
            Ok::<_, crate::Error>(host)
        };
        let client = host("client", 50)?;
        let asker = host("asker", 51)?;
        let (one, two) = (host("one", 1)?, host("two", 2)?);
        Ok(Self {
            one: Node::watched(one, 1, &FAMILIES.map(shared_address))?,
            two: Node::watched(two, 2, &FAMILIES.map(shared_address))?,
            client,
            asker,
            lab,
        })
    }

    /// Makes both nodes as new: no process, no interface but a new carpdev, nobody parted.
    pub fn reset(&self) -> Result<()> {
        for node in [&self.one, &self.two] {
            node.end_processes()?;
            // A fault may have taken it already.
            if node.has_interface(CARPDEV)? {
                self.lab.remove_interface(&node.host)?;
            }
            self.give_carpdev(node)?;
        }
        Ok(())
    }

    /// Makes the carpdev of a node that has none.
    pub fn give_carpdev(&self, node: &Node) -> Result<()> {
        self.lab.add_interface(&node.host)?;
        give_addresses(&node.host, node.number)
    }
}

/// A host that runs a contender.
#[derive(Debug)]
pub struct Node {
    /// The machine.
    pub host: Host,
    /// The last octet of its own addresses.
    pub number: u8,
    /// None where nobody wants to know what it holds.
    watch: Option<Watch>,
    directory: TempDir,
    services: Mutex<Vec<Child>>,
}

impl Node {
    /// A node on which nothing runs yet, and of which it is not watched what it holds.
    ///
    /// # Errors
    ///
    /// Where there is no room for its files.
    pub fn new(host: Host, number: u8) -> Result<Self> {
        Ok(Self {
            host,
            number,
            watch: None,
            directory: tempfile::tempdir()?,
            services: Mutex::default(),
        })
    }

    fn watched(host: Host, number: u8, addresses: &[IpAddr]) -> Result<Self> {
        let watch = host.watch(addresses)?;
        let mut node = Self::new(host, number)?;
        node.watch = Some(watch);
        Ok(node)
    }

    /// Whether it is the one that is preferred.
    pub const fn is_preferred(&self) -> bool {
        self.number == 1
    }

    /// A file of its own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where its files are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts a service in the foreground, whose words go to the file `log`, behind those of the
    /// others that run.
    pub fn spawn(&self, mut command: Command) -> Result<u32> {
        let mut services = self.lock();
        if services.is_empty() {
            File::create(self.file(LOG))?;
        }
        let log = File::options().append(true).open(self.file(LOG))?;
        command.stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let child = command.spawn()?;
        let pid = child.id();
        services.push(child);
        Ok(pid)
    }

    /// What the service has said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.file(LOG)).unwrap_or_default()
    }

    /// Waits until the service that was started first has ended.
    pub fn wait_for_service(&self) -> Result<()> {
        let mut services = self.lock();
        if !services.is_empty() {
            services.remove(0).wait()?;
        }
        Ok(())
    }

    /// Ends all that runs on it, and removes what it has left in the directory.
    ///
    /// # Errors
    ///
    /// Where that cannot be ended or removed.
    pub fn end_processes(&self) -> Result<()> {
        self.host.kill_processes()?;
        for mut service in self.lock().drain(..) {
            service.wait()?;
        }
        // A file with the number of a process that was killed is in the way of the next one.
        for file in std::fs::read_dir(self.directory())? {
            std::fs::remove_file(file?.path())?;
        }
        Ok(())
    }

    /// Runs a program, which must succeed, and returns what it printed.
    pub fn run(&self, program: &str, words: &str) -> Result<String> {
        let mut command = self.host.command(program);
        command.args(words.split_whitespace());
        output_of(command)
    }

    /// Whether it has an interface with this name.
    pub fn has_interface(&self, name: &str) -> Result<bool> {
        let path = format!("/proc/sys/net/ipv4/conf/{name}");
        Ok(self.host.enter(|| Path::new(&path).exists())?)
    }

    /// Whether it holds the shared address of a family.
    pub fn holds(&self, family: Family) -> bool {
        let watch = self.watch.as_ref();
        watch.is_some_and(|watch| watch.holds(shared_address(family)))
    }

    /// Waits until it holds the shared address of a family, or does not.
    pub fn wait_for(&self, family: Family, held: bool, patience: Duration) -> Result<bool> {
        let mut left = patience;
        while !left.is_zero() {
            let step = left.min(STEP);
            let watch = self.watch.as_ref().ok_or("nobody watches this node")?;
            if watch.wait_for(shared_address(family), held, step) {
                return Ok(true);
            }
            pause(Duration::ZERO)?;
            left -= step;
        }
        Ok(self.holds(family) == held)
    }

    /// When it came to hold the shared address of a family, and when it ceased to.
    pub fn history(&self, family: Family) -> Vec<(Timestamp, bool)> {
        let changes = self.watch.iter().flat_map(Watch::changes);
        changes
            .filter(|change| change.address == shared_address(family))
            .map(|change| (change.time, change.held))
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Child>> {
        // A panic elsewhere leaves a list of whole children.
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // The host would end them too, but nobody would take note of it.
        if let Err(error) = self.end_processes() {
            tell(&format!("{}: {error}", self.host.name()));
        }
    }
}

/// What a command that must succeed printed.
pub fn output_of(mut command: Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        let program = Path::new(command.get_program()).file_name();
        let program = program.unwrap_or_default().to_string_lossy().into_owned();
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{program} {}: {}", words.join(" "), said.trim()).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program is there to be run.
pub fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// The address that the nodes share, with the length of its network.
pub const fn shared(family: Family) -> &'static str {
    match family {
        Family::Inet => "192.0.2.10/24",
        Family::Inet6 => "2001:db8::10/64",
    }
}

/// The address that the nodes share.
pub const fn shared_address(family: Family) -> IpAddr {
    match family {
        Family::Inet => IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 10)),
        Family::Inet6 => IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10)),
    }
}

/// Gives a host its own addresses.
///
/// # Errors
///
/// Where it has them already.
pub fn give_addresses(host: &Host, number: u8) -> Result<()> {
    host.add_address(&format!("192.0.2.{number}/24"))?;
    host.add_address(&format!("2001:db8::{number}/64"))?;
    Ok(())
}

/// In each of them there is an address to share.
pub const FAMILIES: [Family; 2] = [Family::Inet, Family::Inet6];
/// The interface of a node.
pub const CARPDEV: &str = "vmx0";
/// The number of what is shared.
pub const VHID: &str = "99";
/// Its password.
pub const PASS: &str = "SharedSecret";

const LOG: &str = "log";
/// How long a wait may go on after somebody wants the bench to end.
const STEP: Duration = Duration::from_millis(250);
