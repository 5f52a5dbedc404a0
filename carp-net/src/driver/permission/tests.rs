use std::net::IpAddr;
use std::time::Duration;

use carp_fsm::carp_proto::{Key, Vhid};
use carp_fsm::{Command, Node, Timestamp, VirtualHost};

use super::*;
use crate::memory::{Lan, Memory};

fn second(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(seconds)
}

fn address() -> IpAddr {
    "192.0.2.10".parse().unwrap()
}

fn host(advskew: u8) -> VirtualHost {
    VirtualHost::new(Vhid::new(99).unwrap(), Key::from_password("x"))
        .advskew(advskew)
        .unwrap()
        .address("192.0.2.10/24".parse().unwrap())
}

/// A driver whose only virtual host asks.
fn asking(lan: &Lan, advskew: u8) -> (Driver<Memory>, HostId) {
    let mut driver = Driver::new(lan.node(), Node::builder().preempt(true)).unwrap();
    let id = driver.add("carp0", "vmx0", host(advskew)).unwrap();
    driver.ask_before_hold(id, true).unwrap();
    (driver, id)
}

/// Runs until then, and says what the first driver told.
fn told(lan: &Lan, drivers: &mut [Driver<Memory>], until: Timestamp) -> Vec<String> {
    let mut told = Vec::new();
    lan.run(drivers, until, |node, event| {
        if node == 0 {
            told.push(event.to_string());
        }
    });
    told
}

fn count(told: &[String], what: &str) -> usize {
    told.iter().filter(|line| line.contains(what)).count()
}

fn state(driver: &Driver<Memory>, id: HostId) -> State {
    driver.node().host(id).unwrap().state()
}

const QUESTION: &str = "carp0: may it take over?";

#[test]
fn addresses_come_only_with_permission() {
    let lan = Lan::new(1);
    let (driver, id) = asking(&lan, 0);
    let mut drivers = [driver];
    let log = told(&lan, &mut drivers, second(10));
    assert_eq!(count(&log, QUESTION), 1, "{log:#?}");
    assert_eq!(state(&drivers[0], id), State::Backup);
    assert!(lan.holders(address()).is_empty());

    drivers[0].permit_hold(id);
    let log = told(&lan, &mut drivers, second(11));
    assert_eq!(count(&log, "BACKUP -> MASTER"), 1, "{log:#?}");
    assert_eq!(lan.holders(address()).len(), 1);
    // An answer that nobody waits for any more.
    drivers[0].refuse_hold(id, "too late");
    assert_eq!(count(&told(&lan, &mut drivers, second(12)), ""), 0);
    assert_eq!(state(&drivers[0], id), State::Master);
}

#[test]
fn refused_it_stands_by_and_asks_again_when_it_next_takes_over() {
    let lan = Lan::new(1);
    let (driver, id) = asking(&lan, 0);
    let mut drivers = [driver];
    told(&lan, &mut drivers, second(4));
    drivers[0].refuse_hold(id, "not ready");
    let log = told(&lan, &mut drivers, second(5));
    assert_eq!(count(&log, "carp0: not ready"), 1, "{log:#?}");
    assert_eq!(state(&drivers[0], id), State::Backup);
    let log = told(&lan, &mut drivers, second(9));
    assert_eq!(count(&log, QUESTION), 1, "{log:#?}");
    assert!(lan.holders(address()).is_empty());
}

#[test]
fn question_is_void_once_another_node_was_quicker() {
    let lan = Lan::new(1);
    let (driver, id) = asking(&lan, 100);
    let mut drivers = vec![driver];
    told(&lan, &mut drivers, second(5));
    let mut other = Driver::new(lan.node(), Node::builder()).unwrap();
    other.add("carp0", "vmx0", host(0)).unwrap();
    drivers.push(other);
    told(&lan, &mut drivers, second(10));
    assert_eq!(state(&drivers[0], id), State::Backup);
    drivers[0].permit_hold(id);
    told(&lan, &mut drivers, second(15));
    assert_eq!(state(&drivers[0], id), State::Backup);
    assert_eq!(lan.holders(address()).len(), 1);
    // Asked again, it answers again.
    drivers.pop();
    let log = told(&lan, &mut drivers, second(30));
    assert_eq!(count(&log, QUESTION), 1, "{log:#?}");
    drivers[0].permit_hold(id);
    told(&lan, &mut drivers, second(31));
    assert_eq!(state(&drivers[0], id), State::Master);
}

#[test]
fn command_during_the_question_asks_once_more_for_the_same() {
    let lan = Lan::new(1);
    let (driver, id) = asking(&lan, 0);
    let mut drivers = [driver];
    told(&lan, &mut drivers, second(5));
    drivers[0].command(id, Command::Backup).unwrap();
    drivers[0].command(id, Command::Master).unwrap();
    let log = told(&lan, &mut drivers, second(6));
    assert_eq!(count(&log, QUESTION), 1, "{log:#?}");
    drivers[0].permit_hold(id);
    told(&lan, &mut drivers, second(7));
    assert_eq!(state(&drivers[0], id), State::Master);
}

#[test]
fn master_with_other_addresses_does_not_ask() {
    let lan = Lan::new(1);
    let (driver, id) = asking(&lan, 0);
    let mut drivers = [driver];
    told(&lan, &mut drivers, second(5));
    drivers[0].permit_hold(id);
    told(&lan, &mut drivers, second(6));
    let more = host(0).address("192.0.2.11/24".parse().unwrap());
    drivers[0].change(id, "vmx0", more).unwrap();
    let log = told(&lan, &mut drivers, second(7));
    assert_eq!(count(&log, QUESTION), 0, "{log:#?}");
    assert_eq!(lan.holders("192.0.2.11".parse().unwrap()).len(), 1);
}

#[test]
fn whoever_asks_no_more_goes_on() {
    let lan = Lan::new(1);
    let (driver, id) = asking(&lan, 0);
    let mut drivers = [driver];
    told(&lan, &mut drivers, second(5));
    drivers[0].ask_before_hold(id, false).unwrap();
    told(&lan, &mut drivers, second(6));
    assert_eq!(state(&drivers[0], id), State::Master);
}

#[test]
fn removed_while_it_asks_nothing_is_left() {
    let lan = Lan::new(1);
    let (driver, id) = asking(&lan, 0);
    let mut drivers = [driver];
    told(&lan, &mut drivers, second(5));
    drivers[0].remove(id).unwrap();
    drivers[0].permit_hold(id);
    let log = told(&lan, &mut drivers, second(6));
    assert_eq!(log.last().map(String::as_str), Some("carp0: gone"));
    assert!(lan.holders(address()).is_empty());
}
