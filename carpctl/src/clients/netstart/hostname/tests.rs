use proptest::prelude::*;

use super::*;
use crate::vocabulary::config::Config;

fn read(text: &str) -> Hostname {
    let interface = "carp0".parse().unwrap();
    parse(interface, text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> String {
    let interface = "carp0".parse().unwrap();
    parse(interface, text.as_bytes()).unwrap_err().to_string()
}

/// What the interface is after `text`, whatever it was before.
fn config(text: &str) -> Config {
    let before = Change {
        carpdev: Some("vmx9".to_owned()),
        vhid: Some(7),
        advskew: Some(7),
        up: Some(false),
        ..Change::default()
    };
    let (before, _) = Config::default().with(&before).unwrap();
    let (config, _) = before.with(&read(text).change).unwrap();
    config
}

fn addresses(text: &str) -> Vec<String> {
    let addresses = config(text).addresses;
    addresses.iter().map(ToString::to_string).collect()
}

fn words(text: &str) -> String {
    let words = words::write(&read(text).change, None);
    let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
    words.join(" ")
}

/// What the password of `text` is, where it stands there.
fn password(text: &str) -> Vec<u8> {
    match read(text).password {
        Some(Password::Here(password)) => password.to_vec(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn files_of_the_how_to() {
    let second = "vhid 99 pass SharedSecret carpdev vmx0 advskew 100 192.0.2.10/24\n";
    let config = config(second);
    let (carpdev, host) = config.host().unwrap();
    assert_eq!((carpdev, host.vhid().get()), ("vmx0", 99));
    assert_eq!(host.interval().to_string(), "1/100");
    assert!(host.is_enabled());
    assert_eq!(addresses(second), ["192.0.2.10/24"]);
    assert_eq!(password(second), b"SharedSecret");
    assert_eq!(
        words(second),
        "vhid 99 carpdev vmx0 advskew 100 alias 192.0.2.10/24"
    );
    let first = "vhid 99 pass SharedSecret carpdev vmx0 192.0.2.10/24\n";
    assert_eq!(read(first).change.advskew, None);
    // Another print of it.
    assert!(addresses("vhid 99 pass SharedSecret carpdev vmx0 advskew 100").is_empty());
}

#[test]
fn addresses_are_written_as_in_hostname_if() {
    let text = "\
        inet alias 192.0.2.12 0xffffff00\n\
        inet 192.0.2.10 255.255.255.0 192.0.2.255 vhid 1 carpdev vmx0 \\\n\
        \tpass secret advskew 100\n\
        inet alias 192.0.2.11 255.255.255.255 NONE\n\
        inet6 2001:db8::10 64\n\
        inet6 alias 2001:db8::11/64\n\
        inet 192.0.2.13/24 alias\n\
        up\n";
    assert_eq!(
        addresses(text),
        [
            "192.0.2.12/24",
            "192.0.2.10/24",
            "192.0.2.11/32",
            "2001:db8::10/64",
            "2001:db8::11/64",
            "192.0.2.13/24"
        ]
    );
    let with_broadcast = "carpdev vmx0\ninet 192.0.2.10 0xffffff00 192.0.2.0";
    assert_eq!(
        config(with_broadcast).addresses[0].broadcast(),
        Some("192.0.2.0".parse().unwrap())
    );
    assert_eq!(
        words("inet 192.0.2.10 255.255.255.0 NONE carpdev vmx0"),
        "carpdev vmx0 alias 192.0.2.10/24"
    );
    assert_eq!(
        words("inet6 alias 2001:db8::1 64 carpdev vmx0"),
        "carpdev vmx0 2001:db8::1/64"
    );
}

#[test]
fn lines_are_one_change_whatever_their_order() {
    let lines = [
        "inet 192.0.2.10 255.255.255.0",
        "carpdev vmx0",
        "up",
        "vhid 1 pass x",
        "advskew 7",
    ];
    let expected = config(&lines.join("\n"));
    for turn in 0..lines.len() {
        let mut lines = lines;
        lines.rotate_left(turn);
        assert_eq!(config(&lines.join("\n")), expected);
        lines.reverse();
        assert_eq!(config(&lines.join("\n")), expected);
    }
}

#[test]
fn line_ends_what_it_says() {
    for (text, expected) in [
        (
            "vhid 1 carpdev vmx0 pass\ninet 192.0.2.10 255.255.255.0 NONE",
            "1: pass: a password must follow",
        ),
        (
            "vhid 1 carpdev vmx0 descr\ndown",
            "1: descr: a text must follow",
        ),
        ("vhid\n1", "1: vhid: a number from 1 to 255 must follow"),
        ("passfile\nup\nvhid 1", "1: passfile: a file must follow"),
        ("inet\n192.0.2.10", "1: inet: an address must follow"),
        (
            "carpdev vmx0 192.0.2.10\nprefixlen 24\nvhid 1",
            "2: prefixlen: there is no address that it belongs to",
        ),
        (
            "vhid 1 carpdev vmx0 192.0.2.10/24\n-alias\nadvskew 1",
            "2: -alias: a file holds the addresses that there are: leave it out",
        ),
    ] {
        assert_eq!(refusal(text), expected, "{text}");
    }
    let text = "carpdev vmx0 192.0.2.10/24\nprefixlen 32 192.0.2.11";
    assert_eq!(addresses(text), ["192.0.2.10/24", "192.0.2.11/32"]);
}

#[test]
fn carpdev_with_a_nul_byte_is_told_before_any_service_is_asked() {
    assert_eq!(
        refusal("advskew 7\nvhid 1 carpdev vm\0x0"),
        "2: carpdev vm\0x0: not an interface name (1 to 15 characters, no slash or white space)"
    );
}

#[test]
fn up_goes_without_saying_and_may_be_said_again() {
    assert!(config("vhid 1 carpdev vmx0").up);
    assert!(config("vhid 1 carpdev vmx0 up\nup\nup").up);
    assert!(config("up\nvhid 1 carpdev vmx0\nup").up);
    assert!(config("").up);
    assert!(!config("vhid 1 carpdev vmx0\ndown").up);
    assert_eq!(refusal("vhid 1 down\nup"), "2: up: contradicts `down'");
}

#[test]
fn what_there_is_already_is_no_error() {
    assert!(!read("create\nvhid 1").change.create);
}

#[test]
fn passwords_are_taken_as_they_stand() {
    assert_eq!(password("pass \"my secret\" vhid 1"), b"my secret");
    assert_eq!(password("vhid 1 pass 'it'\\''s # \\x'"), b"it's # \\x");
    assert_eq!(password("pass pa$$word"), b"pa$$word");
    assert!(parse("carp0".parse().unwrap(), b"pass \xe9").is_ok());
    let of_file = read("vhid 1\npassfile carp.key").password;
    let (path, line) = ("carp.key".into(), 2);
    assert_eq!(of_file, Some(Password::File { path, line }));
    assert_eq!(read("pass '' vhid 1").password, None);
    let shown = format!("{:?}", read("pass Unmistakable"));
    assert!(!shown.contains("Unmistakable"), "{shown}");
    for text in [
        "pass Unmistakable\npass Unmistakable",
        "pass Unmistakable x",
    ] {
        let refusal = refusal(text);
        assert!(!refusal.contains("Unmistakable"), "{refusal}");
    }
}

#[test]
fn line_is_found_of_what_the_service_names() {
    let file = read("vhid 1 carpdev vmx0\nmtu 9000\ninet 192.0.2.10 255.255.255.0\nup\ndescr is");
    for (reason, expected) in [
        ("mtu 9000: vmx0 takes 1500 bytes at most", Some(2)),
        ("192.0.2.10 is already on carp1 of this machine", Some(3)),
        ("carpdev vmx0: vhid 1 is that of carp1", Some(1)),
        ("the service is up and is stopping", None),
        ("`advskew' is unknown", None),
    ] {
        assert_eq!(file.line_about(reason), expected, "{reason}");
    }
}

#[test]
fn commands_know_their_interface() {
    let commands = read("up\n!echo \\$if $if:x $iface \"$if\" \\\\$if").commands;
    let [command] = commands.as_slice() else {
        panic!("{commands:?}");
    };
    assert_eq!(command.line, 2);
    assert_eq!(command.text, "echo carp0 carp0:x $iface \"carp0\" \\carp0");
}

#[test]
fn errors_name_line_and_word() {
    for (text, expected) in [
        (
            "# x\n\nvhid 1 advskew 300",
            "3: advskew 300: out of range (0 to 254)",
        ),
        (
            "up\nadvskw 100",
            "2: advskw: unknown keyword (did you mean `advskew'?)",
        ),
        ("vhid 1\nadvskew 0\nvhid 2\nup", "3: vhid: said twice"),
        (
            "inet 192.0.2.10 255.0.255.0\nup",
            "1: netmask 255.0.255.0: not a netmask (such as 255.255.255.0 or 0xffffff00)",
        ),
        (
            "vhid 1 \\\n carpdev vmx0 \\\n pass",
            "3: pass: a password must follow",
        ),
        (
            "netmask 255.255.255.0\nup\nvhid 1",
            "1: netmask: there is no address that it belongs to",
        ),
        (
            "vhid 1\ninet6 2001:db8::1 129",
            "2: prefixlen 129: the prefix length must be a number from 1 to 128",
        ),
        (
            "dhcp",
            "1: dhcp: a carp interface has only the addresses it is given",
        ),
        (
            "inet autoconf",
            "1: autoconf: a carp interface has only the addresses it is given",
        ),
        (
            "inet6 autoconf",
            "1: autoconf: a carp interface has only the addresses it is given",
        ),
        (
            "up\nrtsol",
            "2: rtsol: a carp interface has only the addresses it is given",
        ),
        (
            "dest 10.0.0.1",
            "1: dest: a carp interface is no point-to-point link, and has no destination",
        ),
        (
            "vhid 1\nlladdr random",
            "2: random: would be another one each time: write the MAC address, the same on all nodes",
        ),
        (
            "destroy",
            "1: destroy: not in a file: remove the file instead, and the interface with `carpctl INTERFACE destroy'",
        ),
        ("vhid 1 destroy", "1: destroy: must be the only word"),
        (
            "vhid 1\ninet -alias 192.0.2.1",
            "2: 192.0.2.1: a file holds the addresses that there are: leave it out",
        ),
        ("pass one\nup\npass two", "3: pass: said twice"),
        ("pass one\npassfile two", "2: passfile: said twice"),
        (
            "vhid 1 pass -",
            "1: pass -: a file has no standard input: write the password, or `passfile FILE'",
        ),
        ("vhid 1\n! \nup", "2: !: a command must follow"),
        (
            "vhid 1\npass 'x",
            "2: `'': the quote has no end on its line",
        ),
        (
            "inet 192.0.2.1 192.0.2.2",
            "1: netmask 192.0.2.2: not a netmask (such as 255.255.255.0 or 0xffffff00)",
        ),
    ] {
        assert_eq!(refusal(text), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_understood_or_refused(text in proptest::collection::vec(any::<u8>(), 0..256)) {
        drop(parse("carp0".parse().unwrap(), &text));
    }

    /// Words of the grammar, in any order and on any lines.
    #[test]
    fn any_words_are_understood_or_refused_at_a_line_that_is_there(
        words in proptest::collection::vec(proptest::sample::select(SOME), 0..24)
    ) {
        let text = words.concat();
        let count = text.lines().count().max(1);
        match parse("carp0".parse().unwrap(), text.as_bytes()) {
            Ok(hostname) => {
                prop_assert!(hostname.change.anew);
                // It can be said again.
                let again = words::parse("carp0", &words::write(&hostname.change, None));
                prop_assert!(again.is_ok(), "{:?}", again);
            }
            Err(error) => prop_assert!((1..=count).contains(&error.line), "{error}"),
        }
    }
}

const SOME: &[&str] = &[
    "\n",
    "\n",
    " \\\n ",
    " # ",
    "\"",
    "vhid 1 ",
    "vhid ",
    "1 ",
    "advskew 300 ",
    "carpdev vmx0 ",
    "pass secret ",
    "pass ",
    "passfile x ",
    "inet ",
    "inet6 ",
    "alias ",
    "delete ",
    "192.0.2.1 ",
    "192.0.2.2/24 ",
    "2001:db8::1 ",
    "64 ",
    "255.255.255.0 ",
    "0xffffff00 ",
    "NONE ",
    "netmask ",
    "prefixlen 24 ",
    "up ",
    "up\n",
    "down\n",
    "state master ",
    "lladdr ",
    "random ",
    "!echo $if\n",
    "group web ",
    "destroy ",
    "create ",
    "description 'my cluster' ",
    "mtu 1400 ",
    "-inet ",
    "upscript /bin/true ",
];
