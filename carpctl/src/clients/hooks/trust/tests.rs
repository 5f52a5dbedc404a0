use std::fs::Permissions;
use std::os::unix::fs::symlink;

use super::*;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn script(directory: &Path, name: &str, mode: u32) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, "#!/bin/sh\n").unwrap();
    set_mode(&path, mode);
    path
}

fn refusal(path: &Path) -> String {
    check(path).unwrap_err().to_string()
}

#[test]
fn program_that_only_its_owner_can_change_is_run() {
    let directory = tempfile::tempdir().unwrap();
    let path = script(directory.path(), "up", 0o755);
    check(&path).unwrap();
    let link = directory.path().join("link");
    symlink(&path, &link).unwrap();
    assert_eq!(check(&link).unwrap(), fs::canonicalize(&path).unwrap());
    check(Path::new("/bin/sh")).unwrap();
}

#[test]
fn what_is_in_the_way_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let plain = script(directory.path(), "plain", 0o644);
    assert_eq!(refusal(&plain), "not executable (chmod +x)");
    assert_eq!(refusal(directory.path()), "not a file");
    let nowhere = directory.path().join("nowhere");
    assert_eq!(refusal(&nowhere), "no such file");
}

#[test]
fn program_that_others_can_change_or_replace_is_not_run() {
    let directory = tempfile::tempdir().unwrap();
    let path = script(directory.path(), "up", 0o775);
    let expected = format!(
        "{} can be changed by others: only root may (chown root, chmod go-w)",
        path.display()
    );
    assert_eq!(refusal(&path), expected);

    let inner = directory.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let path = script(&inner, "up", 0o755);
    check(&path).unwrap();
    set_mode(&inner, 0o777);
    assert!(matches!(check(&path), Err(Untrusted::Changeable(it)) if it == inner));
    // A link in such a directory can be another one at any moment.
    let safe = script(directory.path(), "safe", 0o755);
    let link = inner.join("link");
    symlink(&safe, &link).unwrap();
    assert!(matches!(check(&link), Err(Untrusted::Changeable(it)) if it == inner));
    set_mode(&inner, 0o1777);
    check(&path).unwrap();
}

#[test]
fn links_do_not_lead_out_of_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let allowed = directory.path().join("carpctl");
    fs::create_dir(&allowed).unwrap();
    let inside = script(&allowed, "up", 0o755);
    let outside = script(directory.path(), "up", 0o755);
    let link = allowed.join("link");
    symlink(&outside, &link).unwrap();
    let only = [allowed.clone()];
    let real = fs::canonicalize(&inside).unwrap();
    assert_eq!(check_within(&inside, &only).unwrap(), real);
    for elsewhere in [&outside, &link, &allowed.join("../up")] {
        let refused = check_within(elsewhere, &only);
        assert!(matches!(refused, Err(Untrusted::Elsewhere(it)) if it == allowed));
    }
}

#[test]
fn owner_without_a_name_is_not_called_somebody_who_can_change_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = script(directory.path(), "up", 0o755);
    // Only root can give files away.
    if std::os::unix::fs::chown(&path, Some(NOBODY), None).is_ok() {
        let said = refusal(&path);
        assert!(said.contains("this user namespace does not know"), "{said}");
    }
}
