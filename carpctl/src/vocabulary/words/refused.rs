//! Words that other systems' `ifconfig` knows and that do not work here, and why.
//!
//! Whoever types one of them learns what to do instead, and not that the word is unknown.

use super::Keyword;
use super::table::refused;

/// The words, each with its reason.
pub(crate) static REFUSED: &[Keyword] = &[
    refused("carpnodes", BALANCING),
    refused("balancing", BALANCING),
    refused("carpver", VRRP),
    refused("vrrpprio", VRRP),
    refused("vrrpinterval", VRRP),
    refused("rdomain", DOMAINS),
    refused("-rdomain", DOMAINS),
    refused("rtable", DOMAINS),
    refused("instance", DOMAINS),
    refused("fib", DOMAINS),
    refused("vnet", DOMAINS),
    refused("-vnet", DOMAINS),
    refused("media", MEDIA),
    refused("mediaopt", MEDIA),
    refused("-mediaopt", MEDIA),
    refused("mode", MEDIA),
    refused("-mode", MEDIA),
    refused("wol", MEDIA),
    refused("-wol", MEDIA),
    refused("sff", MEDIA),
    refused("transceiver", MEDIA),
    refused("autoconf", ADDRESSES),
    refused("-autoconf", ADDRESSES),
    refused("dhcp", ADDRESSES),
    refused("rtsol", ADDRESSES),
    refused("eui64", ADDRESSES),
    refused("autoconfprivacy", ADDRESSES),
    refused("-autoconfprivacy", ADDRESSES),
    refused("temporary", ADDRESSES),
    refused("-temporary", ADDRESSES),
    refused("soii", ADDRESSES),
    refused("-soii", ADDRESSES),
    refused("inet6soii", ADDRESSES),
    refused("anycast", ADDRESSES),
    refused("-anycast", ADDRESSES),
    refused("tentative", ADDRESSES),
    refused("-tentative", ADDRESSES),
    refused("pltime", ADDRESSES),
    refused("vltime", ADDRESSES),
    refused("deprecated", ADDRESSES),
    refused("-deprecated", ADDRESSES),
    refused(
        "carpdemote",
        "a group is demoted, not an interface: `carpctl -g carp carpdemote'",
    ),
    refused(
        "-carpdemote",
        "a group is demoted, not an interface: `carpctl -g carp -carpdemote'",
    ),
    refused("priority", PRIORITY),
    refused("-priority", PRIORITY),
    refused("llprio", PRIORITY),
    refused("metric", PRIORITY),
    refused("dest", DESTINATION),
    refused("dstaddr", DESTINATION),
    refused("parent", PARENT),
    refused("vlandev", PARENT),
    refused("-parent", PARENT),
    refused("-carpdev", PARENT),
    refused(
        "name",
        "a carp interface does not change its name: `destroy' it and make another one",
    ),
    refused("ether", LLADDR),
    refused("link", LLADDR),
    refused("mac", LLADDR),
    refused("arp", ARP),
    refused("-arp", ARP),
    refused("staticarp", ARP),
    refused("-staticarp", ARP),
    refused("hwfeatures", CARPDEV),
    refused("promisc", CARPDEV),
    refused("-promisc", CARPDEV),
    refused("polling", CARPDEV),
    refused("-polling", CARPDEV),
    refused("monitor", CARPDEV),
    refused("-monitor", CARPDEV),
    refused("txcsum", CARPDEV),
    refused("-txcsum", CARPDEV),
    refused("rxcsum", CARPDEV),
    refused("-rxcsum", CARPDEV),
    refused("tso", CARPDEV),
    refused("-tso", CARPDEV),
    refused("lro", CARPDEV),
    refused("-lro", CARPDEV),
    refused("debug", CARPDEV),
    refused("-debug", CARPDEV),
    refused("link0", CARPDEV),
    refused("link1", CARPDEV),
    refused("link2", CARPDEV),
    refused("-link0", CARPDEV),
    refused("-link1", CARPDEV),
    refused("-link2", CARPDEV),
    refused("mpls", CARPDEV),
    refused("-mpls", CARPDEV),
    refused("vnetid", CARPDEV),
    refused("-vnetid", CARPDEV),
    refused("vlan", CARPDEV),
    refused("rtlabel", CARPDEV),
    refused("-rtlabel", CARPDEV),
];

const BALANCING: &str = "load balancing is not supported: make one interface for each vhid";

const VRRP: &str = "only CARP is spoken, not VRRP";

const DOMAINS: &str = "Linux has no routing domains: run carpctl in a network namespace";

const MEDIA: &str = "a carp interface has no media: set that of the carpdev";

const ADDRESSES: &str = "a carp interface has only the addresses it is given";

const PRIORITY: &str = "the priority is set by the service";

const DESTINATION: &str = "a carp interface is no point-to-point link, and has no destination";

const PARENT: &str = "a carp interface runs on its carpdev: say `carpdev'";

const LLADDR: &str = "the MAC address is said with `lladdr'";

const ARP: &str = "carp interfaces answer ARP while they are master, and not otherwise";

const CARPDEV: &str = "set it on the carpdev, which the packets go through";
