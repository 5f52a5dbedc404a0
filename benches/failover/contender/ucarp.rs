//! Debian's `ucarp`, with scripts that add and delete the address.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab::Process;
use rustix::process::{Pid, Signal, kill_process};

use super::{Act, Contender, is_installed, parents_first};
use crate::fault::Fault;
use carp_benches::Result;
use carp_benches::{CARPDEV, Node, PASS, VHID, shared_address};

/// It shares IPv4 addresses only, with the carpdev's own MAC address, and is one process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ucarp;

impl Contender for Ucarp {
    fn name(&self) -> &'static str {
        "ucarp"
    }

    fn families(&self) -> &'static [Family] {
        &[Family::Inet]
    }

    fn version(&self) -> Option<String> {
        let output = Command::new("ucarp").arg("--help").output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let line = said.lines().find(|line| line.starts_with("ucarp "));
        Some(line.unwrap_or("ucarp").to_owned())
    }

    fn knows(&self, fault: Fault) -> bool {
        match fault {
            Fault::Terminate
            | Fault::StateBackup
            | Fault::Preempt
            | Fault::KillAll
            | Fault::FreezeAll
            | Fault::LinkLost
            | Fault::PowerLoss
            | Fault::Partition
            | Fault::AddressDeleted
            | Fault::CarpdevDeleted
            | Fault::Restart => true,
            Fault::Down
            | Fault::Destroy
            | Fault::KillEngine
            | Fault::FreezeEngine
            | Fault::SetDown
            | Fault::InterfaceDeleted
            | Fault::MacChanged
            | Fault::Inet6Disabled
            | Fault::CarpdevLate => false,
        }
    }

    fn interface(&self, _: Family) -> &'static str {
        CARPDEV
    }

    fn start(&self, node: &Node, fault: Fault) -> Result<()> {
        let mut scripts = Vec::new();
        for (name, word) in [("up", "add"), ("down", "delete")] {
            let path = node.file(name);
            let script = format!("#!/bin/sh\nexec ip address {word} \"$2\"/32 dev \"$1\"\n");
            std::fs::write(&path, script)?;
            std::fs::set_permissions(&path, Permissions::from_mode(0o755))?;
            scripts.push(path);
        }
        if !is_installed("ucarp") {
            return Err("not installed".into());
        }
        let mut command = node.host.command("ucarp");
        let source = format!("192.0.2.{}", node.number);
        let address = shared_address(Family::Inet).to_string();
        let skew = if node.is_preferred() { "0" } else { "100" };
        command.args(["-i", CARPDEV, "-s", &source, "-v", VHID, "-p", PASS]);
        command.args(["-a", &address, "-b", "1", "-k", skew, "-f", "none", "-z"]);
        for (option, script) in ["-u", "-d"].into_iter().zip(scripts) {
            command.arg(option).arg(script);
        }
        if fault.preempts() {
            command.arg("-P");
        }
        node.spawn(command)?;
        Ok(())
    }

    fn act(&self, node: &Node, act: Act) -> Result<()> {
        let service = self.engine(node)?;
        match act {
            Act::Terminate => service.terminate()?,
            Act::StateBackup => demote(&service)?,
            Act::Restart => {
                service.terminate()?;
                node.wait_for_service()?;
                self.start(node, Fault::Restart)?;
            }
            Act::Down | Act::Destroy => return Err("ucarp cannot".into()),
        }
        Ok(())
    }

    fn engine(&self, node: &Node) -> Result<Process> {
        let service = self.processes(node)?.into_iter().next();
        service.ok_or_else(|| format!("ucarp: {}", node.log().trim()).into())
    }

    fn processes(&self, node: &Node) -> Result<Vec<Process>> {
        parents_first(node)
    }

    fn shows(&self, node: &Node) -> Result<String> {
        Ok(node.log())
    }
}

/// SIGUSR2, which has it give up the address.
fn demote(service: &Process) -> Result<()> {
    let pid = i32::try_from(service.pid()).ok().and_then(Pid::from_raw);
    Ok(kill_process(pid.ok_or("no number")?, Signal::USR2)?)
}
