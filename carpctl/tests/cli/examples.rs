//! The examples of the package, as far as they are programs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

/// What the hook for conntrackd has it do, with a program in its place that writes down its words.
fn conntrackd(event: &str) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("conntrackd");
    fs::write(
        &program,
        "#!/bin/sh\nprintf '%s\\n' \"$*\"\n[ \"$1\" != -B ]\n",
    )
    .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let example = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../packaging/examples/conntrackd"
    );
    let output = Command::new("/bin/sh")
        .arg(example)
        .env_clear()
        .env("PATH", directory.path())
        .env("CARP_EVENT", event)
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn hook_for_conntrackd_goes_on_whatever_fails() {
    let up = "-c\n-f\n-R\n-B\nconntrackd -B failed\n".to_owned();
    assert_eq!(conntrackd("up"), (Some(0), up));
    assert_eq!(conntrackd("backup"), (Some(0), "-t\n-n\n".to_owned()));
    assert_eq!(conntrackd("down"), (Some(0), "-t\n".to_owned()));
    assert_eq!(conntrackd(""), (Some(2), String::new()));
}
