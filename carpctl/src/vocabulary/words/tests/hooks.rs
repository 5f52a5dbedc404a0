//! Words about hooks.

use super::*;
use crate::vocabulary::hooks::{Hook, HookChange, MAX_TEXT};

fn script(hook: Hook, file: Option<&str>) -> HookChange {
    let file = file.map(str::to_owned);
    HookChange::Script { hook, file }
}

#[test]
fn scripts_come_and_go() {
    let line = "preparescript /p upscript /u backupscript /b downscript /d";
    let expected = [
        script(Hook::Prepare, Some("/p")),
        script(Hook::Up, Some("/u")),
        script(Hook::Backup, Some("/b")),
        script(Hook::Down, Some("/d")),
    ];
    assert_eq!(change(line).hooks, expected);
    for hook in Hook::ALL {
        let line = format!("-{}", hook.keyword());
        assert_eq!(change(&line).hooks, [script(hook, None)]);
    }
    let line = "xparam eth0:web hooktimeout 10";
    let expected = [
        HookChange::Xparam(Some("eth0:web".to_owned())),
        HookChange::Timeout(10),
    ];
    assert_eq!(change(line).hooks, expected);
    assert_eq!(change("-xparam").hooks, [HookChange::Xparam(None)]);
}

#[test]
fn third_argument_may_be_any_word() {
    let words = ["xparam", "up", "xparam up"].map(OsString::from);
    let parsed = parse("carp0", &words[..2]).unwrap();
    let expected = HookChange::Xparam(Some("up".to_owned()));
    assert_eq!(parsed.change.hooks, [expected]);
    assert_eq!(parsed.change.up, None);
}

#[test]
fn errors_of_hooks_point_at_the_word() {
    let long = format!("upscript /{}", "x".repeat(MAX_TEXT));
    let too_long = format!("`{long}': longer than 255 bytes");
    for (line, expected) in [
        (
            "upscript up.sh",
            "`upscript up.sh': must be an absolute path, such as /etc/carpctl/script",
        ),
        (
            "upscript",
            "`upscript': the absolute path of a program must follow",
        ),
        ("upscript /a -upscript", "`-upscript': said twice"),
        ("xparam a xparam b", "`xparam': said twice"),
        ("hooktimeout 61", "`hooktimeout 61': out of range (1 to 60)"),
        (&*long, &*too_long),
    ] {
        assert_eq!(refusal(line), expected);
    }
    let words = ["xparam", ""].map(OsString::from);
    let error = parse("carp0", &words).unwrap_err().to_string();
    assert_eq!(error, "`xparam ': is empty: `-xparam' takes it away");
    let words = ["upscript", "/a\nb"].map(OsString::from);
    let error = parse("carp0", &words).unwrap_err().to_string();
    assert!(error.ends_with("holds a character that is not printable"));
}
