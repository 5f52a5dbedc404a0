//! Who is measured: what each does when it is told to do the same work.

use std::time::Duration;

use crate::{Node, Result};
use carp_net::carp_fsm::Interval;
use carp_net::lab::Process;

use super::work::Work;

mod carpctl;
pub use carpctl::Carpctl;
mod keepalived;
pub use keepalived::Keepalived;
mod ucarp;
pub use ucarp::Ucarp;

/// A program that shares addresses between two nodes.
pub trait Contender {
    /// Its name, as in the tables and on the command line.
    fn name(&self) -> &'static str;

    /// What it says its version is; `None` where it is not installed.
    fn version(&self) -> Option<String>;

    /// Starts it on a node, which is to have these virtual hosts; node one is preferred. Returns
    /// when it has been told everything.
    fn start(&self, node: &Node, work: Work) -> Result<()>;

    /// How long a node waits between two adverts of one virtual host.
    fn interval(&self, node: &Node) -> Duration;

    /// When a node takes over after the last advert that it heard.
    fn master_down(&self, node: &Node) -> Duration;

    /// All its processes.
    fn processes(&self, node: &Node) -> Result<Vec<Process>> {
        let processes = node.host.namespace().processes()?;
        if processes.is_empty() {
            return Err(format!("{}: {}", self.name(), node.log().trim()).into());
        }
        Ok(processes)
    }
}

/// How CARP says that node one is preferred.
const fn skew(node: &Node) -> u8 {
    if node.is_preferred() { 0 } else { 100 }
}

/// The interval of a node that speaks CARP.
fn interval(node: &Node) -> Interval {
    Interval::from_octets(1, skew(node))
}
