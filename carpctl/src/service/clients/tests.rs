//! Who is let in when there is no room, and who is given up.

use std::os::unix::net::UnixStream as Peer;
use std::time::Duration;

use mio::Poll;
use mio::net::UnixStream;

use super::*;

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
        assert!(house.come(true, 0));
    }
    assert_eq!(
        (house.clients.clients.len(), house.privileged()),
        (PLACES, PLACES)
    );
    assert!(!house.come(false, 0));
    assert!(!house.come(true, 0));
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
