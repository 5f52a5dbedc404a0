//! `monitor`, `wait`, `why` and `peers`: what is misunderstood, what a service tells, and how they
//! end.

use rustix::process::{Pid, Signal, kill_process};

use super::*;

#[test]
fn misunderstood_words_are_told_in_one_line() {
    let bench = Bench::new();
    let not_a_name = "not the name of a carp interface (carp0, carp1, ...)";
    for (line, expected) in [
        ("monitor em0", format!("monitor: em0: {not_a_name}")),
        ("why em0", format!("why: em0: {not_a_name}")),
        ("peers em0", format!("peers: em0: {not_a_name}")),
        ("wait em0 master", format!("wait: em0: {not_a_name}")),
        (
            "wait carp0 mastr",
            "wait: `mastr': not a state to wait for (did you mean `master'?)".to_owned(),
        ),
        (
            "wait carp0 running",
            "wait: `running': not a state to wait for (allowed: master, backup, init, up)"
                .to_owned(),
        ),
        (
            "wait carp0 master --timeout soon",
            "wait: `--timeout soon': not a number of seconds from 0 to 31536000".to_owned(),
        ),
        (
            "wait carp0",
            "wait: an interface and a state must follow, as in `carpctl wait carp0 master'"
                .to_owned(),
        ),
        (
            "why carp0 carp1",
            "why: `carp1': unexpected word (allowed: --json, INTERFACE, --help); \
             see `carpctl why --help'"
                .to_owned(),
        ),
    ] {
        let expected = says(2, "", &format!("carpctl: {expected}\n"));
        assert_eq!(bench.run(line), expected, "carpctl {line}");
    }
}

#[test]
fn help_fits_a_terminal() {
    let bench = Bench::new();
    for command in ["monitor", "wait", "why", "peers"] {
        let ran = bench.run(&format!("{command} --help"));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        for line in ran.out.lines() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
    }
}

/// Something that a service tells.
const TOLD: [&str; 3] = [
    r#"{"version":1,"message":"end"}"#,
    r#"{"version":1,"message":{"missed":{"count":3}}}"#,
    concat!(
        r#"{"version":1,"message":{"happened":{"time":"2026-11-26T17:32:03.25Z","#,
        r#""interface":"carp0","event":"peer_heard","source":"192.0.2.1","#,
        r#""advbase":1,"advskew":0,"demotion":0}}}"#
    ),
];

fn told() -> Vec<u8> {
    (TOLD.join("\n") + "\n").into_bytes()
}

/// A monitor to which a service has said all there is to say.
fn monitor(
    bench: &Bench,
    words: &[&str],
) -> (Child, BufReader<std::process::ChildStdout>, UnixStream) {
    let listener = bench.listen();
    let mut command = bench.command(words);
    let (mut client, mut stream, asked) = bench.ask(&listener, command.env("TZ", "<+02>-2"));
    assert!(asked.contains(r#"{"watch":{"interfaces":["#), "{asked}");
    stream.write_all(&told()).unwrap();
    let output = BufReader::new(client.stdout.take().unwrap());
    (client, output, stream)
}

#[test]
fn monitor_has_a_line_in_local_time_for_each_event_and_ends_when_interrupted() {
    let bench = Bench::new();
    let (mut client, mut output, _stream) = monitor(&bench, &["monitor", "carp0"]);
    let mut lines = String::new();
    for _ in 0..2 {
        output.read_line(&mut lines).unwrap();
    }
    // The first has the time at which it was read.
    let (missed, heard) = lines.split_once('\n').unwrap();
    assert!(
        missed.ends_with(" 3 events missed: read too slowly"),
        "{lines}"
    );
    assert_eq!(
        heard,
        "19:32:03.250 carp0: hears 192.0.2.1 (advbase 1 advskew 0)\n"
    );
    kill_process(Pid::from_child(&client), Signal::INT).unwrap();
    assert_eq!(client.wait().unwrap().code(), Some(0));
}

#[test]
fn monitor_has_an_object_a_line_in_universal_time() {
    let bench = Bench::new();
    let (mut client, mut output, _stream) = monitor(&bench, &["monitor", "--json"]);
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let missed: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&missed["event"], &missed["count"]),
        (&"missed".into(), &3.into())
    );
    line.clear();
    output.read_line(&mut line).unwrap();
    assert_eq!(
        line,
        "{\"time\":\"2026-11-26T17:32:03.25Z\",\"interface\":\"carp0\",\"event\":\"peer_heard\",\
         \"source\":\"192.0.2.1\",\"advbase\":1,\"advskew\":0,\"demotion\":0}\n"
    );
    client.kill().unwrap();
    client.wait().unwrap();
}

#[test]
fn monitor_that_nobody_reads_any_more_ends_quietly_though_nothing_happens() {
    let bench = Bench::new();
    let (client, mut output, _stream) = monitor(&bench, &["monitor"]);
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    drop(output);
    let ran = ran(client.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}

#[test]
fn service_that_lets_nobody_watch_or_talks_nonsense_is_complained_about() {
    let bench = Bench::new();
    let refused = br#"{"version":1,"message":{"refused":{"reason":"too many"}}}"#;
    let refused = [refused.as_slice(), b"\n"].concat();
    let expected = says(1, "", "carpctl: monitor: too many\n");
    assert_eq!(bench.answered("monitor", &refused), expected);
    let expected = says(1, "", "carpctl: carp0: too many\n");
    assert_eq!(bench.answered("wait carp0 master", &refused), expected);
    let nonsense = "a control message cannot be understood";
    let expected = says(1, "", &format!("carpctl: monitor: {nonsense}\n"));
    assert_eq!(bench.answered("monitor", b"{}\n"), expected);
    let expected = says(1, "", &format!("carpctl: carp0: {nonsense}\n"));
    assert_eq!(bench.answered("why carp0", b"{}\n"), expected);
}

#[test]
fn wait_ends_with_the_event() {
    let bench = Bench::new();
    let listener = bench.listen();
    let mut command = bench.command(&["wait", "carp0", "master"]);
    let (mut client, mut stream, asked) = bench.ask(&listener, &mut command);
    assert!(asked.contains(r#"["carp0"]"#), "{asked}");
    // It prints nothing, and needs nobody to read that.
    drop(client.stdout.take());
    let event = |name: &str| {
        format!(
            "{{\"version\":1,\"message\":{{\"happened\":{{\"time\":\"2026-11-26T17:32:03Z\",\
             \"interface\":\"{name}\",\"event\":\"transition\",\"from\":\"BACKUP\",\
             \"to\":\"MASTER\",\"rule\":\"command\",\"section\":\"4.7\",\"reason\":\"requested\",\
             \"heard\":null,\"own\":{{\"advbase\":1,\"advskew\":0,\"demotion\":0}},\
             \"demotion\":0,\"preempt\":false,\"clock\":null}}}}}}\n"
        )
    };
    let first = format!("{}\n{}{}", TOLD[0], event("carp7"), event("carp0"));
    stream.write_all(first.as_bytes()).unwrap();
    let told = "carpctl: carp0: no such interface: waiting for it\n";
    assert_eq!(ran(client.wait_with_output().unwrap()), says(0, "", told));
}
