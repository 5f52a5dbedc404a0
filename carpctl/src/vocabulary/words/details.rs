//! What there is to know of each keyword beyond its line in the help.
//!
//! It stands by meaning, not by name, so that words that mean the same are explained once, and
//! without a wildcard, so that no keyword can be added without it.

use super::Meaning;
use crate::vocabulary::details::{Chapter, Details};
use crate::vocabulary::hooks::Hook;

/// What is told of keywords of this meaning; nothing of words that are refused.
pub(crate) const fn details(meaning: Meaning) -> Option<Details> {
    Some(match meaning {
        // ---- the virtual host ----
        Meaning::Vhid => Details {
            chapter: Chapter::Host,
            text: "The number by which the nodes of a cluster know each other. It must be the \
                   same on all of them, and no other CARP or VRRP cluster on the same network may \
                   have it: the virtual MAC address 00:00:5e:00:01:VHID follows from it. An \
                   interface takes part in the election once it has a vhid and a carpdev.",
            unit: "",
            default: "none, it must be said",
            change: "begins the election anew, after a hand-over where the node is master",
            example: "carpctl carp0 vhid 99 carpdev eth0 192.0.2.10/24",
            section: "1.1",
        },
        Meaning::Carpdev => Details {
            chapter: Chapter::Host,
            text: "The network interface that adverts are sent and heard on, and through which \
                   the virtual addresses are reached. It needs no address of its own. It may be \
                   absent, at boot for instance: the election begins when it appears.",
            unit: "",
            default: "none, it must be said before or with the first address",
            change: "begins the election anew on the other network",
            example: "carpctl carp0 carpdev eth0",
            section: "7.1",
        },
        Meaning::Pass => Details {
            chapter: Chapter::Host,
            text: "The secret that adverts are signed with, the same on all nodes; 19 bytes of it \
                   count, as on OpenBSD. Other users of the machine can see the words of a \
                   command while it runs: `pass -' reads the first line of standard input, and \
                   `passfile' that of a file. It is shown by no command, and an empty one means none.",
            unit: "",
            default: "no secret: whoever is on the network can speak for the cluster",
            change: "no election; but nodes with different secrets do not hear each other, so \
                     that each becomes master: change all within a master-down time",
            example: "carpctl carp0 pass SharedSecret",
            section: "2.1",
        },
        Meaning::NoPass => Details {
            chapter: Chapter::Host,
            text: "Adverts are signed with no secret any more, as before the first `pass'.",
            unit: "",
            default: "so it is",
            change: "as `pass'",
            example: "carpctl carp0 -pass",
            section: "2.1",
        },
        Meaning::PassFile => Details {
            chapter: Chapter::Host,
            text: "The secret is the first line of this file, which only root should be able to \
                   read.",
            unit: "",
            default: "see `pass'",
            change: "as `pass'; the file is read once, now",
            example: "carpctl carp0 passfile /etc/carpctl/carp0.key",
            section: "2.1",
        },
        Meaning::Lladdr => Details {
            chapter: Chapter::Host,
            text: "The MAC address that the virtual addresses are reached at. `vhid' is the \
                   virtual one, 00:00:5e:00:01:VHID, which moves from node to node, so that \
                   neighbours notice nothing. `carpdev' is the network card's own, for hypervisors \
                   and switches that let no other pass; neighbours are told where the address \
                   is, and systemd-networkd needs `KeepConfiguration=yes' (carp(7)). `random', or a MAC address, is one of your choice, which all nodes need.",
            unit: "",
            default: "vhid",
            change: "begins the election anew, after a hand-over where the node is master",
            example: "carpctl carp0 lladdr carpdev",
            section: "1.4",
        },
        Meaning::Mtu => Details {
            chapter: Chapter::Host,
            text: "The largest packet through the virtual addresses, at most that of the carpdev: one \
                   that comes with less, or gets less later, limits it as long as that is so. With \
                   IPv6 addresses it is 1280 or more; with `lladdr carpdev' it is the carpdev's own \
                   affair.",
            unit: "bytes",
            default: "that of the carpdev",
            change: "no election, and no other node notices",
            example: "carpctl carp0 mtu 1400",
            section: "7.2",
        },
        Meaning::NoMtu => Details {
            chapter: Chapter::Host,
            text: "The largest packet is again as on the carpdev.",
            unit: "",
            default: "so it is",
            change: "no election, and no other node notices",
            example: "carpctl carp0 -mtu",
            section: "7.2",
        },
        Meaning::Description => Details {
            chapter: Chapter::Host,
            text: "A remark for people, of up to 63 bytes, which is shown with the interface.",
            unit: "",
            default: "none",
            change: "none",
            example: "carpctl carp0 description rack-7",
            section: "7.2",
        },
        Meaning::NoDescription => Details {
            chapter: Chapter::Host,
            text: "There is no remark any more.",
            unit: "",
            default: "so it is",
            change: "none",
            example: "carpctl carp0 -description",
            section: "7.2",
        },
        Meaning::Group => Details {
            chapter: Chapter::Host,
            text: "Interface groups are demoted as a whole: with `carpctl -g NAME carpdemote', or \
                   by the node itself when something is wrong. An interface is as demoted as the \
                   most demoted of its groups. A name does not end in a digit.",
            unit: "",
            default: "carp, which every carp interface is in",
            change: "no election, unless the group is demoted",
            example: "carpctl carp0 group web",
            section: "5.2",
        },
        Meaning::LeaveGroup => Details {
            chapter: Chapter::Host,
            text: "The interface is in this group no more. None can leave carp.",
            unit: "",
            default: "",
            change: "no election, unless the group is demoted",
            example: "carpctl carp0 -group web",
            section: "5.2",
        },
        // ---- the election ----
        Meaning::AdvBase => Details {
            chapter: Chapter::Election,
            text: "A master sends an advert every advbase + advskew / 256 seconds, and a backup \
                   that has heard none for 3 times advbase (and its advskew / 256) takes over. \
                   0 is for intervals below a second, with advskew alone. The whole cluster should \
                   have the same.",
            unit: "seconds",
            default: "1",
            change: "no election: adverts and timers go on with the new interval. A master that \
                     now advertises more slowly than a backup yields to it where that preempts",
            example: "carpctl carp0 advbase 2",
            section: "4.4",
        },
        Meaning::AdvSkew => Details {
            chapter: Chapter::Election,
            text: "The place of this node in the cluster: of all nodes that are well, the one \
                   with the smallest interval (advbase, then advskew) is to be master. Give each \
                   node another, as 0 and 100.",
            unit: "256ths of a second",
            default: "0",
            change: "no election: but a node that is better now takes over where it preempts \
                     (`carpctl help preempt')",
            example: "carpctl carp0 advskew 100",
            section: "4.4",
        },
        Meaning::State => Details {
            chapter: Chapter::Election,
            text: "`state backup' hands over, without loss, and holds back until `state master', \
                   `up', or the other master is lost. `state master' takes over now; without \
                   `preempt' on another, better node it stays so. Both are said to an election \
                   that goes on, and set nothing: `carpctl show' and `carpctl save' leave them out.",
            unit: "",
            default: "",
            change: "is a transition, of this interface alone",
            example: "carpctl carp0 state backup",
            section: "4.7",
        },
        Meaning::Up => Details {
            chapter: Chapter::Election,
            text: "The interface takes part in the election, as a backup at first.",
            unit: "",
            default: "up",
            change: "begins the election where the interface was down, ends what `state backup' \
                     began, and else does nothing",
            example: "carpctl carp0 up",
            section: "4.7",
        },
        Meaning::Down => Details {
            chapter: Chapter::Election,
            text: "The interface takes no part and has no addresses until `up'. A master bows out \
                   first, and answers until another node does, so that nothing is lost.",
            unit: "",
            default: "",
            change: "hands over where the node is master",
            example: "carpctl carp0 down",
            section: "4.7",
        },
        Meaning::Create => Details {
            chapter: Chapter::Election,
            text: "Makes the interface, with nothing set, and complains where it is there \
                   already. Any other word but `destroy' makes it too where it is not there.",
            unit: "",
            default: "",
            change: "none: without vhid and carpdev it takes no part",
            example: "carpctl carp0 create",
            section: "7.1",
        },
        Meaning::Destroy => Details {
            chapter: Chapter::Election,
            text: "Removes the interface with all that was set, after a hand-over as with `down'. \
                   It must be the only word. A service that a command has started ends with the \
                   last interface, unless a group is still demoted by somebody (`carpctl -g GROUP' \
                   shows who), and forgets its settings then.",
            unit: "",
            default: "",
            change: "hands over where the node is master",
            example: "carpctl carp0 destroy",
            section: "7.1",
        },
        // ---- addresses ----
        Meaning::Inet => Details {
            chapter: Chapter::Addresses,
            text: "A virtual address, which the master answers. The word may be left out: an \
                   address may stand anywhere. Without `alias' the first IPv4 address of a \
                   command takes the place of the first one there is. All nodes need the same \
                   set of addresses, because adverts are signed with it.",
            unit: "",
            default: "no address: a node without one gives way to any that has some",
            change: "no election, but for the first address and the last. Change one node, then \
                     the others within 5 minutes, in any order",
            example: "carpctl carp0 inet 192.0.2.10 netmask 255.255.255.0",
            section: "7.1",
        },
        Meaning::Inet6 => Details {
            chapter: Chapter::Addresses,
            text: "A virtual IPv6 address, which is added to those there are. It can be \
                   link-local. The word may be left out.",
            unit: "",
            default: "none",
            change: "as `inet'",
            example: "carpctl carp0 inet6 2001:db8::10 prefixlen 64",
            section: "7.1",
        },
        Meaning::Netmask => Details {
            chapter: Chapter::Addresses,
            text: "How much of the address is that of its network. It belongs to the IPv4 address \
                   before it, or to the first one where none came before; /24 behind the address \
                   says the same.",
            unit: "",
            default: "that of the carpdev's network which the address is in, else 255.255.255.255",
            change: "no election",
            example: "carpctl carp0 inet 192.0.2.10 netmask 0xffffff00",
            section: "7.1",
        },
        Meaning::Prefixlen => Details {
            chapter: Chapter::Addresses,
            text: "How much of the address is that of its network; 1 to 32 for an IPv4 address. \
                   /64 behind the address says the same.",
            unit: "bits",
            default: "that of the carpdev's network which the address is in, else 32 or 128",
            change: "no election",
            example: "carpctl carp0 inet6 2001:db8::10 prefixlen 64",
            section: "7.1",
        },
        Meaning::Broadcast => Details {
            chapter: Chapter::Addresses,
            text: "The broadcast address that goes with the IPv4 address before it.",
            unit: "",
            default: "the last address of the network",
            change: "no election",
            example: "carpctl carp0 192.0.2.10/24 broadcast 192.0.2.127",
            section: "7.1",
        },
        Meaning::Alias => Details {
            chapter: Chapter::Addresses,
            text: "The address is added to those there are. It belongs to the address behind it, \
                   or else to the one before it.",
            unit: "",
            default: "",
            change: "as `inet'",
            example: "carpctl carp0 inet alias 192.0.2.11/24",
            section: "7.1",
        },
        Meaning::Remove => Details {
            chapter: Chapter::Addresses,
            text: "The address is taken away. The word belongs to the address behind it, or \
                   else to the one before it. Without any the first IPv4 address is meant, and \
                   the first IPv6 one with `inet6'.",
            unit: "",
            default: "",
            change: "as `inet'",
            example: "carpctl carp0 -alias 192.0.2.11",
            section: "7.1",
        },
        Meaning::NoInet => Details {
            chapter: Chapter::Addresses,
            text: "All IPv4 addresses are taken away, but for those of the same command.",
            unit: "",
            default: "",
            change: "as `inet'",
            example: "carpctl carp0 -inet",
            section: "7.1",
        },
        Meaning::NoInet6 => Details {
            chapter: Chapter::Addresses,
            text: "All IPv6 addresses are taken away, but for those of the same command.",
            unit: "",
            default: "",
            change: "as `inet'",
            example: "carpctl carp0 -inet6",
            section: "7.1",
        },
        // ---- other nodes ----
        Meaning::Peers => Details {
            chapter: Chapter::Peers,
            text: "Whose CARP the other nodes of the cluster speak. Kernels differ in how long a \
                   backup waits, in what a digest covers and in how a demotion is told. \
                   `portable' gets on with all of them and accepts what any of them sends; where \
                   all others are of one kind, say which, and this node does as they do.",
            unit: "",
            default: "portable",
            change: "no election",
            example: "carpctl carp0 peers openbsd",
            section: "10",
        },
        Meaning::AdvDemote => Details {
            chapter: Chapter::Peers,
            text: "Where adverts say that this node is demoted. OpenBSD reads byte 4 of them \
                   (`byte'), all others know only a larger advskew (`skew'). In a cluster of \
                   OpenBSD and others say `both', so that all hear of it.",
            unit: "",
            default: "auto: as `peers' do",
            change: "no election",
            example: "carpctl carp0 advdemote both",
            section: "5",
        },
        Meaning::Peer => Details {
            chapter: Chapter::Peers,
            text: "Adverts of IPv4 go to this host, not to the multicast group 224.0.0.18: for \
                   networks without multicast, and across routers. Say it as often as there are \
                   other nodes; those of one command are all there are.",
            unit: "",
            default: "the multicast group",
            change: "no election; a node that hears no adverts any more takes over",
            example: "carpctl carp0 carppeer 10.0.0.2 carppeer 10.0.0.3",
            section: "7.1",
        },
        Meaning::Peer6 => Details {
            chapter: Chapter::Peers,
            text: "The same for adverts of IPv6, in place of the multicast group ff02::12.",
            unit: "",
            default: "the multicast group",
            change: "no election; a node that hears no adverts any more takes over",
            example: "carpctl carp0 peer6 2001:db8:1::2",
            section: "7.5",
        },
        Meaning::Multicast => Details {
            chapter: Chapter::Peers,
            text: "Adverts of IPv4 go to the multicast group 224.0.0.18 again.",
            unit: "",
            default: "so it is",
            change: "no election",
            example: "carpctl carp0 -carppeer",
            section: "7.1",
        },
        Meaning::Multicast6 => Details {
            chapter: Chapter::Peers,
            text: "Adverts of IPv6 go to the multicast group ff02::12 again.",
            unit: "",
            default: "so it is",
            change: "no election",
            example: "carpctl carp0 mcast6",
            section: "7.5",
        },
        // ---- hooks ----
        Meaning::Script(Hook::Up) => hook(
            "A program to run when the interface has become master and has its addresses, with \
             the arguments CARPDEV ADDRESS [XPARAM], as ucarp gives them, and facts in its \
             environment, such as CARP_EVENT and CARP_INTERFACE. Programs of one \
             interface run one after the other; only root may be able to change them, and where \
             the service is not root they are below /etc/carpctl. Those in /etc/carpctl/hooks.d \
             run for all interfaces.",
            "carpctl carp0 upscript /etc/carpctl/vip-up",
        ),
        Meaning::Script(Hook::Backup) => hook(
            "A program to run when the interface stands by.",
            "carpctl carp0 backupscript /etc/carpctl/vip-backup",
        ),
        Meaning::Script(Hook::Down) => hook(
            "A program to run when the interface takes no part any more.",
            "carpctl carp0 downscript /etc/carpctl/vip-down",
        ),
        Meaning::Script(Hook::Prepare) => hook(
            "A program that is asked before the interface takes over. Where it ends with another \
             status than 0 within 2 s, the interface does not take over, and asks again when it \
             would the next time. Where there is no answer it takes over.",
            "carpctl carp0 preparescript /etc/carpctl/vip-prepare",
        ),
        Meaning::NoScript(Hook::Up) => hook("No program runs any more.", "carpctl carp0 -upscript"),
        Meaning::NoScript(Hook::Backup) => {
            hook("No program runs any more.", "carpctl carp0 -backupscript")
        }
        Meaning::NoScript(Hook::Down) => {
            hook("No program runs any more.", "carpctl carp0 -downscript")
        }
        Meaning::NoScript(Hook::Prepare) => hook(
            "Nothing is asked any more before the interface takes over.",
            "carpctl carp0 -preparescript",
        ),
        Meaning::Xparam => hook(
            "A text that all programs of the interface get as their last argument.",
            "carpctl carp0 xparam 192.0.2.1",
        ),
        Meaning::NoXparam => hook(
            "There is no such argument any more.",
            "carpctl carp0 -xparam",
        ),
        Meaning::HookTimeout => Details {
            unit: "seconds",
            default: "30",
            ..hook(
                "How long a program of the interface may run before it is ended.",
                "carpctl carp0 hooktimeout 10",
            )
        },
        Meaning::Refused(_) => return None,
    })
}

const fn hook(text: &'static str, example: &'static str) -> Details {
    Details {
        chapter: Chapter::Hooks,
        text,
        unit: "",
        default: "",
        change: "no election",
        example,
        section: "",
    }
}
