//! The lab measures everything else, so it is measured first.
#![cfg(all(target_os = "linux", feature = "lab"))]
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use carp_net::carp_fsm::carp_proto::MacAddress;
use carp_net::lab::{Direction, Frame, Host, Lab, Namespace, now};

#[path = "support/lab.rs"]
mod lab;
use lab::lab;

/// A lab of three with addresses in both families, or why there is none.
struct Three {
    lab: Lab,
    one: Host,
    two: Host,
    client: Host,
}

impl Three {
    fn new() -> Option<Self> {
        let lab = lab()?;
        let host = |name, last: u8| {
            let host = lab.host(name).unwrap();
            host.add_address(&format!("192.0.2.{last}/24")).unwrap();
            host.add_address(&format!("2001:db8::{last}/64")).unwrap();
            host
        };
        let (one, two, client) = (host("one", 1), host("two", 2), host("client", 50));
        Some(Self {
            lab,
            one,
            two,
            client,
        })
    }
}

/// As long as what must happen may take.
const LONG: Duration = Duration::from_secs(10);
/// As long as is waited for what must not happen.
const SHORT: Duration = Duration::from_millis(300);

const IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const IPV6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

#[test]
fn every_echo_is_answered_in_both_families() {
    let Some(three) = Three::new() else { return };
    let echoes = [IPV4, IPV6].map(|target| three.client.echo(target, 500).unwrap());
    for echo in echoes {
        assert!(echo.wait_for_answers(300, LONG));
        let report = echo.stop().unwrap();
        assert!(report.sent() >= 300, "{report}");
        assert_eq!(report.lost(), 0, "{report}");
        assert_eq!(report.longest_gap(), Duration::ZERO);
        assert_eq!((report.duplicates(), report.refused()), (0, 0));
    }
}

#[test]
fn a_link_local_address_is_reached_through_the_interface() {
    let Some(three) = Three::new() else { return };
    let snapshot = three.one.snapshot().unwrap().only("address vmx0 fe80:");
    let line = snapshot.lines().next().unwrap();
    let address = line.split_whitespace().nth(2).unwrap();
    let address = address.split('/').next().unwrap().parse().unwrap();
    let echo = three.client.echo(address, 200).unwrap();
    assert!(echo.wait_for_answers(20, LONG));
    assert_eq!(echo.stop().unwrap().lost(), 0);
}

#[test]
fn what_is_lost_while_a_port_is_cut_is_counted_exactly() {
    let Some(three) = Three::new() else { return };
    let tap = three.lab.tap_port("one").unwrap();
    let echo = three.client.echo(IPV4, 1_000).unwrap();
    assert!(echo.wait_for_answers(200, LONG));
    let before = now();
    three.lab.cut("one").unwrap();
    let (sent, _) = echo.progress();
    wait_until(|| echo.progress().0 >= sent + 300);
    three.lab.mend("one").unwrap();
    let after = now();
    let (_, received) = echo.progress();
    assert!(echo.wait_for_answers(received + 200, LONG));
    let report = echo.stop().unwrap();
    let recording = tap.stop().unwrap();

    let answers = recording.frames.iter().filter(|frame| is_echo_reply(frame));
    assert_eq!(recording.dropped, 0);
    assert_eq!(report.received(), answers.count() as u64, "{report}");
    assert!(report.lost() >= 300, "{report}");
    let [gap] = report.gaps()[..] else {
        panic!("{:?}", report.gaps());
    };
    assert_eq!(gap.lost, report.lost());
    assert_eq!(report.losses().next(), Some((gap.first, gap.from)));
    assert_eq!(gap.length(), report.longest_gap());
    let slack = Duration::from_millis(50);
    assert!(
        gap.from + slack > before && gap.until < after + slack,
        "{gap:?}"
    );
}

#[test]
fn a_sweep_tells_since_when_each_address_answers() {
    let Some(three) = Three::new() else { return };
    let targets = [[192, 0, 2, 1], [192, 0, 2, 10]].map(Ipv4Addr::from);
    let begun = now();
    let sweep = three.client.sweep(&targets).unwrap();
    assert_eq!(sweep.wait_for_all(SHORT), 1);
    let added = now();
    three.two.add_address("192.0.2.10/24").unwrap();
    assert_eq!(sweep.wait_for_all(LONG), 0);
    let reports = sweep.stop().unwrap();

    let [there, late] = &reports[..] else {
        panic!("{reports:?}");
    };
    assert_eq!(there.lost(), 0, "{there}");
    assert!(there.answered_since().unwrap() > begun);
    // What waited for its link-layer address is answered too, but not before.
    assert!(late.answered_since().unwrap() > added);
    // Who answers is asked less often.
    assert!(late.sent() > there.sent() * 2, "{late}; {there}");
}

#[test]
fn what_stopped_to_answer_answers_since_never() {
    let Some(three) = Three::new() else { return };
    let sweep = three.client.sweep(&[Ipv4Addr::new(192, 0, 2, 1)]).unwrap();
    assert_eq!(sweep.wait_for_all(LONG), 0);
    three.lab.cut("one").unwrap();
    // Longer than between two requests to one that answers.
    std::thread::sleep(SHORT);
    let reports = sweep.stop().unwrap();
    assert_eq!(reports[0].answered_since(), None, "{reports:?}");
}

#[test]
fn a_parted_host_loses_its_peer_and_keeps_the_client() {
    let Some(three) = Three::new() else { return };
    for host in ["one", "two"] {
        three.lab.part(host, true).unwrap();
    }
    assert!(reaches(&three.client, LONG));
    assert!(!reaches(&three.two, SHORT));
    three.lab.part("two", false).unwrap();
    assert!(reaches(&three.two, LONG));
}

#[test]
fn a_blocked_host_keeps_its_carrier_and_a_cut_one_does_not() {
    let Some(three) = Three::new() else { return };
    let link = || three.one.snapshot().unwrap().only("link vmx0").to_string();
    let up = format!("state {IF_OPER_UP} ");
    three.lab.block("one", true).unwrap();
    assert!(!reaches(&three.client, SHORT));
    assert!(link().contains(&up), "{}", link());
    three.lab.block("one", false).unwrap();
    assert!(reaches(&three.client, LONG));

    three.lab.cut("one").unwrap();
    assert!(!reaches(&three.client, SHORT));
    wait_until(|| !link().contains(&up));
}

#[test]
fn a_tap_sees_what_was_sent_on_every_port_and_writes_it_for_others() {
    let Some(three) = Three::new() else { return };
    let tap = three.lab.tap().unwrap();
    let echo = three.client.echo(IPV4, 1_000).unwrap();
    let first = tap.wait_for(LONG, is_echo_reply).unwrap();
    assert_eq!(&*first.interface, "one");
    assert_eq!(
        (first.source(), first.destination()),
        (three.one.mac(), three.client.mac())
    );
    assert_eq!(first.direction, Direction::In);
    assert!(echo.wait_for_answers(500, LONG));
    let report = echo.stop().unwrap();
    let recording = tap.stop().unwrap();
    assert_eq!(recording.dropped, 0);

    let mut seen = BTreeMap::new();
    for frame in recording.frames.iter().filter(|frame| is_echo_reply(frame)) {
        let place = (
            frame.interface.to_string(),
            frame.direction == Direction::In,
        );
        *seen.entry(place).or_insert(0) += 1;
    }
    // In at one's port, out at the client's, and nowhere else: the switch knows the way.
    let expected = [
        (("client".to_owned(), false), report.sent()),
        (("one".to_owned(), true), report.sent()),
    ];
    assert_eq!(seen, BTreeMap::from(expected));
    assert!(recording.frames.is_sorted_by_key(|frame| frame.time));

    let path = std::env::temp_dir().join(format!("carp-lab-{}.pcap", std::process::id()));
    recording.write_pcap(&path).unwrap();
    let file = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let bytes: usize = recording
        .frames
        .iter()
        .map(|frame| 16 + frame.bytes.len())
        .sum();
    assert_eq!(file.len(), 24 + bytes);
    assert_eq!(file[..4], 0xa1b2_c3d4_u32.to_le_bytes());
}

#[test]
fn a_tap_shows_the_vlan_tag_that_was_on_the_wire() {
    let Some(three) = Three::new() else { return };
    let taps = [three.lab.tap_port("one"), three.two.tap("vmx0")];
    let mut frame = [[0xff; 6], three.one.mac().octets()].concat();
    frame.extend([0x81, 0x00, 0x60, 0x2a, 0x88, 0xb5]);
    frame.resize(64, 0xa5);
    three.one.send_frame("vmx0", &frame).unwrap();
    for tap in taps {
        let tap = tap.unwrap();
        let seen = tap.wait_for(LONG, |seen| seen.vlan().is_some()).unwrap();
        assert_eq!(seen.bytes, frame);
        assert_eq!((seen.vlan(), seen.ethertype()), (Some(42), 0x88b5));
        assert_eq!(seen.payload(), [0xa5; 46]);
    }
}

#[test]
fn a_tap_drops_nothing_at_20_000_frames_a_second() {
    let Some(three) = Three::new() else { return };
    let tap = three.lab.tap().unwrap();
    // Request and answer, each in at one port and out at another: four frames an echo.
    let echo = three.client.echo(IPV4, 5_000).unwrap();
    assert!(echo.wait_for_answers(5_000, LONG));
    let report = echo.stop().unwrap();
    let recording = tap.stop().unwrap();
    assert_eq!((recording.dropped, report.lost()), (0, 0));
    let answers = recording.frames.iter().filter(|frame| is_echo_reply(frame));
    assert_eq!(answers.count() as u64, 2 * report.sent());
}

#[test]
fn an_asker_hears_who_has_the_address_and_the_switch_learns_it() {
    let Some(three) = Three::new() else { return };
    for (target, address) in [
        ("192.0.2.10", "192.0.2.10/24"),
        ("2001:db8::a", "2001:db8::a/64"),
    ] {
        let asker = three
            .client
            .ask(target.parse().unwrap(), Duration::from_millis(10))
            .unwrap();
        three.one.add_address(address).unwrap();
        let answer = asker.wait_for_answer(LONG).unwrap();
        assert_eq!(
            (answer.mac, answer.source),
            (three.one.mac(), three.one.mac())
        );
        assert_eq!(
            three.lab.port_of(three.one.mac()).unwrap().as_deref(),
            Some("one")
        );

        three.one.remove_address(address).unwrap();
        let moved = now();
        three.two.add_address(address).unwrap();
        while asker.wait_for_answer(LONG).unwrap().mac != three.two.mac() {}
        let report = asker.stop().unwrap();
        let after = report.answers.iter().filter(|answer| answer.time > moved);
        assert!(after.clone().count() > 0);
        assert!(
            after.clone().all(|answer| answer.mac == three.two.mac()),
            "{report:?}"
        );
        assert!(report.asked >= 2);
    }
    assert_eq!(three.lab.port_of(MacAddress([2; 6])).unwrap(), None);
}

#[test]
fn a_snapshot_shows_what_changed_and_nothing_else() {
    let Some(three) = Three::new() else { return };
    let before = three.one.snapshot().unwrap();
    assert_eq!(three.one.snapshot().unwrap(), before);
    for start in [
        "link vmx0 ",
        "address vmx0 192.0.2.1/24",
        "group vmx0 224.0.0.1",
        "setting ",
    ] {
        assert!(before.only(start).lines().next().is_some(), "{start}");
    }
    three.one.add_address("192.0.2.9/32").unwrap();
    three
        .one
        .set_sysctl("net/ipv4/conf/vmx0/arp_ignore", "1")
        .unwrap();
    let changes = three.one.snapshot().unwrap().changes_since(&before);
    let starts = [
        "-setting net/ipv4/conf/vmx0/arp_ignore = 0",
        "+address vmx0 192.0.2.9/32 flags 0x80",
        "+setting net/ipv4/conf/vmx0/arp_ignore = 1",
    ];
    assert_eq!(changes, starts);
}

#[test]
fn a_command_runs_on_its_host_and_ends_with_it() {
    let Some(three) = Three::new() else { return };
    let output = three
        .one
        .command("cat")
        .arg("/proc/self/net/dev")
        .output()
        .unwrap();
    let devices = String::from_utf8(output.stdout).unwrap();
    assert!(devices.contains("vmx0"), "{devices}");
    assert_eq!(devices.lines().count(), 4, "{devices}");

    let mut child = three.one.command("sleep").arg("1000").spawn().unwrap();
    let found = three.one.namespace().processes().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].pid(), child.id());
    drop(three.one);
    assert!(!child.wait().unwrap().success());
}

#[test]
fn a_thread_comes_back_and_nothing_is_left() {
    let here = Namespace::current().unwrap();
    let Some(lab) = lab() else { return };
    {
        let host = lab.host("one").unwrap();
        let inside = host.enter(|| Namespace::current().unwrap()).unwrap();
        assert_eq!(inside, *host.namespace());
        assert_ne!(inside, here);
    }
    assert_eq!(Namespace::current().unwrap(), here);
    // The name is free as soon as the host is gone.
    drop(lab.host("one").unwrap());
    let taken = lab.host("one").and_then(|_| lab.host("switch"));
    assert!(taken.unwrap_err().to_string().contains("switch: "));
}

/// Of `linux/if.h`, RFC 2863.
const IF_OPER_UP: u8 = 6;

fn is_echo_reply(frame: &Frame) -> bool {
    let payload = frame.payload();
    frame.ethertype() == 0x0800 && payload.get(9) == Some(&1) && payload.get(20) == Some(&0)
}

/// Whether host one answers.
fn reaches(from: &Host, patience: Duration) -> bool {
    let echo = from.echo(IPV4, 100).unwrap();
    let answered = echo.wait_for_answers(3, patience);
    echo.stop_within(Duration::ZERO).unwrap();
    answered
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let deadline = now() + LONG;
    while !done() {
        assert!(now() < deadline);
        std::thread::yield_now();
    }
}

#[test]
fn an_address_is_held_while_it_is_on_a_link_that_carries() {
    let Some(three) = Three::new() else { return };
    let watch = three.one.watch(&[IPV4, IPV6]).unwrap();
    assert!(watch.holds(IPV4) && watch.holds(IPV6));
    three.one.remove_address("192.0.2.1/24").unwrap();
    assert!(watch.wait_for(IPV4, false, LONG));
    assert!(watch.holds(IPV6));
    three.lab.cut("one").unwrap();
    assert!(watch.wait_for(IPV6, false, LONG));
    three.lab.mend("one").unwrap();
    assert!(watch.wait_for(IPV6, true, LONG));
    let held: Vec<_> = watch
        .stop()
        .unwrap()
        .iter()
        .map(|c| (c.address, c.held))
        .collect();
    let expected = [
        (IPV4, true),
        (IPV6, true),
        (IPV4, false),
        (IPV6, false),
        (IPV6, true),
    ];
    assert_eq!(held, expected);
}

#[test]
fn an_interface_comes_back_as_new() {
    let Some(three) = Three::new() else { return };
    let watch = three.one.watch(&[IPV4]).unwrap();
    three.lab.remove_interface(&three.one).unwrap();
    assert!(watch.wait_for(IPV4, false, LONG));
    assert!(three.one.tap("vmx0").is_err());
    three.lab.add_interface(&three.one).unwrap();
    assert!(!watch.holds(IPV4));
    three.one.add_address("192.0.2.1/24").unwrap();
    let echo = three.client.echo(IPV4, 500).unwrap();
    assert!(echo.wait_for_answers(50, LONG));
}

#[test]
fn a_tap_of_advertisements_records_nothing_else() {
    let Some(three) = Three::new() else { return };
    let tap = three.lab.tap_advertisements().unwrap();
    let echo = three.client.echo(IPV4, 500).unwrap();
    assert!(echo.wait_for_answers(50, LONG));
    let header =
        |ethertype: [u8; 2]| [&[0xff; 6][..], &three.two.mac().octets(), &ethertype].concat();
    let mut packet = [header([0x08, 0]), vec![0; 20]].concat();
    let mut packet6 = [header([0x86, 0xdd]), vec![0; 40]].concat();
    for (frame, protocol) in [(&mut packet, 14 + 9), (&mut packet6, 14 + 6)] {
        three.two.send_frame("vmx0", frame).unwrap();
        frame[protocol] = 112;
        three.two.send_frame("vmx0", frame).unwrap();
    }
    // The bridge itself takes in what is broadcast, too.
    let came_in = |frame: &Frame| frame.direction == Direction::In && &*frame.interface == "two";
    assert!(
        tap.wait_for(LONG, |frame| came_in(frame) && frame.bytes == packet6)
            .is_some()
    );
    let recording = tap.stop().unwrap();
    let frames = recording.frames.iter().filter(|frame| came_in(frame));
    let bytes: Vec<_> = frames.map(|frame| frame.bytes.clone()).collect();
    assert_eq!(bytes, [packet, packet6]);
}
