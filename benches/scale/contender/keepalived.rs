//! Debian's `keepalived`, with an instance for each virtual host.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use carp_benches::{Node, Result};

use super::Contender;
use crate::work::{PREFIX, Work};

/// Without virtual MAC addresses, which is what it does unless it is told otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keepalived;

impl Contender for Keepalived {
    fn name(&self) -> &'static str {
        "keepalived"
    }

    fn version(&self) -> Option<String> {
        let output = Command::new("keepalived").arg("-v").output().ok()?;
        let said = [output.stderr, output.stdout].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        Some(said.lines().next().unwrap_or("keepalived").to_owned())
    }

    fn start(&self, node: &Node, work: Work) -> Result<()> {
        let configuration = node.file("keepalived.conf");
        let mut text = String::new();
        for host in work.hosts() {
            writeln!(
                text,
                "vrrp_instance v{} {{\n  interface {}\n  state BACKUP\n  virtual_router_id {}\n  \
                 priority {}\n  advert_int 1\n  virtual_ipaddress {{\n    {}/{PREFIX}\n  }}\n}}",
                host.number(),
                host.carpdev(),
                host.vhid,
                priority(node),
                host.address()
            )?;
        }
        std::fs::write(&configuration, text)?;
        let mut command = node.host.command("keepalived");
        command.args(["--dont-fork", "--log-console", "--no-syslog", "--vrrp"]);
        command.arg("-f").arg(configuration);
        command.arg("-p").arg(node.file("keepalived.pid"));
        command.arg("-r").arg(node.file("vrrp.pid"));
        node.spawn(command)?;
        Ok(())
    }

    fn interval(&self, _: &Node) -> Duration {
        SECOND
    }

    fn master_down(&self, node: &Node) -> Duration {
        SECOND * 3 + SECOND * (256 - priority(node)) / 256
    }
}

/// Those that make the skews of the others: (256 - priority) / 256 s; 255 is kept for the owner of
/// the address.
const fn priority(node: &Node) -> u32 {
    if node.is_preferred() { 254 } else { 156 }
}

const SECOND: Duration = Duration::from_secs(1);
