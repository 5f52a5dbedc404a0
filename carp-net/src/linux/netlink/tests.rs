use netlink_packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};

use super::wire::{self, messages};
use super::*;

fn link(name: &str) -> LinkMessage {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::IfName(name.to_owned()));
    message
}

#[test]
fn a_batch_is_read_back_message_by_message() {
    let mut datagram = Vec::new();
    wire::append(&mut datagram, RouteNetlinkMessage::NewLink(link("a")), 1, 7);
    wire::append(
        &mut datagram,
        RouteNetlinkMessage::DelLink(link("bc")),
        2,
        8,
    );

    let read: Vec<_> = messages(&datagram).collect();
    let seen: Vec<_> = read.iter().map(|m| (m.kind, m.flags, m.seq)).collect();
    assert_eq!(seen, [(kind::NEW_LINK, 1, 7), (kind::DEL_LINK, 2, 8)]);
    let name = |at: usize| {
        Attributes::behind(read[at].payload, 16)
            .get(3)
            .unwrap()
            .text()
    };
    assert_eq!((name(0), name(1)), ("a".to_owned(), "bc".to_owned()));
}

#[test]
fn a_datagram_cut_anywhere_gives_only_whole_messages() {
    let mut datagram = Vec::new();
    wire::append(&mut datagram, RouteNetlinkMessage::NewLink(link("a")), 1, 7);
    let first = datagram.len();
    wire::append(
        &mut datagram,
        RouteNetlinkMessage::DelLink(link("bc")),
        2,
        8,
    );
    for length in 0..datagram.len() {
        let whole = usize::from(length >= first);
        assert_eq!(messages(&datagram[..length]).count(), whole, "{length}");
    }
}

#[test]
fn unknown_attributes_are_walked_over() {
    let mut message = link("eth0");
    let strange = DefaultNla::new(4711, vec![1, 2, 3]);
    message.attributes.insert(0, LinkAttribute::Other(strange));
    let mut datagram = Vec::new();
    wire::append(&mut datagram, RouteNetlinkMessage::NewLink(message), 0, 0);
    let read = messages(&datagram).next().unwrap();
    let attributes = Attributes::behind(read.payload, 16);
    assert_eq!(attributes.get(3).unwrap().text(), "eth0");
    assert_eq!(attributes.get(4711).unwrap().bytes(), [1, 2, 3]);
    assert!(attributes.get(99).is_none());
}

#[test]
fn a_verdict_has_the_text_of_the_kernel() {
    // error -17, the header of the request alone (capped), then the text.
    let mut payload = (-17_i32).to_ne_bytes().to_vec();
    payload.extend(100_u32.to_ne_bytes());
    payload.extend([0; 12]);
    payload.extend(8_u16.to_ne_bytes());
    payload.extend(1_u16.to_ne_bytes());
    payload.extend(b"no!\0");
    let received = wire::Received {
        kind: wire::ERROR,
        flags: 0x300,
        seq: 1,
        payload: &payload,
    };
    let refusal = received.verdict().unwrap_err();
    assert!(refusal.is(libc::EEXIST));
    assert_eq!(refusal.to_string(), "File exists (os error 17) (no!)");

    let ack = [0; 20];
    let received = wire::Received {
        payload: &ack,
        ..received
    };
    assert!(received.verdict().is_ok());
}

#[test]
fn the_kernel_answers_requests_dumps_and_refuses_with_reasons() {
    let mut connection = Connection::open().unwrap();
    let all = RouteNetlinkMessage::GetLink(LinkMessage::default());
    let links = connection.dump(&all).unwrap();
    let names: Vec<_> = links
        .iter()
        .map(|link| Attributes::behind(&link.payload, 16).get(3).unwrap().text())
        .collect();
    assert!(names.contains(&"lo".to_owned()), "{names:?}");

    let lo = connection
        .get(RouteNetlinkMessage::GetLink(link("lo")))
        .unwrap();
    assert_eq!(lo.len(), 1);
    assert_eq!(lo[0].kind, kind::NEW_LINK);

    let missing = connection.get(RouteNetlinkMessage::GetLink(link("no-such-link")));
    assert!(missing.unwrap_err().is(libc::ENODEV));

    // A name that is too long is refused by the kernel's own rules, with or without privilege.
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    let refused = connection.request(RouteNetlinkMessage::NewLink(link(&"x".repeat(40))), flags);
    assert!(refused.is_err());
}
