//! Words that are understood, and words that are not.

use super::*;

#[test]
fn misunderstood_words_exit_2_and_start_nothing() {
    let bench = Bench::new();
    for (line, expected) in [
        (
            "carp0 advskw 100",
            "carp0: `advskw': unknown keyword (did you mean `advskew'?)",
        ),
        (
            "carp0 vhid 300",
            "carp0: `vhid 300': out of range (1 to 255)",
        ),
        (
            "carp0 vhid",
            "carp0: `vhid': a number from 1 to 255 must follow",
        ),
        (
            "carp0 inet 192.0.2.10 255.255.255.0",
            "carp0: `255.255.255.0': looks like a netmask: write `netmask 255.255.255.0'",
        ),
        (
            "carp0 carpnodes 1:0",
            "carp0: `carpnodes': load balancing is not supported: make one interface for each vhid",
        ),
        (
            "vmx0",
            "vmx0: not the name of a carp interface (carp0, carp1, ...)",
        ),
        (
            "vmx0 vhid 1 advskew 100 pass SharedSecret alias 192.0.2.1/32",
            "vmx0: not a carp interface; that is how FreeBSD says it, here it is an interface of \
             its own: `carpctl carp0 vhid 1 pass - carpdev vmx0 advskew 100 192.0.2.1/32'",
        ),
        (
            "vmx0 vhid 1 state backup",
            "vmx0: not a carp interface; that is how FreeBSD says it, here it is an interface of \
             its own: `carpctl carp0 vhid 1 carpdev vmx0 state backup'",
        ),
        (
            "vmx0 192.0.2.1/32",
            "vmx0: not the name of a carp interface (carp0, carp1, ...)",
        ),
        (
            "web vhid 1 carpdev vmx0",
            "web: not the name of a carp interface (carp0, carp1, ...)",
        ),
        (
            "web",
            "web: not the name of a carp interface (carp0, carp1, ...)",
        ),
        (
            "-n carp0",
            "`-n': goes with an interface and words that change it (`carpctl -n carp0 down')",
        ),
        (
            "-n",
            "`-n': goes with an interface and words that change it (`carpctl -n carp0 down')",
        ),
        (
            "-k --json",
            "`-k': a password is not shown as JSON; `carpctl show -k' has it too",
        ),
        ("carp0 mtu 9", "carp0: `mtu 9': out of range (68 to 65535)"),
        (
            "carp0 -carpdemote",
            "carp0: `-carpdemote': a group is demoted, not an interface: \
             `carpctl -g carp -carpdemote'",
        ),
        ("carp0 inet delete inet delete", "carp0: `inet': said twice"),
        (
            "carp00 vhid 1",
            "carp00: not the name of a carp interface (carp0, carp1, ...)",
        ),
        (
            "-g",
            "`-g': the name of a group must follow (`carpctl -g carp')",
        ),
        (
            "-g carp carpdemote 129",
            "carp: invalid carp demotion: `129' is too large (0 to 128)",
        ),
        (
            "carp0 carpdemote",
            "carp0: `carpdemote': a group is demoted, not an interface: \
             `carpctl -g carp carpdemote'",
        ),
        (
            "demote 50 owner x",
            "demote: `-- COMMAND' must follow: the demotion lasts as long as it runs",
        ),
        (
            "demote 50 owner x sleep 1",
            "demote: `sleep': unexpected word (carpctl demote N [group NAME] owner NAME -- \
             COMMAND)",
        ),
        ("deamon", "deamon: unknown command (did you mean `daemon'?)"),
        (
            "sysctl net.inet.carp.premept=1",
            "sysctl: `net.inet.carp.premept': unknown name (did you mean `net.inet.carp.preempt'?)",
        ),
        (
            "sysctl net.inet.carp.preempt=2",
            "sysctl: `net.inet.carp.preempt=2': out of range (0 to 1)",
        ),
        (
            "sysctl kern.hostname",
            "sysctl: `kern.hostname': unknown name (`carpctl sysctl' shows all)",
        ),
    ] {
        let expected = says(2, "", &format!("carpctl: {expected}\n"));
        assert_eq!(bench.run(line), expected, "carpctl {line}");
    }
    assert_eq!(fs::read_dir(bench.directory.path()).unwrap().count(), 0);
}

#[test]
fn misunderstood_options_are_told_in_one_line() {
    let bench = Bench::new();
    for (line, expected) in [
        (
            "--frobnicate",
            "`--frobnicate': unknown option (allowed: --all, -A, -C, -k, -n, --json, --help, \
             --version); \
             see `carpctl --help'",
        ),
        (
            "--jsn sysctl",
            "`--jsn': unknown option (did you mean `--json'?); see `carpctl --help'",
        ),
        (
            "--json=1",
            "`--json=1': takes no value; see `carpctl --help'",
        ),
        (
            "help foo",
            "help: `foo': nothing is called so (`carpctl help' shows what there is)",
        ),
        (
            "sysctl -x",
            "sysctl: `-x': unknown option (allowed: --all, -n, -w, -q, --json, NAME[=VALUE], \
             --help); see `carpctl sysctl --help'",
        ),
        (
            "sysctl -w net.inet.carp.preempt",
            "sysctl: `-w': every setting needs a value (write NAME=VALUE)",
        ),
        (
            "--json sysctl -n -n",
            "sysctl: `-n': said twice; see `carpctl sysctl --help'",
        ),
        (
            "sysctl -a net.inet.carp.preempt=1",
            "sysctl: `--all': cannot be said together with [NAME[=VALUE]]...; \
             see `carpctl sysctl --help'",
        ),
        (
            "daemon foo",
            "daemon: `foo': unexpected word (allowed: --group, --user, --no-sandbox, --unsupervised, \
             --boot, --metrics, --no-hooks, --help); \
             see `carpctl daemon --help'",
        ),
        (
            "daemon --metrics 0.0.0.0:9112",
            "daemon: `--metrics 0.0.0.0:9112': not a loopback address, and metrics have no access \
             control: 127.0.0.1:PORT, [::1]:PORT or unix:/PATH, and a proxy in front of it; see \
             `carpctl daemon --help'",
        ),
        (
            "daemon --metrics localhost:9112",
            "daemon: `--metrics localhost:9112': must be unix:/PATH, 127.0.0.1:PORT or \
             [::1]:PORT; see `carpctl daemon --help'",
        ),
        (
            "daemon --group",
            "daemon: `--group': NAME|GID must follow; see `carpctl daemon --help'",
        ),
        (
            "demo --fault foo",
            "demo: `--fault foo': must be stop or kill; see `carpctl demo --help'",
        ),
        (
            "demo --fault",
            "demo: `--fault': stop or kill must follow; see `carpctl demo --help'",
        ),
    ] {
        let expected = says(2, "", &format!("carpctl: {expected}\n"));
        assert_eq!(bench.run(line), expected, "carpctl {line}");
    }
}

#[test]
fn spaces_in_an_assignment_are_pointed_at() {
    let bench = Bench::new();
    let meant = "(write NAME=VALUE: `net.inet.carp.preempt=1')";
    for said in [
        "net.inet.carp.preempt = 1",
        "net.inet.carp.preempt= 1",
        "net.inet.carp.preempt =1",
    ] {
        let expected = format!("carpctl: sysctl: `{said}': spaces around `=' {meant}\n");
        assert_eq!(bench.run(&format!("sysctl {said}")), says(2, "", &expected));
    }
    let expected = "carpctl: sysctl: `=1': no name before `=' (write NAME=VALUE)\n";
    assert_eq!(bench.run("sysctl =1"), says(2, "", expected));
    let expected = "carpctl: sysctl: `net.inet.carp.preempt=': not a number from 0 to 1\n";
    let ran = bench.run("sysctl net.inet.carp.preempt=");
    assert_eq!(ran, says(2, "", expected));
}

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
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ran = ran(bench.command(&words).env("COLUMNS", "80").output().unwrap());
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
