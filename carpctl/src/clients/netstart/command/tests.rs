use carp_net::carp_fsm::carp_proto::Key;

use super::*;
use crate::clients::netstart::hostname;
use crate::vocabulary::change::CarriedKey;

fn name() -> InterfaceName {
    "carp0".parse().unwrap()
}

fn config(line: &str) -> Config {
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    let mut change = words::parse("carp0", &words).unwrap().change;
    if line.contains("pass -") {
        change.key = Some(CarriedKey(Key::from_password("SharedSecret")));
    }
    Config::default().with(&change).unwrap().0
}

fn told(config: &Config) -> Told {
    let change = config.as_told();
    Told {
        interface: name(),
        has_key: change.key.is_some(),
        change: Change {
            key: None,
            ..change
        },
    }
}

fn wanted(file: &str) -> Change {
    hostname::parse(name(), file.as_bytes()).unwrap().change
}

fn printed(file: &str, there: Option<&str>) -> String {
    let there = there.map(|line| told(&config(line)));
    let text = commands(name(), &wanted(file), None, there.as_ref());
    text.into_string().unwrap()
}

#[test]
fn what_is_not_there_is_made() {
    for (file, expected) in [
        ("", "carpctl carp0 create\n"),
        ("# nothing\ncreate\n", "carpctl carp0 create\n"),
        (
            "create vhid 1\nstate master carpdev vmx0",
            "carpctl carp0 vhid 1 carpdev vmx0 state master\n",
        ),
        (
            "carpdev vmx0 192.0.2.10/24\nprefixlen 32 192.0.2.11",
            "carpctl carp0 carpdev vmx0 192.0.2.10/24 192.0.2.11/32\n",
        ),
    ] {
        assert_eq!(printed(file, None), expected, "{file}");
    }
}

#[test]
fn what_is_there_becomes_what_the_file_says() {
    let hosts = "vhid 1 carpdev vmx0";
    for (file, there, expected) in [
        ("", "create", ""),
        ("create", "create", ""),
        (
            "",
            "vhid 1",
            "carpctl carp0 destroy\ncarpctl carp0 create\n",
        ),
        (
            "vhid 1 carpdev vmx0 state master up",
            "vhid 1 carpdev vmx0 advskew 33 pass -",
            "carpctl carp0 vhid 1 pass '' carpdev vmx0 advskew 0\n",
        ),
        (
            "vhid 1 carpdev vmx0\n192.0.2.12/24",
            "vhid 1 carpdev vmx0 192.0.2.10/24 192.0.2.12/24 down",
            "carpctl carp0 vhid 1 carpdev vmx0 -inet 192.0.2.12/24 up\n",
        ),
    ] {
        assert_eq!(printed(file, Some(there)), expected, "{file}");
    }
    // Whatever there was.
    let full = "vhid 7 carpdev vmx1 advbase 2 advskew 3 lladdr 02:00:5e:00:00:07 peers freebsd \
                advdemote both peer 10.0.0.2 peer6 2001:db8::2 group web upscript /bin/true \
                xparam x hooktimeout 9 mtu 1400 description x 192.0.2.10/24 192.0.2.11/32 \
                2001:db8::10/64 down";
    for file in [hosts, full, "vhid 7 carpdev vmx1 192.0.2.11/24 group db"] {
        let wanted = wanted(file);
        for there in [hosts, full] {
            let before = config(there);
            let (expected, _) = before.with(&wanted).unwrap();
            let change = change(&wanted, Some(&told(&before)));
            let words = words::write(&change, None);
            let said = words::parse("carp0", &words).unwrap().change;
            let (after, _) = before.with(&said).unwrap();
            assert_eq!(after, expected, "{file} after {there}");
        }
    }
}
