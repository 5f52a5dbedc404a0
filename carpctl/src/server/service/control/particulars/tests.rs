use std::collections::BTreeSet;

use carp_net::carp_fsm::{Ailment, Damage, HostId, LinkState, Reason, State};
use carp_net::{Error, ErrorKind};
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use super::super::testing::facts;
use super::*;

fn id() -> HostId {
    serde_json::from_str("1").unwrap()
}

fn of_node(event: carp_fsm::Event) -> Event {
    let interface = "carp0".to_owned();
    Event::Node { interface, event }
}

fn transition() -> Event {
    of_node(carp_fsm::Event::Transition {
        id: id(),
        from: State::Master,
        to: State::Init,
        reason: Reason::Link(LinkState::Down),
        facts: facts(),
    })
}

fn demoted(owner: Owner) -> Event {
    of_node(carp_fsm::Event::Demoted {
        group: "web".to_owned(),
        owner,
        change: 1,
        total: 51,
    })
}

#[test]
fn transition_has_both_states_and_the_reason() {
    let expected = Particulars {
        kind: Some(TRANSITION),
        interface: Some("carp0"),
        state: Some("INIT".to_owned()),
        previous: Some("MASTER".to_owned()),
        reason: Some("carpdev is down".to_owned()),
        ..Particulars::default()
    };
    assert_eq!(Particulars::of(&transition()), expected);
}

#[test]
fn demotion_has_its_group_and_who_demotes() {
    let event = demoted(Owner::Named("haproxy".to_owned()));
    let expected = Particulars {
        kind: Some(DEMOTION),
        interface: Some("carp0"),
        group: Some("web"),
        demotion: Some(51),
        owner: Some("haproxy"),
        reason: Some("haproxy".to_owned()),
        ..Particulars::default()
    };
    assert_eq!(Particulars::of(&event), expected);
    let event = demoted(Owner::Host(id(), Ailment::Carpdev));
    assert_eq!(Particulars::of(&event).owner, None);
}

/// The names of the fields of one message.
#[derive(Default)]
struct Names(BTreeSet<&'static str>);

impl Visit for Names {
    fn record_debug(&mut self, field: &Field, _value: &dyn std::fmt::Debug) {
        self.0.insert(field.name());
    }
}

/// Has what is logged held against the docs.
struct Documented;

impl<S: tracing::Subscriber> Layer<S> for Documented {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, S>) {
        let docs = include_str!("../../../../../../docs/log.md");
        let mut names = Names::default();
        event.record(&mut names);
        for name in names.0.into_iter().filter(|name| *name != "message") {
            assert!(docs.contains(&format!("\n| `{name}` |")), "{name}");
        }
    }
}

#[test]
fn every_field_and_every_kind_of_message_is_in_the_docs() {
    let everything = Particulars {
        kind: Some(TRANSITION),
        interface: Some("carp0"),
        state: Some(String::new()),
        previous: Some(String::new()),
        reason: Some(String::new()),
        group: Some("carp"),
        demotion: Some(1),
        owner: Some("haproxy"),
        carpdev: Some("vmx0"),
        source: Some(String::new()),
        vhid: Some(1),
    };
    let subscriber = tracing_subscriber::registry().with(Documented);
    tracing::subscriber::with_default(subscriber, || write_log!(info, everything, "all"));

    let damage = Damage::LinkAddress;
    let failed = Event::NotMended {
        interface: "carp0".to_owned(),
        id: id(),
        error: Error::new("vmx0", ErrorKind::NameTaken),
    };
    let events = [
        transition(),
        demoted(Owner::Named("haproxy".to_owned())),
        of_node(carp_fsm::Event::Damaged { id: id(), damage }),
        failed,
    ];
    let kinds = events
        .iter()
        .filter_map(|event| Particulars::of(event).kind);
    let kinds: BTreeSet<&str> = kinds.chain([REFUSAL]).collect();
    assert_eq!(kinds.len(), 5);
    let docs = include_str!("../../../../../../docs/log.md");
    for kind in kinds {
        assert!(docs.contains(&format!("\n| `{kind}` |")), "{kind}");
        assert!(kind.len() == 32 && kind.bytes().all(|it| it.is_ascii_hexdigit()));
    }
}
