//! Who is let in when there is no room, who is given up, and who is told what.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixStream as Peer;
use std::time::Duration;

use carp_net::Driver;
use carp_net::memory::{Lan, Memory};
use mio::Poll;
use mio::net::UnixStream;

use super::*;
use crate::vocabulary::settings::Settings;

/// Clients without a service, and the other ends of their connections.
struct House {
    clients: Clients,
    poll: Poll,
    peers: Vec<Peer>,
}

impl House {
    fn new() -> Self {
        Self {
            clients: Clients::new(16),
            poll: Poll::new().unwrap(),
            peers: Vec::new(),
        }
    }

    /// Says whether one more client of these rights is let in.
    fn come(&mut self, may_change: bool, seconds: u64) -> bool {
        self.come_and(may_change, seconds, |_| {})
    }

    /// The same of a client that is asked `act` of before.
    fn come_and(&mut self, may_change: bool, seconds: u64, act: fn(&mut Client)) -> bool {
        let (ours, theirs) = Peer::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut client = Client::with_rights(UnixStream::from_std(ours), may_change, at(seconds));
        act(&mut client);
        let admitted = self.clients.make_room(&client);
        if admitted {
            self.clients.insert(client, self.poll.registry());
        }
        self.peers.push(theirs);
        admitted
    }

    /// Says whether one more client of these rights may watch.
    fn come_to_read(&mut self, may_change: bool) -> bool {
        assert!(self.come(may_change, 0));
        let token = self.clients.next_token - 1;
        let subject = Subject::Happenings([].into());
        self.clients.begin_to_read(token, subject, at(0));
        self.clients.clients.get(&token).unwrap().is_reader()
    }

    fn readers(&self) -> usize {
        let all = self.clients.clients.values();
        all.filter(|client| client.is_reader()).count()
    }

    fn privileged(&self) -> usize {
        let all = self.clients.clients.values();
        all.filter(|client| client.may_change()).count()
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(seconds)
}

#[test]
fn nobody_but_root_can_keep_root_out() {
    let mut house = House::new();
    for _ in 0..2 * PLACES {
        assert!(house.come(false, 0));
    }
    assert_eq!(house.clients.clients.len(), PLACES);
    for _ in 0..PLACES {
        assert!(house.clients.may_arrive() && house.come(true, 0));
    }
    assert_eq!(
        (house.clients.clients.len(), house.privileged()),
        (PLACES, PLACES)
    );
    assert!(!house.come(false, 0));
}

#[test]
fn root_that_says_nothing_keeps_nobody_of_root_out() {
    let mut house = House::new();
    let silent = |client: &mut Client| assert!(matches!(client.step(), Step::Wait));
    assert!(house.come_and(true, 0, silent));
    for _ in 1..PLACES {
        assert!(house.come_and(true, 0, |client| client.list(Topic::Report)));
    }
    assert!(!house.come(false, 0));
    let served = |client: &mut Client| client.list(Topic::Report);
    assert!(
        house.come_and(true, 0, served),
        "in place of the silent one"
    );
    assert!(!house.come(true, 0), "all are served");
}

/// Of a thousand that come at once each would be turned out by the ones behind it.
#[test]
fn who_of_root_was_not_heard_yet_is_heard_before_others_come() {
    let mut house = House::new();
    for _ in 0..PLACES {
        assert!(house.clients.may_arrive() && house.come(true, 0));
    }
    assert!(!house.clients.may_arrive(), "they wait at the door");
    assert!(!house.come(true, 0), "nobody makes room for them");
    house.clients.serve(&mut keyed());
    assert!(house.clients.may_arrive(), "some had nothing to say");
    assert!(house.come(true, 0), "in place of one of these");
    let unheard = house.clients.clients.values();
    let unheard = unheard.filter(|client| !client.was_heard());
    assert_eq!(unheard.count(), PLACES - AT_ONCE + 1);
}

#[test]
fn the_silent_make_room_and_the_served_do_not() {
    let mut house = House::new();
    assert!(house.come(false, 0));
    for _ in 1..PLACES {
        assert!(house.come_and(false, 0, |client| client.list(Topic::Report)));
    }
    assert!(
        house.come_and(false, 0, |client| client.list(Topic::Report)),
        "in place of the silent one"
    );
    assert!(!house.come(false, 0));
    assert!(house.come(true, 0), "in place of anyone");
}

#[test]
fn silent_clients_are_given_up() {
    let mut house = House::new();
    house.come(true, 0);
    house.come(false, 5);
    assert_eq!(house.clients.deadline(), Some(at(10)));
    house.clients.give_up_late(at(9));
    assert_eq!(house.clients.clients.len(), 2);
    house.clients.give_up_late(at(10));
    assert_eq!(house.clients.clients.len(), 1);
    house.clients.give_up_late(at(15));
    assert!(house.clients.is_empty() && house.clients.were_any());
}

// ---- what they are told ----

/// A service with an interface that has a key.
fn keyed() -> Control<Memory> {
    let driver = Driver::new(Lan::new(42).node(), Settings::default().of_node()).unwrap();
    let mut control = Control::new(driver, false);
    let key = r#"{"vhid":99,"key":"5368617265645365637265740000000000000000"}"#;
    let change = serde_json::from_str(key).unwrap();
    control.change(Ticket(1), "carp0".parse().unwrap(), change);
    control
}

/// The first line that a client is told who asks `request`.
fn told_first(may_change: bool, request: Request) -> String {
    let (ours, theirs) = Peer::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut client = Client::with_rights(UnixStream::from_std(ours), may_change, at(0));
    answer(&mut client, 16, 1, request, &mut keyed());
    client.part();
    let mut line = String::new();
    BufReader::new(theirs).read_line(&mut line).unwrap();
    line
}

#[test]
fn key_is_told_to_root_only_and_only_where_it_is_asked_for() {
    let interface = Some("carp0".parse().unwrap());
    let ask = |may_change, key| told_first(may_change, Request::Config { interface, key });
    assert!(ask(true, true).contains("5368617265"));
    for line in [ask(true, false), ask(false, false)] {
        assert!(
            line.contains(r#""vhid":99"#) && line.contains(r#""has_key":true"#),
            "{line}"
        );
        assert!(!line.contains("5368617265"), "{line}");
    }
    let line = ask(false, true);
    assert!(
        line.contains("a matter for root") && !line.contains("vhid"),
        "{line}"
    );
    let report = told_first(true, Request::Show { interface });
    assert!(!report.contains("5368617265"), "{report}");
}

// ---- who reads ----

#[test]
fn readers_leave_places_to_those_who_ask() {
    let mut house = House::new();
    for _ in 0..READERS {
        assert!(house.come_to_read(false));
    }
    assert!(
        !house.come_to_read(false),
        "it is refused, and may ask else"
    );
    for _ in 0..2 * PLACES {
        assert!(
            house.come(false, 0),
            "the silent make room, the readers stay"
        );
    }
    assert_eq!(house.readers(), READERS);
    house.clients.give_up_late(at(3_600));
    assert_eq!(house.clients.clients.len(), READERS, "they may be silent");
    assert!(house.clients.is_empty() && !house.clients.are_served());
}

#[test]
fn readers_cannot_keep_root_out() {
    let mut house = House::new();
    for _ in 0..READERS {
        assert!(house.come_to_read(false));
    }
    for _ in 0..READERS {
        assert!(
            house.come_to_read(true),
            "in place of one who may change nothing"
        );
    }
    assert_eq!((house.readers(), house.privileged()), (READERS, READERS));
    assert!(!house.come_to_read(true));
    assert!(!house.come_to_read(false));
    for _ in 0..PLACES - READERS - 1 {
        assert!(house.come(true, 0), "and there is room to ask");
    }
}
