//! The grammar as tables: words, and what is made of them.

use std::ffi::OsString;
use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::vocabulary::change::{
    AddressChange, Change, Less, LladdrWish, Manner, MtuWish, StateWish,
};
use crate::vocabulary::description::Description;

mod errors;
mod hooks;
mod peers;
mod write;

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn change(line: &str) -> Change {
    parse("carp0", &words(line)).unwrap().change
}

fn refusal(line: &str) -> String {
    parse("carp0", &words(line)).unwrap_err().to_string()
}

fn address(ip: &str, prefixlen: impl Into<Option<u8>>, manner: Manner) -> AddressChange {
    AddressChange {
        ip: ip.parse().unwrap(),
        prefixlen: prefixlen.into(),
        broadcast: None,
        manner,
    }
}

fn addresses(line: &str) -> Vec<AddressChange> {
    change(line).addresses
}

// ---- words that are understood ----

#[test]
fn first_command_of_the_how_to() {
    let parsed = parse("carp0", &words("vhid 99 pass - carpdev vmx0 advskew 100")).unwrap();
    assert_eq!(parsed.secret, Some(SecretSource::StandardInput));
    let expected = Change {
        vhid: Some(99),
        carpdev: Some("vmx0".into()),
        advskew: Some(100),
        ..Change::default()
    };
    assert_eq!(parsed.change, expected);
}

#[test]
fn order_of_words_is_free() {
    let line = change("192.0.2.10/24 advskew 100 carpdev vmx0 vhid 99");
    assert_eq!(
        line,
        change("vhid 99 carpdev vmx0 advskew 100 inet 192.0.2.10 netmask 0xffffff00")
    );
}

#[test]
fn order_of_words_about_one_address_is_free() {
    let expected =
        change("inet 192.0.2.10 netmask 255.255.255.0 broadcast 192.0.2.0 alias vhid 99");
    let groups = [
        "inet 192.0.2.10",
        "netmask 255.255.255.0",
        "broadcast 192.0.2.0",
        "alias",
        "vhid 99",
    ];
    let number = 1..=groups.len();
    for mut turn in 0..number.product() {
        let mut left = groups.to_vec();
        let mut line = Vec::new();
        while !left.is_empty() {
            line.push(left.remove(turn % left.len()));
            turn /= left.len() + 1;
        }
        let line = line.join(" ");
        assert_eq!(change(&line), expected, "{line}");
    }
}

#[test]
fn one_address_in_many_spellings() {
    let expected = [address("192.0.2.10", 24, Manner::Set)];
    for line in [
        "192.0.2.10/24",
        "inet 192.0.2.10/24",
        "inet 192.0.2.10 netmask 255.255.255.0",
        "inet 192.0.2.10 netmask 0xffffff00",
        "inet 192.0.2.10 prefixlen 24",
        "netmask 255.255.255.0 192.0.2.10",
        "netmask 255.255.255.0 inet 192.0.2.10",
        "prefixlen 24 inet 192.0.2.10",
    ] {
        assert_eq!(addresses(line), expected, "{line}");
    }
    let expected = [address("2001:db8::10", 64, Manner::Add)];
    for line in [
        "2001:db8::10/64",
        "inet6 2001:db8::10/64",
        "inet6 2001:db8::10 prefixlen 64",
        "inet6 alias 2001:db8::10 prefixlen 64",
        "prefixlen 64 2001:DB8::10",
        "prefixlen 64 inet6 2001:db8::10",
    ] {
        assert_eq!(addresses(line), expected, "{line}");
    }
}

#[test]
fn address_without_a_length_leaves_it_open() {
    assert_eq!(
        addresses("192.0.2.10"),
        [address("192.0.2.10", None, Manner::Set)]
    );
    assert_eq!(
        addresses("inet6 2001:db8::10"),
        [address("2001:db8::10", None, Manner::Add)]
    );
}

#[test]
fn alias_and_delete_stand_on_either_side() {
    let added = [address("192.0.2.11", 24, Manner::Add)];
    for line in [
        "inet alias 192.0.2.11/24",
        "alias 192.0.2.11/24",
        "inet 192.0.2.11/24 alias",
        "inet 192.0.2.11 netmask 255.255.255.0 alias",
        "inet 192.0.2.11 alias netmask 255.255.255.0",
    ] {
        assert_eq!(addresses(line), added, "{line}");
    }
    let removed = [address("192.0.2.11", None, Manner::Remove)];
    for line in [
        "-alias 192.0.2.11",
        "inet -alias 192.0.2.11",
        "192.0.2.11 -alias",
        "inet 192.0.2.11 delete",
        "delete 192.0.2.11",
    ] {
        assert_eq!(addresses(line), removed, "{line}");
    }
}

#[test]
fn removal_without_an_address_is_of_the_first() {
    let less = |line: &str| {
        let change = change(line);
        assert_eq!(change.addresses, [], "{line}");
        (change.inet_less, change.inet6_less)
    };
    let first = Some(Less::First);
    for line in [
        "delete",
        "-alias",
        "inet delete",
        "inet -alias",
        "delete inet",
    ] {
        assert_eq!(less(line), (first, None), "{line}");
    }
    for line in ["inet6 delete", "inet6 -alias", "delete inet6"] {
        assert_eq!(less(line), (None, first), "{line}");
    }
    assert_eq!(less("inet delete inet6 delete up"), (first, first));
    let all = Some(Less::All);
    assert_eq!(less("-inet"), (all, None));
    assert_eq!(less("-inet6 inet delete"), (first, all));
    let both = change("-inet 192.0.2.11/24 alias 192.0.2.12/24");
    assert_eq!((both.inet_less, both.addresses.len()), (all, 2));
}

#[test]
fn remarks_and_sizes() {
    let words: Vec<OsString> = ["descr", "rack 7", "mtu", "1400", "-pass"]
        .map(Into::into)
        .into();
    let parsed = parse("carp0", &words).unwrap();
    let change = &parsed.change;
    assert_eq!(change.description, Some("rack 7".parse().unwrap()));
    assert_eq!(change.mtu, Some(MtuWish::Bytes(1400)));
    assert_eq!(parsed.secret, Some(SecretSource::None));
    let none = self::change("-description -mtu");
    assert_eq!(none.description, Some(Description::default()));
    assert_eq!(none.mtu, Some(MtuWish::Carpdev));
}

#[test]
fn several_addresses_in_one_command() {
    assert_eq!(
        addresses("192.0.2.10/24 192.0.2.11/24 2001:db8::10/64"),
        [
            address("192.0.2.10", 24, Manner::Set),
            address("192.0.2.11", 24, Manner::Add),
            address("2001:db8::10", 64, Manner::Add),
        ]
    );
    assert_eq!(
        addresses("192.0.2.10/24 -alias 192.0.2.11 inet alias 192.0.2.12 netmask 0xffffffff"),
        [
            address("192.0.2.10", 24, Manner::Set),
            address("192.0.2.11", None, Manner::Remove),
            address("192.0.2.12", 32, Manner::Add),
        ]
    );
}

#[test]
fn broadcast_goes_with_its_address() {
    let [change] = &addresses("inet 192.0.2.10/24 broadcast 192.0.2.0")[..] else {
        panic!("one address");
    };
    assert_eq!(change.broadcast, Some("192.0.2.0".parse().unwrap()));
}

#[test]
fn link_local_address_may_name_its_scope() {
    let expected = [address("fe80::10", 64, Manner::Add)];
    assert_eq!(addresses("inet6 fe80::10%carp0 prefixlen 64"), expected);
    assert_eq!(addresses("fe80::10%carp0/64"), expected);
}

#[test]
fn simple_words() {
    let up = |up| Change {
        up: Some(up),
        ..Change::default()
    };
    assert_eq!(change("up"), up(true));
    assert_eq!(change("down"), up(false));
    assert!(change("create").create && change("destroy").destroy);
    assert_eq!(change("state master").state, Some(StateWish::Master));
    assert_eq!(change("state MASTER").state, Some(StateWish::Master));
    assert_eq!(change("state backup up").state, Some(StateWish::Backup));
    assert_eq!(change("lladdr carpdev").lladdr, Some(LladdrWish::Carpdev));
    assert_eq!(change("lladdr vhid").lladdr, Some(LladdrWish::Vhid));
    assert_eq!(change("advbase 0 advskew 254").advbase, Some(0));
}

#[test]
fn password_comes_from_somewhere_else() {
    let secret = |words: &[&str]| {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        parse("carp0", &words).unwrap().secret
    };
    assert_eq!(secret(&["pass", "-"]), Some(SecretSource::StandardInput));
    assert_eq!(secret(&["pass", ""]), Some(SecretSource::None));
    let file = SecretSource::File("/etc/carp.key".into());
    assert_eq!(secret(&["passfile", "/etc/carp.key"]), Some(file));
    assert_eq!(secret(&["vhid", "1"]), None);
}

// ---- the table ----

#[test]
fn keywords_are_unique_and_never_look_like_addresses() {
    for keyword in KEYWORDS.iter().chain(REFUSED) {
        assert!(
            std::ptr::eq(find(keyword.name).unwrap(), keyword),
            "{}",
            keyword.name
        );
        assert!(
            !values::looks_like_address(keyword.name),
            "{}",
            keyword.name
        );
    }
}

#[test]
fn help_fits_a_terminal_and_names_every_word_that_works() {
    let help = help();
    for line in help.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let works = |keyword: &&Keyword| !matches!(keyword.meaning, Meaning::Refused(_));
    for keyword in KEYWORDS.iter().filter(works) {
        assert!(help.contains(keyword.name), "{}", keyword.name);
    }
}

#[test]
fn password_is_found_wherever_it_stands() {
    let position = |line: &str| password_position(&words(line));
    assert_eq!(position("vhid 99 pass secret carpdev vmx0"), Some(3));
    assert_eq!(position("pass secret"), Some(1));
    assert_eq!(position("carpdev pass pass secret"), Some(3));
    assert_eq!(position("nonsense pass secret"), Some(2));
    assert_eq!(position("vhid 99 pass -"), None);
    assert_eq!(position("passfile pass"), None);
    assert_eq!(position("pass"), None);
    // Which `inet` does not take for an address.
    assert_eq!(position("inet pass secret 192.0.2.10"), Some(2));
    assert_eq!(position("descr pass pass secret"), Some(3));
}

#[test]
fn words_that_are_said_are_no_texts_of_others() {
    let said_in = |line: &str| -> Vec<String> {
        let words = words(line);
        let all = said(&words).map(|(_, word)| word.to_string_lossy().into_owned());
        all.collect()
    };
    assert_eq!(said_in("descr -h up"), ["descr", "up"]);
    assert_eq!(
        said_in("pass -k xparam --json -k"),
        ["pass", "xparam", "-k"]
    );
    assert_eq!(said_in("vhid -h"), ["vhid", "-h"]);
    assert_eq!(said_in("inet -h"), ["inet", "-h"]);
}

// ---- any words at all ----

fn any_word() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> = KEYWORDS.iter().map(|keyword| keyword.name).collect();
    prop_oneof![
        4 => proptest::sample::select(names).prop_map(str::to_owned),
        2 => any::<IpAddr>().prop_map(|ip| ip.to_string()),
        1 => (any::<IpAddr>(), any::<u8>()).prop_map(|(ip, length)| format!("{ip}/{length}")),
        1 => any::<u16>().prop_map(|number| number.to_string()),
        1 => "\\PC{0,12}",
    ]
}

proptest! {
    #[test]
    fn any_words_are_understood_or_refused(list in proptest::collection::vec(any_word(), 0..12)) {
        let list: Vec<OsString> = list.into_iter().map(OsString::from).collect();
        password_position(&list);
        if let Ok(parsed) = parse("carp0", &list) {
            // What is understood survives the way to the service.
            let text = serde_json::to_string(&parsed.change).unwrap();
            prop_assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), parsed.change);
        }
    }
}
