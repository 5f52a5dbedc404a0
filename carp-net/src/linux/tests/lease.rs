//! Leases: what nobody renews goes by itself, what is renewed stays.

use carp_fsm::carp_proto::advert_frame;

use super::*;
use crate::linux::speak::Speak;

const HELD: [&str; 2] = ["192.0.2.10/24", "2001:db8::10/64"];
const SECOND: Duration = Duration::from_secs(1);

/// Both kinds of ground, each with a name for a machine.
fn grounds() -> [(&'static str, Setup); 2] {
    [("own", carp0()), ("shared", carp0_on_carpdev())]
}

fn lapsed(reports: &[Report], id: HostId) -> usize {
    let is_it = |report: &&Report| matches!(report, Report::Lapsed(of) if *of == id);
    reports.iter().filter(is_it).count()
}

fn damaged(reports: &[Report]) -> usize {
    let is_it = |report: &&Report| matches!(report, Report::Damaged { .. });
    reports.iter().filter(is_it).count()
}

#[test]
fn what_is_not_renewed_goes_and_is_told_once() {
    let Some(lab) = lab() else { return };
    for (name, setup) in grounds() {
        let mut one = Machine::plug(&lab, name, &["192.0.2.1/24", "2001:db8::1/64"]);
        one.host.set_forwarding(true).unwrap();
        let id = one.configure(&setup);
        let tap = lab.tap_port(name).unwrap();
        one.hold_for(id, &HELD, SECOND);
        assert_eq!(one.held_view().len(), 2, "{name}");
        let began = one.backend.now();
        one.wait_for("end of the lease", |report| {
            matches!(report, Report::Lapsed(of) if *of == id).then_some(())
        });
        let lasted = one.backend.now() - began;
        assert!(lasted > SECOND * 9 / 10, "{name}: {lasted:?}");
        assert!(lasted < SECOND * 5 / 2, "{name}: {lasted:?}");
        one.release(id);
        let rest = one.all_within(SHORT);
        assert_eq!((lapsed(&rest, id), damaged(&rest)), (0, 0), "{rest:?}");
        assert_eq!(one.held_view(), [""; 0], "{name}");
        // The kernel says a lot when an IPv6 address expires, and none of it must get out.
        let frames = tap.stop().unwrap().frames;
        let said: Vec<_> = frames.iter().filter(|it| it.source() == VMAC).collect();
        assert!(said.is_empty(), "{said:?}");
    }
}

/// A master that was frozen must not answer for addresses that it has not: it is told so first.
#[test]
fn what_has_gone_is_told_before_packets_that_wait() {
    let Some(lab) = lab() else { return };
    for (name, setup) in grounds() {
        let mut one = Machine::plug(&lab, name, &["192.0.2.1/24", "2001:db8::1/64"]);
        let id = one.configure(&setup);
        one.hold_for(id, &HELD, SECOND);
        let other = lab.host(&format!("{name}-peer")).unwrap();
        let speak = other.enter(Speak::open).unwrap().unwrap();
        let index = other.enter(|| index_of("vmx0")).unwrap();
        for source in ["192.0.2.2", "fe80::2"].map(ip) {
            let headers = AdvertHeaders::to_group(other.mac(), source);
            let frame = advert_frame(&headers, &PAYLOAD);
            speak.frame(index, &frame).unwrap();
        }
        wait_until(|| one.held_view() == [""; 0]);
        let reports = one.all_within(SHORT / 10);
        let is_packet = |report: &&Report| matches!(report, Report::Packet(_));
        let first = reports.iter().position(|report| is_packet(&report));
        let before = first.and_then(|first| reports.get(..first));
        assert_eq!(lapsed(before.unwrap(), id), 1, "{name}: {reports:?}");
        assert_eq!(reports.iter().filter(is_packet).count(), 2, "{name}");
    }
}

#[test]
fn what_is_renewed_stays_as_it_is() {
    let _alone = alone();
    let Some(lab) = lab() else { return };
    let client = lab.host("client").unwrap();
    client.add_address("192.0.2.50/24").unwrap();
    client.add_address("2001:db8::50/64").unwrap();
    for (name, setup) in grounds() {
        let mut one = Machine::plug(&lab, name, &["192.0.2.1/24", "2001:db8::1/64"]);
        let id = one.configure(&setup);
        one.hold_for(id, &HELD, SECOND);
        let before = one.held_view();
        let tap = lab.tap_port(name).unwrap();
        client.set_up("vmx0", false).unwrap();
        client.set_up("vmx0", true).unwrap();
        client.add_address("2001:db8::50/64").unwrap();
        let echoes = ["192.0.2.10", "2001:db8::10"].map(|to| client.echo(ip(to), 500).unwrap());
        for echo in &echoes {
            assert!(echo.wait_for_answers(50, LONG), "{name}");
        }
        let mut reports = Vec::new();
        for _ in 0..8 {
            one.backend.renew(id, SECOND);
            reports.extend(one.all_within(SECOND / 2));
        }
        assert_eq!(one.held_view(), before, "{name}");
        assert_eq!((lapsed(&reports, id), damaged(&reports)), (0, 0));
        for echo in echoes {
            let report = echo.stop().unwrap();
            assert!(report.lost() <= 1, "{name}: {report}");
        }
        // Renewing makes the kernel send MLD reports from the address.
        let frames = tap.stop().unwrap().frames;
        let mld = frames.iter().find(|frame| {
            frame.source() == VMAC
                && frame.ethertype() == 0x86dd
                && frame.payload().get(6) == Some(&0)
        });
        assert!(mld.is_none(), "{mld:?}");
    }
}

#[test]
fn a_lease_can_be_given_up_and_begun_anew() {
    let Some(lab) = lab() else { return };
    for (name, setup) in grounds() {
        // Without an address of its own the carpdev leaves the routes to us.
        let mut one = Machine::plug(&lab, name, &[]);
        let id = one.configure(&setup);
        one.hold_for(id, &HELD, SECOND);
        one.hold(id, &HELD);
        let forever = one.held_view();
        let reports = one.all_within(SECOND * 2);
        assert_eq!((lapsed(&reports, id), damaged(&reports)), (0, 0));
        assert_eq!(one.held_view(), forever);
        assert!(
            forever
                .iter()
                .all(|line| flags(line) & libc::IFA_F_PERMANENT != 0)
        );
        one.hold_for(id, &HELD, SECOND);
        assert_eq!(one.held_view().len(), 2);
        if has_iproute2() {
            let routes = one.ip("ip -6 route show proto 112");
            assert!(routes.contains("expires"), "{routes}");
        }
        one.wait_for("end of the lease", |report| {
            matches!(report, Report::Lapsed(of) if *of == id).then_some(())
        });
        one.release(id);
        assert_eq!(one.held_view(), [""; 0]);
    }
}

#[test]
fn a_renewal_that_comes_too_late_brings_nothing_back() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &[]);
    let id = one.configure(&carp0());
    one.hold_for(id, &HELD, SECOND);
    // As after a freeze of this process between the order and the work.
    let long_ago = one.backend.now();
    one.all_within(SECOND * 2);
    one.backend.worker.submit(Job::Renew(vec![(id, long_ago)]));
    one.settle();
    assert_eq!(one.held_view(), [""; 0]);
}

#[test]
fn renewals_asked_for_together_are_one_job_and_no_news() {
    let Some(lab) = lab() else { return };
    let mut one = Machine::plug(&lab, "one", &[]);
    let id = one.configure(&carp0());
    one.hold_for(id, &HELD, SECOND * 60);
    one.all_within(SHORT);
    let submitted = one.backend.worker.submit(Job::Mute(id));
    for _ in 0..100 {
        one.backend.renew(id, SECOND * 60);
    }
    one.backend.flush();
    let reports = one.all_within(SHORT / 2);
    assert!(reports.is_empty(), "{reports:?}");
    // No other job came of it.
    assert_eq!(one.backend.worker.submit(Job::Mute(id)), submitted + 2);
}

#[test]
fn after_the_end_of_every_process_the_kernel_lets_go_without_a_word() {
    let Some(lab) = lab() else { return };
    for (name, setup) in grounds() {
        // Without an address of its own the carpdev leaves the routes to us.
        let mut one = Machine::plug(&lab, name, &[]);
        one.host.set_forwarding(true).unwrap();
        let id = one.configure(&setup);
        one.hold_for(id, &HELD, SECOND);
        let tap = lab.tap_port(name).unwrap();
        one.backend.leave_in_place();
        let Machine { host, backend, .. } = one;
        drop(backend);
        let held = |host: &Host| {
            let view = host.snapshot().unwrap().only("address ");
            let is_it = |line: &&str| line.contains(" 192.0.2.10/") || line.contains("db8::10/");
            view.lines().filter(is_it).count()
        };
        assert_eq!(held(&host), 2, "{name}");
        wait_until(|| held(&host) == 0);
        // The kernel's second MLD report would come within this time.
        assert!(tap.wait_for(SHORT, |it| it.source() == VMAC).is_none());
        if has_iproute2() {
            // Its route is there until the kernel clears up, but leads nowhere.
            let mut command = host.command("ip");
            let lookup = command
                .args(["-6", "route", "get", "2001:db8::77"])
                .output();
            let lookup = String::from_utf8(lookup.unwrap().stdout).unwrap();
            assert!(!lookup.contains("proto 112"), "{lookup}");
        }
    }
}
