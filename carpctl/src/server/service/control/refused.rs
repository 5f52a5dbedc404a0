//! What an operator is told about packets that are refused, and what he can do.

use carp_net::Refused;
use carp_net::carp_fsm::Refusal;
use tracing::Level;

/// How much it is to be told. A vhid that is not served is as it should be, beside other clusters
/// and after `down`: OpenBSD does not log it at all (`docs/carp-protocol.md §7.4`). Here the first
/// one is told where nobody has the vhid, because one may have been mistyped.
pub(super) fn level_of_refused(refused: &Refused) -> Level {
    let may_be_right = !refused.first || !refused.interface.is_empty();
    if refused.refusal == Refusal::BadVhid && may_be_right {
        return Level::DEBUG;
    }
    Level::INFO
}

/// What is probably behind it, and what helps.
pub(super) fn remedy(refused: &Refused) -> String {
    let interface = &refused.interface;
    match refused.refusal {
        Refusal::BadInterface => {
            "it came in on an interface that is no carpdev; look who sends protocol 112 there"
                .to_owned()
        }
        Refusal::BadHopLimit => {
            "it came through a router, or is forged: let no protocol 112 in from other networks"
                .to_owned()
        }
        Refusal::BadLength => "it is no CARP; VRRP has the same protocol number".to_owned(),
        Refusal::BadChecksum => {
            "it was damaged on its way, or is no CARP; VRRP has the same protocol number".to_owned()
        }
        Refusal::BadVhid if interface.is_empty() => {
            "another cluster on this network; a vhid must be used by one only".to_owned()
        }
        Refusal::BadVhid => format!("{interface} is down, or this was not sent to the group"),
        Refusal::BadVersion => {
            "it is no CARP of version 2; VRRP must not have the same id on this network".to_owned()
        }
        Refusal::BadDigest => format!(
            "password and set of addresses must be the same on all nodes: compare what `carpctl \
             {interface}' shows there and here, and set the password anew; or another cluster has \
             the same vhid"
        ),
        Refusal::Reflected => "the network sends back what this node sends: look for a loop; on \
                               VMware set Net.ReversePathFwdCheckPromisc=1"
            .to_owned(),
        Refusal::NotAllowed | _ => "see `carpctl stats'".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use carp_net::carp_fsm::carp_proto::{Key, Vhid};
    use carp_net::carp_fsm::{Node, VirtualHost};
    use carp_net::memory::{Lan, Memory};
    use carp_net::{Driver, Event};

    use super::*;

    fn node(lan: &Lan, password: &str) -> Driver<Memory> {
        let key = Key::from_password(password);
        let host =
            VirtualHost::new(Vhid::new(99).unwrap(), key).address("192.0.2.10/24".parse().unwrap());
        let mut driver = Driver::new(lan.node(), Node::builder()).unwrap();
        driver.add("carp0", "vmx0", host).unwrap();
        driver
    }

    /// What a node tells first of another one with the same vhid and another password.
    fn refused() -> Refused {
        let lan = Lan::new(7);
        let mut nodes = [node(&lan, "one"), node(&lan, "two")];
        let mut told = None;
        lan.run(
            &mut nodes,
            lan.now() + Duration::from_secs(9),
            |_, event| {
                if let Event::Refused(refused) = event {
                    told.get_or_insert_with(|| refused.clone());
                }
            },
        );
        told.unwrap()
    }

    #[test]
    fn wrong_password_is_told_with_where_to_look() {
        let refused = refused();
        assert_eq!(level_of_refused(&refused), Level::INFO);
        let said = remedy(&refused);
        assert!(
            said.contains("compare what `carpctl carp0' shows there and here"),
            "{said}"
        );
    }

    #[test]
    fn unknown_vhid_is_another_cluster_and_a_known_one_is_down() {
        let mut refused = refused();
        refused.refusal = Refusal::BadVhid;
        assert!(remedy(&refused).starts_with("carp0 is down"));
        assert_eq!(level_of_refused(&refused), Level::DEBUG);
        refused.interface.clear();
        assert!(remedy(&refused).starts_with("another cluster"));
        assert_eq!(level_of_refused(&refused), Level::INFO);
        refused.first = false;
        assert_eq!(level_of_refused(&refused), Level::DEBUG);
    }
}
