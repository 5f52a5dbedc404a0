//! How it reads, to the letter, and on 80 columns.

use jiff::Timestamp;

use super::*;
use crate::clients::watch::monitor::HELP;
use crate::vocabulary::report::Demotion;
use crate::vocabulary::watch::cause::LastAdvert;
use crate::vocabulary::watch::peers::LastRefused;

const LONG: &str = "fe80::ffff:ffff:ffff:fff1";

fn at(seconds: &str) -> Timestamp {
    format!("2026-11-26T17:32:{seconds}Z").parse().unwrap()
}

fn claim(advskew: u8) -> Claim {
    Claim {
        advbase: 1,
        advskew,
        demotion: 0,
    }
}

fn heard(source: &str) -> Heard {
    Heard {
        source: source.parse().unwrap(),
        claim: claim(0),
    }
}

fn cause(rule: &str, section: Option<&str>, reason: &str) -> Cause {
    Cause {
        rule: rule.to_owned(),
        section: section.map(str::to_owned),
        reason: reason.to_owned(),
        heard: None,
        own: claim(100),
        demotion: 0,
        preempt: false,
        clock: None,
    }
}

fn clock_of(source: &str) -> Clock {
    Clock {
        timer: "master_down".to_owned(),
        family: Some("inet".to_owned()),
        since: at("03.5"),
        length_us: 3_390_625,
        last_advert: Some(LastAdvert {
            time: at("03.5"),
            heard: heard(source),
        }),
    }
}

fn standing(state: State) -> Now {
    Now {
        time: at("10"),
        state,
        configured: true,
        up: true,
        carpdev: Some("vmx0".to_owned()),
        carpdev_state: Some(CarpdevState::Up),
        held_back: false,
        advertises_every_us: None,
        waits: Vec::new(),
    }
}

#[test]
fn monitor_has_a_line_for_each_event() {
    let carp0 = Some("carp0".parse().unwrap());
    let transition = What::Transition {
        from: State::Backup,
        to: State::Master,
        cause: cause("master_down", Some("4.4"), "master timed out (inet)"),
    };
    let lost = |bowed_out| What::PeerLost {
        last: heard("192.0.2.1"),
        bowed_out,
        silent_us: 3_000_123,
    };
    let demotion = What::Demotion {
        group: "carp".to_owned(),
        change: -2,
        total: 3,
        owner: Some("operator".to_owned()),
        reason: "operator".to_owned(),
    };
    let refused = What::Refused {
        count: 7,
        reason: "bad checksum".to_owned(),
        source: "192.0.2.1".parse().unwrap(),
        carpdev: Some("vmx0".to_owned()),
        vhid: Some(99),
    };
    let milliseconds = 10_003;
    let address = || "address removed".to_owned();
    for (interface, what, expected) in [
        (
            carp0,
            transition,
            "carp0: BACKUP -> MASTER: master timed out (inet)",
        ),
        (
            carp0,
            What::PeerHeard {
                heard: heard("192.0.2.1"),
            },
            "carp0: hears 192.0.2.1 (advbase 1 advskew 0)",
        ),
        (carp0, lost(true), "carp0: 192.0.2.1 bowed out"),
        (carp0, lost(false), "carp0: 192.0.2.1 not heard for 3.000 s"),
        (
            None,
            demotion,
            "group carp has its demotion lowered by 2 to 3 (operator)",
        ),
        (
            carp0,
            refused,
            "carp0: refused 7 packets from 192.0.2.1: bad checksum",
        ),
        (
            carp0,
            What::Damaged { damage: address() },
            "carp0: address removed",
        ),
        (
            carp0,
            What::Mended { damage: address() },
            "carp0: mended: address removed",
        ),
        (
            carp0,
            What::Adopted,
            "carp0: addresses of a former run adopted",
        ),
        (
            carp0,
            What::Error { reason: address() },
            "carp0: error: address removed",
        ),
        (carp0, What::Gone, "carp0: destroyed"),
        (None, What::Frozen { milliseconds }, "frozen for 10.003 s"),
        (
            None,
            What::Missed { count: 12 },
            "12 events missed: read too slowly",
        ),
        (None, What::ServiceGone, "no service: waiting for one"),
        (None, What::ServiceCame, "service started"),
    ] {
        let time = at("03.0625");
        let happening = Happening {
            time,
            interface,
            what,
        };
        let line = line(&happening, &TimeZone::UTC);
        assert_eq!(line, format!("17:32:03.062 {expected}"));
        let data = serde_json::to_value(&happening).unwrap();
        let object = data.as_object().unwrap();
        let event = object["event"].as_str().unwrap();
        for name in object.keys().map(String::as_str).chain([event]) {
            assert!(HELP.contains(name), "{name} is not in the help");
        }
        let data = data.to_string();
        assert_eq!(
            serde_json::from_str::<Happening>(&data).unwrap(),
            happening,
            "{data}"
        );
    }
}

#[test]
fn event_of_a_newer_service_is_read() {
    let data = r#"{"time":"2026-11-26T17:32:00Z","interface":null,"event":"eclipse","sun":1}"#;
    let happening: Happening = serde_json::from_str(data).unwrap();
    assert_eq!(happening.what, What::Unknown);
}

#[test]
fn why_tells_rule_inputs_and_clock_and_then_the_present() {
    let transition = |time: &str, ago_us, from, to, cause| Transition {
        time: at(time),
        ago_us,
        from,
        to,
        cause,
    };
    let mut timed_out = cause("master_down", Some("4.4"), "master timed out (inet)");
    timed_out.clock = Some(clock_of("192.0.2.1"));
    timed_out.preempt = true;
    let mut yielded = cause(
        "yielded",
        Some("4.3 MASTER"),
        "better or equal master heard: 1/0 from 192.0.2.1",
    );
    yielded.demotion = 300;
    yielded.own.demotion = 255;
    let why = Why {
        name: "carp0".to_owned(),
        transitions: vec![
            transition(
                "00.786564",
                9_213_436,
                State::Init,
                State::Backup,
                cause("configured", Some("4.1"), "configured"),
            ),
            transition("06.890", 3_110_000, State::Backup, State::Master, timed_out),
            transition("07", 3_000_000, State::Master, State::Backup, yielded),
        ],
        now: Now {
            waits: vec![Wait {
                clock: clock_of("192.0.2.1"),
                ends_in_us: 2_990_000,
            }],
            ..standing(State::Backup)
        },
        demotion: 300,
        demotions: [128, 172]
            .map(|amount| Demotion {
                group: "carp".to_owned(),
                interface: None,
                reason: "operator".to_owned(),
                amount,
                owner: None,
                ago_ms: 0,
                held: false,
            })
            .to_vec(),
    };
    assert_eq!(
        super::why(&why, &TimeZone::UTC),
        "carp0:\n\
         \t2026-11-26 17:32:00.786 (9 s ago): INIT -> BACKUP\n\
         \t    configured [carp-protocol 4.1]\n\
         \t    own claim: advbase 1 advskew 100, preempt off\n\
         \t2026-11-26 17:32:06.890 (3 s ago): BACKUP -> MASTER\n\
         \t    master timed out (inet) [carp-protocol 4.4]\n\
         \t    own claim: advbase 1 advskew 100, preempt on\n\
         \t    clock: master-down (inet) of 3.390 s, since 192.0.2.1 (advbase 1\n\
         \t    advskew 0)\n\
         \t2026-11-26 17:32:07.000 (3 s ago): MASTER -> BACKUP\n\
         \t    better or equal master heard: 1/0 from 192.0.2.1 [carp-protocol 4.3\n\
         \t    MASTER]\n\
         \t    own claim: advbase 1 advskew 100 demotion 255, node demoted by 300,\n\
         \t    preempt off\n\
         \tnow: BACKUP of 192.0.2.1 (advbase 1 advskew 0): takes over in 2.990 s\n\
         \t    without an advert (inet)\n\
         \tdemotion: 300\n\
         \t    128 operator\n\
         \t    172 operator\n"
    );
}

#[test]
fn present_of_each_state() {
    let shown = |now: &Now| doing(now);
    let waiting = |last_advert: Option<LastAdvert>| Now {
        waits: vec![Wait {
            clock: Clock {
                last_advert,
                ..clock_of("192.0.2.1")
            },
            ends_in_us: 1_500_000,
        }],
        ..standing(State::Backup)
    };
    let of_long_ago = LastAdvert {
        time: at("00"),
        heard: heard("192.0.2.1"),
    };
    for (now, expected) in [
        (
            Now {
                configured: false,
                ..standing(State::Init)
            },
            "INIT, takes no part: needs a vhid and a carpdev",
        ),
        (
            Now {
                up: false,
                ..standing(State::Init)
            },
            "INIT, takes no part: it is down",
        ),
        (
            Now {
                carpdev_state: Some(CarpdevState::Absent),
                ..standing(State::Init)
            },
            "INIT, waits for carpdev vmx0, which is absent",
        ),
        (
            Now {
                advertises_every_us: Some(1_390_625),
                ..standing(State::Master)
            },
            "MASTER, advertises every 1.390 s",
        ),
        (
            waiting(None),
            "BACKUP, hears no master: takes over in 1.500 s (inet)",
        ),
        (
            waiting(Some(of_long_ago)),
            "BACKUP, hears no master: takes over in 1.500 s (inet)",
        ),
        (standing(State::Backup), "BACKUP, about to change"),
    ] {
        assert_eq!(shown(&now), expected);
    }
}

#[test]
fn peers_tell_what_is_known_and_fit_80_columns() {
    let peer = |source: &str, dialects: &[&str]| Peer {
        source: source.parse().unwrap(),
        dialects: dialects.iter().map(ToString::to_string).collect(),
        claim: claim(0),
        heard: true,
        ago_us: 340_000,
        interval_us: Some(1_000_400),
        received: 40,
        refused: 0,
        last_refused: None,
    };
    let all = ["openbsd", "freebsd", "netbsd", "ucarp", "carpctl"];
    let peers = Peers {
        name: "carp0".to_owned(),
        peers: vec![
            peer("192.0.2.1", &["openbsd", "carpctl"]),
            Peer {
                interval_us: None,
                refused: 3,
                ..peer(LONG, &all)
            },
            Peer {
                heard: false,
                ago_us: 300_000_000,
                refused: 12,
                last_refused: Some(LastRefused {
                    reason: "bad digest: key or address list differ".to_owned(),
                    ago_us: 400_000,
                }),
                ..peer("192.0.2.3", &["freebsd"])
            },
            Peer {
                claim: Claim {
                    advbase: 255,
                    advskew: 255,
                    demotion: 0,
                },
                heard: false,
                ..peer("192.0.2.4", &["ucarp"])
            },
        ],
        refused: vec![Stranger {
            source: LONG.parse().unwrap(),
            refused: 12,
            reason: "bad digest: key or address list differ".to_owned(),
            ago_us: 61_000_000,
        }],
    };
    let text = super::peers(&peers);
    assert_eq!(
        text,
        "carp0:\n\
         \t192.0.2.1 advbase 1 advskew 0 dialect openbsd|carpctl\n\
         \t    heard 0.3 s ago, every 1.000 s\n\
         \tfe80::ffff:ffff:ffff:fff1 advbase 1 advskew 0 dialect unknown\n\
         \t    heard 0.3 s ago, 3 of 40 refused\n\
         \t192.0.2.3 advbase 1 advskew 0 dialect freebsd\n\
         \t    silent for 5 min, 12 of 40 refused, last 0.4 s ago: bad digest: key\n\
         \t    or address list differ\n\
         \t192.0.2.4 dialect ucarp\n\
         \t    bowed out 0.3 s ago\n\
         \tfe80::ffff:ffff:ffff:fff1 refused 12 times, last 61 s ago: bad digest:\n\
         \t    key or address list differ\n"
    );
    for line in text.lines() {
        assert!(
            line.replace('\t', "        ").chars().count() <= 80,
            "{line}"
        );
    }
}
