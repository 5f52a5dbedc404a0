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

/// Nobody waits for the end of a run, and nothing is kept of it for then.
#[test]
fn what_happens_is_shown_as_it_does() {
    let bench = Bench::new();
    let file = bench.directory.path().join("cluster.toml");
    let node = "carp0 = \"vhid 99 advbase 0 advskew 0 192.0.2.10/24\"\n";
    let text = format!(
        "length = \"168h\"\n[network]\ndelay = \"0us to 1s\"\n[node.one]\n{node}[node.two]\n{node}"
    );
    fs::write(&file, text).unwrap();
    for (options, first) in [(&["--seed", "1"][..], "seed 1\n"), (&["--json"], "{\n")] {
        let words = [&["sim", file.to_str().unwrap()], options].concat();
        let mut command = bench.command(&words);
        let mut run = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        // It would run for hours, but ends when nobody reads it any more.
        let mut output = BufReader::new(run.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        drop(output);
        assert_eq!(line, first);
        let ran = ran(run.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    }
}

#[test]
fn a_terminal_shows_each_line_at_once_and_how_far_a_quiet_run_is() {
    let bench = Bench::new();
    let file = bench.directory.path().join("cluster.toml");
    let text = "length = \"168h\"\n[node.one]\ncarp0 = \"vhid 99 advbase 0 192.0.2.10/24\"\n";
    fs::write(&file, text).unwrap();
    for (options, awaited) in [
        ("", "BACKUP -> MASTER"),
        ("", " s of 604800 s"),
        ("--runs 9", "run 1 of 9: "),
    ] {
        let program = env!("CARGO_BIN_EXE_carpctl");
        let line = format!("{program} sim {} --seed 1 {options}", file.display());
        let mut run = Command::new("script")
            .args(["--quiet", "--command", &line, "/dev/null"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = run.stdout.take().unwrap();
        let (mut shown, mut chunk) = (Vec::new(), [0; 512]);
        while !String::from_utf8_lossy(&shown).contains(awaited) {
            let read = output.read(&mut chunk).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&shown));
            shown.extend_from_slice(&chunk[..read]);
        }
        // The terminal goes, and the run with it.
        run.kill().unwrap();
        run.wait().unwrap();
    }
}

/// 256 of them, as the words of an interface.
fn many_addresses() -> String {
    let addresses = (0..=255).map(|last| format!(" 10.0.0.{last}/16"));
    addresses.collect()
}

#[test]
fn a_run_with_too_much_to_keep_ends() {
    let bench = Bench::new();
    let file = bench.directory.path().join("cluster.toml");
    let addresses = many_addresses();
    // Each takes all addresses away, and each time they come again.
    let harms =
        (0..200).map(|number| format!("\"{}ms one harm carp0 address\",", 5000 + number * 10));
    let harms: String = harms.collect();
    let text = format!(
        "length = \"10s\"\nevents = [{harms}]\n[node.one]\ncarp0 = \"vhid 99{addresses}\"\n"
    );
    fs::write(&file, text).unwrap();
    for options in ["", "--json", "--runs 3"] {
        let ran = bench.run(&format!("sim {} --seed 7 {options}", file.display()));
        let expected = "carpctl: seed 7: more than 100000 changes of who holds an address by \
                        6.940 s, and no more are kept: make `length' shorter than that, or change \
                        what makes so many\n";
        assert_eq!((ran.code, ran.err.as_str()), (Some(1), expected));
        assert!(!ran.out.contains("since it was first held"), "{options}");
    }
}

#[test]
fn more_runs_than_can_be_kept_are_refused() {
    let bench = Bench::new();
    let file = bench.directory.path().join("cluster.toml");
    let addresses = many_addresses();
    let text = format!("length = \"1ms\"\n[node.one]\ncarp0 = \"vhid 99{addresses}\"\n");
    fs::write(&file, text).unwrap();
    let ran = bench.run(&format!("sim {} --seed 1 --runs 7813", file.display()));
    let expected =
        "carpctl: sim: `--runs 7813': at most 7812 with so many addresses (256)\n".to_owned();
    assert_eq!((ran.code, ran.err), (Some(1), expected));
}

#[test]
fn a_cluster_may_come_from_standard_input_or_a_pipe() {
    let bench = Bench::new();
    let pipe = bench.directory.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
    let text = "length = \"5s\"\n[node.one]\ncarp0 = \"vhid 9 192.0.2.1/24\"\n";
    let file = bench.directory.path().join("cluster.toml");
    fs::write(&file, text).unwrap();
    let expected = bench.run(&format!("sim {} --seed 1", file.display())).out;

    let mut command = bench.command(&["sim", "-", "--seed", "1"]);
    let input = fs::File::open(&file).unwrap();
    assert_eq!(ran(command.stdin(input).output().unwrap()).out, expected);

    let path = pipe.to_str().unwrap();
    let mut command = bench.command(&["sim", path, "--seed", "1"]);
    let run = command.stdout(Stdio::piped()).spawn().unwrap();
    fs::write(&pipe, text).unwrap();
    assert_eq!(ran(run.wait_with_output().unwrap()).out, expected);

    let ran = bench.run("sim -");
    assert!(
        ran.err.starts_with("carpctl: standard input:1: "),
        "{}",
        ran.err
    );
    let ran = bench.run("sim /dev/zero");
    let expected = "carpctl: /dev/zero: larger than 1048576 bytes\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), expected));
}

/// The lines about an address: milliseconds from when until when, how long, and who.
fn timeline(out: &str) -> Vec<(u64, u64, u64, String)> {
    let millis = |text: &str| text.replace('.', "").parse::<u64>().unwrap();
    let lines = out.lines().filter_map(|line| {
        let (from, rest) = line.split_once(" to ")?;
        let (rest, who) = rest.split_once(" s  ")?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let [until, span] = words.as_slice() else {
            return None;
        };
        Some((
            millis(from.trim()),
            millis(until),
            millis(span),
            who.to_owned(),
        ))
    });
    lines.collect()
}

#[test]
fn the_times_of_an_address_add_up() {
    let bench = Bench::new();
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../packaging/examples/sim-everything.toml"
    );
    for seed in 1..=8 {
        let out = bench.run(&format!("sim {file} --seed {seed}")).out;
        let lines = timeline(&out);
        assert!(lines.len() > 10, "{out}");
        let (mut last, mut holders) = (0, "");
        let mut times = Vec::new();
        for (from, until, span, who) in &lines {
            assert_eq!((*from, *span), (last, until - from), "{out}");
            assert!(*span > 0 && who != holders, "{out}");
            match (who.contains(" and "), holders.contains(" and ")) {
                (true, true) => *times.last_mut().unwrap() += span,
                (true, false) => times.push(*span),
                (false, _) => {}
            }
            (last, holders) = (*until, who);
        }
        assert_eq!(last, 240_000);
        let told = out.split_whitespace().collect::<Vec<_>>().join(" ");
        let (_, told) = told.split_once("; more than one node for ").unwrap();
        let (count, longest) = (times.len(), times.iter().max().unwrap());
        let (whole, part) = (longest / 1_000, longest % 1_000);
        let expected = format!(" s in {count} times, {whole}.{part:03} s at most");
        assert!(told.ends_with(&expected), "{told}: {expected}");
    }
}

#[test]
fn a_time_that_is_too_short_to_be_seen_is_in_the_sum_alone() {
    let bench = Bench::new();
    let file = bench.directory.path().join("cluster.toml");
    let told = |events: &str| {
        let text = format!(
            "length = \"10s\"\nevents = [{events}]\n[node.one]\ncarp0 = \"vhid 9 192.0.2.1/24\"\n"
        );
        fs::write(&file, text).unwrap();
        let ran = bench.run(&format!("sim {} --seed 1", file.display()));
        let (_, held) = ran.out.split_once("\n192.0.2.1\n").unwrap();
        // However its lines are broken.
        held.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    // Mending takes 400us.
    let mended = ["5s", "6s", "7s"].map(|at| format!("\"{at} one harm carp0 address\""));
    for (events, nobody) in [
        (String::new(), "for 0 s"),
        (
            mended.iter().take(2).cloned().collect::<Vec<_>>().join(","),
            "for less than 0.001 s",
        ),
        (mended.join(","), "for 0.001 s"),
    ] {
        let expected = format!(
            "0.000 to 3.000 3.000 s nobody 3.000 to 10.000 7.000 s one \
             since it was first held: nobody {nobody}; more than one node for 0 s"
        );
        assert_eq!(told(&events), expected);
    }
}
