//! Debian's `ucarp` as one of the nodes.

use std::net::Ipv4Addr;

use carp_benches::ucarp::{self, Share};
use carp_benches::{CARPDEV, Result};

use crate::cluster::Member;
use crate::seats::{Group, MIXED};

/// Starts it, with scripts that add and delete the address.
///
/// # Errors
///
/// Where it is not installed.
pub(crate) fn start(member: &Member) -> Result<()> {
    let node = &member.node;
    let skews = member.skews;
    let share = Share {
        carpdev: CARPDEV.to_owned(),
        source: Ipv4Addr::new(192, 0, 2, node.number),
        vhid: Group::Mixed.vhid().to_string(),
        address: MIXED,
        skew: skews.get(Group::Mixed.index()).copied().unwrap_or_default(),
        preempts: true,
    };
    ucarp::start(node, [share])
}
