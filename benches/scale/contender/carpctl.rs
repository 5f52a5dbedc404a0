//! This project's own, as systemd runs it, with a file for each interface.

use std::fs;
use std::time::Duration;

use carp_benches::{Node, PASS, Program, Result};
use carp_net::carp_fsm::Interval;

use super::Contender;
use crate::work::{PREFIX, Work};

/// `carpctl`, with virtual MAC addresses.
#[derive(Clone, Debug)]
pub(crate) struct Carpctl {
    pub(crate) program: Program,
}

impl Contender for Carpctl {
    fn name(&self) -> &'static str {
        "carpctl"
    }

    fn version(&self) -> Option<String> {
        self.program.version().ok()
    }

    fn start(&self, node: &Node, work: Work) -> Result<()> {
        let directory = node.file("etc");
        fs::create_dir(&directory)?;
        let advskew = skew(node);
        for host in work.hosts() {
            let words = format!(
                "vhid {} carpdev {} pass {PASS} advskew {advskew} {}/{PREFIX}\n",
                host.vhid,
                host.carpdev(),
                host.address()
            );
            let name = format!("hostname.carp{}", host.number());
            fs::write(directory.join(name), words)?;
        }
        self.program.start(node)?;
        if work.count() > 0 {
            self.program.netstart(node, &directory)?;
        }
        fs::remove_dir_all(directory)?;
        Ok(())
    }

    fn interval(&self, node: &Node) -> Duration {
        interval(node).advert()
    }

    fn master_down(&self, node: &Node) -> Duration {
        interval(node).master_down()
    }
}

const fn skew(node: &Node) -> u8 {
    if node.is_preferred() { 0 } else { 100 }
}

fn interval(node: &Node) -> Interval {
    Interval::from_octets(1, skew(node))
}
