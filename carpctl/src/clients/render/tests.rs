//! Golden output: that of the how-to, and the corners of the format.

use std::ffi::OsString;

use carp_net::Inspection;
use carp_net::carp_fsm::{Damage, LinkState, Reason, State, TakenDown};

use super::{group, interface};
use crate::vocabulary::config::Config;
use crate::vocabulary::demotion::GroupReport;
use crate::vocabulary::report::{Demotion, Past, Report, Standing, Trouble};
use crate::vocabulary::words;

fn config(line: &str) -> Config {
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    let change = words::parse("carp0", &words).unwrap().change;
    Config::default().with(&change).unwrap().0
}

fn kernel() -> Inspection {
    let mut kernel = Inspection::default();
    kernel.index = Some(4);
    kernel.mtu = Some(1500);
    kernel.route_priority = 15;
    kernel.link_priority = 3;
    kernel
}

fn standing(state: State, kernel: Inspection) -> Standing {
    let carpdev = LinkState::Up;
    Standing {
        state,
        carpdev,
        kernel,
    }
}

fn shown(line: &str, state: State) -> String {
    interface(&Report::new(
        "carp0",
        &config(line),
        Some(&standing(state, kernel())),
    ))
}

#[test]
fn description_and_mtu_stand_where_openbsd_has_them() {
    let text = shown("vhid 99 carpdev vmx0 descr uplink mtu 1400", State::Backup);
    let expected = "mtu 1500\n\
                    \tlladdr 00:00:5e:00:01:63\n\
                    \tdescription: uplink\n\
                    \tindex 4 priority 15 llprio 3\n";
    assert!(text.contains(expected), "what the kernel says: {text}");
    let alone = interface(&Report::new("carp0", &config("mtu 1400"), None));
    assert!(alone.contains(" mtu 1400\n"), "{alone}");
}

#[test]
fn hooks_stand_in_the_words_that_say_them() {
    let text = shown(
        "vhid 99 carpdev vmx0 downscript /etc/carpctl/down upscript /etc/carpctl/up \
         xparam eth0:web hooktimeout 5",
        State::Backup,
    );
    let expected = "\tcarp: BACKUP carpdev vmx0 vhid 99 advbase 1 advskew 0\n\
                    \tupscript /etc/carpctl/up\n\
                    \tdownscript /etc/carpctl/down\n\
                    \txparam eth0:web\n\
                    \thooktimeout 5\n\
                    \tgroups: carp\n";
    assert!(text.contains(expected), "{text}");
    // What is as usual goes without saying.
    let text = shown("vhid 99 carpdev vmx0 hooktimeout 30", State::Backup);
    assert!(!text.contains("hook"), "{text}");
}

#[test]
fn output_of_the_how_to() {
    let text = shown(
        "vhid 99 carpdev vmx0 advskew 100 192.0.2.10/24",
        State::Backup,
    );
    assert_eq!(
        text,
        "carp0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500\n\
         \tlladdr 00:00:5e:00:01:63\n\
         \tindex 4 priority 15 llprio 3\n\
         \tcarp: BACKUP carpdev vmx0 vhid 99 advbase 1 advskew 100\n\
         \tgroups: carp\n\
         \tstatus: backup\n\
         \tinet 192.0.2.10 netmask 0xffffff00 broadcast 192.0.2.255\n"
    );
}

#[test]
fn states_and_flags() {
    let text = shown("vhid 1 carpdev vmx0", State::Master);
    assert!(
        text.contains("\tcarp: MASTER carpdev vmx0 vhid 1 advbase 1 advskew 0\n"),
        "{text}"
    );
    assert!(text.contains("\tstatus: master\n"), "{text}");
    let text = shown("vhid 1 carpdev vmx0 down", State::Init);
    let first = "carp0: flags=8802<BROADCAST,SIMPLEX,MULTICAST> mtu 1500\n";
    assert!(text.starts_with(first), "{text}");
    assert!(text.contains("\tcarp: INIT carpdev vmx0"), "{text}");
    assert!(text.contains("\tstatus: invalid\n"), "{text}");
}

#[test]
fn addresses_of_both_families() {
    let line = "vhid 1 carpdev vmx0 10.0.0.1/8 alias 192.0.2.10/32 alias 192.0.2.20/31 \
                2001:db8::10/64 fe80::10/64";
    let text = shown(line, State::Master);
    let addresses: Vec<&str> = text.lines().filter(|line| line.contains("inet")).collect();
    assert_eq!(
        addresses,
        [
            "\tinet 10.0.0.1 netmask 0xff000000 broadcast 10.255.255.255",
            "\tinet 192.0.2.10 netmask 0xffffffff",
            "\tinet 192.0.2.20 netmask 0xfffffffe",
            "\tinet6 2001:db8::10 prefixlen 64",
            "\tinet6 fe80::10%carp0 prefixlen 64 scopeid 0x4",
        ]
    );
}

#[test]
fn what_is_not_known_yet_is_left_out() {
    let text = |line| interface(&Report::new("carp0", &config(line), None));
    assert_eq!(
        text("create"),
        "carp0: flags=8802<BROADCAST,SIMPLEX,MULTICAST> mtu 1500\n\
         \tgroups: carp\n\
         \tstatus: invalid\n"
    );
    assert_eq!(
        text("vhid 1"),
        "carp0: flags=8802<BROADCAST,SIMPLEX,MULTICAST> mtu 1500\n\
         \tlladdr 00:00:5e:00:01:01\n\
         \tcarp: INIT carpdev none vhid 1 advbase 1 advskew 0\n\
         \tgroups: carp\n\
         \tstatus: invalid\n"
    );
}

#[test]
fn carpdev_mode_shows_the_address_of_the_carpdev() {
    let mut kernel = kernel();
    let config = config("vhid 1 carpdev vmx0 lladdr carpdev");
    let report = |kernel: &Inspection| {
        Report::new(
            "carp0",
            &config,
            Some(&standing(State::Backup, kernel.clone())),
        )
    };
    assert_eq!(report(&kernel).lladdr, None);
    kernel.link_address = Some("52:54:00:12:34:56".parse().unwrap());
    let text = interface(&report(&kernel));
    assert!(text.contains("\tlladdr 52:54:00:12:34:56\n"), "{text}");
}

#[test]
fn what_is_not_as_usual_is_shown_in_words_that_can_be_typed() {
    let carp = |line: &str| {
        let text = shown(&format!("vhid 1 carpdev vmx0 {line}"), State::Backup);
        let lines = text.lines().skip_while(|line| !line.contains("carp:"));
        let lines: Vec<&str> = lines.take_while(|line| !line.contains("status:")).collect();
        for line in &lines {
            assert!(
                line.replace('\t', "        ").chars().count() <= 80,
                "{line}"
            );
        }
        lines.join("\n")
    };
    assert_eq!(
        carp("carppeer 10.0.0.2 peers freebsd group web"),
        "\tcarp: BACKUP carpdev vmx0 vhid 1 advbase 1 advskew 0 carppeer 10.0.0.2\n\
         \tpeers freebsd\n\
         \tgroups: carp web"
    );
    assert_eq!(
        carp("peer 10.0.0.2 peer 10.0.0.3 peer6 2001:db8::2 advdemote both"),
        "\tcarp: BACKUP carpdev vmx0 vhid 1 advbase 1 advskew 0 carppeer 10.0.0.2\n\
         \t    carppeer 10.0.0.3 peer6 2001:db8::2\n\
         \tadvdemote both\n\
         \tgroups: carp"
    );
    assert_eq!(
        carp("peer6 fe80::2 peers openbsd-old advdemote skew"),
        "\tcarp: BACKUP carpdev vmx0 vhid 1 advbase 1 advskew 0 peer6 fe80::2\n\
         \tpeers openbsd-old advdemote skew\n\
         \tgroups: carp"
    );
    let text = shown("vhid 1 carpdev vmx0 lladdr 02:00:5e:00:00:07", State::Init);
    assert!(text.contains("\tlladdr 02:00:5e:00:00:07\n"), "{text}");
}

#[test]
fn json_has_the_same_facts_and_the_kernels_view() {
    let mut kernel = kernel();
    kernel.installed = vec!["192.0.2.10/24".parse().unwrap()];
    kernel.up = true;
    let config = config("vhid 99 carpdev vmx0 192.0.2.10/24 2001:db8::10/64");
    let report = Report::new("carp0", &config, Some(&standing(State::Master, kernel)));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "name": "carp0",
            "flags": ["UP", "BROADCAST", "RUNNING", "SIMPLEX", "MULTICAST"],
            "mtu": 1500,
            "lladdr": "00:00:5e:00:01:63",
            "index": 4,
            "priority": 15,
            "llprio": 3,
            "carp": {
                "state": "MASTER",
                "carpdev": "vmx0",
                "carpdev_state": "up",
                "vhid": 99,
                "advbase": 1,
                "advskew": 0,
                "peers": "portable",
                "advdemote": "auto",
                "carppeer": [],
            },
            "description": "",
            "hooks": {},
            "hook_error": null,
            "groups": ["carp"],
            "status": "master",
            "addresses": [
                {
                    "family": "inet",
                    "address": "192.0.2.10",
                    "prefixlen": 24,
                    "broadcast": "192.0.2.255",
                    "installed": true,
                },
                {
                    "family": "inet6",
                    "address": "2001:db8::10",
                    "prefixlen": 64,
                    "broadcast": null,
                    "installed": false,
                },
            ],
            "link": { "up": true, "running": false },
            "last_transition": null,
            "demotion": 0,
            "demotions": [],
            "trouble": null,
            "error": null,
        })
    );
    assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
}

/// A report with news in it.
fn with_news() -> Report {
    let line = "vhid 1 carpdev vmx9 192.0.2.10/24";
    let mut standing = standing(State::Init, kernel());
    standing.carpdev = LinkState::Absent;
    let mut report = Report::new("carp0", &config(line), Some(&standing));
    report.last_transition = Some(Past {
        ago_ms: 12_345,
        reason: Reason::TakenDown(TakenDown::SetDown).to_string(),
    });
    report.demotion = 1;
    report.demotions = vec![demotion(Some("carp0"), "carpdev is not up", 1)];
    report.trouble = Some(Trouble {
        ago_ms: 999,
        what: Damage::LinkAddress.to_string(),
        mended: true,
    });
    report.error = Some(Past {
        ago_ms: 3_600_000,
        reason: "vmx9: is a port of br0: use carpdev br0".to_owned(),
    });
    report
}

fn demotion(interface: Option<&str>, reason: &str, amount: i32) -> Demotion {
    Demotion {
        group: "carp".to_owned(),
        interface: interface.map(str::to_owned),
        reason: reason.to_owned(),
        amount,
        owner: interface.is_none().then(|| reason.to_owned()),
        ago_ms: 12_345,
        held: false,
    }
}

#[test]
fn news_come_behind_what_openbsd_shows() {
    assert_eq!(
        interface(&with_news()),
        "carp0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500\n\
         \tlladdr 00:00:5e:00:01:01\n\
         \tindex 4 priority 15 llprio 3\n\
         \tcarp: INIT carpdev vmx9 (absent) vhid 1 advbase 1 advskew 0\n\
         \tgroups: carp\n\
         \tstatus: invalid\n\
         \tinet 192.0.2.10 netmask 0xffffff00 broadcast 192.0.2.255\n\
         \tlast: INIT 12 s ago: set down by another program\n\
         \tdemotion: 1 (carp0: carpdev is not up)\n\
         \ttrouble: 0 s ago: MAC address changed by another program, put back\n\
         \terror: 60 min ago: vmx9: is a port of br0: use carpdev br0\n"
    );
    let json = serde_json::to_value(with_news()).unwrap();
    for (pointer, expected) in [
        ("/carp/carpdev_state", serde_json::json!("absent")),
        (
            "/last_transition",
            serde_json::json!({ "ago_ms": 12_345, "reason": "set down by another program" }),
        ),
        (
            "/demotions/0",
            serde_json::json!({
                "group": "carp",
                "interface": "carp0",
                "reason": "carpdev is not up",
                "amount": 1,
                "owner": null,
                "ago_ms": 12_345,
                "held": false,
            }),
        ),
        ("/trouble/mended", serde_json::json!(true)),
    ] {
        assert_eq!(json.pointer(pointer), Some(&expected), "{pointer}");
    }
}

#[test]
fn several_demotions_have_a_line_each() {
    let mut report = with_news();
    report.demotion = 42;
    report.demotions = vec![
        demotion(Some("carp0"), "carpdev is not up", 1),
        demotion(Some("carp1"), "carpdev is not up", 1),
        demotion(None, "maintenance", 40),
    ];
    let text = interface(&report);
    let lines = "\tdemotion: 42\n\t\t1 carp0: carpdev is not up\n\
                 \t\t1 carp1: carpdev is not up\n\t\t40 maintenance\n";
    assert!(text.contains(lines), "{text}");
}

#[test]
fn group_is_shown_as_on_openbsd_and_with_everybody_who_demotes_it() {
    let mut report = GroupReport {
        group: "carp".to_owned(),
        demotion: 0,
        demotions: Vec::new(),
        interfaces: vec!["carp0".to_owned()],
    };
    assert_eq!(group(&report), "carp: carp demote count 0\n");
    report.demotion = 159;
    report.demotions = vec![
        demotion(None, "operator", 128),
        demotion(None, "check-of-all-the-web-servers", 50),
        demotion(None, "sysctl", -20),
        demotion(Some("carp0"), &Damage::LinkAddress.to_string(), 1),
    ];
    report.demotions[1].held = true;
    report.demotions[1].ago_ms = 200 * 60_000;
    assert_eq!(
        group(&report),
        "carp: carp demote count 159\n\
         \t128 owner operator, for 12 s\n\
         \t50 owner check-of-all-the-web-servers, for 3 h, while a command runs\n\
         \t-20 owner sysctl, for 12 s\n\
         \t1 carp0: MAC address changed by another program, for 12 s\n"
    );
}

#[test]
fn long_news_are_wrapped() {
    let mut report = with_news();
    let reason = "better or equal master heard: 1/100 demoted by 1 from fe80::5054:ff:fe12:3456";
    report.last_transition = Some(Past {
        ago_ms: 119_999,
        reason: reason.to_owned(),
    });
    let text = interface(&report);
    let lines = "\tlast: INIT 119 s ago: better or equal master heard: 1/100 demoted by 1\n\
                 \t    from fe80::5054:ff:fe12:3456\n";
    assert!(text.contains(lines), "{text}");
    for line in text.lines() {
        assert!(
            line.replace('\t', "        ").chars().count() <= 80,
            "{line}"
        );
    }
}

#[test]
fn report_of_an_older_service_can_be_shown() {
    let mut json = serde_json::to_value(with_news()).unwrap();
    let members = json.as_object_mut().unwrap();
    for new in [
        "last_transition",
        "demotion",
        "demotions",
        "trouble",
        "error",
    ] {
        members.remove(new);
    }
    let report: Report = serde_json::from_value(json).unwrap();
    assert!(interface(&report).ends_with("broadcast 192.0.2.255\n"));
}
