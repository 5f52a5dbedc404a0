//! Changes that say all there is to say of an interface, as a file does, and come again and again.

use super::*;

const WHOLE: &str = "vhid 1 carpdev vmx0 advskew 7 group web 192.0.2.10/24 alias 192.0.2.11/24";

#[test]
fn same_configuration_again_moves_no_election() {
    let bench = Bench::staying();
    say_anew(&bench, WHOLE);
    bench.done("carp0", "state master");
    let before = bench.report("carp0");
    for line in [
        WHOLE,
        &format!("{WHOLE} up"),
        &format!("{WHOLE} state backup"),
    ] {
        say_anew(&bench, line);
        let now = bench.report("carp0");
        assert_eq!(now.carp, before.carp, "{line}");
        assert_eq!(now.addresses, before.addresses, "{line}");
        assert_eq!(reason(&now), reason(&before), "{line}");
    }
    bench.done("carp0", "state backup");
    say_anew(&bench, WHOLE);
    // As the operator said last.
    assert_eq!(bench.state("carp0"), State::Backup);
}

#[test]
fn what_is_not_mentioned_is_as_by_default() {
    let bench = Bench::staying();
    bench.done("carp0", WHOLE);
    bench.done("carp0", "peers freebsd carppeer 10.0.0.2 lladdr carpdev");
    let line = "vhid 1 carpdev vmx0 192.0.2.10/24";
    say_anew(&bench, line);
    let found = render::interface(&bench.report("carp0"));
    bench.done("carp0", "destroy");
    say_anew(&bench, line);
    let fresh = render::interface(&bench.report("carp0"));
    let configured = |text: &str| text.split("\tlast:").next().map(str::to_owned);
    assert_eq!(configured(&found), configured(&fresh));
}

#[test]
fn interface_that_is_down_comes_up_unless_its_file_says_down() {
    let bench = Bench::staying();
    say_anew(&bench, WHOLE);
    bench.done("carp0", "down");
    say_anew(&bench, &format!("{WHOLE} down"));
    assert_eq!(bench.state("carp0"), State::Init);
    say_anew(&bench, WHOLE);
    assert_eq!(bench.state("carp0"), State::Backup);
    say_anew(&bench, &format!("{WHOLE} down"));
    assert_eq!(bench.state("carp0"), State::Init);
}

#[test]
fn state_is_for_an_interface_that_is_made() {
    let bench = Bench::staying();
    say_anew(&bench, &format!("{WHOLE} state master"));
    assert_eq!(bench.state("carp0"), State::Master);
    bench.lan.set_link(0, "vmx0", LinkState::Down);
    // Moves nothing, and so needs no carpdev.
    say_anew(&bench, &format!("{WHOLE} state master"));
}

/// Says of carp0 what `line` says, and nothing else.
fn say_anew(bench: &Bench, line: &str) {
    let change = Change {
        anew: true,
        ..understood("carp0", line)
    };
    assert_eq!(ask_for(&bench.paths, "carp0", change), done(&[]), "{line}");
}

fn reason(report: &Report) -> Option<&str> {
    let last = report.last_transition.as_ref();
    last.map(|last| last.reason.as_str())
}
