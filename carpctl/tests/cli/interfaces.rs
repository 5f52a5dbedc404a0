//! What is shown of which interfaces, and what a command would do.

use super::*;

fn report(name: &str, group: &str) -> String {
    format!(
        r#"{{"version":1,"message":{{"interface":{{"name":"{name}",
    "flags":["UP","BROADCAST","RUNNING","SIMPLEX","MULTICAST"],"mtu":1400,
    "lladdr":"00:00:5e:00:01:63","index":4,"priority":15,"llprio":3,"description":"rack 7",
    "carp":{{"state":"BACKUP","carpdev":"vmx0","vhid":99,"advbase":1,"advskew":100}},
    "groups":["carp"{group}],"status":"backup","addresses":[{{"family":"inet",
    "address":"192.0.2.10","prefixlen":24,"broadcast":"192.0.2.255","installed":false}},
    {{"family":"inet6","address":"2001:db8::10","prefixlen":64,"installed":false}}],
    "link":{{"up":true,"running":false}}}}}}}}"#
    )
    .replace("\n    ", "")
        + "\n"
}

fn all() -> Vec<u8> {
    let end = "{\"version\":1,\"message\":\"end\"}\n";
    let all = [report("carp0", ""), report("carp1", ",\"web\""), end.into()];
    all.concat().into_bytes()
}

const INET: &str = "\tinet 192.0.2.10 netmask 0xffffff00 broadcast 192.0.2.255\n";
const INET6: &str = "\tinet6 2001:db8::10 prefixlen 64\n";

fn shown(name: &str, groups: &str, addresses: &str) -> String {
    format!(
        "{name}: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1400\n\
         \tlladdr 00:00:5e:00:01:63\n\
         \tdescription: rack 7\n\
         \tindex 4 priority 15 llprio 3\n\
         \tcarp: BACKUP carpdev vmx0 vhid 99 advbase 1 advskew 100\n\
         \tgroups: {groups}\n\
         \tstatus: backup\n\
         {addresses}"
    )
}

#[test]
fn all_interfaces_or_those_of_a_group_with_the_addresses_of_a_family() {
    let bench = Bench::new();
    let both = |addresses: &str| {
        shown("carp0", "carp", addresses) + &shown("carp1", "carp web", addresses)
    };
    let everything = format!("{INET}{INET6}");
    for (line, expected) in [
        ("", both(&everything)),
        ("-a", both(&everything)),
        ("-A", both(&everything)),
        ("carp", both(&everything)),
        ("-a inet6", both(INET6)),
        ("-A inet", both(INET)),
        ("carp inet", both(INET)),
    ] {
        assert_eq!(
            bench.answered(line, &all()),
            says(0, &expected, ""),
            "{line}"
        );
    }
    let one = report("carp0", "") + "{\"version\":1,\"message\":\"end\"}\n";
    let expected = shown("carp0", "carp", INET);
    assert_eq!(
        bench.answered("carp0 inet", one.as_bytes()),
        says(0, &expected, "")
    );
    let json = bench.answered("-a inet6 --json", &all());
    let value: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(
        value.pointer("/0/addresses/0/family"),
        Some(&"inet6".into())
    );
    assert_eq!(value.pointer("/0/addresses/1"), None);
    assert_eq!(bench.run("-C"), says(0, "carp\n", ""));
}

#[test]
fn group_is_looked_for_before_its_interfaces_are_shown() {
    let bench = Bench::new();
    let twice = |line: &str| {
        let listener = bench.listen();
        let words: Vec<&str> = line.split_whitespace().collect();
        let (client, mut first, _) = bench.ask(&listener, &mut bench.command(&words));
        first.write_all(&all()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let second = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            stream.write_all(&all()).unwrap();
        });
        let ran = ran(client.wait_with_output().unwrap());
        second.join().unwrap();
        fs::remove_file(bench.socket()).unwrap();
        ran
    };
    let expected = shown("carp1", "carp web", &format!("{INET}{INET6}"));
    assert_eq!(twice("web"), says(0, &expected, ""));
    let expected = shown("carp1", "carp web", INET6);
    assert_eq!(twice("web inet6"), says(0, &expected, ""));
}

#[test]
fn rehearsal_is_told_and_nothing_is_asked_to_change() {
    let bench = Bench::new();
    let answer = r#"{"version":1,"message":{"rehearsal":{"changes":[
        {"what":"advskew","before":"0","after":"100"}],
        "election":{"follows":"no","why":"it goes on as MASTER"},
        "notes":["a note"]}}}"#
        .replace("\n        ", "")
        + "\n";
    let expected = says(
        0,
        "advskew: 0 -> 100\nelection: no: it goes on as MASTER\n",
        "carpctl: carp0: a note\n",
    );
    let listener = bench.listen();
    let mut command = bench.command(&["-n", "carp0", "advskew", "100"]);
    let (client, mut stream, asked) = bench.ask(&listener, &mut command);
    assert!(
        asked.contains(r#"{"rehearse":{"interface":"carp0""#),
        "{asked}"
    );
    stream.write_all(answer.as_bytes()).unwrap();
    drop((stream, listener));
    assert_eq!(ran(client.wait_with_output().unwrap()), expected);
}

#[test]
fn rehearsal_needs_no_service() {
    let bench = Bench::new();
    let expected = "interface: none -> created\n\
                    vhid: none -> 99\n\
                    carpdev: none -> vmx0\n\
                    advskew: 0 -> 100\n\
                    pass: none -> set\n\
                    inet: none -> 192.0.2.10/24\n\
                    election: no: it begins to take part, as BACKUP, once vmx0 is there and up\n";
    let note = "carpctl: carp0: carpdev vmx0 is not there yet: waiting for it\n";
    let line = "-n carp0 vhid 99 pass SharedSecret carpdev vmx0 advskew 100 192.0.2.10/24";
    assert_eq!(bench.run(line), says(0, expected, note));
    let none = "carpctl: carp0: no such interface\n";
    assert_eq!(bench.run("-n carp0 destroy"), says(1, "", none));
    assert_eq!(fs::read_dir(bench.directory.path()).unwrap().count(), 0);
}

#[test]
fn password_is_shown_where_it_is_asked_for() {
    let bench = Bench::new();
    let one = report("carp0", "") + "{\"version\":1,\"message\":\"end\"}\n";
    let config = "{\"version\":1,\"message\":{\"config\":{\"interface\":\"carp0\",\
                  \"has_key\":true,\"change\":{\"key\":\
                  \"5368617265645365637265740000000000000000\"}}}}\n\
                  {\"version\":1,\"message\":\"end\"}\n";
    let listener = bench.listen();
    let (client, mut first, asked) = bench.ask(&listener, &mut bench.command(&["-k", "carp0"]));
    assert!(asked.contains("\"show\""), "{asked}");
    first.write_all(one.as_bytes()).unwrap();
    let (mut second, _) = listener.accept().unwrap();
    let mut asked = String::new();
    BufReader::new(&second).read_line(&mut asked).unwrap();
    assert!(asked.contains("\"key\":true"), "{asked}");
    second.write_all(config.as_bytes()).unwrap();
    let ran = ran(client.wait_with_output().unwrap());
    let line = "advskew 100\n\tkey \"SharedSecret\"\n\tgroups: carp\n";
    assert!(ran.out.contains(line), "{ran:?}");
}
