//! One side of the connection alone: the other is there, and does nothing by itself.

use super::*;

/// An engine's side and the other end, which does nothing by itself.
fn pair() -> (Supervised, Channel) {
    let (ours, theirs) = Channel::pair().unwrap();
    let all = Frame::All { last_alive: None };
    ours.send(&all, None).unwrap();
    let supervised = Supervised::over(Channel::of(theirs).unwrap()).unwrap();
    (supervised, ours)
}

/// Takes in what the other end was told; says how many things.
fn take_in(channel: &Channel, kept: &mut kept::Kept) -> usize {
    let mut buffer = channel::Buffer::new();
    let mut count = 0;
    while let channel::Received::Frame(frame, fd) = channel.receive(&mut buffer).unwrap() {
        kept.take_in(&frame, fd);
        count += 1;
    }
    count
}

#[test]
fn supervisor_that_does_not_read_holds_nothing_up_and_misses_nothing() {
    let (mut supervised, channel) = pair();
    let names: Vec<String> = (0..30).map(|number| format!("carp{number}")).collect();
    let mut record = vec![7; MAX_RECORD];
    for round in 0..100 {
        record[0] = round;
        for name in &names {
            supervised.save(name, &record).unwrap();
        }
        supervised.beat(Duration::from_secs(1));
    }
    supervised.forget("carp0");
    let error = supervised.again().unwrap_err().to_string();
    assert!(
        error.starts_with("the supervisor takes nothing in: "),
        "{error}"
    );
    let mut kept = kept::Kept::default();
    take_in(&channel, &mut kept);
    assert!(kept.records.len() < names.len(), "there was room for all");
    supervised.beat(Duration::from_secs(1));
    while take_in(&channel, &mut kept) > 0 {
        supervised.beat(Duration::from_secs(1));
        if supervised.again().is_ok() {
            break;
        }
    }
    take_in(&channel, &mut kept);
    assert_eq!(kept.records.len(), names.len() - 1);
    assert!(kept.records.values().all(|record| record[0] == 99));
}

#[test]
fn unchanged_record_is_not_sent_again() {
    let (mut supervised, channel) = pair();
    supervised.save("a", b"1").unwrap();
    let mut kept = kept::Kept::default();
    assert_eq!(take_in(&channel, &mut kept), 1);
    supervised.save("a", b"1").unwrap();
    assert_eq!(take_in(&channel, &mut kept), 0);
}

#[test]
fn end_of_the_supervisor_is_said_once() {
    let (mut supervised, channel) = pair();
    drop(channel);
    supervised.beat(Duration::from_secs(1));
    supervised.save("a", b"1").unwrap();
    assert_eq!(supervised.poll(), Some(Message::Alone));
    assert_eq!(supervised.poll(), None);
    assert!(supervised.is_alone());
    supervised.again().unwrap_err();
}

#[test]
fn limits_of_names_and_records_are_said() {
    let (mut supervised, _channel) = pair();
    let error = supervised.save("a", &vec![0; MAX_RECORD + 1]).unwrap_err();
    assert!(
        error.to_string().contains("a: 65537 bytes (65536 at most)"),
        "{error}"
    );
    let error = supervised.save(&"n".repeat(256), b"").unwrap_err();
    assert!(error.to_string().contains("(255 at most)"), "{error}");
}

#[test]
fn other_descriptors_are_no_connection() {
    let (stream, _) = UnixStream::pair().unwrap();
    let null: OwnedFd = File::open("/dev/null").unwrap().into();
    for wrong in [OwnedFd::from(stream), null] {
        let error = Channel::of(wrong).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[test]
fn nothing_kept_is_shown() {
    let (mut supervised, _channel) = pair();
    supervised.save("carp0", b"SharedSecret").unwrap();
    let secret = format!("{:?}", b"SharedSecret");
    let shown = format!("{supervised:?}");
    assert!(
        !shown.contains("SharedSecret") && !shown.contains(&secret),
        "{shown}"
    );
    assert!(supervised.as_fd().try_clone_to_owned().is_ok());
}
