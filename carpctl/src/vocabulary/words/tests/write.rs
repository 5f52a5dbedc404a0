//! Words that are written, and read again.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr};

use carp_net::carp_fsm::Dialect;
use carp_net::carp_fsm::carp_proto::{Key, MacAddress};
use proptest::collection::vec;
use proptest::option;

use super::*;
use crate::vocabulary::change::{AdvDemoteWish, CarriedKey, GroupChange, Less, MtuWish, Peers};
use crate::vocabulary::config::Config;
use crate::vocabulary::hooks::{Hook, HookChange, MAX_TIMEOUT};

fn written(change: &Change) -> String {
    let words = write(change, None);
    let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
    words.join(" ")
}

fn told(lines: &[&str]) -> Config {
    let applied = |config: Config, line: &&str| config.with(&change(line)).unwrap().0;
    lines.iter().fold(Config::default(), applied)
}

/// The words for what these command lines have made.
fn shown(lines: &[&str]) -> String {
    written(&told(lines).as_told())
}

#[test]
fn what_is_as_by_default_is_not_written() {
    assert_eq!(shown(&["create"]), "");
    assert_eq!(
        shown(&["vhid 99 advbase 1 advskew 0 lladdr vhid peers portable -carppeer up"]),
        "vhid 99"
    );
    assert_eq!(shown(&["carpdev vmx0 down"]), "carpdev vmx0 down");
}

#[test]
fn one_line_says_what_many_have_said() {
    assert_eq!(
        shown(&[
            "vhid 99 carpdev vmx0 advskew 100",
            "inet 192.0.2.10 netmask 255.255.255.0",
            "alias 192.0.2.11/24 broadcast 192.0.2.200",
            "inet6 2001:db8::10 prefixlen 64",
            "group web lladdr 2:0:5e:12:34:56",
            "carppeer 10.0.0.2 peer 10.0.0.3 peer6 2001:db8::2",
            "peers freebsd advdemote both advbase 2 mtu 1400 descr rack",
            "down",
        ]),
        "vhid 99 carpdev vmx0 advbase 2 advskew 100 lladdr 02:00:5e:12:34:56 peers freebsd \
         advdemote both carppeer 10.0.0.2 carppeer 10.0.0.3 peer6 2001:db8::2 mtu 1400 \
         description rack group web \
         192.0.2.10/24 192.0.2.11/24 broadcast 192.0.2.200 2001:db8::10/64 down"
    );
}

#[test]
fn password_stands_where_it_is_given() {
    let key = |key| Change {
        vhid: Some(99),
        carpdev: Some("vmx0".into()),
        key: Some(CarriedKey(key)),
        ..Change::default()
    };
    let with = |key_of: &str, pass: Option<&str>| {
        let words = write(&key(Key::from_password(key_of)), pass.map(OsStr::new));
        words.join(OsStr::new(" ")).into_string().unwrap()
    };
    assert_eq!(with("x", Some("x y")), "vhid 99 pass x y carpdev vmx0");
    assert_eq!(with("x", None), "vhid 99 pass - carpdev vmx0");
    assert_eq!(with("", Some("x")), "vhid 99 pass  carpdev vmx0");
}

// ---- read again ----

fn inet() -> impl Strategy<Value = Ipv4Addr> {
    (1u8..=126, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| Ipv4Addr::new(a, b, c, d))
}

fn inet6() -> impl Strategy<Value = Ipv6Addr> {
    any::<u64>().prop_map(|low| Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(low) | 1))
}

/// An address; its manner may be one that only the first one of a command can have.
fn address_change() -> impl Strategy<Value = AddressChange> {
    let manner = prop_oneof![Just(Manner::Add), Just(Manner::Remove), Just(Manner::Set)];
    let inet = (inet(), option::of(1u8..=32), option::of(inet()));
    let inet = inet.prop_map(|(ip, length, broadcast)| (IpAddr::from(ip), length, broadcast));
    let inet6 = (inet6(), option::of(1u8..=128)).prop_map(|(ip, length)| (ip.into(), length, None));
    (prop_oneof![inet, inet6], manner).prop_map(|((ip, prefixlen, broadcast), manner)| {
        AddressChange {
            ip,
            prefixlen,
            broadcast,
            manner,
        }
    })
}

fn lladdr() -> impl Strategy<Value = LladdrWish> {
    prop_oneof![
        Just(LladdrWish::Vhid),
        Just(LladdrWish::Carpdev),
        Just(LladdrWish::Random),
        any::<[u8; 5]>()
            .prop_map(|[a, b, c, d, e]| { LladdrWish::Manual(MacAddress([2, a, b, c, d, e])) }),
    ]
}

fn groups() -> impl Strategy<Value = Vec<GroupChange>> {
    vec(any::<bool>(), 0..4).prop_map(|members| {
        let named = members.into_iter().zip(["web", "dmz", "vpn", "a_b-c"]);
        let change = |(member, name): (bool, &str)| GroupChange {
            name: name.parse().unwrap(),
            member,
        };
        named.map(change).collect()
    })
}

fn hooks() -> impl Strategy<Value = Vec<HookChange>> {
    let text = || option::of(prop_oneof![Just("/etc/up"), Just("/a b/'")]);
    let script = (proptest::sample::select(Hook::ALL.to_vec()), text());
    let one = prop_oneof![
        script.prop_map(|(hook, file)| {
            let file = file.map(str::to_owned);
            HookChange::Script { hook, file }
        }),
        text().prop_map(|text| HookChange::Xparam(text.map(str::to_owned))),
        (1..=MAX_TIMEOUT).prop_map(HookChange::Timeout),
    ];
    vec(one, 0..6).prop_map(|mut all| {
        let mut said: Vec<HookChange> = Vec::new();
        all.retain(|it| {
            let is_new = !said.iter().any(|other| other.is_about_the_same(it));
            said.push(it.clone());
            is_new
        });
        all
    })
}

/// Without repetitions, which no command line has.
fn distinct<T: Ord + std::fmt::Debug>(
    one: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<Vec<T>>> {
    let some = proptest::collection::btree_set(one, 0..4);
    option::of(some.prop_map(|all| all.into_iter().collect()))
}

/// A change as the words of one command can say it.
fn any_change() -> impl Strategy<Value = Change> {
    let state = prop_oneof![Just(StateWish::Master), Just(StateWish::Backup)];
    let advdemote = prop_oneof![
        Just(AdvDemoteWish::Auto),
        Just(AdvDemoteWish::Byte),
        Just(AdvDemoteWish::Skew),
        Just(AdvDemoteWish::Both),
    ];
    let dialect = proptest::sample::select(Dialect::ALL.to_vec()).prop_map(Peers);
    let carpdev = option::of(prop_oneof![Just("vmx0"), Just("eth0.5"), Just("a2")]);
    let timers = (
        option::of(1u8..),
        option::of(0..=254u8),
        option::of(0..=254u8),
        option::of(any::<bool>()),
        option::of(state),
    );
    let others = (
        carpdev,
        option::of(lladdr()),
        option::of(dialect),
        option::of(advdemote),
        any::<bool>(),
    );
    let remarks = (
        option::of(prop_oneof![
            Just(MtuWish::Carpdev),
            (1280..=u16::MAX).prop_map(MtuWish::Bytes)
        ]),
        option::of(proptest::sample::select(vec![
            "",
            "up",
            "rack 7, it's \"left\"",
        ])),
        option::of(prop_oneof![Just(Less::First), Just(Less::All)]),
        option::of(prop_oneof![Just(Less::First), Just(Less::All)]),
    );
    let lists = (
        distinct(inet()),
        distinct(inet6()),
        groups(),
        hooks(),
        vec(address_change(), 0..5),
    );
    (timers, others, lists, remarks).prop_map(|(timers, others, lists, remarks)| {
        let (mtu, description, inet_less, inet6_less) = remarks;
        let (vhid, advbase, advskew, up, state) = timers;
        let (carpdev, lladdr, peers, advdemote, create) = others;
        let (inet_peers, inet6_peers, groups, hooks, mut addresses) = lists;
        let first = addresses.iter().position(|address| address.ip.is_ipv4());
        for (position, address) in addresses.iter_mut().enumerate() {
            if address.manner == Manner::Set && Some(position) != first {
                address.manner = Manner::Add;
            }
        }
        Change {
            create,
            destroy: false,
            anew: false,
            carpdev: carpdev.map(str::to_owned),
            vhid,
            advbase,
            advskew,
            key: None,
            lladdr,
            up,
            // They contradict each other.
            state: state.filter(|_| up != Some(false)),
            peers,
            advdemote,
            mtu,
            description: description.map(|text| text.parse().unwrap()),
            inet_peers,
            inet6_peers,
            inet_less,
            inet6_less,
            groups,
            hooks,
            addresses,
        }
    })
}

proptest! {
    #[test]
    fn any_change_is_read_as_it_was_written(change in any_change()) {
        let words = write(&change, None);
        prop_assert_eq!(parse("carp0", &words).unwrap().change, change, "{:?}", words);
    }

    #[test]
    fn any_configuration_comes_back_from_its_words(
        before in vec(any_change(), 1..4),
    ) {
        let mut config = Config::default();
        for change in &before {
            if let Ok((new, _)) = config.with(change) {
                config = new;
            }
        }
        let words = write(&config.as_told(), None);
        let again = parse("carp0", &words).unwrap().change;
        let (made, notes) = Config::default().with(&again).unwrap();
        prop_assert_eq!(&made, &config, "{:?}", &words);
        prop_assert_eq!(notes, Vec::<String>::new());
        // Said of what is there already, they change nothing.
        prop_assert_eq!(config.with(&again), Ok((config, Vec::new())), "{:?}", words);
    }
}
