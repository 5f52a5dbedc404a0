//! Debian's `keepalived`: VRRP, with the MAC address of the carpdev or (`use_vmac`) a virtual one.

use std::fmt::Write as _;
use std::process::Command;

use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab::Process;
use rustix::process::{Pid, Signal, kill_process};

use super::{Act, Contender, is_installed, parents_first};
use crate::fault::Fault;
use carp_benches::Result;
use carp_benches::{CARPDEV, FAMILIES, Node, VHID, shared};

/// One instance for each family; a parent process watches over the one that speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keepalived {
    pub(crate) use_vmac: bool,
}

impl Keepalived {
    fn configuration(self, priority: u8, preempts: bool) -> Result<String> {
        let mut text = String::from("global_defs {\n}\n");
        for family in FAMILIES {
            let (interface, address) = (self.interface(family), shared(family));
            writeln!(text, "vrrp_instance {family:?} {{")?;
            writeln!(text, "    state BACKUP\n    interface {CARPDEV}")?;
            writeln!(
                text,
                "    virtual_router_id {VHID}\n    priority {priority}"
            )?;
            writeln!(text, "    advert_int 1")?;
            if !preempts {
                writeln!(text, "    nopreempt")?;
            }
            if self.use_vmac {
                writeln!(text, "    use_vmac {interface}")?;
            }
            writeln!(text, "    virtual_ipaddress {{\n        {address}")?;
            writeln!(text, "    }}\n}}")?;
        }
        Ok(text)
    }
}

impl Contender for Keepalived {
    fn name(&self) -> &'static str {
        if self.use_vmac {
            "keepalived-vmac"
        } else {
            "keepalived"
        }
    }

    fn families(&self) -> &'static [Family] {
        &FAMILIES
    }

    fn version(&self) -> Option<String> {
        let output = Command::new("keepalived").arg("-v").output().ok()?;
        let said = [output.stderr, output.stdout].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        Some(said.lines().next().unwrap_or("keepalived").to_owned())
    }

    fn knows(&self, fault: Fault) -> bool {
        match fault {
            Fault::Down | Fault::Destroy | Fault::CarpdevLate => false,
            Fault::SetDown | Fault::InterfaceDeleted | Fault::MacChanged => self.use_vmac,
            Fault::Terminate
            | Fault::StateBackup
            | Fault::Preempt
            | Fault::KillEngine
            | Fault::KillAll
            | Fault::FreezeEngine
            | Fault::FreezeAll
            | Fault::LinkLost
            | Fault::PowerLoss
            | Fault::Partition
            | Fault::AddressDeleted
            | Fault::Inet6Disabled
            | Fault::CarpdevDeleted
            | Fault::Restart => true,
        }
    }

    fn interface(&self, family: Family) -> &'static str {
        match family {
            _ if !self.use_vmac => CARPDEV,
            Family::Inet => "vrrp4",
            Family::Inet6 => "vrrp6",
        }
    }

    fn start(&self, node: &Node, fault: Fault) -> Result<()> {
        if !is_installed("keepalived") {
            return Err("not installed".into());
        }
        let priority = if node.is_preferred() {
            PREFERRED
        } else {
            OTHER
        };
        // A backup that may not preempt would not take over from a lowered priority either.
        let preempts = fault.preempts() || fault == Fault::StateBackup;
        let configuration = node.file("keepalived.conf");
        std::fs::write(&configuration, self.configuration(priority, preempts)?)?;
        let mut command = node.host.command("keepalived");
        command.args(["--dont-fork", "--log-console", "--no-syslog", "--vrrp"]);
        command.arg("-f").arg(configuration);
        command.arg("-p").arg(node.file("keepalived.pid"));
        command.arg("-r").arg(node.file("vrrp.pid"));
        node.spawn(command)?;
        Ok(())
    }

    fn act(&self, node: &Node, act: Act) -> Result<()> {
        let processes = self.processes(node)?;
        let service = processes.first().ok_or("keepalived does not run")?;
        match act {
            Act::Terminate => service.terminate()?,
            Act::StateBackup => {
                let configuration = self.configuration(LOWERED, true)?;
                std::fs::write(node.file("keepalived.conf"), configuration)?;
                let pid = i32::try_from(service.pid()).ok().and_then(Pid::from_raw);
                kill_process(pid.ok_or("no number")?, Signal::HUP)?;
            }
            Act::Restart => {
                service.terminate()?;
                node.wait_for_service()?;
                self.start(node, Fault::Restart)?;
            }
            Act::Down | Act::Destroy => return Err("keepalived cannot".into()),
        }
        Ok(())
    }

    fn engine(&self, node: &Node) -> Result<Process> {
        let engine = self.processes(node)?.into_iter().nth(1);
        engine.ok_or_else(|| format!("keepalived: {}", node.log().trim()).into())
    }

    fn processes(&self, node: &Node) -> Result<Vec<Process>> {
        parents_first(node)
    }

    fn shows(&self, node: &Node) -> Result<String> {
        Ok(node.log())
    }
}

/// Priorities that make the same skews: (256 - priority) / 256 s; 255 is kept for the owner of the
/// address.
const PREFERRED: u8 = 254;
const OTHER: u8 = 156;
const LOWERED: u8 = 50;
