//! Services of every kind, played by the test, and what a client makes of them.

use super::*;

const REPORT: &str = r#"{"version":1,"message":{"interface":{"name":"carp0",
    "flags":["UP","BROADCAST","RUNNING","SIMPLEX","MULTICAST"],"mtu":1500,
    "lladdr":"00:00:5e:00:01:63","index":4,"priority":15,"llprio":3,
    "carp":{"state":"BACKUP","carpdev":"vmx0","vhid":99,"advbase":1,"advskew":100},
    "groups":["carp"],"status":"backup","addresses":[{"family":"inet","address":"192.0.2.10",
    "prefixlen":24,"broadcast":"192.0.2.255","installed":false}],
    "link":{"up":true,"running":false}}}}"#;

pub(super) fn report_and_end() -> Vec<u8> {
    let report = REPORT.replace("\n    ", "");
    format!("{report}\n{{\"version\":1,\"message\":\"end\"}}\n").into_bytes()
}

#[test]
fn interface_is_shown_as_ifconfig_shows_it() {
    let bench = Bench::new();
    let expected = "carp0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500\n\
                    \tlladdr 00:00:5e:00:01:63\n\
                    \tindex 4 priority 15 llprio 3\n\
                    \tcarp: BACKUP carpdev vmx0 vhid 99 advbase 1 advskew 100\n\
                    \tgroups: carp\n\
                    \tstatus: backup\n\
                    \tinet 192.0.2.10 netmask 0xffffff00 broadcast 192.0.2.255\n";
    for line in ["", "-a", "carp", "carp0"] {
        let shown = bench.answered(line, &report_and_end());
        assert_eq!(shown, says(0, expected, ""), "carpctl {line}");
    }
    let json = bench.answered("carp0 --json", &report_and_end());
    let value: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let address = value.pointer("/0/addresses/0").unwrap();
    assert_eq!(address.get("installed"), Some(&false.into()));
    assert_eq!(value.pointer("/0/link/running"), Some(&false.into()));
}

/// What a service was told, with a key.
const CONFIG: &str = r#"{"version":1,"message":{"config":{"interface":"carp0","has_key":true,
    "change":{"carpdev":"vmx0","vhid":99,"advskew":100,
    "key":"6974277320246d65000000000000000000000000","inet_peers":["10.0.0.2","10.0.0.3"],
    "addresses":[{"ip":"192.0.2.10","prefixlen":24,"broadcast":null,"manner":"set"}]}}}}
{"version":1,"message":{"config":{"interface":"carp1","has_key":false,"change":{}}}}
{"version":1,"message":"end"}
"#;

#[test]
fn commands_that_make_what_there_is() {
    let bench = Bench::new();
    let config = CONFIG.replace("\n    ", "");
    let expected = "carpctl carp0 vhid 99 pass 'it'\\''s $me' carpdev vmx0 advskew 100 carppeer \\\n    \
                    10.0.0.2 carppeer 10.0.0.3 192.0.2.10/24\n\
                    carpctl carp1 up\n";
    assert_eq!(
        bench.answered("show -k", config.as_bytes()),
        says(0, expected, "")
    );
    let key = r#""key":"6974277320246d65000000000000000000000000","#;
    let expected = "carpctl carp0 vhid 99 carpdev vmx0 advskew 100 carppeer 10.0.0.2 carppeer \\\n    \
                    10.0.0.3 192.0.2.10/24\n\
                    # without its password, which `carpctl show -k carp0' shows to root\n\
                    carpctl carp1 up\n";
    let config = config.replace(key, "");
    assert_eq!(
        bench.answered("show", config.as_bytes()),
        says(0, expected, "")
    );
}

/// What a service tells of itself, of an interface and of the one peer of that.
const STATS: &str = r#"{"version":1,"message":{"stats":{"counters":{"ipackets":3,"badttl":2}}}}
{"version":1,"message":{"stats":{"name":"carp0","counters":{"ipackets":1,"reflected":1},"peers":[{"source":"192.0.2.2","counters":{"ipackets":1,"counted later":5}}]}}}
{"version":1,"message":"end"}
"#;

#[test]
fn counters_are_shown_as_netstat_shows_them() {
    let bench = Bench::new();
    let service = NOTHING_COUNTED
        .replace("0 packets received (IPv4)", "3 packets received (IPv4)")
        .replace(
            "0 packets discarded for wrong",
            "2 packets discarded for wrong",
        );
    let shown = bench.answered("stats", STATS.as_bytes());
    assert_eq!(shown, says(0, &service, ""));
    let interface = NOTHING_COUNTED
        .replace("carp:", "carp0:")
        .replace("0 packets received (IPv4)", "1 packet received (IPv4)");
    let ours = "\t0 packets not sent\n\t1 own packet that came back\n\
                \t0 packets dropped by the kernel's filter\n\
                \t0 freezes of the service\n\t0 changes by another program\n\
                \t0 changes of state\n";
    let shown = bench.answered("stats carp0", STATS.as_bytes());
    assert_eq!(shown, says(0, &format!("{interface}{ours}"), ""));
    for line in ["stats --json", "--json stats", "stats carp0 --json"] {
        let shown = bench.answered(line, STATS.as_bytes());
        let value: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
        for (pointer, expected) in [
            ("/counters/badttl", 2),
            ("/counters/ostates", 0),
            ("/interfaces/0/counters/reflected", 1),
            ("/interfaces/0/peers/0/counters/ipackets", 1),
        ] {
            let found = value.pointer(pointer);
            assert_eq!(found, Some(&expected.into()), "{line}: {pointer}");
        }
        assert_eq!(
            value.pointer("/interfaces/0/peers/0/source"),
            Some(&"192.0.2.2".into())
        );
    }
}

/// What a service tells for Prometheus of itself and of an interface.
const METRICS: &str = r#"{"version":1,"message":{"vitals":{"version":"0.9","clients":1}}}
{"version":1,"message":{"facts":{"name":"carp0","vhid":99,"carpdev":"vmx0","carpdev_up":true,"state":"BACKUP","up":true,"advbase":1,"advskew":100,"groups":[["carp",0]],"inet":{"configured":1,"installed":0},"inet6":{"configured":0,"installed":0},"last_transition_ms":1700000000000,"fails":false,"counters":{"badauth":3},"peers":[]}}}
{"version":1,"message":"end"}
"#;

#[test]
fn metrics_are_shown_as_prometheus_reads_them() {
    let bench = Bench::new();
    let shown = bench.answered("metrics", METRICS.as_bytes());
    assert_eq!((shown.code, shown.err.as_str()), (Some(0), ""));
    for line in [
        "carp_up 1",
        "carp_build_info{version=\"0.9\"} 1",
        "carp_interface_state{interface=\"carp0\",vhid=\"99\",carpdev=\"vmx0\",state=\"backup\"} 1",
        "carp_interface_packets_refused_total{interface=\"carp0\",reason=\"authentication\"} 3",
    ] {
        let found = shown.out.lines().filter(|it| *it == line).count();
        assert_eq!(found, 1, "{line}:\n{}", shown.out);
    }
}

#[test]
fn settings_are_changed_as_sysctl_does() {
    let bench = Bench::new();
    let answer = b"{\"version\":1,\"message\":{\"settings\":\
                   {\"before\":{\"preempt\":false},\"now\":{\"preempt\":true}}}}\n";
    let shown = bench.answered("sysctl net.inet.carp.preempt=1", answer);
    assert_eq!(shown, says(0, "net.inet.carp.preempt: 0 -> 1\n", ""));
    let shown = bench.answered("sysctl -w net.inet.carp.preempt=1", answer);
    assert_eq!(shown, says(0, "net.inet.carp.preempt: 0 -> 1\n", ""));
    let shown = bench.answered("sysctl -n net.inet.carp.preempt=1", answer);
    assert_eq!(shown, says(0, "1\n", ""));
    let shown = bench.answered("sysctl -q net.inet.carp.preempt=1", answer);
    assert_eq!(shown, says(0, "", ""));
}

#[test]
fn refusals_and_notes_go_to_standard_error() {
    let bench = Bench::new();
    let refused = b"{\"version\":1,\"message\":{\"refused\":{\"reason\":\"not today\"}}}\n";
    let expected = says(1, "", "carpctl: carp0: not today\n");
    assert_eq!(bench.answered("carp0 up", refused), expected);
    assert_eq!(bench.answered("carp0", refused), expected);
    let done = b"{\"version\":1,\"message\":{\"done\":{\"notes\":[\"by the way\"]}}}\n";
    let expected = says(0, "", "carpctl: carp0: by the way\n");
    assert_eq!(bench.answered("carp0 up", done), expected);
}

#[test]
fn answers_that_make_no_sense_are_failures() {
    let bench = Bench::new();
    let understood = "a control message cannot be understood";
    let version = "the other side speaks version 2 of the control protocol, this one version 1: \
                   use the same carpctl for both (restart the service after an upgrade)";
    let long = [b'x'; 70_000];
    for (answer, expected) in [
        (&b"\n"[..], understood),
        (b"hello\n", understood),
        (b"{\"version\":1,\"message\":{\"sing\":{}}}\n", understood),
        (b"{\"version\":2,\"message\":{\"sing\":{}}}\n", version),
        (&long, "a control message is longer than 65536 bytes"),
    ] {
        for line in ["carp0", "carp0 up"] {
            let expected = says(1, "", &format!("carpctl: carp0: {expected}\n"));
            assert_eq!(bench.answered(line, answer), expected, "carpctl {line}");
        }
    }
}

#[test]
fn nobody_is_told_that_an_unanswered_change_was_not_made() {
    let bench = Bench::new();
    for answer in [&b""[..], b"{\"version\":1,\"mess"] {
        let ended = "carpctl: carp0: the service ended without an answer";
        assert_eq!(
            bench.answered("carp0", answer),
            says(1, "", &format!("{ended}\n"))
        );
        let perhaps = "the change may or may not have been made (`carpctl' shows what is)";
        let expected = says(1, "", &format!("{ended}: {perhaps}\n"));
        assert_eq!(bench.answered("carp0 up", answer), expected);
    }
}

#[test]
fn service_that_is_about_to_end_is_none() {
    let bench = Bench::new();
    let ending = b"{\"version\":1,\"message\":\"ending\"}\n";
    assert_eq!(bench.answered("", ending), says(0, "", ""));
    let expected = says(1, "", "carpctl: carp0: no such interface\n");
    assert_eq!(bench.answered("carp0", ending), expected);
}

#[test]
fn key_is_told_to_nobody_but_root_oneself_and_the_user_of_the_service() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can be somebody else");
    }
    let bench = Bench::new();
    let socket = bench.socket();
    // The credentials of a listener are those of whoever made it listen: nobody, here.
    fs::set_permissions(bench.directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let nobody = std::thread::spawn(move || {
        let nobody = rustix::process::Uid::from_raw(65534);
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        UnixListener::bind(socket).unwrap()
    });
    let listener = nobody.join().unwrap();
    let asked = bench.run("carp0 vhid 1 pass SharedSecret");
    let expected = "carpctl: carp0: the service that listens is run by user 65534: not root, \
                    nor you, nor `_carpctl' (the variable CARPCTL_USER names another user)\n";
    assert_eq!(asked, says(1, "", expected));
    let (mut stream, _) = listener.accept().unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"");
}
