//! Debian's `ucarp`, with a script for each of its two states.

use std::net::{IpAddr, Ipv4Addr};

use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab::Process;
use rustix::process::{Pid, Signal, kill_process};

use super::{Act, Contender, parents_first};
use crate::fault::Fault;
use carp_benches::ucarp::{self, Share};
use carp_benches::{CARPDEV, Node, Result, VHID, shared_address};

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
        ucarp::version()
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
        let IpAddr::V4(address) = shared_address(Family::Inet) else {
            return Err("not an IPv4 address".into());
        };
        let share = Share {
            carpdev: CARPDEV.to_owned(),
            source: Ipv4Addr::new(192, 0, 2, node.number),
            vhid: VHID.to_owned(),
            address,
            skew: if node.is_preferred() { 0 } else { 100 },
            preempts: fault.preempts(),
        };
        ucarp::start(node, [share])
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
