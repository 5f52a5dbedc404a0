use proptest::prelude::*;

use super::*;

fn read(text: &str, whose: Whose) -> (Wanted, Vec<String>) {
    let mut wanted = Wanted::default();
    let errors = wanted.read(text.as_bytes(), whose);
    (wanted, errors.iter().map(ToString::to_string).collect())
}

/// What is said of `name`, which is a short one.
fn value(wanted: &Wanted, setting: Setting) -> Option<i32> {
    let all = wanted.assignments();
    let mut found = all.iter().filter(|it| it.setting == setting);
    let value = found.next().map(|it| it.value);
    assert_eq!(found.next(), None, "once");
    value
}

#[test]
fn lines_are_those_of_sysctl_conf() {
    let (wanted, errors) = read(
        "# comment\n; comment\n\n\
         net.inet.carp.preempt = 1\n\
         \tnet/inet/carp/lease=0 \n\
         - net.inet.carp.announce=30\n\
         net.inet.carp.demotion=50\n",
        Whose::Own,
    );
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(value(&wanted, Setting::Preempt), Some(1));
    assert_eq!(value(&wanted, Setting::Lease), Some(0));
    assert_eq!(value(&wanted, Setting::Announce), Some(30));
    assert_eq!(wanted.demotion(), Some(50));
}

#[test]
fn comment_may_follow_a_value_behind_white_space() {
    let (wanted, errors) = read(
        "net.inet.carp.preempt=1\t\t# 1=Enable carp(4) preemption\n\
         net.inet.carp.log = 3 #louder # than\n\
         #net.inet.carp.allow=0\t# 0=Disable\n\
         net.inet.carp.lease=0#\n\
         net.inet.carp.announce= # 30\n\
         net.inet.carp.demotion # 50=half\n",
        Whose::System,
    );
    assert_eq!(value(&wanted, Setting::Preempt), Some(1));
    assert_eq!(value(&wanted, Setting::Log), Some(3));
    assert_eq!(value(&wanted, Setting::Allow), None);
    assert_eq!(
        errors,
        [
            "4: net.inet.carp.lease=0#: not a number from 0 to 1",
            "5: net.inet.carp.announce=: not a number from 0 to 3600 seconds, 0 for none",
            "6: net.inet.carp.demotion: no value (write NAME=VALUE)",
        ]
    );
}

#[test]
fn other_names_are_ignored_in_the_files_of_the_system_only() {
    let text = "net.ipv4.ip_forward=1\n-net/ipv4/conf/*/rp_filter\nkernel.core_pattern=|x = y\n";
    let (wanted, errors) = read(text, Whose::System);
    assert_eq!((wanted, errors), (Wanted::default(), Vec::new()));
    let (_, errors) = read("net.ipv4.ip_forward=1", Whose::Own);
    assert_eq!(errors, ["1: net.ipv4.ip_forward: unknown name"]);
}

#[test]
fn what_cannot_be_is_named_with_its_line_and_the_rest_counts() {
    for whose in [Whose::System, Whose::Own] {
        let (wanted, errors) = read(
            "net.inet.carp.premept=1\n\
             -net.inet.carp.premept=1\n\
             net.inet.carp.preempt=2\n\
             net.inet.carp.preempt\n\
             net.inet.carp.demotion=-5\n\
             net.inet.carp.lease=0\n",
            whose,
        );
        assert_eq!(
            errors,
            [
                "1: net.inet.carp.premept: unknown name (did you mean \
                 `net.inet.carp.preempt'?)",
                "3: net.inet.carp.preempt=2: out of range (0 to 1)",
                "4: net.inet.carp.preempt: no value (write NAME=VALUE)",
                "5: net.inet.carp.demotion=-5: out of range (0 to 128 in a file)",
            ]
        );
        assert_eq!(value(&wanted, Setting::Lease), Some(0));
    }
}

#[test]
fn last_one_wins() {
    let (mut wanted, _) = read(
        "net.inet.carp.preempt=1\nnet.inet.carp.preempt=0",
        Whose::System,
    );
    assert_eq!(value(&wanted, Setting::Preempt), Some(0));
    wanted.read(b"net.inet.carp.preempt=1", Whose::Own);
    assert_eq!(value(&wanted, Setting::Preempt), Some(1));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..256)) {
        let lines = String::from_utf8_lossy(&text).lines().count();
        for error in Wanted::default().read(&text, Whose::Own) {
            prop_assert!((1..=lines).contains(&error.line));
        }
    }
}
