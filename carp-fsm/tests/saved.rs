//! What a node leaves to its successor can be written down and read again, in every role, and no
//! key is in it.

#![cfg(feature = "serde")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use std::error::Error;
use std::time::Duration;

use carp_fsm::{
    Action, Command, Damage, HostId, Input, LinkId, LinkState, Node, SavedHost, SavedNode, State,
    Timestamp, VirtualHost,
};
use carp_proto::{Family, Key, Vhid};

const LINK: LinkId = LinkId(1);
const PASSWORD: &str = "SharedSecret";

fn host() -> VirtualHost {
    VirtualHost::new(Vhid::new(99).unwrap(), Key::from_password(PASSWORD))
        .address("192.0.2.10/24".parse().unwrap())
        .address("2001:db8::10/64".parse().unwrap())
}

/// A node that `inputs` happened to, and everything it did since the last of them.
struct Story {
    node: Node,
    id: HostId,
    now: Timestamp,
}

impl Story {
    fn new() -> Self {
        let mut node = Node::new(Node::builder(), 42);
        let id = node.add(Timestamp::ZERO, LINK, host()).unwrap();
        let now = Timestamp::ZERO;
        Self { node, id, now }.drained()
    }

    fn drained(mut self) -> Self {
        while self.node.poll_action().is_some() || self.node.poll_event().is_some() {}
        self
    }

    fn input(mut self, input: Input) -> Self {
        self.node.handle(self.now, input);
        self.drained()
    }

    fn command(self, command: Command) -> Self {
        let id = self.id;
        self.input(Input::Command { id, command })
    }

    fn held(self) -> Self {
        let id = self.id;
        self.input(Input::Held(id))
    }

    /// What the next `count` deadlines bring about, in words; adverts with all their bytes.
    fn goes_on(&mut self, count: usize) -> Vec<String> {
        let mut done = Vec::new();
        for _ in 0..count {
            let Some(due) = self.node.deadline() else {
                break;
            };
            self.now = self.now.max(due.at);
            self.node.handle_timeout(self.now);
            while let Some(action) = self.node.poll_action() {
                done.push(format!("{} {action:?}", self.now));
                match action {
                    Action::Hold(id) => self.node.handle(self.now, Input::Held(id)),
                    Action::HandOver(id) => self.node.handle(self.now, Input::Silenced(id)),
                    Action::Send { .. } | Action::Renew { .. } => {}
                    Action::Release(_) | Action::Announce { .. } => {}
                }
            }
            while let Some(event) = self.node.poll_event() {
                done.push(format!("{} {event}", self.now));
            }
        }
        done
    }

    /// The successor that reads what this one has written.
    fn successor(&self) -> Result<Self, Box<dyn Error>> {
        let node = serde_json::to_string(&self.node.save())?;
        let host = self.node.save_host(self.now, self.id);
        let host = serde_json::to_string(&host.ok_or("no such host")?)?;
        assert_no_key(&node);
        assert_no_key(&host);
        let told_to_be = self.node.host(self.id).ok_or("no such host")?;
        let saved: SavedHost = serde_json::from_str(&host)?;
        assert_eq!(serde_json::to_string(&saved)?, host);
        let mut node = Node::resume(
            self.now,
            self.node.config(),
            7,
            serde_json::from_str::<SavedNode>(&node)?,
            [(saved, told_to_be.config().clone())],
            self.now,
        );
        while let Some(action) = node.poll_action() {
            match action {
                Action::Hold(id) => node.handle(self.now, Input::Held(id)),
                Action::HandOver(id) => node.handle(self.now, Input::Silenced(id)),
                Action::Send { .. } | Action::Renew { .. } => {}
                Action::Release(_) | Action::Announce { .. } => {}
            }
        }
        let (id, now) = (self.id, self.now);
        Ok(Self { node, id, now })
    }
}

/// Neither as text, nor as numbers, nor in hexadecimal, whole or in part.
fn assert_no_key(written: &str) {
    let squeezed: String = written.split_whitespace().collect();
    for part in PASSWORD.as_bytes().windows(4) {
        let text = std::str::from_utf8(part).unwrap();
        let numbers: Vec<String> = part.iter().map(u8::to_string).collect();
        let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
        for form in [text.to_owned(), numbers.join(","), hex] {
            assert!(!squeezed.contains(&form), "{form} is in {written}");
        }
    }
}

fn every_role() -> Vec<(&'static str, Story)> {
    let master = || Story::new().command(Command::Master).held();
    let silenced = |story: Story| {
        let id = story.id;
        story.input(Input::Silenced(id))
    };
    let link = |state| Input::Link { link: LINK, state };
    let adopted = {
        let story = Story::new();
        let id = story.id;
        story.input(Input::Adopted(id))
    };
    let troubled = {
        let story = master();
        let (id, damage) = (story.id, Damage::Address);
        let family = Family::Inet6;
        let failed = Input::SendFailed {
            id,
            family,
            no_memory: false,
        };
        let story = story.input(Input::Damaged { id, damage });
        let story = story.input(Input::Mended(id)).input(failed.clone());
        story.input(failed.clone()).input(failed)
    };
    let demote = Input::Demote {
        group: "carp".into(),
        owner: "disk".into(),
        amount: 3,
    };
    vec![
        ("down", Story::new().command(Command::Down)),
        (
            "without a link",
            Story::new().input(link(LinkState::Absent)),
        ),
        ("backup", Story::new()),
        ("demoted backup", Story::new().input(demote)),
        ("taking", Story::new().command(Command::Master)),
        ("master", master()),
        ("master in trouble", troubled),
        ("silencing", master().command(Command::Down)),
        ("bowed out", silenced(master().command(Command::Down))),
        (
            "bowed out, backup",
            silenced(master().command(Command::Backup)),
        ),
        ("listening", adopted),
    ]
}

#[test]
fn every_role_can_be_written_down_and_goes_on_the_same() -> Result<(), Box<dyn Error>> {
    for (role, mut story) in every_role() {
        // It asks anew for what the role needs, and has been answered already.
        let mut successor = story.successor()?.drained();
        story = match role {
            "taking" => story.held(),
            "silencing" => {
                let id = story.id;
                story.input(Input::Silenced(id))
            }
            _ => story,
        };
        let view = |story: &Story| {
            let host = story.node.host(story.id).unwrap();
            (host.state(), host.holds(), *host.counters(), host.trouble())
        };
        assert_eq!(view(&successor), view(&story), "{role}");
        assert_eq!(
            successor.node.demotion("carp"),
            story.node.demotion("carp"),
            "{role}"
        );
        for deadline in 0..40 {
            let (then, before) = (successor.goes_on(1), story.goes_on(1));
            assert_eq!(then, before, "{role}, deadline {deadline}");
        }
    }
    Ok(())
}

#[test]
fn two_hosts_of_one_name_or_vhid_are_one() {
    let story = Story::new();
    let saved = || story.node.save_host(story.now, story.id).unwrap();
    let hosts = [(saved(), host()), (saved(), host())];
    let config = Node::builder();
    let node = Node::resume(story.now, config, 7, story.node.save(), hosts, story.now);
    assert_eq!(node.hosts().count(), 1);
    assert_eq!(
        node.host(story.id).map(|host| host.state()),
        Some(State::Backup)
    );
}

#[test]
fn time_between_saving_and_resuming_counts() {
    let mut story = Story::new();
    let mut successor = {
        let later = story.now + Duration::from_secs(1);
        let hosts = [(story.node.save_host(story.now, story.id).unwrap(), host())];
        let node = Node::resume(
            later,
            Node::builder(),
            7,
            story.node.save(),
            hosts,
            story.now,
        );
        Story {
            node,
            id: story.id,
            now: later,
        }
    };
    assert_eq!(successor.goes_on(1), story.goes_on(1));
}

/// Records as the version before dialects wrote them: a node that is upgraded goes on.
#[test]
fn records_of_an_older_version_are_read() -> Result<(), Box<dyn Error>> {
    let node: SavedNode = serde_json::from_str(include_str!("records/before-dialects-node.json"))?;
    let saved: SavedHost = serde_json::from_str(include_str!("records/before-dialects-host.json"))?;
    let (id, now) = (saved.id(), Timestamp::from_micros(10_000));
    let node = Node::resume(now, Node::builder(), 7, node, [(saved, host())], now);
    let view = node.host(id).ok_or("it is there")?;
    assert_eq!(view.state(), State::Master);
    assert_eq!(view.counters().ipackets, 5);
    assert_eq!(node.demotion("carp"), 4);
    Ok(())
}
