//! What somebody else does to a master: noticed, told, put right, and never a frame too many.

use carp_fsm::{Damage, TakenDown};

use super::*;
use crate::lab::{Direction, Echo, Frame};

const OWN: [&str; 2] = ["192.0.2.1/24", "2001:db8::1/64"];
const HELD: [&str; 2] = ["192.0.2.10/24", "2001:db8::10/64"];
/// The loop of these tests stands still while `ip` runs.
const FEW: u64 = 200;
const VIRTUAL: [&str; 2] = ["192.0.2.10", "2001:db8::10"];

impl Machine {
    pub(super) fn wait_for_damage(&mut self, id: HostId) -> Damage {
        self.wait_for("damage", |report| {
            if let Report::Damaged { id: of, damage } = report {
                return (*of == id).then_some(*damage);
            }
            None
        })
    }

    pub(super) fn wait_until_mended(&mut self, id: HostId) {
        self.wait_for("mending", |report| {
            matches!(report, Report::Mended(of) if *of == id).then_some(())
        });
    }

    fn wait_until_taken_down(&mut self, id: HostId) -> TakenDown {
        self.wait_for("end", |report| {
            if let Report::TakenDown { id: of, how } = report {
                return (*of == id).then_some(*how);
            }
            None
        })
    }
}

/// A master with a client that wants answers.
struct Scene {
    lab: Lab,
    one: Machine,
    id: HostId,
    echoes: [Echo; 2],
    _client: Host,
}

fn scene(setup: &Setup) -> Option<Scene> {
    let lab = lab()?;
    if !has_iproute2() {
        return None;
    }
    let client = lab.host("client").unwrap();
    client.add_address("192.0.2.50/24").unwrap();
    client.add_address("2001:db8::50/64").unwrap();
    let mut one = Machine::plug(&lab, "one", &OWN);
    let id = one.configure(setup);
    one.hold_for(id, &HELD, LONG);
    let echoes = VIRTUAL.map(|to| client.echo(ip(to), 1_000).unwrap());
    for echo in &echoes {
        assert!(echo.wait_for_answers(100, LONG));
    }
    Some(Scene {
        lab,
        one,
        id,
        echoes,
        _client: client,
    })
}

impl Scene {
    /// Both families are answered again, and little was lost in all.
    fn end(self, lost: u64) -> Machine {
        for echo in self.echoes {
            let received = echo.progress().1;
            assert!(echo.wait_for_answers(received + 100, LONG));
            let report = echo.stop().unwrap();
            assert!(report.lost() <= lost, "{report}");
        }
        self.one
    }
}

fn from_virtual(frames: &[Frame]) -> usize {
    let is_it = |frame: &&Frame| frame.source() == VMAC && frame.direction == Direction::In;
    frames.iter().filter(is_it).count()
}

#[test]
fn addresses_that_are_deleted_or_altered_are_put_back() {
    let _alone = alone();
    for setup in [carp0(), carp0_on_carpdev()] {
        let Some(mut scene) = scene(&setup) else {
            return;
        };
        let (one, id) = (&mut scene.one, scene.id);
        let device = if setup.lladdr == Lladdr::Virtual {
            "carp0"
        } else {
            "vmx0"
        };
        let lengths = if device == "carp0" {
            ["24", "64"]
        } else {
            ["32", "128"]
        };
        let view = one.held_view();
        let addresses = [0, 1].map(|at| format!("{}/{}", VIRTUAL[at], lengths[at]));
        for words in [
            format!("del {} dev {device}", addresses[0]),
            format!("del {} dev {device}", addresses[1]),
            format!("change {} dev {device} valid_lft forever", addresses[0]),
            format!("change {} dev {device} valid_lft forever", addresses[1]),
            format!(
                "change {} dev {device} preferred_lft 5 valid_lft 5",
                addresses[1]
            ),
        ] {
            one.ip(&format!("ip address {words}"));
            assert_eq!(one.wait_for_damage(id), Damage::Address, "{words}");
            one.wait_until_mended(id);
            assert_eq!(one.held_view(), view, "{words}");
        }
        let more = one.all_within(SHORT / 2);
        let more: Vec<_> = more
            .iter()
            .filter(|it| !matches!(it, Report::Packet(_)))
            .collect();
        assert!(more.is_empty(), "{more:?}");
        scene.end(FEW);
    }
}

#[test]
fn a_flush_is_one_incident_and_a_loop_of_them_no_storm() {
    let _alone = alone();
    let Some(mut scene) = scene(&carp0()) else {
        return;
    };
    let (one, id) = (&mut scene.one, scene.id);
    let many: Vec<String> = (10..40).map(|last| format!("192.0.2.{last}/24")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).chain([HELD[1]]).collect();
    one.hold_for(id, &many, LONG);
    let view = one.view("address carp0");
    one.all_within(SHORT / 2);
    // All of it has happened before the first of it is read.
    one.ip("ip address flush dev carp0");
    one.wait_until_mended(id);
    let reports = one.all_within(SHORT / 2);
    let damaged = |reports: &[Report]| {
        let is_it = |report: &&Report| matches!(report, Report::Damaged { .. });
        reports.iter().filter(is_it).count()
    };
    assert_eq!(damaged(&reports), 1, "{reports:?}");
    assert_eq!(one.view("address carp0"), view);

    let jobs = one.backend.worker.submit(Job::Mute(id));
    for _ in 0..20 {
        one.ip("ip address flush dev carp0");
        while let Some(report) = one.backend.poll() {
            one.reports.push(report);
        }
    }
    let reports = one.all_within(SHORT);
    let cares = one.backend.worker.submit(Job::Mute(id)) - jobs;
    assert!(damaged(&reports) <= 20 && cares <= 60, "{cares}");
    assert_eq!(one.view("address carp0"), view);
    // Twenty times until all is put back, for which a busy machine takes its time.
    scene.end(2_000);
}

#[test]
fn with_a_changed_mac_nothing_is_held_until_it_is_changed_back() {
    let _alone = alone();
    let Some(mut scene) = scene(&carp0()) else {
        return;
    };
    let (one, id) = (&mut scene.one, scene.id);
    let (link, addresses) = (one.view("link carp0"), one.view("address carp0"));
    one.ip("ip link set dev carp0 address 02:00:00:00:99:99");
    assert_eq!(one.wait_for_damage(id), Damage::LinkAddress);
    assert_eq!(one.view("address carp0"), [""; 0]);
    one.wait_until_mended(id);
    assert_eq!(one.view("address carp0"), [""; 0]);
    one.hold_for(id, &HELD, LONG);
    assert_eq!(one.view("link carp0"), link);
    assert_eq!(one.view("address carp0"), addresses);
    scene.end(FEW);
}

#[test]
fn ipv6_that_is_disabled_is_enabled_with_its_settings() {
    let _alone = alone();
    let Some(mut scene) = scene(&carp0()) else {
        return;
    };
    let tap = scene.lab.tap_port("one").unwrap();
    let (one, id) = (&mut scene.one, scene.id);
    one.host.set_forwarding(true).unwrap();
    let view = one.held_view();
    let disable = "net/ipv6/conf/carp0/disable_ipv6";
    one.host.set_sysctl(disable, "1").unwrap();
    one.host
        .set_sysctl("net/ipv6/conf/carp0/accept_dad", "1")
        .unwrap();
    assert_eq!(one.wait_for_damage(id), Damage::Inet6Disabled);
    one.wait_until_mended(id);
    assert_eq!(one.setting("ipv6", "carp0", "disable_ipv6"), "0");
    assert_eq!(
        one.view("address carp0").len(),
        2,
        "{:?}",
        one.view("address carp0")
    );
    assert_eq!(one.held_view(), view);
    let one = &mut scene.end(FEW);
    // Neither MLD nor a probe nor a solicitation of the kernel's own.
    one.all_within(SHORT);
    let is_own = |frame: &&Frame| {
        let payload = frame.payload();
        let kind = payload.get(if payload.get(6) == Some(&0) { 48 } else { 40 });
        let from_nowhere = payload.get(8..24) == Some(&[0; 16]);
        frame.source() == VMAC
            && frame.ethertype() == 0x86dd
            && (matches!(kind, Some(130..=133 | 143)) || from_nowhere)
    };
    let frames = tap.stop().unwrap().frames;
    let own: Vec<_> = frames.iter().filter(is_own).collect();
    assert!(own.is_empty(), "{own:?}");
}

#[test]
fn on_a_carpdev_ipv6_is_the_affair_of_the_host() {
    let _alone = alone();
    let Some(mut scene) = scene(&carp0_on_carpdev()) else {
        return;
    };
    let (one, id) = (&mut scene.one, scene.id);
    let disable = "net/ipv6/conf/vmx0/disable_ipv6";
    one.host.set_sysctl(disable, "1").unwrap();
    assert_eq!(one.wait_for_damage(id), Damage::Inet6Disabled);
    let error = one.wait_for("failure", |report| {
        if let Report::NotMended(of, error) = report {
            return (*of == id).then(|| error.to_string());
        }
        None
    });
    assert!(
        error.starts_with("carp0: 2001:db8::10/64: Permission denied"),
        "{error}"
    );
    assert_eq!(one.setting("ipv6", "vmx0", "disable_ipv6"), "1");
    // It is tried again with each renewal, and told once.
    one.backend.renew(id, LONG);
    one.settle();
    one.host.set_sysctl(disable, "0").unwrap();
    one.backend.renew(id, LONG);
    one.wait_until_mended(id);
    assert_eq!(one.held_view().len(), 2);
    let told = |report: &&Report| matches!(report, Report::NotMended(..) | Report::Damaged { .. });
    assert_eq!(one.reports.iter().filter(told).count(), 0);
}

#[test]
fn a_carpdevs_new_mac_is_announced() {
    let _alone = alone();
    let Some(mut scene) = scene(&carp0_on_carpdev()) else {
        return;
    };
    let tap = scene.lab.tap_port("one").unwrap();
    let one = &mut scene.one;
    one.ip("ip link set dev vmx0 address 02:00:00:00:99:99");
    let mac = MacAddress([2, 0, 0, 0, 0x99, 0x99]);
    let is_announcement = |frame: &Frame| {
        frame.ethertype() == 0x0806
            && frame.source() == mac
            && frame.payload().get(14..18) == Some(&[192, 0, 2, 10])
            && frame.payload().get(24..28) == Some(&[192, 0, 2, 10])
    };
    wait_until(|| {
        one.backend.poll();
        tap.frames().iter().any(is_announcement)
    });
}

#[test]
fn taken_down_by_somebody_else_it_stays_so_until_it_is_configured() {
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &OWN);
    let tap = lab.tap_port("one").unwrap();
    for holds in [true, false] {
        for (words, how) in [
            ("ip link set dev carp0 down", TakenDown::SetDown),
            ("ip link del dev carp0", TakenDown::Deleted),
        ] {
            let id = one.configure(&carp0());
            if holds {
                one.hold_for(id, &HELD, LONG);
            }
            one.ip(words);
            assert_eq!(one.wait_until_taken_down(id), how);
            let gone = crate::lab::now();
            one.release(id);
            // What the driver does then.
            let down = Setup {
                up: false,
                ..carp0()
            };
            one.try_configure(id, &down).unwrap();
            let more = one.all_within(SHORT);
            assert!(more.is_empty(), "{words}: {more:?}");
            assert_eq!(one.held_view(), [""; 0], "{words}");
            let is_there = !one.view("link carp0").is_empty();
            assert_eq!(is_there, how == TakenDown::SetDown, "{words}");
            let late: Vec<_> = tap
                .frames()
                .into_iter()
                .filter(|it| it.time > gone)
                .collect();
            assert_eq!(from_virtual(&late), 0, "{words}: {late:?}");
            one.try_configure(id, &carp0()).unwrap();
            one.hold_for(id, &HELD, LONG);
            assert_eq!(one.held_view().len(), 2, "{words}");
            one.tear_down(id);
        }
    }
}

#[test]
fn our_own_doings_are_nobody_elses() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &OWN);
    let down = Setup {
        up: false,
        ..carp0()
    };
    let other = Setup {
        vhid: vhid(7),
        ..carp0()
    };
    let id = one.configure(&carp0());
    let lists: [&[&str]; 3] = [&HELD, &["192.0.2.11/24"], &HELD[..1]];
    for round in 0..40 {
        // Nothing is waited for: the jobs pile up while the news of the first ones come in.
        for list in lists {
            let list: Vec<_> = list.iter().map(|text| text.parse().unwrap()).collect();
            one.backend.hold(id, &list, Some(LONG));
            one.backend.poll();
            one.backend.renew(id, LONG);
        }
        match round % 4 {
            0 => one.backend.release(id),
            1 => one.backend.configure(id, &down),
            2 => one.backend.configure(id, &other),
            _ => one.backend.hand_over(id),
        }
        one.backend.poll();
        one.backend.configure(id, &carp0());
        if round % 8 == 0 {
            lab.remove_interface(&one.host).unwrap();
            one.backend.poll();
            lab.add_interface(&one.host).unwrap();
        }
    }
    one.settle();
    one.all_within(SHORT);
    let mut reports = std::mem::take(&mut one.reports);
    reports.extend(one.all_within(SHORT / 2));
    let odd: Vec<_> = reports
        .iter()
        .filter(|report| {
            matches!(
                report,
                Report::Damaged { .. } | Report::Lapsed(_) | Report::TakenDown { .. }
            )
        })
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[test]
fn what_happened_to_a_backup_is_put_right_when_it_takes_over() {
    let _alone = alone();
    let Some(lab) = lab() else { return };
    if !has_iproute2() {
        return;
    }
    let mut one = Machine::plug(&lab, "one", &OWN);
    let tap = lab.tap_port("one").unwrap();
    let id = one.configure(&carp0());
    one.ip("ip link set dev carp0 address 02:00:00:00:99:99");
    one.host
        .set_sysctl("net/ipv6/conf/carp0/disable_ipv6", "1")
        .unwrap();
    let reports = one.all_within(SHORT / 2);
    assert!(reports.is_empty(), "{reports:?}");
    one.hold_for(id, &HELD, LONG);
    assert_eq!(one.held_view().len(), 2);
    assert!(one.view("link carp0")[0].contains(" mac 00:00:5e:00:01:63 "));
    one.release(id);
    one.all_within(SHORT);
    assert_eq!(from_virtual(&tap.stop().unwrap().frames), 0);
}

#[test]
fn a_carpdev_that_goes_takes_its_carp_interface_along_and_nobody_is_blamed() {
    let Some(lab) = lab() else { return };
    for setup in [carp0(), carp0_on_carpdev()] {
        let name = format!("{:?}", setup.lladdr).to_lowercase();
        let mut one = Machine::plug(&lab, &name, &[]);
        let id = one.configure(&setup);
        for _ in 0..5 {
            one.hold_for(id, &HELD, LONG);
            lab.remove_interface(&one.host).unwrap();
            while one.wait_for_link() != LinkState::Absent {}
            one.release(id);
            one.settle();
            assert_eq!(one.view("link carp0"), [""; 0]);
            lab.add_interface(&one.host).unwrap();
            while one.wait_for_link() != LinkState::Up {}
            one.settle();
        }
        one.hold_for(id, &HELD, LONG);
        assert_eq!(one.held_view().len(), 2);
        assert!(one.reports.is_empty(), "{:?}", one.reports);
    }
}
