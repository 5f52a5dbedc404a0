//! The exact output of every command and of every error, in files that people can read:
//!
//! ```text
//! $ carpctl carp0 vhid 300
//! ! carpctl: carp0: `vhid 300': out of range (1 to 255)
//! ? 2
//! ```
//!
//! Behind `$` stands what a shell runs, below it what it prints, behind `!` what it prints on
//! standard error, and behind `?` how it ends where that is not 0. A line `< FILE` before it names
//! what a service answers; without one there is none. With `CARPCTL_GOLDEN=renew` the files are
//! written anew: look at the difference before you believe it.

use std::path::Path;

use super::*;

/// Runs all commands of a file, and compares what comes of them with what it says.
fn holds(name: &str) {
    let bench = Bench::new();
    let path = golden().join(name);
    let before = fs::read_to_string(&path).unwrap();
    let mut now = String::new();
    let mut answer = None;
    for line in before.lines() {
        let is_first = now.is_empty() || now.ends_with(":\n") || answer.is_some();
        if let Some(command) = line.strip_prefix("$ ") {
            now.push_str(if is_first { "" } else { "\n" });
            now.push_str(&format!("{line}\n"));
            now.push_str(&session(&bench, command, answer.take()));
        } else if let Some(file) = line.strip_prefix("< ") {
            now.push_str(if is_first { "" } else { "\n" });
            now.push_str(&format!("{line}\n"));
            answer = Some(fs::read(golden().join("answers").join(file)).unwrap());
        } else if line.starts_with("## ") {
            now.push_str(if is_first { "" } else { "\n" });
            now.push_str(&format!("{line}\n"));
        }
    }
    if std::env::var("CARPCTL_GOLDEN").is_ok_and(|it| it == "renew") {
        fs::write(&path, &now).unwrap();
        return;
    }
    let pairs = before.lines().zip(now.lines());
    if let Some((was, is)) = pairs.into_iter().find(|(was, is)| was != is) {
        panic!("{name}: {was:?} is {is:?} (CARPCTL_GOLDEN=renew writes it)");
    }
    assert_eq!(before.len(), now.len(), "{name} (CARPCTL_GOLDEN=renew)");
}

/// What a shell prints that runs `command`, as it stands in the file.
fn session(bench: &Bench, command: &str, answer: Option<Vec<u8>>) -> String {
    let service = answer.map(|answer| (bench.listen(), answer));
    let program = Path::new(env!("CARGO_BIN_EXE_carpctl"));
    let here = program.parent().unwrap().display();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .current_dir(golden().join("../.."))
        .env_clear()
        .env("PATH", format!("{here}:/usr/bin:/bin"))
        .env("COLUMNS", "80")
        .env("CARPCTL_RUN_DIR", bench.directory.path())
        .env("CARPCTL_ETC_DIR", bench.etc())
        .stdin(Stdio::null());
    let ran = match service {
        None => ran(shell.output().unwrap()),
        Some((listener, answer)) => {
            let (client, mut stream, _) = bench.ask(&listener, &mut shell);
            stream.write_all(&answer).unwrap();
            drop((stream, listener));
            fs::remove_file(bench.socket()).unwrap();
            ran(client.wait_with_output().unwrap())
        }
    };
    assert!(!bench.socket().exists(), "{command} started a service");
    as_written(bench, command, &ran)
}

fn as_written(bench: &Bench, command: &str, ran: &Ran) -> String {
    let is_for_programs = ["json", "metrics", "decode captures"]
        .iter()
        .any(|word| command.contains(word));
    for line in ran.out.lines().filter(|_| !is_for_programs) {
        let width = line.replace('\t', "        ").chars().count();
        assert!(width <= 80, "{command}: {line}");
    }
    let mut text = ran.out.clone();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push_str("\\ no newline\n");
    }
    for line in ran.err.lines() {
        text.push_str(&format!("! {line}\n"));
    }
    match ran.code {
        Some(0) => {}
        Some(code) => text.push_str(&format!("? {code}\n")),
        None => text.push_str("? a signal\n"),
    }
    let text = text.replace(&bench.etc().display().to_string(), "/etc");
    text.replace(
        &bench.directory.path().display().to_string(),
        "/run/carpctl",
    )
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/golden")
}

#[test]
fn help_of_every_command_is_as_written() {
    holds("help.txt");
    let written = fs::read_to_string(golden().join("help.txt")).unwrap();
    let page = Bench::new().run("--help").out;
    let (_, commands) = page.split_once("\nCommands:\n").unwrap();
    for line in commands.lines().take_while(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("  ").filter(|it| !it.starts_with(' ')) {
            let name = name.split(' ').next().unwrap();
            let command = format!("$ carpctl {name} --help\n");
            assert!(written.contains(&command), "{command} is missing");
        }
    }
}

#[test]
fn help_of_every_word_is_as_written() {
    holds("topics.txt");
    let written = fs::read_to_string(golden().join("topics.txt")).unwrap();
    let offered = Bench::new()
        .command(&["complete", "--", "help", ""])
        .output();
    for line in ran(offered.unwrap()).out.lines() {
        let command = format!("$ carpctl help {line}\n");
        assert!(written.contains(&command), "{command} is missing");
    }
}

/// However wide the terminal is.
#[test]
fn every_help_fits_80_columns() {
    let bench = Bench::new();
    let said = |words: &[&str]| {
        let output = bench.command(words).env("COLUMNS", "200").output();
        let ran = ran(output.unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{words:?}");
        ran.out
    };
    let fits = |words: &[&str]| {
        for line in said(words).lines() {
            assert!(line.chars().count() <= 80, "{words:?}: {line}");
        }
    };
    let commands = said(&["complete", "--", "help", ""]);
    let commands: Vec<&str> = commands.lines().collect();
    fits(&[&["help"], commands.as_slice()].concat());
    for words in [vec!["--help"], vec!["-h"], vec!["carp0", "--help"]] {
        fits(&words);
    }
    let page = said(&["--help"]);
    let (_, listed) = page.split_once("\nCommands:\n").unwrap();
    let listed = listed.lines().take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    assert!(
        names.contains(&"daemon") && names.contains(&"help"),
        "{names:?}"
    );
    for name in names {
        fits(&[name, "--help"]);
        fits(&[name, "-h"]);
    }
}

#[test]
fn errors_of_words_are_as_written() {
    holds("words.txt");
}

#[test]
fn errors_of_commands_are_as_written() {
    holds("commands.txt");
}

#[test]
fn simulations_are_as_written() {
    holds("sim.txt");
}

#[test]
fn answers_are_shown_as_written() {
    holds("answers.txt");
}
