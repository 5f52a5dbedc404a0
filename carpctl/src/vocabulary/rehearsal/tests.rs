//! What is said of commands that are not done.

use std::ffi::OsString;

use carp_net::carp_fsm::carp_proto::Key;

use super::*;
use crate::vocabulary::change::Change;
use crate::vocabulary::words;

fn change(line: &str) -> Change {
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    words::parse("carp0", &words).unwrap().change
}

fn config(line: &str) -> Config {
    Config::default().with(&change(line)).unwrap().0
}

/// What `line` would do to an interface that `before` has made and that is in `state`.
fn rehearsed(before: &str, state: State, line: &str) -> String {
    rehearsed_where(true, before, state, line)
}

fn rehearsed_where(preempt: bool, before: &str, state: State, line: &str) -> String {
    let before = config(before);
    let change = change(line);
    let (after, notes) = before.with(&change).unwrap();
    let scene = Scene {
        before: Some(&before),
        after: &after,
        state: Some(state),
        link: LinkState::Up,
        preempt,
        wish: change.state,
        hold: Hold::None,
    };
    Rehearsal::of(scene, notes).to_string()
}

/// What is said of the election of an interface in BACKUP that is held back and then told `line`.
fn held(preempt: bool, line: &str) -> String {
    let before = config(&format!("{WHOLE} advskew 100"));
    let change = change(line);
    let (after, _) = before.with(&change).unwrap();
    let scene = Scene {
        before: Some(&before),
        after: &after,
        state: Some(State::Backup),
        link: LinkState::Up,
        preempt,
        wish: change.state,
        hold: if change.up == Some(true) {
            Hold::Ends
        } else {
            Hold::Stays
        },
    };
    let Election { follows, why } = Election::of(scene);
    format!("{follows:?}: {why}")
}

/// What `text` says of the election, in one line.
fn on_election(text: &str) -> String {
    let words = text.split_whitespace();
    let words = words.skip_while(|word| *word != "election:");
    words.collect::<Vec<_>>().join(" ")
}

const WHOLE: &str = "vhid 99 carpdev vmx0 192.0.2.10/24";

#[test]
fn every_change_has_a_line() {
    let line = "advskew 100 advbase 2 peers freebsd advdemote both carppeer 10.0.0.2 peer6 \
                2001:db8::2 mtu 1400 descr rack group web alias 192.0.2.20/24 2001:db8::10/64 -alias \
                192.0.2.10";
    assert_eq!(
        rehearsed(WHOLE, State::Master, line),
        "advbase: 1 -> 2\n\
         advskew: 0 -> 100\n\
         peers: portable -> freebsd\n\
         advdemote: auto -> both\n\
         carppeer: multicast -> 10.0.0.2\n\
         peer6: multicast -> 2001:db8::2\n\
         mtu: as the carpdev -> 1400\n\
         description: none -> rack\n\
         group: none -> web\n\
         inet: 192.0.2.10/24 -> none\n\
         inet: none -> 192.0.2.20/24\n\
         inet6: none -> 2001:db8::10/64\n\
         election: maybe: it goes on as MASTER; a node that then has a smaller interval\n          \
                   takes over where that node preempts; the other nodes need the same\n          \
                   addresses within five minutes; a node that hears no adverts any more\n          \
                   becomes master\n"
    );
}

/// What is said of the election where `line` makes an interface that is not there, on a carpdev
/// that is `link`.
fn begun(link: LinkState, line: &str) -> String {
    let change = change(line);
    let after = Config::default().with(&change).unwrap().0;
    let scene = Scene {
        before: None,
        after: &after,
        state: None,
        link,
        preempt: false,
        wish: change.state,
        hold: Hold::None,
    };
    Rehearsal::of(scene, Vec::new()).to_string()
}

#[test]
fn interface_that_is_not_there_is_created() {
    assert_eq!(
        begun(LinkState::Up, WHOLE),
        "interface: none -> created\n\
         vhid: none -> 99\n\
         carpdev: none -> vmx0\n\
         inet: none -> 192.0.2.10/24\n\
         election: yes: it begins to take part, as BACKUP\n"
    );
}

#[test]
fn election_begins_as_soon_as_the_carpdev_carries() {
    let takes = "it begins to take part";
    for (link, words, expected) in [
        (LinkState::Up, "", format!("yes: {takes}, as BACKUP")),
        (
            LinkState::Up,
            "state master",
            format!("yes: {takes}, and {TAKES_OVER}"),
        ),
        (
            LinkState::Up,
            "state backup",
            format!("yes: {takes}, as BACKUP, and {HOLDS}"),
        ),
        (
            LinkState::Down,
            "state master",
            format!("no: {takes}, as BACKUP, once vmx0 is up"),
        ),
        (
            LinkState::Absent,
            "",
            format!("no: {takes}, as BACKUP, once vmx0 is there and up"),
        ),
        (LinkState::Up, "down", "no: it is down".to_owned()),
    ] {
        let text = begun(link, &format!("{WHOLE} {words}"));
        let election = on_election(&text);
        assert_eq!(election, format!("election: {expected}"), "{link} {words}");
    }
    let (before, after) = (config(WHOLE), config("vhid 7 carpdev vmx1 192.0.2.10/24"));
    let anew = |state, link| {
        let scene = Scene {
            before: Some(&before),
            after: &after,
            state: Some(state),
            link,
            preempt: false,
            wish: None,
            hold: Hold::None,
        };
        Rehearsal::of(scene, Vec::new()).election
    };
    let with = "begins anew, with another carpdev and another vhid";
    let leaves = anew(State::Master, LinkState::Down);
    let expected = format!("it bows out and {with}, once vmx1 is up");
    assert_eq!(leaves, Election::yes(expected));
    let stays = anew(State::Init, LinkState::Absent);
    let expected = format!("it {with}, once vmx1 is there and up");
    assert_eq!(stays, Election::no(expected));
}

#[test]
fn key_is_said_to_change_and_not_shown() {
    let mut secret = change("up");
    secret.key = Some(crate::vocabulary::change::CarriedKey(Key::from_password(
        "SharedSecret",
    )));
    let text = |before: Config, change: &Change| {
        let (after, _) = before.with(change).unwrap();
        let changes = differences(Some(&before), &after);
        changes.iter().map(ToString::to_string).collect::<String>()
    };
    let keyed = Config::default().with(&secret).unwrap().0;
    assert_eq!(text(Config::default(), &secret), "pass: none -> set");
    assert_eq!(text(keyed.clone(), &secret), "");
    secret.key = Some(crate::vocabulary::change::CarriedKey(Key::from_password(
        "another",
    )));
    assert_eq!(text(keyed.clone(), &secret), "pass: set -> another one");
    secret.key = Some(crate::vocabulary::change::CarriedKey(Key::none()));
    assert_eq!(text(keyed, &secret), "pass: set -> none");
}

#[test]
fn why_an_election_follows() {
    let master = |line: &str| {
        let text = rehearsed(WHOLE, State::Master, line);
        on_election(&text)
    };
    for (line, expected) in [
        ("up", "no: it goes on as MASTER"),
        (
            "vhid 7",
            "yes: it bows out and begins anew, with another vhid",
        ),
        (
            "lladdr carpdev carpdev vmx1",
            "yes: it bows out and begins anew, with another carpdev and another lladdr",
        ),
        (
            "-inet",
            "yes: it bows out and begins anew, with no address any more",
        ),
        ("down", "yes: it is MASTER, bows out and hands over"),
        (
            "state backup",
            "yes: it hands over and holds back until `state master', `up', or the other master is \
             lost",
        ),
        ("state master", "no: it goes on as MASTER"),
        (
            "advskew 7",
            "maybe: it goes on as MASTER; a node that then has a smaller interval takes over where \
             that node preempts",
        ),
        (
            "carppeer 10.0.0.2",
            "no: it goes on as MASTER; a node that hears no adverts any more becomes master",
        ),
    ] {
        assert_eq!(master(line), format!("election: {expected}"), "{line}");
    }
    let backup = rehearsed(WHOLE, State::Backup, "state master");
    assert_eq!(
        on_election(&backup),
        "election: yes: it takes over; of two masters the one with the smaller interval stays"
    );
    let held = rehearsed(WHOLE, State::Backup, "state backup");
    let expected = "election: no: it goes on as BACKUP, and holds back until `state master', `up', \
                    or the other master is lost";
    assert_eq!(on_election(&held), expected);
    let down = rehearsed(&format!("{WHOLE} down"), State::Init, "vhid 7");
    assert!(down.ends_with("election: no: it is down\n"), "{down}");
    let up = rehearsed(&format!("{WHOLE} down"), State::Init, "up");
    assert!(
        up.ends_with("election: yes: it takes part again, as BACKUP\n"),
        "{up}"
    );
    let alone = rehearsed("vhid 7", State::Init, "advskew 9");
    assert!(
        alone.ends_with("no: it takes no part without a vhid and a carpdev\n"),
        "{alone}"
    );
}

#[test]
fn own_preemption_counts_where_this_node_gets_better_and_that_of_others_where_it_gets_worse() {
    let overtaken = "maybe: it goes on as MASTER; a node that then has a smaller interval takes over \
                     where that node preempts";
    let overtakes = "maybe: it goes on as BACKUP; it takes over where its interval is then smaller \
                     than the master's (preempt)";
    let waits = "no: it goes on as BACKUP; it does not preempt, and waits until the master is lost";
    for (preempt, state, line, expected) in [
        (false, State::Master, "advskew 200", overtaken),
        (true, State::Master, "advskew 200", overtaken),
        (true, State::Master, "advskew 9", "no: it goes on as MASTER"),
        (true, State::Backup, "advskew 9", overtakes),
        (false, State::Backup, "advskew 9", waits),
        (
            true,
            State::Backup,
            "advskew 200",
            "no: it goes on as BACKUP",
        ),
    ] {
        let before = format!("{WHOLE} advskew 100");
        let text = rehearsed_where(preempt, &before, state, line);
        let election = on_election(&text);
        assert_eq!(
            election,
            format!("election: {expected}"),
            "{preempt} {state:?} {line}"
        );
    }
}

#[test]
fn interface_that_is_held_back_is_let_go_by_up_and_state_master_alone() {
    let goes_on = "it goes on as BACKUP";
    let up = |why: &str| format!("Maybe: {goes_on}, and holds back no more; {why}");
    assert_eq!(
        held(true, "up"),
        up(
            "it takes over where its interval is smaller than the master's (preempt), or the \
            master is demoted further"
        )
    );
    assert_eq!(
        held(false, "up"),
        up("it does not preempt, but takes over where the master is demoted further")
    );
    let stays = format!("No: {goes_on}, and {HOLDS}");
    for line in [
        "advskew 0",
        "advskew 200",
        "description rack",
        "state backup",
        "up state backup",
    ] {
        assert_eq!(held(true, line), stays, "{line}");
    }
    assert_eq!(held(true, "state master"), format!("Yes: it {TAKES_OVER}"));
    assert_eq!(
        held(true, "vhid 7"),
        format!("Yes: it begins anew, with another vhid, and {HOLDS}")
    );
    assert_eq!(
        held(true, "vhid 7 up"),
        "Yes: it begins anew, with another vhid"
    );
    assert_eq!(
        held(true, "down"),
        "Yes: it is BACKUP, and stands by no more"
    );
}

#[test]
fn lines_are_for_a_terminal_with_room_for_a_mark_before_each() {
    let scripts = "upscript /usr/local/lib/up downscript /usr/local/lib/carpctl/down";
    let line = format!("alias 192.0.2.20/24 carppeer 10.0.0.2 advskew 7 {scripts}");
    let text = rehearsed(WHOLE, State::Master, &line);
    for line in text.lines() {
        assert!(line.chars().count() <= 78, "{line}");
    }
    assert!(text.contains("\nhooks: none\n    -> "), "{text}");
}
