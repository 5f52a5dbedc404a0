//! What there is to learn from: manual pages and completions, each tried with the programs that
//! read them.

use std::path::Path;

use super::*;

/// Runs `command`; `None` where it is not installed, which is a failure where all must be.
fn with_program(command: &mut Command) -> Option<Ran> {
    match command.stdin(Stdio::null()).output() {
        Ok(output) => Some(ran(output)),
        Err(_) => {
            skip(&format!(
                "{} is not installed",
                command.get_program().display()
            ));
            None
        }
    }
}

fn generated(what: &str) -> TempDir {
    let bench = Bench::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    assert_eq!(
        bench.run(&format!("generate {what} {path}")),
        says(0, "", "")
    );
    directory
}

// ---- manual pages ----

#[test]
fn manual_pages_render_without_a_warning() {
    let directory = generated("man");
    let pages = ["carpctl.8", "hostname.carp.5", "carp.7"];
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), pages.len());
    for page in pages {
        let page = directory.path().join(page);
        let mut man = Command::new("man");
        man.args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"]);
        if let Some(ran) = with_program(man.arg(&page)) {
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        }
        let mut lint = Command::new("mandoc");
        lint.args(["-T", "lint", "-W", "warning"]);
        if let Some(ran) = with_program(lint.arg(&page)) {
            assert_eq!(ran, says(0, "", ""));
        }
    }
}

#[test]
fn manual_pages_fit_a_terminal() {
    let directory = generated("man");
    for page in ["carpctl.8", "hostname.carp.5", "carp.7"] {
        let mut mandoc = Command::new("mandoc");
        mandoc.args(["-T", "utf8", "-O", "width=80"]);
        let Some(ran) = with_program(mandoc.arg(directory.path().join(page))) else {
            return;
        };
        for line in ran.out.lines() {
            // What is bold is written over itself.
            let backspaces = line.matches('\u{8}').count();
            assert!(
                line.chars().count() - 2 * backspaces <= 80,
                "{page}: {line}"
            );
        }
        assert!(ran.out.len() > 1000, "{page}");
    }
}

#[test]
fn readme_has_the_table_of_faults_of_the_manual() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("../README.md")).unwrap();
    let faults = fs::read_to_string(root.join("man/faults.md")).unwrap();
    assert!(readme.contains(&faults), "change both");
}

// ---- completions ----

/// What a shell has to find the program and no service.
fn in_shell(bench: &Bench, shell: &str, script: &str) -> Option<Ran> {
    let program = Path::new(env!("CARGO_BIN_EXE_carpctl"));
    let here = program.parent().map(Path::display)?;
    let mut command = Command::new(shell);
    command
        .args(["-c", script])
        .env_clear()
        .env("PATH", format!("{here}:/usr/bin:/bin"))
        .env("HOME", bench.directory.path())
        .env("LC_ALL", "C.UTF-8")
        .env("CARPCTL_RUN_DIR", bench.directory.path());
    with_program(&mut command)
}

const LINES: [(&str, &[&str]); 6] = [
    ("carpctl sys", &["sysctl"]),
    ("carpctl carp0 adv", &["advbase", "advskew", "advdemote"]),
    (
        "carpctl carp0 vhid 1 2001:db8::10/64 state ",
        &["master", "backup"],
    ),
    (
        "carpctl sysctl net.inet.carp.pre",
        &["net.inet.carp.preempt"],
    ),
    ("carpctl -g carp -carp", &["-carpdemote"]),
    ("carpctl demo --fault k", &["kill"]),
];

#[test]
fn bash_completes() {
    let (bench, directory) = (Bench::new(), generated("completions"));
    let file = directory.path().join("carpctl.bash");
    for (line, expected) in LINES {
        // As readline calls it: the word begun is the second argument.
        let script = format!(
            "source {}; COMP_LINE='{line}' COMP_POINT=${{#COMP_LINE}}; _carpctl carpctl x y; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"; complete -p carpctl >&2",
            file.display()
        );
        let Some(ran) = in_shell(&bench, "bash", &script) else {
            return;
        };
        assert_eq!(ran.out.lines().collect::<Vec<_>>(), expected, "{line}");
        assert_eq!(ran.err, "complete -F _carpctl carpctl\n", "{line}");
    }
}

#[test]
fn bash_leaves_files_to_itself() {
    let (bench, directory) = (Bench::new(), generated("completions"));
    let path = directory.path().display();
    let script = format!(
        "source {path}/carpctl.bash; compopt() {{ :; }}; \
         COMP_LINE='carpctl carp0 passfile {path}/carpctl.b' COMP_POINT=${{#COMP_LINE}}; \
         _carpctl carpctl {path}/carpctl.b passfile; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    if let Some(ran) = in_shell(&bench, "bash", &script) {
        assert_eq!(ran, says(0, &format!("{path}/carpctl.bash\n"), ""));
    }
}

#[test]
fn zsh_completes() {
    let (bench, directory) = (Bench::new(), generated("completions"));
    let file = directory.path().join("_carpctl");
    let check = format!("zsh -n {}", file.display());
    if let Some(ran) = in_shell(&bench, "zsh", &check) {
        assert_eq!(ran, says(0, "", ""));
    }
    for (line, expected) in LINES {
        let words: Vec<&str> = line.split(' ').collect();
        let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        // The completion system shows what `_describe` is given.
        let script = format!(
            "_describe() {{ print -rl -- ${{(P)3}}; }}; words=({}); CURRENT=$#words; \
             source {}",
            words.join(" "),
            file.display()
        );
        let Some(ran) = in_shell(&bench, "zsh", &script) else {
            return;
        };
        let offered = ran.out.lines().map(|it| it.split(':').next().unwrap());
        assert_eq!(offered.collect::<Vec<_>>(), expected, "{line}");
        assert_eq!(ran.err, "", "{line}");
    }
}

#[test]
fn fish_completes() {
    let (bench, directory) = (Bench::new(), generated("completions"));
    let file = directory.path().join("carpctl.fish");
    let check = format!("fish -n {}", file.display());
    if let Some(ran) = in_shell(&bench, "fish", &check) {
        assert_eq!(ran, says(0, "", ""));
    }
    for (line, expected) in LINES {
        let script = format!("source {}; complete -C '{line}'", file.display());
        let Some(ran) = in_shell(&bench, "fish", &script) else {
            return;
        };
        let offered = ran.out.lines().map(|it| it.split('\t').next().unwrap());
        assert_eq!(offered.collect::<Vec<_>>(), expected, "{line}");
        assert_eq!(ran.err, "", "{line}");
    }
}

#[test]
fn names_of_interfaces_and_groups_are_those_of_the_service() {
    let bench = Bench::new();
    let answer = String::from_utf8(services::report_and_end()).unwrap();
    let answer = answer.replace(r#""groups":["carp"]"#, r#""groups":["carp","web"]"#);
    let shown = bench.answered("complete -- stats carp", answer.as_bytes());
    assert_eq!(shown, says(0, "carp0\tbackup\n", ""));
    let shown = bench.answered("complete -- -g w", answer.as_bytes());
    assert_eq!(shown, says(0, "web\n", ""));
}
