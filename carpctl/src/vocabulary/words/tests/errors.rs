//! Words that are not understood: each error points at the word, and leads to what was meant.

use super::*;

#[test]
fn every_error_points_at_the_word() {
    for (line, expected) in [
        (
            "advskw 100",
            "`advskw': unknown keyword (did you mean `advskew'?)",
        ),
        (
            "carpdevs vmx0",
            "`carpdevs': unknown keyword (did you mean `carpdev'?)",
        ),
        ("ipn", "`ipn': unknown keyword (`carpctl --help' shows all)"),
        (
            "frobnicate",
            "`frobnicate': unknown keyword (`carpctl --help' shows all)",
        ),
        ("vhid", "`vhid': a number from 1 to 255 must follow"),
        ("vhid 0", "`vhid 0': out of range (1 to 255)"),
        ("vhid 256", "`vhid 256': out of range (1 to 255)"),
        ("vhid -1", "`vhid -1': out of range (1 to 255)"),
        (
            "vhid 99999999999",
            "`vhid 99999999999': out of range (1 to 255)",
        ),
        ("vhid +1", "`vhid +1': not a number from 1 to 255"),
        ("vhid x", "`vhid x': not a number from 1 to 255"),
        ("vhid pass -", "`vhid': a number from 1 to 255 must follow"),
        ("advskew 255", "`advskew 255': out of range (0 to 254)"),
        ("advbase 255", "`advbase 255': out of range (0 to 254)"),
        ("vhid 1 vhid 2", "`vhid': said twice"),
        ("carpdev", "`carpdev': an interface must follow"),
        ("carpdev advskew 100", "`carpdev': an interface must follow"),
        ("pass", "`pass': a password must follow"),
        ("pass - passfile x", "`passfile': said twice"),
        ("passfile", "`passfile': a file must follow"),
        (
            "carpdemote 50",
            "`carpdemote': a group is demoted, not an interface: `carpctl -g carp carpdemote 50'",
        ),
        (
            "state init",
            "`state init': `down' leads to INIT, and keeps it there",
        ),
        ("state slave", "`state slave': must be master or backup"),
        ("mtu 67", "`mtu 67': out of range (68 to 65535)"),
        ("mtu 65536", "`mtu 65536': out of range (68 to 65535)"),
        ("mtu up", "`mtu': a number from 68 to 65535 must follow"),
        ("mtu 1400 -mtu", "`-mtu': said twice"),
        ("description", "`description': a text must follow"),
        ("descr a -descr", "`-descr': said twice"),
        (
            "descr 0123456789012345678901234567890123456789012345678901234567890123",
            "`descr 0123456789012345678901234567890123456789012345678901234567890123': \
             a description is at most 63 bytes long",
        ),
        ("pass - -pass", "`-pass': said twice"),
        ("-inet -inet", "`-inet': said twice"),
        ("-inet delete", "`delete': said twice"),
        ("inet delete delete", "`delete': said twice"),
        (
            "delete prefixlen 24",
            "`delete': there is no address that it belongs to",
        ),
        (
            "192.0.2.10 0xffffff00",
            "`0xffffff00': looks like a netmask: write `netmask 0xffffff00'",
        ),
        (
            "priority 10",
            "`priority': the priority is set by the service",
        ),
        ("llprio 3", "`llprio': the priority is set by the service"),
        (
            "rdomain 1",
            "`rdomain': Linux has no routing domains: run carpctl in a network namespace",
        ),
        (
            "media autoselect",
            "`media': a carp interface has no media: set that of the carpdev",
        ),
        (
            "inet6 autoconf",
            "`autoconf': a carp interface has only the addresses it is given",
        ),
        (
            "balancing ip",
            "`balancing': load balancing is not supported: make one interface for each vhid",
        ),
        ("up down", "`down': contradicts `up'"),
        ("down state master", "`state': contradicts `down'"),
        ("destroy vhid 1", "`destroy': must be the only word"),
        ("inet", "`inet': an address must follow"),
        ("inet vhid 1", "`inet': an address must follow"),
        ("inet inet6 2001:db8::1", "`inet6': an address must follow"),
        ("inet 2001:db8::1", "`2001:db8::1': not an IPv4 address"),
        ("inet6 192.0.2.1", "`192.0.2.1': not an IPv6 address"),
        (
            "inet 192.0.2.300",
            "`192.0.2.300': not an IPv4 or IPv6 address",
        ),
        (
            "192.0.2.10/33",
            "`192.0.2.10/33': the prefix length must be a number from 1 to 32",
        ),
        (
            "192.0.2.10/+8",
            "`192.0.2.10/+8': the prefix length must be a number from 1 to 32",
        ),
        (
            "192.0.2.10 prefixlen 33",
            "`192.0.2.10': the prefix length must be a number from 1 to 32",
        ),
        (
            "192.0.2.10/0",
            "`192.0.2.10/0': the prefix length must be a number from 1 to 32",
        ),
        (
            "2001:db8::10/0",
            "`2001:db8::10/0': the prefix length must be a number from 1 to 128",
        ),
        (
            "192.0.2.10 netmask 0.0.0.0",
            "`netmask 0.0.0.0': the prefix length must be a number from 1 to 32",
        ),
        (
            "netmask 0x0 inet 192.0.2.10",
            "`netmask 0x0': the prefix length must be a number from 1 to 32",
        ),
        (
            "192.0.2.10 prefixlen 0",
            "`prefixlen 0': the prefix length must be a number from 1 to 32",
        ),
        (
            "inet6 2001:db8::10 prefixlen 0",
            "`prefixlen 0': the prefix length must be a number from 1 to 128",
        ),
        (
            "prefixlen 0 inet6 2001:db8::10",
            "`prefixlen 0': the prefix length must be a number from 1 to 128",
        ),
        (
            "2001:db8::/129",
            "`2001:db8::/129': the prefix length must be a number from 1 to 128",
        ),
        (
            "192.0.2.10/24 netmask 255.255.255.0",
            "`netmask': said twice",
        ),
        (
            "netmask 255.255.255.0 192.0.2.10/24",
            "`192.0.2.10/24': said twice",
        ),
        (
            "inet 192.0.2.10 netmask 255.0.255.0",
            "`netmask 255.0.255.0': not a netmask (such as 255.255.255.0 or 0xffffff00)",
        ),
        (
            "inet6 2001:db8::1 netmask 255.255.255.0",
            "`netmask 255.255.255.0': an IPv6 address has no netmask: use prefixlen",
        ),
        (
            "netmask 255.255.255.0 inet6 2001:db8::1",
            "`netmask 255.255.255.0': an IPv6 address has no netmask: use prefixlen",
        ),
        (
            "netmask 255.255.255.0 inet",
            "`inet': an address must follow",
        ),
        (
            "inet 192.0.2.10 255.255.255.0",
            "`255.255.255.0': looks like a netmask: write `netmask 255.255.255.0'",
        ),
        (
            "netmask 255.255.255.0",
            "`netmask': there is no address that it belongs to",
        ),
        (
            "vhid 1 alias",
            "`alias': there is no address that it belongs to",
        ),
        (
            "2001:db8::1 broadcast 192.0.2.255",
            "`2001:db8::1': an IPv6 address has no broadcast address",
        ),
        (
            "192.0.2.1 broadcast x",
            "`broadcast x': not an IPv4 address",
        ),
        (
            "224.0.0.18/4",
            "`224.0.0.18/4': not an address that a host can have",
        ),
        ("0.0.0.0", "`0.0.0.0': not an address that a host can have"),
        (
            "127.0.0.1/8",
            "`127.0.0.1/8': not an address that a host can have",
        ),
        (
            "255.255.255.255/32",
            "`255.255.255.255/32': not an address that a host can have",
        ),
        ("::/64", "`::/64': not an address that a host can have"),
        ("::1/128", "`::1/128': not an address that a host can have"),
        (
            "::ffff:192.0.2.1",
            "`::ffff:192.0.2.1': not an address that a host can have",
        ),
        (
            "ff02::12",
            "`ff02::12': not an address that a host can have",
        ),
        (
            "fe80::1%carp1",
            "`fe80::1%carp1': the scope is not this interface",
        ),
        (
            "carpnodes 1:0,2:100",
            "`carpnodes': load balancing is not supported: make one interface for each vhid",
        ),
        (
            "rdomain 1",
            "`rdomain': Linux has no routing domains: run carpctl in a network namespace",
        ),
    ] {
        assert_eq!(refusal(line), expected, "{line}");
    }
}

#[test]
fn words_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let garbage = OsString::from_vec(vec![b'v', 0xff]);
    let refused = parse("carp0", &[garbage]).unwrap_err();
    assert_eq!(refused.to_string(), "`v\u{fffd}': not readable as text");
}

#[test]
fn no_part_of_a_password_is_shown() {
    for line in [
        "pass=Topsecret1",
        "pass=1:Topsecret",
        "passwd=Top/secret",
        "vhid 1 pass Top secret1",
        "pass - 1secret",
        "pass - a=secret",
    ] {
        let shown = parse("carp0", &words(line)).unwrap_err().to_string();
        assert!(!shown.contains("secret"), "{line}: {shown}");
    }
    for (line, expected) in [
        (
            "pass=Topsecret1",
            "`pass=': no `=' stands between a word and its value: write `pass PASSWORD'",
        ),
        ("vhdi=1", "`vhdi=': unknown keyword (did you mean `vhid'?)"),
        (
            "pass Top secret1",
            "`pass': a word that is not known, and not shown, follows the password: quote one with \
             spaces",
        ),
        (
            "pass - vhdi 1",
            "`vhdi': unknown keyword (did you mean `vhid'?)",
        ),
        (
            "pass - up nonsense",
            "`nonsense': unknown keyword (`carpctl --help' shows all)",
        ),
    ] {
        let shown = parse("carp0", &words(line)).unwrap_err().to_string();
        assert_eq!(shown, expected, "{line}");
    }
}

#[test]
fn errors_lead_to_what_was_meant() {
    for (line, expected) in [
        ("VHID 1", "`VHID': unknown keyword (did you mean `vhid'?)"),
        (
            "inet www.example.com",
            "`inet www.example.com': not an IPv4 address (names are not looked up)",
        ),
        (
            "inet6 alias host",
            "`inet6 host': not an IPv6 address (names are not looked up)",
        ),
        (
            "inet vhdi 1",
            "`vhdi': unknown keyword (did you mean `vhid'?)",
        ),
        (
            "carpdemote 50",
            "`carpdemote': a group is demoted, not an interface: `carpctl -g carp carpdemote 50'",
        ),
        (
            "-carpdemote up",
            "`-carpdemote': a group is demoted, not an interface: `carpctl -g carp -carpdemote'",
        ),
        (
            "carpdev a/b",
            "`carpdev a/b': not an interface name (1 to 15 characters, no slash or white space)",
        ),
        (
            "carpdev abcdefghijklmnop",
            "`carpdev abcdefghijklmnop': not an interface name (1 to 15 characters, no slash or \
             white space)",
        ),
    ] {
        let shown = parse("carp0", &words(line)).unwrap_err().to_string();
        assert_eq!(shown, expected, "{line}");
    }
    let broken = std::os::unix::ffi::OsStringExt::from_vec(b"\xff".to_vec());
    let shown = parse("carp0", &["descr".into(), broken]).unwrap_err();
    assert_eq!(shown.to_string(), "`descr \u{fffd}': not readable as text");
    let large = change("192.0.2.10 netmask 0XFFFFFF00");
    assert_eq!(large.addresses[0].prefixlen, Some(24));
}
