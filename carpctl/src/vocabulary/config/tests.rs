//! Commands one after another, and what an interface is told to be by them.

use std::ffi::OsString;

use super::*;
use crate::vocabulary::words;

/// Applies a command line, and returns the notes.
fn apply(config: &mut Config, line: &str) -> Result<Vec<String>, ConfigError> {
    let (new, notes) = config.with(&change(line))?;
    *config = new;
    Ok(notes)
}

fn change(line: &str) -> Change {
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    words::parse("carp0", &words).unwrap().change
}

fn told(lines: &[&str]) -> Config {
    let mut config = Config::default();
    for line in lines {
        apply(&mut config, line).unwrap();
    }
    config
}

fn addresses(config: &Config) -> Vec<String> {
    config.addresses.iter().map(ToString::to_string).collect()
}

fn refusal(lines: &[&str], line: &str) -> String {
    let mut config = told(lines);
    let before = config.clone();
    let error = apply(&mut config, line).unwrap_err();
    assert_eq!(config, before, "a refused change changes nothing");
    error.to_string()
}

#[test]
fn two_commands_make_a_virtual_host() {
    let mut config = told(&["vhid 99 carpdev vmx0 advskew 100"]);
    assert_eq!(
        apply(&mut config, "inet 192.0.2.10 netmask 255.255.255.0"),
        Ok(vec![])
    );
    let (carpdev, host) = config.host().unwrap();
    assert_eq!(carpdev, "vmx0");
    assert_eq!(
        (host.vhid().get(), host.interval().to_string()),
        (99, "1/100".into())
    );
    assert_eq!(host.addresses(), ["192.0.2.10/24".parse().unwrap()]);
    assert!(host.is_enabled());
}

#[test]
fn virtual_host_needs_vhid_and_carpdev() {
    assert!(told(&["create"]).host().is_none());
    assert!(told(&["vhid 1"]).host().is_none());
    assert!(told(&["carpdev vmx0 192.0.2.10/24"]).host().is_none());
    assert!(told(&["vhid 1", "carpdev vmx0"]).host().is_some());
}

#[test]
fn second_inet_address_replaces_the_first_and_says_so() {
    let mut config = told(&["vhid 1 carpdev vmx0 192.0.2.10/24 2001:db8::10/64"]);
    let notes = apply(&mut config, "inet 192.0.2.20/24").unwrap();
    assert_eq!(
        notes,
        ["192.0.2.10/24 is replaced by 192.0.2.20/24 (`alias' would add it)"]
    );
    assert_eq!(addresses(&config), ["192.0.2.20/24", "2001:db8::10/64"]);
}

#[test]
fn alias_adds_and_so_does_every_inet6_address() {
    let mut config = told(&["vhid 1 carpdev vmx0 192.0.2.10/24 2001:db8::10/64"]);
    assert_eq!(apply(&mut config, "inet alias 192.0.2.11/24"), Ok(vec![]));
    assert_eq!(apply(&mut config, "2001:db8::11/64"), Ok(vec![]));
    assert_eq!(
        addresses(&config),
        [
            "192.0.2.10/24",
            "2001:db8::10/64",
            "192.0.2.11/24",
            "2001:db8::11/64"
        ]
    );
}

#[test]
fn same_address_again_is_no_change() {
    let mut config = told(&["vhid 1 carpdev vmx0 192.0.2.10/24 192.0.2.11/24"]);
    let before = config.clone();
    for line in [
        "inet 192.0.2.11/24",
        "inet 192.0.2.11",
        "alias 192.0.2.10/24",
    ] {
        assert_eq!(apply(&mut config, line), Ok(vec![]));
        assert_eq!(config, before, "{line}");
    }
}

#[test]
fn netmask_of_an_address_can_be_changed() {
    let mut config = told(&["vhid 1 carpdev vmx0 192.0.2.10/24"]);
    assert_eq!(apply(&mut config, "192.0.2.10/25"), Ok(vec![]));
    assert_eq!(addresses(&config), ["192.0.2.10/25"]);
    assert_eq!(
        apply(&mut config, "192.0.2.10 broadcast 192.0.2.0"),
        Ok(vec![])
    );
    assert_eq!(
        config.addresses[0].broadcast(),
        Some("192.0.2.0".parse().unwrap())
    );
    assert_eq!(addresses(&config), ["192.0.2.10/25"]);
}

#[test]
fn address_without_a_prefix_length_stands_alone_until_one_is_said() {
    let mut config = told(&["vhid 1 carpdev vmx0 192.0.2.10 2001:db8::10 192.0.2.11"]);
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let (first, second, third) = (ip("192.0.2.10"), ip("192.0.2.11"), ip("2001:db8::10"));
    assert_eq!(
        addresses(&config),
        ["192.0.2.10/32", "2001:db8::10/128", "192.0.2.11/32"]
    );
    assert_eq!(config.alone, [first, second, third].into());
    apply(&mut config, "advskew 7 alias 192.0.2.10").unwrap();
    assert_eq!(config.alone, [first, second, third].into());
    apply(&mut config, "alias 192.0.2.10/32 2001:db8::10/64").unwrap();
    assert_eq!(config.alone, [second].into());
    apply(&mut config, "-alias 192.0.2.11").unwrap();
    assert!(config.alone.is_empty());
}

#[test]
fn address_that_is_alone_is_told_as_it_was_said() {
    let config = told(&["vhid 1 carpdev vmx0 192.0.2.10/32 192.0.2.11"]);
    let told = config.as_change();
    let lengths: Vec<_> = told.addresses.iter().map(|it| it.prefixlen).collect();
    assert_eq!(lengths, [Some(32), None]);
    let (again, _) = Config::default().with(&told).unwrap();
    assert_eq!(again, config);
}

#[test]
fn addresses_are_taken_away_by_number() {
    let mut config = told(&["vhid 1 carpdev vmx0 192.0.2.10/24 192.0.2.11/24"]);
    apply(&mut config, "192.0.2.10 delete").unwrap();
    assert_eq!(addresses(&config), ["192.0.2.11/24"]);
    apply(&mut config, "inet -alias 192.0.2.11").unwrap();
    assert!(addresses(&config).is_empty());
}

#[test]
fn peers_replace_those_of_their_family() {
    let mut config = told(&["vhid 1 carpdev vmx0 carppeer 10.0.0.2 peer6 2001:db8::2"]);
    let peers = |config: &Config| {
        let (_, host) = config.host().unwrap();
        host.peers()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    apply(&mut config, "peer 10.0.0.3 peer 10.0.0.4").unwrap();
    assert_eq!(peers(&config), ["10.0.0.3", "10.0.0.4", "2001:db8::2"]);
    apply(&mut config, "advskew 7").unwrap();
    assert_eq!(peers(&config), ["10.0.0.3", "10.0.0.4", "2001:db8::2"]);
    apply(&mut config, "mcast").unwrap();
    assert_eq!(peers(&config), ["2001:db8::2"]);
    apply(&mut config, "mcast6").unwrap();
    assert!(peers(&config).is_empty());
}

#[test]
fn groups_dialect_and_lladdr_go_into_the_virtual_host() {
    let mut config = told(&[
        "vhid 1 carpdev vmx0 peers freebsd advdemote both lladdr 02:00:5e:00:00:07",
        "group web group carp",
        "group dmz group web",
    ]);
    let (_, host) = config.host().unwrap();
    assert_eq!(host.dialect(), Dialect::FreeBsd);
    assert_eq!(host.demotion_form(), DemotionForm::Both);
    let mac = "02:00:5e:00:00:07".parse().unwrap();
    assert_eq!(host.link_address(), Lladdr::Manual(mac));
    assert_eq!(host.groups().collect::<Vec<_>>(), ["carp", "web", "dmz"]);
    apply(&mut config, "-group web peers openbsd advdemote auto").unwrap();
    let (_, host) = config.host().unwrap();
    assert_eq!(host.groups().collect::<Vec<_>>(), ["carp", "dmz"]);
    assert_eq!(
        (host.dialect(), host.demotion_form()),
        (Dialect::OpenBsd, DemotionForm::Byte)
    );
}

#[test]
fn down_stays_down_until_up() {
    let mut config = told(&["down", "vhid 1 carpdev vmx0 192.0.2.10/24"]);
    assert!(!config.up);
    apply(&mut config, "up").unwrap();
    assert!(config.up);
}

#[test]
fn what_cannot_be_says_why() {
    assert_eq!(
        refusal(&["vhid 1"], "192.0.2.10/24"),
        "an address needs a carpdev: say `carpdev INTERFACE' too"
    );
    assert_eq!(refusal(&["create"], "-group web"), "not in group web");
    for line in ["carppeer 192.0.2.10", "192.0.2.11/24 peer 192.0.2.11"] {
        let refused = refusal(&["vhid 1 carpdev vmx0 192.0.2.10/24"], line);
        let expected = "is an address of this interface, which all nodes share: name that of the \
                        peer";
        assert!(refused.ends_with(expected), "{line}: {refused}");
    }
    refusal(&["carpdev vmx0 carppeer 192.0.2.10"], "192.0.2.10/24");
    let many: Vec<String> = (1..=17).map(|n| format!("peer 10.0.0.{n}")).collect();
    assert_eq!(
        refusal(&["create"], &many.join(" ")),
        "more than 16 peers of one family"
    );
    assert_eq!(
        refusal(&["vhid 1 carpdev vmx0"], "advskew 7 -alias 192.0.2.10"),
        "192.0.2.10: no such address here"
    );
    assert_eq!(
        refusal(&["vhid 1"], "state master"),
        "`state' needs a vhid and a carpdev first"
    );
    assert_eq!(
        refusal(&["vhid 1 carpdev vmx0 down"], "state master"),
        "`state' needs the interface to be up"
    );
    let many: Vec<String> = (0..=255).map(|n| format!("10.0.{n}.1/24")).collect();
    let many = format!("carpdev vmx0 {}", many.join(" "));
    assert_eq!(
        refusal(&[&many], "alias 192.0.2.10/24"),
        "more than 256 addresses on one interface"
    );
}

#[test]
fn values_that_no_client_of_ours_sends_are_refused() {
    let change = Change {
        vhid: Some(0),
        ..Change::default()
    };
    let error = Config::default().with(&change).unwrap_err();
    assert_eq!(error.to_string(), "vhid 0 is out of range (1 to 255)");
}

// ---- fewer addresses, size, remark ----

#[test]
fn first_address_of_a_family_goes_and_the_others_stay() {
    let all = "vhid 1 carpdev vmx0 192.0.2.10/24 192.0.2.11/24 2001:db8::10/64 2001:db8::11/64";
    let left = |line| addresses(&told(&[all, line])).join(" ");
    assert_eq!(
        left("delete"),
        "192.0.2.11/24 2001:db8::10/64 2001:db8::11/64"
    );
    assert_eq!(
        left("inet6 delete"),
        "192.0.2.10/24 192.0.2.11/24 2001:db8::11/64"
    );
    assert_eq!(left("-inet"), "2001:db8::10/64 2001:db8::11/64");
    assert_eq!(left("-inet6"), "192.0.2.10/24 192.0.2.11/24");
    assert_eq!(left("-inet 192.0.2.11/24 -inet6"), "192.0.2.11/24");
    assert_eq!(refusal(&["vhid 1"], "delete"), "no inet address here");
    assert_eq!(
        refusal(&["vhid 1"], "inet6 delete"),
        "no inet6 address here"
    );
}

#[test]
fn mtu_is_that_of_the_carpdev_where_its_address_is_used() {
    let own = told(&["vhid 1 carpdev vmx0 mtu 1400 2001:db8::10/64"]);
    assert_eq!(own.host().unwrap().1.mtu(), Some(1400));
    let why = "with `lladdr carpdev' the mtu is that of the carpdev: set it there, and say `-mtu' \
               here";
    assert_eq!(refusal(&["vhid 1 mtu 1400"], "lladdr carpdev"), why);
    assert_eq!(refusal(&["vhid 1 lladdr carpdev"], "mtu 1400"), why);
    let small = "mtu 1279: IPv6 addresses need 1280 bytes or more";
    assert_eq!(
        refusal(&["carpdev vmx0 2001:db8::10/64"], "mtu 1279"),
        small
    );
    assert_eq!(told(&["mtu 1400", "lladdr carpdev -mtu"]).mtu, None);
}
