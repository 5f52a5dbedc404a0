//! This project's own, with the virtual MAC address or with that of the carpdev.

use carp_benches::{CARPDEV, FAMILIES, Node, PASS, Program, Result, VHID, shared};
use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab::Process;

use super::{Act, Contender, parents_first, words_of};
use crate::fault::Fault;

/// `carpctl`, as systemd runs it.
#[derive(Clone, Debug)]
pub(crate) struct Carpctl {
    pub(crate) program: Program,
    /// The addresses are on the carpdev, with its MAC address.
    pub(crate) lladdr_carpdev: bool,
}

impl Contender for Carpctl {
    fn name(&self) -> &'static str {
        if self.lladdr_carpdev {
            "carpctl-carpdev"
        } else {
            "carpctl"
        }
    }

    fn families(&self) -> &'static [Family] {
        &FAMILIES
    }

    fn version(&self) -> Option<String> {
        self.program.version().ok()
    }

    fn knows(&self, fault: Fault) -> bool {
        // Without carp0 there is none that something could be done to; what is done to the
        // carpdev is the machine's own affair.
        let of_carp0 = [
            Fault::SetDown,
            Fault::InterfaceDeleted,
            Fault::MacChanged,
            Fault::Inet6Disabled,
        ];
        !(self.lladdr_carpdev && of_carp0.contains(&fault))
    }

    fn interface(&self, _: Family) -> &'static str {
        if self.lladdr_carpdev {
            CARPDEV
        } else {
            "carp0"
        }
    }

    fn start(&self, node: &Node, fault: Fault) -> Result<()> {
        self.program.start(node)?;
        if fault.preempts() {
            self.program.run(node, "sysctl net.inet.carp.preempt=1")?;
        }
        let skew = if node.is_preferred() { 0 } else { 100 };
        let lladdr = if self.lladdr_carpdev {
            "lladdr carpdev"
        } else {
            ""
        };
        let addresses = FAMILIES.map(shared).join(" ");
        let words = format!(
            "carp0 vhid {VHID} pass {PASS} carpdev {CARPDEV} advskew {skew} {lladdr} {addresses}"
        );
        self.program.run(node, &words)?;
        Ok(())
    }

    fn act(&self, node: &Node, act: Act) -> Result<()> {
        let words = match act {
            Act::Down => "carp0 down",
            Act::Destroy => "carp0 destroy",
            Act::StateBackup => "carp0 state backup",
            Act::Restart => "restart",
            Act::Terminate => {
                let processes = self.processes(node)?;
                let service = processes.first().ok_or("no service")?;
                return Ok(service.terminate()?);
            }
        };
        self.program.run(node, words)?;
        Ok(())
    }

    fn engine(&self, node: &Node) -> Result<Process> {
        let mut processes = self.processes(node)?.into_iter();
        let engine = processes.find(|process| words_of(process).contains("--engine"));
        engine.ok_or_else(|| "no process with --engine: the service is not supervised".into())
    }

    fn processes(&self, node: &Node) -> Result<Vec<Process>> {
        parents_first(node)
    }

    fn shows(&self, node: &Node) -> Result<String> {
        // Where the service has ended there is its last word.
        let state = self.program.run(node, "carp0").unwrap_or_default();
        Ok(state + &node.log())
    }
}
