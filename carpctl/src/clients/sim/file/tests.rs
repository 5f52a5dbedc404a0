use super::*;

/// What is wrong with a file, as the operator reads it.
fn refusal(text: &str) -> String {
    understand(text).unwrap_err().of(text)
}

const NODE: &str = "length = \"9s\"\n[node.one]\ncarp0 = \"vhid 9 192.0.2.1/24\"\n";

#[test]
fn nodes_are_numbered_as_they_stand_in_the_file() {
    let text = "length = \"1s\"\n[node.zwei]\ncarp0 = \"vhid 9\"\n[node.eins]\n\
                sysctl = \"net.inet.carp.log=7\"\ncarp0 = \"vhid 9\"\n";
    let plan = understand(text).unwrap();
    assert_eq!(plan.names, ["zwei", "eins"]);
}

#[test]
fn events_are_in_the_order_in_which_they_happen() {
    let events = "events = [\"2s one crash\", \"1s one kill\", \"1s one recover\"]\n";
    let plan = understand(&format!("{events}{NODE}")).unwrap();
    let texts: Vec<&str> = plan.entries.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(texts, ["kill", "recover", "crash"]);
}

#[test]
fn an_interface_is_on_eth0_unless_it_is_said_to_be_elsewhere() {
    let text = "length = \"1s\"\n[node.one]\neth0 = \"192.0.2.7/24 fe80::7\"\n\
                carp0 = \"vhid 9 192.0.2.1/24\"\ncarp1 = \"vhid 9 carpdev eth1 192.0.2.2/24\"\n";
    let plan = understand(text).unwrap();
    let words = "vhid 9 192.0.2.1/24";
    let words: Vec<OsString> = words.split(' ').map(Into::into).collect();
    let change = operator::change("carp0".parse().unwrap(), &words).unwrap();
    let config = operator::with(None, &change).unwrap();
    assert_eq!(config.host().unwrap().0, "eth0");
    let networks = networks("192.0.2.7/24 fe80::7").unwrap();
    assert_eq!(networks.len(), 2);
    let scenario = format!("{:?}", plan.scenario);
    assert!(scenario.contains("carpdev: \"eth1\""), "{scenario}");
}

#[test]
fn a_password_is_shown_nowhere() {
    let text = format!("events = [\"1s one carp0 pass topsecret\"]\n{NODE}");
    let plan = understand(&text).unwrap();
    assert_eq!(plan.entries[0].text, "carp0 pass …");
    assert!(!format!("{plan:?}").contains("topsecret"));
}

#[test]
fn an_interface_that_never_has_a_vhid_is_refused() {
    let reason = "without a vhid it never takes part: write `vhid N', from 1 to 255";
    let text = "length = \"9s\"\n[node.one]\ncarp0 = \"192.0.2.1/24\"\n";
    assert_eq!(refusal(text), format!("3: `carp0': {reason}"));
    let text = format!("events = [\n\"1s one carp1 192.0.2.2/24\"]\n{NODE}");
    assert_eq!(refusal(&text), format!("2: `carp1': {reason}"));
}

#[test]
fn an_interface_may_be_given_its_vhid_by_an_event() {
    let begun = "length = \"9s\"\n[node.one]\ncarp0 = \"192.0.2.1/24\"\n";
    let text = format!("events = [\"1s one carp0 vhid 9\"]\n{begun}");
    understand(&text).unwrap();
}

#[test]
fn errors_name_the_line_the_word_and_what_is_allowed() {
    for (text, expected) in [
        (
            "",
            "1: `length': is missing: write such as `length = \"60s\"' above the first line with [",
        ),
        ("length = \"0s\"\n", "1: `0s': shorter than 1ms"),
        (
            "length = \"1s\"\n",
            "2: there is no node: write `[node.one]', and below it such as `carp0 = \"vhid 99 \
             192.0.2.10/24\"'",
        ),
        (
            "length = \"1s\"\n[node]\n",
            "3: there is no node: write `[node.one]', and below it such as `carp0 = \"vhid 99 \
             192.0.2.10/24\"'",
        ),
        (
            "length = \"1s\"\n[node.one]\nsysctl = \"net.inet.carp.log=7\"\n",
            "2: `one': the node has no interface: write such as `carp0 = \"vhid 99 \
             192.0.2.10/24\"' below it",
        ),
        (
            "length = \"1s\"\n[network]\ndelay = \"1s to 1h\"\n[node]\n",
            "3: `1s to 1h': longer than 10s",
        ),
        (
            "length = \"1s\"\nlenght = \"1s\"\n",
            "2: `lenght': unknown field `lenght`, expected one of `length`, `sysctl`, `network`, \
             `node`, `events`",
        ),
        (
            "length = \"1\"\n[node]\n",
            "1: `1': not a time such as 500us, 20ms, 1.5s, 2min or 1h",
        ),
        (
            "length = \"1s\"\n[network]\nlose = \"1%\"\n[node]\n",
            "3: `lose': unknown field `lose`, expected one of `loss`, `duplicate`, `delay`, \
             `reorder`, `work`",
        ),
        (
            "length = \"1s\"\n[network]\nloss = \"1\"\n[node]\n",
            "3: `1': not a share from 0% to 100%, such as 0.5%",
        ),
        (
            "length = \"1s\"\n[node.one]\ncarp0 = \"vhid 300\"\n",
            "3: `vhid 300': out of range (1 to 255)",
        ),
        (
            "length = \"1s\"\n[node.one]\ncarp0 = \"vhid 9 advskwe 1\"\n",
            "3: `advskwe': unknown keyword (did you mean `advskew'?)",
        ),
        (
            "length = \"1s\"\n[node.one]\nsysctl = \"net.inet.carp.preempt=2\"\n",
            "3: `net.inet.carp.preempt=2': out of range (0 to 1)",
        ),
        (
            "length = \"1s\"\n[node.cut]\n",
            "2: `cut': must be a name of 1 to 16 letters, digits and hyphens, but not cut, heal or \
             network",
        ),
        (
            "length = \"1s\"\n[node.one]\ncarp0 = \"vhid 9 passfile /etc/key\"\n",
            "3: `pass': a simulation reads no password: write `pass' and any word",
        ),
    ] {
        assert_eq!(refusal(text), expected, "{text}");
    }
}

#[test]
fn more_nodes_than_there_may_be_are_refused_where_they_are_too_many() {
    let node = |number: usize| format!("[node.n{number}]\ncarp0 = \"vhid 9\"\n");
    let all = |count| (1..=count).map(node).collect::<String>();
    understand(&format!("length = \"1s\"\n{}", all(64))).unwrap();
    let text = format!("length = \"1s\"\n{}", all(65));
    assert_eq!(refusal(&text), "130: `n65': more than 64 nodes");
}

#[test]
fn errors_of_the_toml_itself_quote_something() {
    for (text, line) in [
        ("length =\n", "1: `length =': "),
        ("length = \"1s\"\n[node.one\n", "2: `[node.one': "),
        ("length = 5\n", "1: `5': "),
    ] {
        let refused = refusal(text);
        assert!(refused.starts_with(line), "{refused}");
    }
}

#[test]
fn errors_in_events_name_what_is_allowed() {
    let verbs = "crash, start, stop, kill, recover, restart, pause, resume, drift, link, harm, \
                 carpN, -g or sysctl";
    for (event, expected) in [
        (
            "",
            "a time and what happens must be said, such as `10s one crash'".to_owned(),
        ),
        (
            "1s",
            "`1s': a node or one of cut, heal and network must follow".to_owned(),
        ),
        (
            "10s one crash",
            "`10s one crash': happens after the end (`length')".to_owned(),
        ),
        (
            "1s two crash",
            "`two': no such node (one), nor cut, heal or network".to_owned(),
        ),
        ("1s one", format!("`one': must be followed by {verbs}")),
        ("1s one explode", format!("`explode': must be {verbs}")),
        (
            "1s one crahs",
            "`crahs': nothing is called so (did you mean `crash'?)".to_owned(),
        ),
        (
            "1s one crash now",
            "`crash': nothing must follow".to_owned(),
        ),
        ("1s one drift", "`drift': write `drift DRIFT'".to_owned()),
        (
            "1s one drift 1%",
            "`1%': not a drift from -500000ppm to 500000ppm, such as 50ppm".to_owned(),
        ),
        (
            "1s one link eth0 off",
            "`off': must be up, down or absent".to_owned(),
        ),
        (
            "1s one harm carp0 me",
            "`me': must be address, lladdr, inet6, down or deleted".to_owned(),
        ),
        (
            "1s one carp0 vhid 0",
            "`vhid 0': out of range (1 to 255)".to_owned(),
        ),
        (
            "1s one -g carp",
            "`-g carp': must be followed by carpdemote or -carpdemote".to_owned(),
        ),
        (
            "1s one sysctl",
            "`sysctl': NAME=VALUE must follow".to_owned(),
        ),
        (
            "1s cut one",
            "`one': the names of two nodes must follow".to_owned(),
        ),
        (
            "1s cut one two",
            "`two': no such node (one), nor cut, heal or network".to_owned(),
        ),
        (
            "1s network lag 1ms",
            "`lag': must be loss, duplicate, delay or reorder, and a value".to_owned(),
        ),
        (
            "1s network delay 11s",
            "`delay 11s': longer than 10s".to_owned(),
        ),
        (
            "1s network loss 1",
            "`loss 1': not a share from 0% to 100%, such as 0.5%".to_owned(),
        ),
        (
            "1s !reboot",
            "`!reboot': no such node (one), nor cut, heal or network".to_owned(),
        ),
    ] {
        let text = format!("events = [\n\"{event}\"]\n{NODE}");
        assert_eq!(refusal(&text), format!("2: {expected}"), "{event}");
    }
}
