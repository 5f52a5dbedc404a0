//! Words that are understood, and words that are not.

use super::*;

#[test]
fn words_that_no_terminal_should_see_are_escaped() {
    let bench = Bench::new();
    let clear = "vh\nid\u{1b}[2J";
    let shown = r"vh\nid\u{1b}[2J";
    for (words, expected) in [
        (
            &["carp0", clear][..],
            format!("carp0: `{shown}': unknown keyword (`carpctl --help' shows all)"),
        ),
        (
            &["carp0", "vhid", clear],
            format!("carp0: `vhid {shown}': not a number from 1 to 255"),
        ),
        (
            &[clear],
            format!("{shown}: not the name of a carp interface (carp0, carp1, ...)"),
        ),
        (
            &["sysctl", clear],
            format!("sysctl: `{shown}': unknown name (`carpctl sysctl' shows all)"),
        ),
        (
            &["demo", "--fault", clear],
            format!("demo: `--fault {shown}': must be stop or kill; see `carpctl demo --help'"),
        ),
    ] {
        let ran = ran(bench.command(words).output().unwrap());
        assert_eq!(ran, says(2, "", &format!("carpctl: {expected}\n")));
    }
    let help = ran(bench.command(&[clear, "--help"]).output().unwrap());
    assert_eq!(
        help.out.lines().next(),
        Some(&*format!("Usage: carpctl {shown} WORD..."))
    );
}

#[test]
fn words_that_are_no_text_are_told_in_one_line() {
    let bench = Bench::new();
    for (before, expected) in [
        (
            &[][..],
            "`v\u{fffd}': not readable as text; see `carpctl --help'",
        ),
        (&["carp0"], "carp0: `v\u{fffd}': not readable as text"),
        (
            &["sysctl"],
            "sysctl: `v\u{fffd}': not readable as text; see `carpctl sysctl --help'",
        ),
    ] {
        let mut command = bench.command(before);
        let output = command.arg(OsStr::from_bytes(b"v\xff")).output().unwrap();
        let expected = says(2, "", &format!("carpctl: {expected}\n"));
        assert_eq!(ran(output), expected, "{before:?}");
    }
}

#[test]
fn help_and_version_fit_a_terminal() {
    let bench = Bench::new();
    let version = format!("carpctl {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(bench.run("--version"), says(0, &version, ""));
    for line in [
        "--help",
        "-h",
        "carp0 --help",
        "-g carp --help",
        "sysctl --help",
        "stats --help",
        "demote --help",
        "restart --help",
        "daemon --help",
        "decode --help",
        "demo --help",
        "sim --help",
    ] {
        let ran = bench.run(line);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{line}");
        for line in ran.out.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn reader_that_went_away_is_no_failure() {
    let bench = Bench::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = bench.command(&["--help"]);
    let output = command.stdout(writer).stderr(Stdio::piped()).spawn();
    assert_eq!(
        ran(output.unwrap().wait_with_output().unwrap()),
        says(0, "", "")
    );
}

#[test]
fn others_than_root_are_told_that_changes_need_root() {
    let bench = Bench::new();
    for (words, about) in [
        (&["carp0", "vhid", "1"][..], "carp0"),
        (&["sysctl", "net.inet.carp.preempt=1"][..], "sysctl"),
    ] {
        let mut command = bench.command(words);
        if rustix::process::geteuid().is_root() {
            command.uid(65534).gid(65534).current_dir("/");
        }
        let Ok(output) = command.output() else {
            return skip("nobody cannot run the binary where it is");
        };
        let expected = format!("carpctl: {about}: permission denied: changes need root\n");
        assert_eq!(ran(output), says(1, "", &expected));
    }
}
