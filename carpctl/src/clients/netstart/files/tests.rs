use super::*;

/// A directory with files of these names.
fn etc(names: &[&str]) -> (tempfile::TempDir, Etc) {
    let directory = tempfile::tempdir().unwrap();
    for name in names {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let etc = Etc::within(directory.path().to_owned());
    (directory, etc)
}

fn relative(directory: &tempfile::TempDir, path: &Path) -> String {
    let path = path.strip_prefix(directory.path()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn files_of_interfaces_have_exactly_their_name() {
    let (directory, etc) = etc(&[
        "hostname.carp10",
        "hostname.carp2",
        "carpctl/hostname.carp2",
        "carpctl/hostname.carp3",
        "hostname.carp0.bak",
        "hostname.carp0~",
        "hostname.carp0.dpkg-dist",
        "hostname.carp",
        "hostname.em0",
        "hostname",
        ".hostname.carp1",
        "hostname.carp01",
    ]);
    let found = etc.hostnames().unwrap();
    let shown: Vec<String> = found
        .of
        .iter()
        .map(|(name, paths)| {
            let paths: Vec<String> = paths
                .iter()
                .map(|path| relative(&directory, path))
                .collect();
            format!("{name}: {}", paths.join(" "))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "carp2: carpctl/hostname.carp2 hostname.carp2",
            "carp3: carpctl/hostname.carp3",
            "carp10: hostname.carp10"
        ]
    );
    let [misnamed] = found.misnamed.as_slice() else {
        panic!("{:?}", found.misnamed);
    };
    assert_eq!(relative(&directory, misnamed), "hostname.carp01");
}

#[test]
fn no_directory_is_no_error() {
    let etc = Etc::within("/nonexistent".into());
    assert!(etc.hostnames().unwrap().of.is_empty());
}

#[test]
fn settings_are_in_the_order_in_which_the_last_one_wins() {
    let (directory, etc) = etc(&[
        "sysctl.d/20-b.conf",
        "sysctl.d/10-a.conf",
        "sysctl.d/README",
        "sysctl.conf",
    ]);
    let link = directory.path().join("sysctl.d/99-sysctl.conf");
    std::os::unix::fs::symlink("../sysctl.conf", link).unwrap();
    let masked = directory.path().join("sysctl.d/15-masked.conf");
    std::os::unix::fs::symlink("/dev/null", masked).unwrap();
    let (system, own) = etc.settings().unwrap();
    let system: Vec<String> = system
        .iter()
        .map(|path| relative(&directory, path))
        .collect();
    assert_eq!(
        system,
        ["sysctl.d/10-a.conf", "sysctl.d/20-b.conf", "sysctl.conf"]
    );
    assert_eq!(relative(&directory, &own), "carpctl/sysctl.conf");
}

#[test]
fn what_is_no_file_of_reasonable_length_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let error = Text::read(directory.path()).unwrap_err().to_string();
    assert!(error.ends_with(": not a file"), "{error}");
    let path = directory.path().join("long");
    fs::write(&path, "x".repeat(LONGEST + 1)).unwrap();
    let error = Text::read(&path).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{}: longer than 65536 bytes", path.display())
    );
    fs::write(&path, "x".repeat(LONGEST)).unwrap();
    assert_eq!(Text::read(&path).unwrap().bytes.len(), LONGEST);
    fs::write(&path, "\u{feff}vhid 1\n").unwrap();
    assert_eq!(*Text::read(&path).unwrap().bytes, b"vhid 1\n");
    let missing = directory.path().join("missing");
    assert!(Text::read_if_there(&missing).unwrap().is_none());
}
