//! Debian's `keepalived`: VRRP, with the MAC address of the carpdev or (`use_vmac`) a virtual one.

use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab::Process;
use rustix::process::{Pid, Signal, kill_process};

use super::{Act, Contender, parents_first};
use crate::fault::Fault;
use carp_benches::keepalived::{self, Instance};
use carp_benches::{CARPDEV, FAMILIES, Node, Result, VHID, shared};

/// One instance for each family; a parent process watches over the one that speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keepalived {
    pub(crate) use_vmac: bool,
}

impl Keepalived {
    fn configure(self, node: &Node, priority: u8, preempts: bool) -> Result<()> {
        let instances = FAMILIES.map(|family| {
            let interface = self.interface(family);
            Instance {
                name: format!("{family:?}"),
                interface: CARPDEV.to_owned(),
                number: VHID.to_owned(),
                priority,
                preempts,
                vmac: self.use_vmac.then(|| interface.to_owned()),
                address: shared(family).to_owned(),
            }
        });
        keepalived::configure(node, instances)
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
        keepalived::version()
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
        // A backup that may not preempt would not take over from a lowered priority either.
        let preempts = fault.preempts() || fault == Fault::StateBackup;
        self.configure(node, keepalived::priority(node), preempts)?;
        keepalived::start(node)
    }

    fn act(&self, node: &Node, act: Act) -> Result<()> {
        let processes = self.processes(node)?;
        let service = processes.first().ok_or("keepalived does not run")?;
        match act {
            Act::Terminate => service.terminate()?,
            Act::StateBackup => {
                self.configure(node, LOWERED, true)?;
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

/// Less than that of any node.
const LOWERED: u8 = 50;
