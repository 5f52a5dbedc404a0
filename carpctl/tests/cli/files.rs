//! Files of interfaces and settings: what they are taken for, and what is wrong with them.

use std::fs::Permissions;

use super::*;

/// A bench with files below its `/etc`, which nobody else can read.
fn bench(files: &[(&str, &str)]) -> Bench {
    let bench = Bench::new();
    for (name, text) in files {
        let path = bench.etc().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    bench
}

/// What `carpctl` says, with `/etc` where it has another directory for it.
fn run(bench: &Bench, line: &str) -> Ran {
    in_etc(bench, bench.run(line))
}

fn in_etc(bench: &Bench, ran: Ran) -> Ran {
    let etc = bench.etc().display().to_string();
    Ran {
        out: ran.out.replace(&etc, "/etc"),
        err: ran.err.replace(&etc, "/etc"),
        ..ran
    }
}

#[test]
fn netstart_n_prints_the_commands_and_no_password() {
    let bench = bench(&[
        (
            "hostname.carp0",
            "# the how-to\n\
             vhid 99 pass SharedSecret carpdev vmx0 advskew 100\n\
             inet 192.0.2.10 255.255.255.0 192.0.2.255\n\
             inet alias 192.0.2.11 0xffffff00 NONE\n\
             inet6 2001:db8::10 64\n\
             !route add -net 10.0.0.0/8 -iface $if\n\
             up\n",
        ),
        (
            "carpctl/hostname.carp10",
            "vhid 10 \\\n  passfile \"carp.key\"",
        ),
        ("carpctl/carp.key", "SharedSecret\n"),
        ("carpctl/hostname.carp2", "down"),
        ("carpctl/hostname.carp2.bak", "nonsense"),
        ("hostname.carp2~", "nonsense"),
        ("hostname.em0", "nonsense"),
        ("sysctl.d/10-carp.conf", "net/inet/carp/preempt = 0\n"),
        (
            "sysctl.conf",
            "kernel.panic=10\n-net.inet.carp.preempt=1\nnet.inet.carp.log=2\n",
        ),
        (
            "carpctl/sysctl.conf",
            "net.inet.carp.log=3\nnet.inet.carp.demotion=50\n",
        ),
    ]);
    assert_eq!(
        run(&bench, "netstart -n"),
        says(
            0,
            "carpctl sysctl net.inet.carp.preempt=1 net.inet.carp.log=3\n\
             carpctl -g carp carpdemote 50 owner sysctl.conf\n\
             carpctl carp0 vhid 99 pass - carpdev vmx0 advskew 100 192.0.2.10/24 broadcast \\\n    \
             192.0.2.255 192.0.2.11/24 2001:db8::10/64 up\n\
             # election: no: it begins to take part, as BACKUP, once vmx0 is there and up\n\
             # not run without --allow-commands: route add -net 10.0.0.0/8 -iface carp0\n\
             carpctl carp2 down\n\
             # election: no: it takes no part without a vhid and a carpdev\n\
             carpctl carp10 vhid 10 passfile /etc/carpctl/carp.key\n\
             # election: no: it takes no part without a vhid and a carpdev\n",
            "carpctl: carp0: carpdev vmx0 is not there yet: waiting for it\n"
        )
    );
    assert_eq!(
        run(&bench, "netstart -n --allow-commands carp2 carp0").out,
        "carpctl carp0 vhid 99 pass - carpdev vmx0 advskew 100 192.0.2.10/24 broadcast \\\n    \
         192.0.2.255 192.0.2.11/24 2001:db8::10/64 up\n\
         # election: no: it begins to take part, as BACKUP, once vmx0 is there and up\n\
         route add -net 10.0.0.0/8 -iface carp0\n\
         carpctl carp2 down\n\
         # election: no: it takes no part without a vhid and a carpdev\n"
    );
}

#[test]
fn errors_in_files_are_told_one_by_one_and_the_rest_is_right() {
    let bench = bench(&[
        ("hostname.carp0", "vhid 1\n\nadvskew 300\n"),
        ("hostname.carp1", "advskw 100\n"),
        ("hostname.carp2", "vhid 2\n"),
        ("carpctl/hostname.carp2", "vhid 2\n"),
        ("hostname.carp3", "vhid 3\nlladdr random\n"),
        ("hostname.carp4", "vhid 4\npassfile nowhere\n"),
        ("hostname.carp5", "vhid 5 pass \"x\n"),
        ("hostname.carp06", "vhid 6\n"),
        ("hostname.carp7", "vhid 7\n"),
        ("hostname.carp8", "vhid 8 192.0.2.8/24\n"),
        ("sysctl.conf", "net.inet.carp.premept=1\n"),
        ("carpctl/sysctl.conf", "net.ipv4.ip_forward=1\n"),
    ]);
    assert_eq!(
        run(&bench, "netstart -n"),
        says(
            1,
            "carpctl carp7 vhid 7\n\
             # election: no: it takes no part without a vhid and a carpdev\n",
            "carpctl: /etc/sysctl.conf:1: net.inet.carp.premept: unknown name (did you mean \
             `net.inet.carp.preempt'?)\n\
             carpctl: /etc/carpctl/sysctl.conf:1: net.ipv4.ip_forward: unknown name\n\
             carpctl: /etc/hostname.carp06: not the name of a carp interface (carp0, carp1, ...); \
             passed over\n\
             carpctl: /etc/hostname.carp0:3: advskew 300: out of range (0 to 254)\n\
             carpctl: /etc/hostname.carp1:1: advskw: unknown keyword (did you mean `advskew'?)\n\
             carpctl: carp2: both /etc/carpctl/hostname.carp2 and /etc/hostname.carp2 are there: \
             keep one\n\
             carpctl: /etc/hostname.carp3:2: random: would be another one each time: write the \
             MAC address, the same on all nodes\n\
             carpctl: /etc/hostname.carp4:2: passfile: /etc/nowhere: No such file or directory \
             (os error 2)\n\
             carpctl: /etc/hostname.carp5:1: `\"': the quote has no end on its line\n\
             carpctl: /etc/hostname.carp8: an address needs a carpdev: say `carpdev INTERFACE' too\n"
        )
    );
    // Only what is asked for is looked at.
    assert_eq!(
        run(&bench, "netstart -n carp7 carp9"),
        says(
            1,
            "carpctl carp7 vhid 7\n\
             # election: no: it takes no part without a vhid and a carpdev\n",
            "carpctl: carp9: no file /etc/carpctl/hostname.carp9 or /etc/hostname.carp9\n"
        )
    );
    for (line, expected) in [
        (
            "netstart vmx0",
            "carpctl: netstart: vmx0: not the name of a carp interface (carp0, carp1, ...)\n",
        ),
        (
            "netstart --prune carp7",
            "carpctl: netstart: `--prune': cannot be said together with INTERFACE; see \
             `carpctl netstart --help'\n",
        ),
        (
            "save vmx0",
            "carpctl: save: vmx0: not the name of a carp interface (carp0, carp1, ...)\n",
        ),
    ] {
        assert_eq!(run(&bench, line), says(2, "", expected), "{line}");
    }
}

#[test]
fn files_that_contradict_each_other_are_told() {
    let bench = bench(&[
        (
            "hostname.carp0",
            "vhid 1 carpdev vmx0\n192.0.2.10/24 fe80::1/64\n",
        ),
        ("hostname.carp1", "carpdev vmx0\nvhid 1\n"),
        (
            "hostname.carp2",
            "vhid 2 carpdev vmx1\ninet 192.0.2.10 255.255.255.0\n",
        ),
        (
            "hostname.carp3",
            "vhid 1 carpdev vmx1 192.0.2.11/24 fe80::1/64\n",
        ),
        ("hostname.carp4", "vhid 4\n!\n"),
    ]);
    fs::create_dir_all(bench.etc().join("sysctl.d/no-file.conf")).unwrap();
    assert_eq!(
        run(&bench, "netstart -n"),
        says(
            1,
            "carpctl carp0 vhid 1 carpdev vmx0 192.0.2.10/24 fe80::1/64\n\
             # election: no: it begins to take part, as BACKUP, once vmx0 is there and up\n\
             carpctl carp3 vhid 1 carpdev vmx1 192.0.2.11/24 fe80::1/64\n\
             # election: no: it begins to take part, as BACKUP, once vmx1 is there and up\n",
            "carpctl: /etc/sysctl.d/no-file.conf: not a file; passed over\n\
             carpctl: /etc/hostname.carp1:2: vhid: that of /etc/hostname.carp0 too\n\
             carpctl: /etc/hostname.carp2:2: 192.0.2.10: in /etc/hostname.carp0 too\n\
             carpctl: /etc/hostname.carp4:2: !: a command must follow\n\
             carpctl: carp0: carpdev vmx0 is not there yet: waiting for it\n\
             carpctl: carp3: carpdev vmx1 is not there yet: waiting for it\n"
        )
    );
}

#[test]
fn where_there_is_nothing_there_is_nothing_to_do() {
    let nothing = bench(&[]);
    assert_eq!(run(&nothing, "netstart"), says(0, "", ""));
    let others = "kernel.panic=10 # seconds\n#net.inet.carp.preempt=1\n";
    let settings = bench(&[("sysctl.conf", others), ("hostname.carp01", "nonsense")]);
    let passed_over = "carpctl: /etc/hostname.carp01: not the name of a carp interface (carp0, carp1, \
                       ...); passed over\n";
    for words in ["netstart", "netstart -n"] {
        assert_eq!(run(&settings, words), says(0, "", passed_over));
    }
    assert_eq!(run(&settings, "save"), says(0, "", ""));
    let absent = "carpctl: carp0: no such interface\n";
    assert_eq!(run(&settings, "save carp0"), says(1, "", absent));
}

#[test]
fn password_that_others_can_read_is_told() {
    let bench = bench(&[
        ("hostname.carp0", "vhid 1 pass SharedSecret\n"),
        ("hostname.carp1", "vhid 2 passfile keys/carp\n"),
        ("hostname.carp2", "vhid 3\n"),
        ("keys/carp", "SharedSecretOfTwenty\n"),
    ]);
    for name in [
        "hostname.carp0",
        "hostname.carp1",
        "hostname.carp2",
        "keys/carp",
    ] {
        fs::set_permissions(bench.etc().join(name), Permissions::from_mode(0o644)).unwrap();
    }
    assert_eq!(
        run(&bench, "netstart -n").err,
        "carpctl: /etc/hostname.carp0: others can read the password in it: chmod 600 \
         /etc/hostname.carp0\n\
         carpctl: /etc/keys/carp: others can read the password in it: chmod 600 /etc/keys/carp\n\
         carpctl: /etc/hostname.carp1: only the first 19 bytes of the password count, as on \
         OpenBSD\n"
    );
}

#[test]
fn file_that_others_can_change_is_told_and_its_commands_are_not_run() {
    let bench = bench(&[
        ("hostname.carp0", "vhid 1\n!true\n!false\n"),
        ("carpctl/hostname.carp1", "vhid 2\n!true\n"),
        ("carpctl/hostname.carp2", "vhid 3\n"),
    ]);
    for (name, mode) in [("hostname.carp0", 0o602), ("carpctl", 0o777)] {
        fs::set_permissions(bench.etc().join(name), Permissions::from_mode(mode)).unwrap();
    }
    assert_eq!(
        run(&bench, "netstart -n --allow-commands"),
        says(
            1,
            "carpctl carp0 vhid 1\n\
             # election: no: it takes no part without a vhid and a carpdev\n\
             # not run: true\n\
             # not run: false\n\
             carpctl carp1 vhid 2\n\
             # election: no: it takes no part without a vhid and a carpdev\n\
             # not run: true\n\
             carpctl carp2 vhid 3\n\
             # election: no: it takes no part without a vhid and a carpdev\n",
            "carpctl: /etc/carpctl can be changed by others: only root may (chown root, chmod \
             go-w)\n\
             carpctl: /etc/hostname.carp0:2: not run, with 1 more: /etc/hostname.carp0 can be \
             changed by others: only root may (chown root, chmod go-w)\n\
             carpctl: /etc/carpctl/hostname.carp1:2: not run: /etc/carpctl can be changed by \
             others: only root may (chown root, chmod go-w)\n"
        )
    );
}

#[test]
fn passfile_is_a_file_and_told_where_others_can_read_it() {
    let bench = bench(&[("carp.key", "SharedSecret\n")]);
    let key = bench.etc().join("carp.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let line = format!("-n carp0 vhid 1 passfile {}", key.display());
    assert_eq!(
        run(&bench, &line).err,
        "carpctl: carp0: /etc/carp.key: others can read the password in it: chmod 600 \
         /etc/carp.key\n"
    );
    fs::remove_file(&key).unwrap();
    let made = Command::new("mkfifo").arg(&key).status().unwrap();
    assert!(made.success());
    let refusal = "carpctl: carp0: /etc/carp.key: not a file\n";
    assert_eq!(run(&bench, &line), says(1, "", refusal));
}

#[test]
fn passfile_is_a_credential_where_there_is_one() {
    let bench = bench(&[
        ("hostname.carp0", "vhid 1 passfile carp.key\n"),
        ("hostname.carp1", "vhid 2 passfile other.key\n"),
        ("other.key", "SharedSecret\n"),
        ("credentials/carp.key", "SharedSecret\n"),
    ]);
    let mut command = bench.command(&["netstart", "-n"]);
    command.env("CREDENTIALS_DIRECTORY", bench.etc().join("credentials"));
    assert_eq!(
        in_etc(&bench, ran(command.output().unwrap())),
        says(
            0,
            "carpctl carp0 vhid 1 passfile /etc/credentials/carp.key\n\
             # election: no: it takes no part without a vhid and a carpdev\n\
             carpctl carp1 vhid 2 passfile /etc/other.key\n\
             # election: no: it takes no part without a vhid and a carpdev\n",
            ""
        )
    );
}

/// What a service tells of carp0, with the key of `SharedSecret`.
const TOLD: &[u8] = b"{\"version\":1,\"message\":{\"config\":{\"interface\":\"carp0\",\
    \"change\":{\"vhid\":99,\"carpdev\":\"vmx0\",\"advskew\":100,\
    \"key\":\"5368617265645365637265740000000000000000\",\"addresses\":[{\"ip\":\"192.0.2.10\",\
    \"prefixlen\":24,\"broadcast\":null,\"manner\":\"set\"}]},\"has_key\":true}}}\n\
    {\"version\":1,\"message\":\"end\"}\n";

#[test]
fn interface_is_saved_for_root_alone_to_read() {
    let bench = bench(&[("rc.conf", "")]);
    let path = bench.etc().join("hostname.carp0");
    let save = |line: &str| in_etc(&bench, bench.answered(line, TOLD));
    let told = |what: &str| says(0, "", &format!("carpctl: carp0: {what}\n"));
    assert_eq!(save("save carp0"), told("saved in /etc/hostname.carp0"));
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "vhid 99 pass SharedSecret carpdev vmx0 advskew 100 192.0.2.10/24\n"
    );
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(save("save"), told("/etc/hostname.carp0 says so already"));

    fs::write(&path, "vhid 99\nadvskw 100\n").unwrap();
    assert_eq!(
        save("save carp0"),
        says(
            1,
            "",
            "carpctl: carp0: /etc/hostname.carp0:2: advskw: unknown keyword (did you mean \
             `advskew'?); not written over\n"
        )
    );
}

#[test]
fn save_n_prints_no_password() {
    let bench = bench(&[(
        "hostname.carp0",
        "# mine\nvhid 99\n!route add default $if\n",
    )]);
    let text = String::from_utf8(TOLD.to_vec()).unwrap();
    let key = "\"key\":\"5368617265645365637265740000000000000000\",";
    let without_key = text.replace(key, "");
    assert_eq!(
        in_etc(
            &bench,
            bench.answered("save -n carp0", without_key.as_bytes())
        ),
        says(
            0,
            "# /etc/hostname.carp0\n\
             # mine\n\
             vhid 99 carpdev vmx0 advskew 100 192.0.2.10/24\n\
             # and its password\n\
             !route add default $if\n",
            ""
        )
    );
}
