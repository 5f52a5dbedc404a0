//! Debian's `ucarp`, with a process for each virtual host.

use std::time::Duration;

use super::super::work::{Work, own};
use super::{Contender, interval, skew};
use crate::ucarp::{self, Share};
use crate::{Node, Result};

/// With the MAC address of the carpdev: it knows no other.
#[derive(Clone, Copy, Debug)]
pub struct Ucarp;

impl Contender for Ucarp {
    fn name(&self) -> &'static str {
        "ucarp"
    }

    fn version(&self) -> Option<String> {
        ucarp::version()
    }

    fn start(&self, node: &Node, work: Work) -> Result<()> {
        let shares = work.hosts().map(|host| Share {
            carpdev: host.carpdev(),
            source: own(host.link, node.number),
            vhid: host.vhid.to_string(),
            address: host.address(),
            skew: skew(node),
            preempts: false,
        });
        ucarp::start(node, shares)
    }

    fn interval(&self, node: &Node) -> Duration {
        interval(node).advert()
    }

    fn master_down(&self, node: &Node) -> Duration {
        interval(node).master_down()
    }
}
