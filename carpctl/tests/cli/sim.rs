//! `carpctl sim`: what a seed promises, and that a file of the property tests is the same run here.

use super::*;

/// Where those tests keep some, each named after its seed, and what came of it.
const WRITTEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../carp-net/tests/simulation/written"
);

#[test]
fn a_run_can_be_repeated_with_the_seed_that_it_shows() {
    let bench = Bench::new();
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../packaging/examples/sim-everything.toml"
    );
    let first = bench.run(&format!("sim {file}"));
    assert_eq!((first.code, first.err.as_str()), (Some(0), ""));
    let seed = first.out.lines().next().unwrap();
    let seed = seed.strip_prefix("seed ").unwrap();
    let again = bench.run(&format!("sim {file} --seed {seed}"));
    assert_eq!(again.out, first.out);
    let json = |options: &str| {
        bench
            .run(&format!("sim {file} --seed {seed} {options}"))
            .out
    };
    assert_eq!(json("--json"), json("--json"));
    let summary: serde_json::Value = serde_json::from_str(&json("--json --runs 3")).unwrap();
    assert_eq!(summary.get("runs"), Some(&3.into()));
}

#[test]
fn the_file_in_the_help_can_be_run() {
    let bench = Bench::new();
    let help = bench.run("sim --help").out;
    let (_, file) = help.split_once("The file, for example").unwrap();
    let lines = file
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with("A node"));
    let file = bench.directory.path().join("help.toml");
    fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let ran = bench.run(&format!("sim {} --seed 1", file.display()));
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.contains("one --- crash"), "{}", ran.out);
}

#[test]
fn another_seed_is_another_run() {
    let bench = Bench::new();
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../packaging/examples/sim-everything.toml"
    );
    let run = |seed: u64| bench.run(&format!("sim {file} --seed {seed}")).out;
    let [one, other] = [run(1), run(2)];
    assert!(one.lines().skip(1).ne(other.lines().skip(1)));
}

#[test]
fn files_of_the_property_tests_are_the_same_runs() {
    let bench = Bench::new();
    let mut files = 0;
    for entry in fs::read_dir(WRITTEN).unwrap() {
        let file = entry.unwrap().path();
        if file.extension() != Some("toml".as_ref()) {
            continue;
        }
        let seed = file.file_stem().unwrap().to_str().unwrap();
        let ran = bench.run(&format!("sim {} --seed {seed} --json", file.display()));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        let expected = fs::read_to_string(file.with_extension("held")).unwrap();
        assert_eq!(held(&ran.out), expected, "{seed}");
        files += 1;
    }
    assert_eq!(files, 4);
}

/// Who held which address from when until when, a line each.
fn held(json: &str) -> String {
    let run: serde_json::Value = serde_json::from_str(json).unwrap();
    let list = |value: &serde_json::Value, key: &str| {
        let list = value.get(key).and_then(|it| it.as_array());
        list.unwrap().clone()
    };
    let mut held = String::new();
    for address in list(&run, "addresses") {
        for tenure in list(&address, "tenures") {
            let name = address.get("address").unwrap().as_str().unwrap();
            let [from, until] = ["from_us", "until_us"].map(|key| tenure.get(key).unwrap());
            held.push_str(&format!("{name} {from} {until}"));
            for holder in list(&tenure, "holders") {
                held.push_str(&format!(" {}", holder.as_str().unwrap()));
            }
            held.push('\n');
        }
    }
    held
}

/// What would be left out without a word is refused, at its line.
#[test]
fn what_a_node_cannot_have_is_refused_with_its_line() {
    let bench = Bench::new();
    let file = bench.directory.path().join("cluster.toml");
    let refused = |carp0: &str, events: &str| {
        let text = format!(
            "length = \"5s\"\nevents = [\n{events}\n]\n[node.one]\ncarp0 = \"{carp0}\"\n\
             lan0 = \"192.0.2.2/24\"\n"
        );
        fs::write(&file, text).unwrap();
        let ran = bench.run(&format!("sim {} --seed 1", file.display()));
        let said = ran.err.rsplit_once("cluster.toml:").map(|(_, said)| said);
        (ran.code, said.unwrap_or(&ran.err).trim_end().to_owned())
    };
    let host = "vhid 9 192.0.2.1/24";
    assert_eq!(refused(host, ""), (Some(0), String::new()));
    for (carp0, events, expected) in [
        (
            "destroy",
            "",
            "6: `destroy': is said while the service runs: write it among the events",
        ),
        (
            "create vhid 9",
            "",
            "6: `create': is said while the service runs: write it among the events",
        ),
        (
            "vhid 9 192.0.2.1/24 state backup",
            "",
            "6: `state': is said while the service runs: write it among the events",
        ),
        (
            host,
            "\"1s one harm carp1 address\"",
            "3: `carp1': the node has no such interface (carp0)",
        ),
        (
            host,
            "\"1s one link eht0 down\"",
            "3: `eht0': the node has no such carpdev (eth0, lan0)",
        ),
    ] {
        assert_eq!(refused(carp0, events), (Some(1), expected.to_owned()));
    }
    let events = "\"1s one carp1 vhid 8 carpdev eth1 192.0.2.3/24\",\n\"2s one harm carp1 address\",\n\
                  \"3s one link eth1 down\", \"4s one link lan0 down\"";
    assert_eq!(refused(host, events), (Some(0), String::new()));
    let twice = format!("{host}\"\ncarp1 = \"{host}");
    let (code, said) = refused(&twice, "");
    assert_eq!(code, Some(1));
    assert!(said.starts_with("5: `one': "), "{said}");
}

#[test]
fn an_address_that_nobody_ever_held_is_told_so() {
    let bench = Bench::new();
    let file = bench.directory.path().join("cluster.toml");
    let told = |length: &str| {
        let text = format!("length = \"{length}\"\n[node.one]\ncarp0 = \"vhid 9 192.0.2.1/24\"\n");
        fs::write(&file, text).unwrap();
        let out = bench.run(&format!("sim {} --seed 1", file.display())).out;
        out.lines().last().unwrap().trim().to_owned()
    };
    assert_eq!(told("2s"), "it was never held");
    assert_eq!(
        told("5s"),
        "since it was first held: nobody for 0 s; more than one node for 0 s"
    );
}
