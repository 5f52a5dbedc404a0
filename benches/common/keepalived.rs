//! Debian's `keepalived`: what it is told, and how it is run.

use std::fmt;
use std::process::Command;

use crate::{Node, Result, is_installed};

/// One `vrrp_instance`, which makes all the difference; the rest is what it does by default.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// The interface that it speaks on.
    pub interface: String,
    /// The number of the virtual router.
    pub number: String,
    /// How much it is preferred.
    pub priority: u8,
    /// Whether it takes over from a worse one.
    pub preempts: bool,
    /// The name of an interface with a virtual MAC address, if there is to be one.
    pub vmac: Option<String>,
    /// What is shared, with the length of its network.
    pub address: String,
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "vrrp_instance {} {{", self.name)?;
        writeln!(f, "    state BACKUP\n    interface {}", self.interface)?;
        writeln!(f, "    virtual_router_id {}", self.number)?;
        writeln!(f, "    priority {}\n    advert_int 1", self.priority)?;
        if !self.preempts {
            writeln!(f, "    nopreempt")?;
        }
        if let Some(vmac) = &self.vmac {
            writeln!(f, "    use_vmac {vmac}")?;
        }
        let address = &self.address;
        writeln!(f, "    virtual_ipaddress {{\n        {address}\n    }}\n}}")
    }
}

/// What it says its version is; `None` where it is not installed.
pub fn version() -> Option<String> {
    let output = Command::new("keepalived").arg("-v").output().ok()?;
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Some(said.lines().next().unwrap_or("keepalived").to_owned())
}

/// The file that it is told in on a node.
///
/// # Errors
///
/// Where that cannot be written.
pub fn configure(node: &Node, instances: impl IntoIterator<Item = Instance>) -> Result<()> {
    let mut text = String::from("global_defs {\n}\n");
    for instance in instances {
        text += &instance.to_string();
    }
    Ok(std::fs::write(node.file(CONFIGURATION), text)?)
}

/// Starts it on a node that is [configured](configure): a parent process watches over the one that
/// speaks.
///
/// # Errors
///
/// Where it is not installed.
pub fn start(node: &Node) -> Result<()> {
    if !is_installed("keepalived") {
        return Err("keepalived: not installed".into());
    }
    let mut command = node.host.command("keepalived");
    command.args(["--dont-fork", "--log-console", "--no-syslog", "--vrrp"]);
    command.arg("-f").arg(node.file(CONFIGURATION));
    command.arg("-p").arg(node.file("keepalived.pid"));
    command.arg("-r").arg(node.file("vrrp.pid"));
    node.spawn(command).map(drop)
}

/// The priority of a node, which makes the same skew as the others have, 0 and 100/256 s: it is
/// (256 - priority) / 256 s, and 255 is kept for the owner of the address.
pub const fn priority(node: &Node) -> u8 {
    if node.is_preferred() { 254 } else { 156 }
}

const CONFIGURATION: &str = "keepalived.conf";
