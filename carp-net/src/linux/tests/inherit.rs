//! Sockets that are handed on.

use std::os::fd::OwnedFd;

use super::*;
use crate::lab::{Direction, Frame};

impl Machine {
    /// Copies of what a successor gets, as a supervisor keeps them.
    fn descriptors(&mut self) -> Vec<(String, OwnedFd)> {
        self.settle();
        let all = self.backend.descriptors().into_iter();
        all.map(|(name, fd)| (name, fd.try_clone_to_owned().unwrap()))
            .collect()
    }
}

fn options(descriptors: Vec<(String, OwnedFd)>) -> Options {
    let all = descriptors.into_iter();
    all.fold(Options::new(), |options, (name, fd)| {
        options.inherit(name, fd)
    })
}

/// IGMP or MLD, for the groups of CARP.
fn is_membership(frame: &Frame) -> bool {
    let payload = frame.payload();
    let group = [224, 0, 0, 18];
    let inet6 = "ff02::12".parse::<std::net::Ipv6Addr>().unwrap().octets();
    let names = |group: &[u8]| payload.windows(group.len()).any(|it| it == group);
    match frame.ethertype() {
        0x0800 => payload.get(9) == Some(&2) && names(&group),
        0x86dd => payload.get(6) == Some(&0) && names(&inet6),
        _ => false,
    }
}

#[test]
fn no_switch_hears_of_it_and_no_packet_is_lost() {
    let Some(lab) = lab() else { return };
    let two = lab.host("two").unwrap();
    two.add_address("192.0.2.2/24").unwrap();
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24"]);
    let names: Vec<String> = {
        let index = one.backend.links.by_name("vmx0").unwrap().index;
        let programs = one.backend.speeches.iter();
        let programs = programs.flat_map(|_| ["speech-ends", "speech-program"]);
        let sieve = one.backend.flood.descriptors().map(|(name, _)| name);
        ["hear-inet", "hear-inet6"]
            .into_iter()
            .chain(programs)
            .chain(sieve)
            .map(str::to_owned)
            .chain([
                format!("group-inet-{index}"),
                format!("group-inet6-{index}"),
            ])
            .collect()
    };
    let tap = lab.tap_port("one").unwrap();
    // The kernel repeats what it has to say of the first membership.
    let said = |frame: &&Frame| frame.direction == Direction::In && is_membership(frame);
    let count = || tap.frames().iter().filter(said).count();
    let mut last = usize::MAX;
    while std::mem::replace(&mut last, count()) != count() {
        one.all_within(SHORT * 2);
    }
    let users = one.view("group vmx0 224.0.0.18");
    for _ in 0..3 {
        let kept = one.descriptors();
        assert_eq!(
            kept.iter()
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>(),
            names
        );
        one.backend.leave_in_place();
        // Nobody is there for a moment, and nobody but the supervisor has anything open.
        let nobody = lab.host(&format!("x{}", tap.frames().len())).unwrap();
        let placeholder = nobody.enter(Linux::open).unwrap().unwrap();
        drop(std::mem::replace(&mut one.backend, placeholder));
        frames::advertise(&two);
        one.backend = one
            .host
            .enter(|| Linux::open_with(options(kept)))
            .unwrap()
            .unwrap();
        one.reports.clear();
        one.backend.watch(LINK, "vmx0").unwrap();
        one.wait_for_packet();
        assert_eq!(one.view("group vmx0 224.0.0.18"), users);
    }
    one.all_within(SHORT);
    let frames = tap.stop().unwrap().frames;
    let said: Vec<_> = frames.iter().filter(said).skip(last).collect();
    assert!(said.is_empty(), "{said:?}");
    one.backend.unwatch(LINK);
    one.settle();
    assert_eq!(one.view("group vmx0 224.0.0.18"), [""; 0]);
}

#[test]
fn what_does_not_fit_is_not_used() {
    let Some(lab) = lab() else { return };
    let (two, other) = (lab.host("two").unwrap(), lab.host("other").unwrap());
    two.add_address("192.0.2.2/24").unwrap();
    let mut elsewhere = Machine::without_watch(other);
    elsewhere.backend.watch(LINK, "vmx0").unwrap();
    let mut one = Machine::plug(&lab, "one", &["192.0.2.1/24"]);
    // Of another network namespace, then of another kind.
    let mut kinds = one.descriptors();
    let names: Vec<_> = kinds.iter().map(|(name, _)| name.clone()).collect();
    for ((name, _), other) in kinds
        .iter_mut()
        .zip(names.iter().skip(1).chain(&names[..1]))
    {
        name.clone_from(other);
    }
    let null = std::fs::File::open("/dev/null").unwrap();
    kinds.push(("something".to_owned(), null.into()));
    for wrong in [elsewhere.descriptors(), kinds] {
        one.begin_again_with(options(wrong));
        one.backend.watch(LINK, "vmx0").unwrap();
        one.settle();
        frames::advertise(&two);
        one.wait_for_packet();
        assert_eq!(one.view("group vmx0 224.0.0.18").len(), 1);
    }
}
