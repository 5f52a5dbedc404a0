use std::ffi::OsString;

use carp_net::carp_fsm::carp_proto::Key;

use super::*;
use crate::vocabulary::words;

/// What a service tells of carp0 after `line`, with this password.
fn told(line: &str, password: &str) -> Told {
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    let change = Change {
        key: Some(CarriedKey(Key::from_password(password))),
        ..words::parse("carp0", &words).unwrap().change
    };
    let (config, _) = Config::default().with(&change).unwrap();
    Told {
        interface: "carp0".parse().unwrap(),
        change: config.as_told(),
        has_key: true,
    }
}

/// What becomes of a file with `text`, or of none, and whether it has to be written.
fn saved(told: &Told, text: Option<&str>) -> (String, bool) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hostname.carp0");
    fs::write(directory.path().join("carp.key"), "SharedSecret\n").unwrap();
    if let Some(text) = text {
        fs::write(&path, text).unwrap();
    }
    let there = read(told.interface, &path).unwrap();
    let as_it_is = there
        .as_ref()
        .is_some_and(|there| there.makes(&told.change));
    let draft = draft(told, path.clone(), there.as_ref()).unwrap();
    draft.write().unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    let again = read(told.interface, &path).unwrap().unwrap();
    assert!(again.makes(&told.change), "what is written makes the same");
    (fs::read_to_string(&path).unwrap(), !as_it_is)
}

const WORDS: &str = "vhid 99 carpdev vmx0 advskew 100 192.0.2.10/24";

#[test]
fn new_file_is_that_of_the_how_to() {
    let expected = "vhid 99 pass SharedSecret carpdev vmx0 advskew 100 192.0.2.10/24\n";
    let (text, _) = saved(&told(WORDS, "SharedSecret"), None);
    assert_eq!(text, expected);
}

#[test]
fn whatever_can_be_said_can_be_saved() {
    for (line, password) in [
        ("create", ""),
        ("vhid 1", "it's \" # \\ me"),
        (
            "vhid 7 carpdev vmx0 advbase 2 lladdr 02:00:5e:00:00:07 peers freebsd \
             advdemote both peer 10.0.0.2 peer 10.0.0.3 peer6 2001:db8::2 group web \
             description #1 mtu 1400 192.0.2.10/24 broadcast 192.0.2.0 192.0.2.11/32 2001:db8::10/64 down",
            "-x",
        ),
    ] {
        saved(&told(line, password), None);
    }
}

#[test]
fn comments_commands_and_passfile_are_kept() {
    let text = "# The second node.\n\
                vhid 99 passfile carp.key carpdev vmx0 # here\n\
                !route add default \\\n  $if\n\
                up\n";
    let (text, is_written) = saved(&told(WORDS, "SharedSecret"), Some(text));
    assert!(is_written);
    assert_eq!(
        text,
        "# The second node.\n\
         vhid 99 carpdev vmx0 advskew 100 192.0.2.10/24 passfile carp.key\n\
         !route add default   $if\n"
    );
    let (text, _) = saved(&told(WORDS, "Other"), Some(&text));
    assert!(
        text.contains("pass Other") && !text.contains("passfile"),
        "{text}"
    );
}

#[test]
fn file_that_makes_the_same_is_right_as_it_stands() {
    let text = "inet 192.0.2.10 255.255.255.0 NONE\n\
                vhid 99 passfile carp.key\n# and\nadvskew 100 carpdev vmx0\nup\n";
    assert!(!saved(&told(WORDS, "SharedSecret"), Some(text)).1);
    assert!(saved(&told(WORDS, "Other"), Some(text)).1);
    assert!(saved(&told("vhid 99 carpdev vmx0", "SharedSecret"), Some(text)).1);
}

#[test]
fn file_that_is_right_is_taken_from_others() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hostname.carp0");
    fs::write(&path, "vhid 99 pass SharedSecret\n").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let there = || read("carp0".parse().unwrap(), &path).unwrap().unwrap();
    assert!(there().close().unwrap());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!there().close().unwrap());
}

#[test]
fn file_that_cannot_be_understood_is_not_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hostname.carp0");
    fs::write(&path, "vhid 99\nadvskw 100\n").unwrap();
    let error = read("carp0".parse().unwrap(), &path).err().unwrap();
    assert_eq!(
        error,
        format!(
            "{}:2: advskw: unknown keyword (did you mean `advskew'?); not written over",
            path.display()
        )
    );
}

#[test]
fn place_is_where_a_file_is_or_where_others_are() {
    let directory = tempfile::tempdir().unwrap();
    let etc = Etc::within(directory.path().to_owned());
    let name = "carp0".parse().unwrap();
    let [own, system] = etc.places(name);
    assert_eq!(place(&etc, name).unwrap(), system);
    fs::create_dir(own.parent().unwrap()).unwrap();
    assert_eq!(place(&etc, name).unwrap(), own);
    fs::write(&system, "").unwrap();
    assert_eq!(place(&etc, name).unwrap(), system);
    fs::write(&own, "").unwrap();
    let error = place(&etc, name).unwrap_err();
    assert!(error.ends_with("are there: keep one"), "{error}");
}

#[test]
fn link_stays_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("real");
    let path = directory.path().join("hostname.carp0");
    fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink("real", &path).unwrap();
    let told = told(WORDS, "SharedSecret");
    draft(&told, path.clone(), None).unwrap().write().unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert!(fs::read_to_string(&file).unwrap().starts_with("vhid 99"));
}
