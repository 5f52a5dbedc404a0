//! Debian's `ucarp` as one of the nodes.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use carp_benches::{CARPDEV, PASS, Result};

use crate::cluster::{Group, MIXED, Member};

/// Starts it, with scripts that add and delete the address.
///
/// # Errors
///
/// Where it is not installed.
pub(crate) fn start(member: &Member) -> Result<()> {
    let node = &member.node;
    let [_, skew] = member.skews;
    let source = format!("192.0.2.{}", node.number);
    let mut command = node.host.command("ucarp");
    command.args(["-i", CARPDEV, "-s", &source, "-p", PASS, "-f", "none"]);
    command.args(["-v", &Group::Mixed.vhid().to_string()]);
    command.args(["-a", &MIXED.to_string(), "-k", &skew.to_string()]);
    command.args(["-P", "-z"]);
    for (option, name, word) in [("-u", "up", "add"), ("-d", "down", "delete")] {
        let path = node.file(name);
        let script = format!("#!/bin/sh\nexec ip address {word} \"$2\"/32 dev \"$1\"\n");
        std::fs::write(&path, script)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        command.arg(option).arg(path);
    }
    let started = node.spawn(command);
    started.map_err(|error| format!("ucarp (is it installed?): {error}"))?;
    Ok(())
}
