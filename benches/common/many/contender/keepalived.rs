//! Debian's `keepalived`, with an instance for each virtual host.

use std::time::Duration;

use super::super::work::{PREFIX, Work};
use super::Contender;
use crate::keepalived::{self, Instance};
use crate::{Node, Result};

/// With the MAC address of the interface, which is what it does unless it is told otherwise, or
/// with virtual ones.
#[derive(Clone, Copy, Debug)]
pub struct Keepalived {
    /// Each instance has an interface of its own, with a virtual MAC address.
    pub use_vmac: bool,
}

impl Contender for Keepalived {
    fn name(&self) -> &'static str {
        if self.use_vmac {
            "keepalived-vmac"
        } else {
            "keepalived"
        }
    }

    fn version(&self) -> Option<String> {
        keepalived::version()
    }

    fn start(&self, node: &Node, work: Work) -> Result<()> {
        let instances = work.hosts().map(|host| Instance {
            name: format!("v{}", host.number()),
            interface: host.carpdev(),
            number: host.vhid.to_string(),
            priority: keepalived::priority(node),
            preempts: true,
            vmac: self.use_vmac.then(|| format!("vrrp.{}", host.number())),
            address: format!("{}/{PREFIX}", host.address()),
        });
        keepalived::configure(node, instances)?;
        keepalived::start(node)
    }

    fn interval(&self, _: &Node) -> Duration {
        SECOND
    }

    fn master_down(&self, node: &Node) -> Duration {
        let skew = 256 - u32::from(keepalived::priority(node));
        SECOND * 3 + SECOND * skew / 256
    }
}

const SECOND: Duration = Duration::from_secs(1);
