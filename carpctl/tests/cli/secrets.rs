//! Passwords: on their way, and nowhere else.

use super::*;

#[test]
fn password_leaves_the_command_line_at_once() {
    let bench = Bench::new();
    let listener = bench.listen();
    let mut command = bench.command(&[
        "carp0",
        "vhid",
        "99",
        "pass",
        "SharedSecret",
        "carpdev",
        "vmx0",
    ]);
    let (mut client, mut stream, request) = bench.ask(&listener, &mut command);
    let of_client = |file: &str| fs::read(format!("/proc/{}/{file}", client.id()));
    let words = of_client("cmdline").unwrap();
    let words: Vec<&[u8]> = words.split(|byte| *byte == 0).skip(1).collect();
    assert_eq!(words.join(&b' '), b"carp0 vhid 99 pass - carpdev vmx0 ");
    assert_eq!(of_client("comm").unwrap(), b"carpctl\n");
    // Only root can read this of a process that keeps out of core dumps.
    let environment = of_client("environ").unwrap_or_default();
    assert!(!String::from_utf8_lossy(&environment).contains("SharedSecret"));
    // The service gets it, in a form that no other part of the message has.
    assert!(request.contains("53686172656453656372657400"), "{request}");
    assert!(!request.contains("SharedSecret"));
    stream
        .write_all(b"{\"version\":1,\"message\":{\"done\":{\"notes\":[]}}}\n")
        .unwrap();
    assert!(client.wait().unwrap().success());
}

#[test]
fn password_comes_from_standard_input_or_a_file() {
    let bench = Bench::new();
    let listener = bench.listen();
    let file = bench.directory.path().join("key");
    fs::write(&file, "SharedSecret\nsomething else\n").unwrap();
    let requests = [
        bench.command(&["carp0", "passfile", file.to_str().unwrap()]),
        bench.command(&["carp0", "pass", "-"]),
    ]
    .map(|mut command| {
        command.stdin(fs::File::open(&file).unwrap());
        let (mut client, stream, request) = bench.ask(&listener, &mut command);
        drop(stream);
        assert_eq!(client.wait().unwrap().code(), Some(1));
        request
    });
    assert!(
        requests[0].contains("53686172656453656372657400"),
        "{}",
        requests[0]
    );
    assert_eq!(requests[0], requests[1]);
}

#[test]
fn password_troubles_are_told_without_the_password() {
    let bench = Bench::new();
    assert_eq!(
        bench.run("carp0 pass -"),
        says(1, "", "carpctl: carp0: no password on standard input\n")
    );
    assert_eq!(
        bench.run("carp0 passfile /nonexistent"),
        says(
            1,
            "",
            "carpctl: carp0: /nonexistent: No such file or directory (os error 2)\n"
        )
    );
    // A word in the wrong place behind a password is pointed at, the password is not.
    let ran = bench.run("carp0 pass SharedSecret vhid");
    assert_eq!(ran.code, Some(2));
    assert!(!ran.err.contains("SharedSecret"), "{}", ran.err);
    let ran = bench.run("carp0 vhid pass SharedSecret");
    assert_eq!(ran.code, Some(2));
    assert!(!ran.err.contains("SharedSecret"), "{}", ran.err);
}

#[test]
fn long_password_is_cut_with_a_note() {
    let bench = Bench::new();
    let done = b"{\"version\":1,\"message\":{\"done\":{\"notes\":[]}}}\n";
    let note = "carpctl: carp0: only the first 19 bytes of the password count, as on OpenBSD\n";
    let long = bench.answered("carp0 pass abcdefghijklmnopqrst", done);
    assert_eq!(long, says(0, "", note));
    let short = bench.answered("carp0 pass abcdefghijklmnopqrs", done);
    assert_eq!(short, says(0, "", ""));
}
