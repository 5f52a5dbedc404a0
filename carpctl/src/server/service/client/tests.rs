//! One client over a pair of sockets: what it may send, and how long it may take.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream as Peer;

use super::*;

const START: Timestamp = Timestamp::from_micros(1_000_000);

fn pair() -> (Client, Peer) {
    let (ours, theirs) = Peer::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let client = Client::new(UnixStream::from_std(ours), START).unwrap();
    (client, theirs)
}

/// What the client needs when all that has come was read.
fn go_on(client: &mut Client) -> Step {
    let mut step = client.step();
    while matches!(step, Step::Again) {
        step = client.step();
    }
    step
}

fn received(mut peer: Peer) -> String {
    let mut text = String::new();
    peer.read_to_string(&mut text).unwrap();
    text
}

const SHOW: &[u8] = b"{\"version\":1,\"message\":{\"show\":{\"interface\":null}}}\n";

#[test]
fn request_may_come_in_pieces() {
    let (mut client, mut peer) = pair();
    for piece in SHOW.chunks(7) {
        assert!(matches!(go_on(&mut client), Step::Wait));
        peer.write_all(piece).unwrap();
    }
    let Step::Answer(request) = go_on(&mut client) else {
        panic!("a request");
    };
    assert_eq!(*request, Request::Show { interface: None });
}

#[test]
fn who_says_much_has_no_more_of_a_turn_than_others() {
    let (mut client, mut peer) = pair();
    peer.write_all(&vec![b' '; 3 * CHUNK]).unwrap();
    for _ in 0..3 {
        assert!(matches!(client.step(), Step::Again));
    }
    assert!(matches!(client.step(), Step::Wait));
    peer.write_all(SHOW).unwrap();
    assert!(matches!(client.step(), Step::Answer(_)), "spaces are none");
}

#[test]
fn next_request_waits_until_the_last_one_is_answered() {
    let (mut client, mut peer) = pair();
    peer.write_all(&SHOW.repeat(2)).unwrap();
    assert!(matches!(go_on(&mut client), Step::Answer(_)));
    assert!(matches!(go_on(&mut client), Step::Wait));
    client.answer(&Reply::End, START);
    assert!(matches!(go_on(&mut client), Step::Answer(_)));
}

#[test]
fn client_that_asks_and_hangs_up_is_answered() {
    let (mut client, mut peer) = pair();
    peer.write_all(SHOW).unwrap();
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(matches!(go_on(&mut client), Step::Answer(_)));
    client.answer(&Reply::End, START);
    assert!(matches!(go_on(&mut client), Step::Close));
    drop(client);
    assert_eq!(received(peer), "{\"version\":1,\"message\":\"end\"}\n");
}

#[test]
fn what_is_no_request_is_refused_and_ends_the_connection() {
    let version = "the other side speaks version 9 of the control protocol";
    for (sent, said) in [
        (&b"\n"[..], "cannot be understood"),
        (b"hello\n", "cannot be understood"),
        (b"\xff\xfe\n", "cannot be understood"),
        (b"{\"version\":1}\n", "cannot be understood"),
        (
            b"{\"version\":1,\"message\":{\"fly\":{}}}\n",
            "cannot be understood",
        ),
        (b"{\"version\":9,\"message\":{\"fly\":{}}}\n", version),
        (&[b' '; MAX_LINE], "longer than 65536 bytes"),
    ] {
        let (mut client, mut peer) = pair();
        peer.write_all(sent).unwrap();
        assert!(matches!(go_on(&mut client), Step::Close), "{said}");
        drop(client);
        let answer = received(peer);
        assert!(answer.contains(said), "{answer}");
    }
}

#[test]
fn client_that_does_not_read_holds_no_more_than_one_answer() {
    let (mut client, mut peer) = pair();
    peer.write_all(SHOW).unwrap();
    assert!(matches!(go_on(&mut client), Step::Answer(_)));
    client.list(Topic::Report);
    let reason = "x".repeat(10_000);
    let name = "carp0".parse().unwrap();
    let mut told = 0;
    while matches!(go_on(&mut client), Step::Next(..)) {
        client.tell(
            Topic::Report,
            name,
            &Reply::Refused {
                reason: reason.clone(),
            },
            START,
        );
        told += 1;
        assert!(told < 1_000, "the kernel takes a bounded amount");
    }
    assert!(client.output.len() < 2 * reason.len());
    assert!(client.is_served());
}

#[test]
fn time_runs_while_it_is_the_clients_turn_only() {
    let (mut client, mut peer) = pair();
    assert_eq!(client.deadline(), Some(START + PATIENCE));
    peer.write_all(&SHOW[..10]).unwrap();
    assert!(matches!(go_on(&mut client), Step::Wait));
    // A byte now and then gains nothing.
    assert_eq!(client.deadline(), Some(START + PATIENCE));
    peer.write_all(&SHOW[10..]).unwrap();
    assert!(matches!(go_on(&mut client), Step::Answer(_)));
    assert_eq!(client.deadline(), None);
    let later = START + Duration::from_secs(60);
    client.answer(&Reply::End, later);
    assert_eq!(client.deadline(), Some(later + PATIENCE));
}

#[test]
fn key_is_wiped_from_what_debug_shows() {
    let (mut client, mut peer) = pair();
    let change = crate::vocabulary::change::Change {
        key: Some(crate::vocabulary::change::CarriedKey(
            carp_net::carp_fsm::carp_proto::Key::from_password("SharedSecret"),
        )),
        ..Default::default()
    };
    let request = Request::Change {
        interface: "carp0".parse().unwrap(),
        change,
    };
    peer.write_all(&protocol::encode(&request).unwrap())
        .unwrap();
    let step = go_on(&mut client);
    assert!(matches!(step, Step::Answer(_)));
    assert!(!format!("{step:?}").contains("5368"), "{step:?}");
}
