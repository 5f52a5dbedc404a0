//! Who is measured: what each does when it is told to do the same thing.

use carp_net::carp_fsm::carp_proto::Family;
use carp_net::lab::Process;

use crate::fault::Fault;
use carp_benches::Node;
use carp_benches::Result;

mod carpctl;
pub(crate) use carpctl::Carpctl;
mod keepalived;
pub(crate) use keepalived::Keepalived;
mod ucarp;
pub(crate) use ucarp::Ucarp;

/// A program that shares an address between two nodes, in one of its modes.
pub(crate) trait Contender: Sync {
    /// Its name, as in the table and on the command line.
    fn name(&self) -> &'static str;

    /// The families it can share an address of.
    fn families(&self) -> &'static [Family];

    /// What it says its version is; `None` where it is not installed.
    fn version(&self) -> Option<String>;

    /// Whether it has an equivalent of the fault.
    fn knows(&self, fault: Fault) -> bool;

    /// The interface that its address of a family is on.
    fn interface(&self, family: Family) -> &'static str;

    /// Starts it on a node, for a fault that is to come.
    fn start(&self, node: &Node, fault: Fault) -> Result<()>;

    /// Has the operator of a node do something.
    fn act(&self, node: &Node, act: Act) -> Result<()>;

    /// The process that speaks and listens.
    fn engine(&self, node: &Node) -> Result<Process>;

    /// All its processes, those that watch over others first.
    fn processes(&self, node: &Node) -> Result<Vec<Process>>;

    /// What it shows to an operator: its state, and what it has logged.
    fn shows(&self, node: &Node) -> Result<String>;
}

/// What an operator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Down,
    Destroy,
    Terminate,
    StateBackup,
    Restart,
}

/// The words on the command line of a process.
fn words_of(process: &Process) -> String {
    let path = format!("/proc/{}/cmdline", process.pid());
    let words = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&words).replace('\0', " ")
}

/// Who started a process, by number.
fn parent_of(process: &Process) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

/// The processes of a node, parents first.
fn parents_first(node: &Node) -> Result<Vec<Process>> {
    let mut processes = node.host.namespace().processes()?;
    let numbers: Vec<u32> = processes.iter().map(Process::pid).collect();
    processes.sort_by_key(|process| {
        let is_child = parent_of(process).is_some_and(|parent| numbers.contains(&parent));
        (is_child, process.pid())
    });
    Ok(processes)
}
