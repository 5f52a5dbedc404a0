//! What a former run has left is gone on with, or goes.

use super::*;
use crate::lab::{Direction, Echo, Frame};

const HELD: [&str; 2] = ["192.0.2.10/24", "2001:db8::10/64"];
const VIRTUAL: [&str; 2] = ["192.0.2.10", "2001:db8::10"];
const OWN: [&str; 2] = ["192.0.2.1/24", "2001:db8::1/64"];

impl Machine {
    pub(super) fn adopt(&mut self, id: HostId, addresses: &[&str]) -> bool {
        let addresses: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        self.backend.adopt(id, &addresses);
        self.settle();
        let is_answer = |report: &Report| {
            let (Report::Adopted(of) | Report::NotAdopted(of)) = report else {
                return false;
            };
            *of == id
        };
        let answer = self.reports.iter().position(is_answer).unwrap();
        matches!(self.reports.remove(answer), Report::Adopted(_))
    }
}

fn cases() -> [(&'static str, Setup, &'static [&'static str]); 4] {
    [
        ("a", carp0(), &OWN),
        ("b", carp0(), &[]),
        ("c", carp0_on_carpdev(), &OWN),
        ("d", carp0_on_carpdev(), &[]),
    ]
}

fn client(lab: &Lab, name: &str) -> Host {
    let client = lab.host(name).unwrap();
    client.add_address("192.0.2.50/24").unwrap();
    client.add_address("2001:db8::50/64").unwrap();
    client
}

fn echoes(client: &Host) -> [Echo; 2] {
    let echoes = VIRTUAL.map(|to| client.echo(ip(to), 1_000).unwrap());
    for echo in &echoes {
        assert!(echo.wait_for_answers(100, LONG));
    }
    echoes
}

fn from_virtual(frames: &[Frame]) -> Vec<&Frame> {
    let is_it = |frame: &&Frame| frame.source() == VMAC && frame.direction == Direction::In;
    frames.iter().filter(is_it).collect()
}

#[test]
fn a_master_that_goes_on_loses_nothing() {
    let _alone = alone();
    let Some(lab) = lab() else { return };
    for (name, setup, own) in cases() {
        let client = client(&lab, &format!("client-{name}"));
        let mut one = Machine::plug(&lab, name, own);
        let id = one.configure(&setup);
        one.hold_for(id, &HELD, LONG);
        let echoes = echoes(&client);
        let index = one.backend.inspect(id).index;
        for _ in 0..5 {
            one.begin_again();
            let id = one.configure(&setup);
            one.hold_for(id, &HELD, LONG);
            wait_until(|| {
                one.backend.poll();
                one.backend.inspect(id).index == index
            });
        }
        let received = echoes.each_ref().map(|echo| echo.progress().1);
        for (echo, received) in echoes.into_iter().zip(received) {
            assert!(echo.wait_for_answers(received + 100, LONG), "{name}");
            let report = echo.stop().unwrap();
            assert_eq!(report.lost(), 0, "{name}: {report}");
        }
        assert_eq!(one.held_view().len(), 2, "{:?}", one.held_view());
    }
}

#[test]
fn what_is_adopted_is_answered_in_silence() {
    let _alone = alone();
    let Some(lab) = lab() else { return };
    for (name, setup, own) in cases() {
        let client = client(&lab, &format!("client-{name}"));
        let third = lab.host(&format!("third-{name}")).unwrap();
        third.add_address("192.0.2.60/24").unwrap();
        third.add_address("2001:db8::60/64").unwrap();
        let mut one = Machine::plug(&lab, name, own);
        let id = one.configure(&setup);
        one.hold_for(id, &HELD, LONG);
        let echoes = echoes(&client);
        one.begin_again();
        let id = one.configure(&setup);
        assert!(one.adopt(id, &HELD), "{name}");
        one.hand_over(id);
        let asks = VIRTUAL.map(|it| third.ask(ip(it), Duration::from_millis(10)).unwrap());
        let received = echoes.each_ref().map(|echo| echo.progress().1);
        for (echo, received) in echoes.into_iter().zip(received) {
            assert!(echo.wait_for_answers(received + 300, LONG), "{name}");
            let report = echo.stop().unwrap();
            assert_eq!(report.lost(), 0, "{name}: {report}");
        }
        for ask in asks {
            assert_eq!(ask.stop().unwrap().answers, [], "{name}");
        }
        one.release(id);
        assert_eq!(one.held_view(), [""; 0], "{name}");
    }
}

#[test]
fn adopting_and_letting_go_says_nothing() {
    let Some(lab) = lab() else { return };
    for addresses in [&HELD[..], &["192.0.2.11/24"], &HELD[..1]] {
        let name = format!("m{}", addresses.len());
        let name = if addresses[0].contains(".11/") {
            "other"
        } else {
            &name
        };
        let mut one = Machine::plug(&lab, name, &OWN);
        one.host.set_forwarding(true).unwrap();
        let id = one.configure(&carp0());
        one.hold_for(id, &HELD, LONG);
        one.all_within(SHORT);
        let tap = lab.tap_port(name).unwrap();
        one.begin_again();
        let id = one.configure(&carp0());
        assert_eq!(one.adopt(id, addresses), addresses.len() == 2);
        one.release(id);
        one.all_within(SHORT);
        assert_eq!(one.held_view(), [""; 0], "{addresses:?}");
        assert!(one.view("link carp0")[0].contains(" protodown 1"));
        let frames = tap.stop().unwrap().frames;
        let said = from_virtual(&frames);
        assert!(said.is_empty(), "{said:?}");
    }
}

#[test]
fn what_does_not_suit_is_made_anew() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &OWN);
    let id = one.configure(&carp0());
    one.hold_for(id, &HELD, LONG);
    let index = one.backend.inspect(id).index;
    assert!(index.is_some());
    one.begin_again();
    let other = Setup {
        vhid: vhid(7),
        ..carp0()
    };
    let id = one.configure(&other);
    assert!(!one.adopt(id, &HELD));
    assert!(one.view("link carp0")[0].contains(" mac 00:00:5e:00:01:07 "));
    assert_eq!(one.held_view(), [""; 0]);
    one.begin_again();
    // The addresses go to the carpdev from now on.
    let id = one.configure(&carp0_on_carpdev());
    assert!(!one.adopt(id, &HELD));
    assert_eq!(one.view("link carp0"), [""; 0]);
    one.hold(id, &HELD);
    assert_eq!(one.held_view().len(), 2);
}

#[test]
fn one_that_is_not_to_be_up_is_emptied() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &OWN);
    let id = one.configure(&carp0());
    one.hold_for(id, &HELD, LONG);
    let tap = lab.tap_port("one").unwrap();
    one.begin_again();
    let down = Setup {
        up: false,
        ..carp0()
    };
    let id = one.configure(&down);
    assert!(!one.adopt(id, &HELD));
    assert_eq!(one.held_view(), [""; 0]);
    assert_eq!(flags(&one.view("link carp0")[0]) & 1, 0);
    let frames = tap.stop().unwrap().frames;
    assert!(from_virtual(&frames).is_empty());
}

#[test]
fn what_nobody_goes_on_with_has_its_end() {
    let Some(lab) = lab() else { return };
    for (name, setup, own) in cases() {
        let mut one = Machine::plug(&lab, name, own);
        let id = one.configure(&setup);
        one.hold_for(id, &HELD, Duration::from_secs(1));
        one.begin_again();
        let id = one.configure(&setup);
        assert!(one.adopt(id, &HELD), "{name}");
        one.wait_for("end of the lease", |report| {
            matches!(report, Report::Lapsed(of) if *of == id).then_some(())
        });
        wait_until(|| one.held_view().is_empty());
    }
}
