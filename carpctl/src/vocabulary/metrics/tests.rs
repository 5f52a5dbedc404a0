use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use carp_net::carp_fsm::Counters;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::families::families;
use super::*;
use crate::vocabulary::report::State;
use crate::vocabulary::settings::Settings;
use crate::vocabulary::stats::{COUNTERS, Counts};

/// Counts in which each counter has another value, from `first` on.
fn counts(first: u64) -> Counts {
    let Value::Object(mut counted) = serde_json::to_value(Counters::default()).unwrap() else {
        panic!("an object");
    };
    for (value, counter) in (first..).zip(counted.values_mut()) {
        *counter = Value::from(value);
    }
    let counters: Counters = serde_json::from_value(Value::Object(counted)).unwrap();
    Counts::from(&counters)
}

fn vitals() -> Vitals {
    Vitals {
        version: "1.2.3".to_owned(),
        started_ms: 1_700_000_000_007,
        resident: Some(7_340_032),
        clients: 2,
        settings: Settings {
            demotion: 50,
            ..Settings::default()
        },
        counters: counts(100),
    }
}

fn master() -> Facts {
    Facts {
        name: "carp0".to_owned(),
        vhid: Some(99),
        carpdev: Some("vmx0".to_owned()),
        carpdev_up: Some(true),
        state: State::Master,
        up: true,
        advbase: 1,
        advskew: 100,
        groups: vec![("carp".to_owned(), 50), ("web".to_owned(), 7)],
        inet: Held {
            configured: 2,
            installed: 1,
        },
        inet6: Held::default(),
        last_transition_ms: Some(1_700_000_123_456),
        fails: false,
        counters: counts(200),
        peers: vec![Heard {
            source: "192.0.2.2".parse().unwrap(),
            last_ms: 1_700_000_200_050,
            advbase: 1,
            advskew: 0,
            demotion: 3,
            counters: counts(300),
        }],
    }
}

/// An interface that was only created.
fn created() -> Facts {
    Facts {
        name: "carp1".to_owned(),
        vhid: None,
        carpdev: None,
        carpdev_up: None,
        state: State::Init,
        up: false,
        advskew: 0,
        groups: vec![("carp".to_owned(), 50)],
        inet: Held::default(),
        last_transition_ms: None,
        counters: Counts::default(),
        peers: Vec::new(),
        ..master()
    }
}

fn exposition(vitals: Option<Vitals>, interfaces: impl IntoIterator<Item = Facts>) -> Exposition {
    let mut exposition = Exposition::new(vitals);
    interfaces
        .into_iter()
        .for_each(|facts| exposition.add(facts));
    exposition
}

#[test]
fn text_of_a_service_with_two_interfaces() {
    let text = exposition(Some(vitals()), [master(), created()]).text();
    assert_eq!(text, include_str!("tests/two-interfaces.prom"));
    must_pass_promtool(&text);
}

#[test]
fn where_no_service_runs_that_is_told() {
    let text = exposition(None, []).text();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("carp_build_info{{version=\"{version}\"}} 1");
    assert_eq!(lines, ["carp_up 0", &build]);
    must_pass_promtool(&text);
}

#[test]
fn every_metric_is_in_the_docs_and_no_other() {
    let mut list = "| Metric | Type | Labels | What it tells |\n|---|---|---|---|\n".to_owned();
    for family in families() {
        let labels: Vec<String> = family.labels.iter().map(|it| format!("`{it}`")).collect();
        let (name, kind, help) = (&family.name, family.kind, &family.help);
        let labels = labels.join(" ");
        list.push_str(&format!("| `{name}` | {kind} | {labels} | {help} |\n"));
    }
    let docs = include_str!("../../../../docs/metrics.md");
    assert!(
        docs.contains(&list),
        "the list in docs/metrics.md must be\n{list}"
    );
    assert_eq!(docs.matches("\n| `carp_").count(), families().len());
}

#[test]
fn every_counter_that_can_grow_is_told_once() {
    let text = exposition(Some(vitals()), []).text();
    let told: Vec<&str> = text
        .lines()
        .filter_map(|line| line.rsplit(' ').next())
        .collect();
    for (counter, value) in counts(100).iter() {
        assert_eq!(counter.metric.is_none(), value == 0, "{}", counter.name);
        if value > 0 {
            let times = told.iter().filter(|it| **it == value.to_string()).count();
            assert_eq!(times, 1, "{}", counter.name);
        }
    }
}

#[test]
fn no_family_is_there_twice_and_counters_are_told_of_in_one_place() {
    let names: BTreeSet<&str> = families()
        .iter()
        .map(|family| family.name.as_str())
        .collect();
    assert_eq!(names.len(), families().len());
    let metrics = COUNTERS.iter().filter_map(|counter| counter.metric);
    for metric in metrics {
        assert!(
            names.contains(format!("carp_{}", metric.name).as_str()),
            "{metric:?}"
        );
    }
}

#[test]
fn other_side_may_know_less_of_the_service() {
    let told: Vitals = serde_json::from_value(json!({"version": "0.9", "moons": 4})).unwrap();
    assert_eq!(told.version, "0.9");
    assert!(exposition(Some(told), []).text().contains("carp_up 1\n"));
}

prop_compose! {
    /// An interface with numbers and names of any kind, also such as Linux does not allow.
    fn any_facts()(
        vhid in proptest::option::of(1u8..),
        carpdev in proptest::option::of(any::<String>()),
        group in any::<String>(),
        demotion in any::<i32>(),
        (carpdev_up, up, fails) in any::<(Option<bool>, bool, bool)>(),
        (advbase, advskew) in any::<(u8, u8)>(),
        last_ms in any::<u64>(),
        first in any::<u32>(),
        sources in proptest::collection::btree_set(any::<std::net::IpAddr>(), 0..4),
    ) -> Facts {
        let heard = |source| Heard {
            source,
            last_ms,
            advbase,
            advskew,
            demotion: advskew,
            counters: counts(first.into()),
        };
        Facts {
            vhid,
            carpdev,
            carpdev_up,
            up,
            fails,
            advbase,
            advskew,
            groups: vec![(group, demotion), ("carp".to_owned(), demotion)],
            last_transition_ms: vhid.map(|_| last_ms),
            counters: counts(first.into()),
            peers: sources.into_iter().map(heard).collect(),
            ..master()
        }
    }
}

fn any_interfaces() -> impl Strategy<Value = Vec<Facts>> {
    let all = proptest::collection::vec(any_facts(), 0..5);
    all.prop_map(|mut all| {
        for (number, facts) in all.iter_mut().enumerate() {
            facts.name = format!("carp{number}");
        }
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_there_is_to_tell_prometheus_can_read(interfaces in any_interfaces()) {
        must_pass_promtool(&exposition(Some(vitals()), interfaces).text());
    }
}

proptest! {
    #[test]
    fn pieces_are_bounded_and_make_the_same_text(
        interfaces in any_interfaces(),
        enough in 1usize..5_000,
    ) {
        let whole = exposition(Some(vitals()), interfaces.clone()).text();
        let mut exposition = exposition(Some(vitals()), interfaces);
        let (mut together, mut more) = (String::new(), true);
        while more {
            let mut piece = String::new();
            more = exposition.write(&mut piece, enough);
            prop_assert!(!more || piece.len() >= enough);
            prop_assert!(piece.len() < enough + 8_192, "{}", piece.len());
            together.push_str(&piece);
        }
        prop_assert_eq!(together, whole);
    }
}

#[test]
fn alerts_of_the_docs_are_rules_of_prometheus() {
    let docs = include_str!("../../../../docs/metrics.md");
    let rules = docs.split("```yaml\n").nth(1).unwrap();
    let rules = rules.split("```").next().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), rules).unwrap();
    promtool(&["check", "rules", file.path().to_str().unwrap()], "");
}

/// Has Prometheus' own parser read `text`, and its critic find nothing.
pub(crate) fn must_pass_promtool(text: &str) {
    promtool(&["check", "metrics"], text);
}

/// Has Prometheus' own tool do `words` with `input`, which must be to its liking.
fn promtool(words: &[&str], input: &str) {
    let mut command = Command::new("promtool");
    command.args(words).stdin(Stdio::piped());
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = match piped.spawn() {
        Ok(promtool) => promtool,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "promtool: {error}");
            return;
        }
    };
    let mut pipe = promtool.stdin.take().unwrap();
    pipe.write_all(input.as_bytes()).unwrap();
    drop(pipe);
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{said}\n{input}"
    );
}
