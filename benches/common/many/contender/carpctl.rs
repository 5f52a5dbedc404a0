//! This project's own, as systemd runs it, with a file for each interface.

use std::fs;
use std::time::Duration;

use super::super::work::{PREFIX, Work};
use super::{Contender, interval, skew};
use crate::{Node, PASS, Program, Result};

/// `carpctl`, with virtual MAC addresses or with that of the carpdev.
#[derive(Clone, Debug)]
pub struct Carpctl {
    /// What is run.
    pub program: Program,
    /// The addresses are on the carpdev, with its MAC address.
    pub lladdr_carpdev: bool,
}

impl Contender for Carpctl {
    fn name(&self) -> &'static str {
        if self.lladdr_carpdev {
            "carpctl-carpdev"
        } else {
            "carpctl"
        }
    }

    fn version(&self) -> Option<String> {
        self.program.version().ok()
    }

    fn start(&self, node: &Node, work: Work) -> Result<()> {
        let directory = node.file("etc");
        fs::create_dir(&directory)?;
        let advskew = skew(node);
        let lladdr = if self.lladdr_carpdev {
            " lladdr carpdev"
        } else {
            ""
        };
        for host in work.hosts() {
            let words = format!(
                "vhid {} carpdev {} pass {PASS} advskew {advskew}{lladdr} {}/{PREFIX}\n",
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
