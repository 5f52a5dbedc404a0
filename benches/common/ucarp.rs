//! Debian's `ucarp`, a process for each address, with scripts that add and delete that.

use std::fs::Permissions;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::{Node, PASS, Result, is_installed};

/// What one process is told. It shares IPv4 addresses only, with the carpdev's own MAC address.
#[derive(Clone, Debug)]
pub struct Share {
    /// The interface that it speaks on.
    pub carpdev: String,
    /// The node's own address there.
    pub source: Ipv4Addr,
    /// The number of the virtual host.
    pub vhid: String,
    /// What is shared.
    pub address: Ipv4Addr,
    /// How little it is preferred.
    pub skew: u8,
    /// Whether it takes over from a worse one.
    pub preempts: bool,
}

/// What it says its version is; `None` where it is not installed.
pub fn version() -> Option<String> {
    let output = Command::new("ucarp").arg("--help").output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let line = said.lines().find(|line| line.starts_with("ucarp "));
    Some(line.unwrap_or("ucarp").to_owned())
}

/// Starts a process for each of `shares` on a node.
///
/// # Errors
///
/// Where it is not installed.
pub fn start(node: &Node, shares: impl IntoIterator<Item = Share>) -> Result<()> {
    if !is_installed("ucarp") {
        return Err("ucarp: not installed".into());
    }
    let mut scripts = Vec::new();
    for (option, name, word) in [("-u", "up", "add"), ("-d", "down", "delete")] {
        let path = node.file(name);
        let script = format!("#!/bin/sh\nexec ip address {word} \"$2\"/32 dev \"$1\"\n");
        std::fs::write(&path, script)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        scripts.push((option, path));
    }
    for share in shares {
        let (source, address) = (share.source.to_string(), share.address.to_string());
        let skew = share.skew.to_string();
        let mut command = node.host.command("ucarp");
        command.args(["-i", &share.carpdev, "-s", &source, "-v", &share.vhid]);
        command.args(["-p", PASS, "-a", &address, "-b", "1", "-k", &skew]);
        command.args(["-f", "none", "-z"]);
        for (option, script) in &scripts {
            command.arg(option).arg(script);
        }
        if share.preempts {
            command.arg("-P");
        }
        node.spawn(command)?;
    }
    Ok(())
}
