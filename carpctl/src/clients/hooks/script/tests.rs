use super::*;

/// Runs `script` with `sh`; returns how it ended, what it wrote, and how long that took.
fn sh(script: &str, limit: Duration) -> (Ended, Vec<String>, Duration) {
    let arguments = ["-c", script, "sh", "eth0", "192.0.2.10"].map(str::to_owned);
    let environment = [("CARP_EVENT".to_owned(), "up".to_owned())];
    let mut lines = Vec::new();
    let began = now();
    let ended = run(
        &Run {
            program: Path::new("/bin/sh"),
            called: Path::new("sh"),
            arguments: &arguments,
            environment: &environment,
            limit,
        },
        &mut |line| lines.push(line.to_owned()),
    );
    (ended, lines, now() - began)
}

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(200);

#[test]
fn output_comes_line_by_line_and_the_status_at_the_end() {
    let script = "echo out; echo err >&2; printf 'a\\033b\\nunended'; exit 3";
    let (ended, lines, _) = sh(script, LONG);
    let Ended::Exited(status) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(in_words(status), "exit status 3");
    assert_eq!(lines, ["out", "err", "a\\u{1b}b", "unended"]);
}

#[test]
fn it_has_its_arguments_and_no_environment_but_what_it_is_given() {
    let script = "echo $1 $2; echo event=$CARP_EVENT home=$HOME; pwd; cat";
    let (_, lines, _) = sh(script, LONG);
    assert_eq!(lines, ["eth0 192.0.2.10", "event=up home=", "/"]);
}

#[test]
fn whoever_takes_too_long_is_told_to_end() {
    let script = "trap 'echo told; exit 0' TERM; echo begun; while :; do sleep 0.05; done";
    let (ended, lines, took) = sh(script, SHORT);
    assert!(matches!(ended, Ended::TimedOut), "{ended:?}");
    // The shell may have a word of its own in between.
    assert_eq!(
        (&*lines[0], lines.last().unwrap().as_str()),
        ("begun", "told")
    );
    assert!(took >= SHORT && took < GRACE, "{took:?}");
}

#[test]
fn whoever_does_not_listen_is_killed_with_all_that_it_has_started() {
    let script = "trap '' TERM; sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' & \
                  echo $!; wait; while :; do sleep 0.05; done";
    let (ended, lines, took) = sh(script, SHORT);
    assert!(matches!(ended, Ended::TimedOut), "{ended:?}");
    assert!(
        took >= SHORT + GRACE && took < SHORT + 2 * GRACE,
        "{took:?}"
    );
    let started = format!("/proc/{}/stat", lines[0]);
    let is_gone = || match std::fs::read_to_string(&started) {
        Ok(stat) => stat.contains(") Z "), // whoever it is left to has not taken note yet
        Err(_) => true,
    };
    let until = now() + GRACE;
    while !is_gone() {
        assert!(now() < until, "its child is left");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_it_leaves_in_the_background_is_not_waited_for() {
    let (ended, lines, took) = sh("sleep 20 & echo done $!", LONG);
    assert!(matches!(ended, Ended::Exited(status) if status.success()));
    assert!(took < Duration::from_secs(10), "{took:?}");
    // It is this test's own.
    let pid = lines[0].split(' ').next_back().unwrap().parse().unwrap();
    let pid = Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
}

#[test]
fn not_more_is_told_than_a_log_has_room_for() {
    let (ended, lines, _) = sh("yes 0123456789 | head -c 1000000; echo; exit 0", LONG);
    assert!(matches!(ended, Ended::Exited(_)), "{ended:?}");
    assert_eq!(lines.len(), MOST_LINES + 1);
    assert_eq!(lines.last().unwrap(), "(more output is left out)");
    let (_, lines, _) = sh("head -c 100000 /dev/zero | tr '\\0' x", LONG);
    assert_eq!(lines, ["x".repeat(LONGEST_LINE)]);
}

#[test]
fn whoever_writes_without_end_has_the_same_limit() {
    let (ended, _, took) = sh("trap '' TERM PIPE; while :; do echo x; done", SHORT);
    assert!(matches!(ended, Ended::TimedOut), "{ended:?}");
    assert!(took < SHORT + 2 * GRACE, "{took:?}");
}

#[test]
fn what_cannot_be_run_says_why() {
    let run = |program: &str| {
        let run_it = Run {
            program: Path::new(program),
            called: Path::new(program),
            arguments: &[],
            environment: &[],
            limit: LONG,
        };
        run(&run_it, &mut |_| {})
    };
    assert!(matches!(run("/nonexistent"), Ended::NotRun(_)));
    assert!(matches!(run("/etc"), Ended::NotRun(_)));
}
