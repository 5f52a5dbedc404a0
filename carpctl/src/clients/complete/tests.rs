use clap::CommandFactory as _;

use super::*;
use crate::clients::cli::Cli;

/// What is offered at the end of a line, the last word of which may be empty.
fn offered(line: &str) -> Vec<Offer> {
    let mut program = Cli::command();
    program.build();
    let words: Vec<&str> = line.split(' ').collect();
    let (current, before) = words.split_last().unwrap();
    offers(before, current, &program)
}

/// The words among them.
fn words_of(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for offer in offered(line) {
        if let Offer::Word(word, _) = offer {
            words.push(word);
        }
    }
    words
}

fn has(line: &str, word: &str) -> bool {
    words_of(line).iter().any(|it| it == word)
}

#[test]
fn a_line_begins_with_an_interface_or_a_command() {
    assert!(offered("").contains(&Offer::Interfaces));
    for command in ["sysctl", "stats", "daemon", "help"] {
        assert!(has("", command) && has("--json ", command), "{command}");
    }
    assert!(!has("", "complete"), "what is hidden is for programs");
    assert!(has("-", "--json") && has("-", "-g"));
}

#[test]
fn words_of_an_interface_are_those_of_the_parser() {
    for keyword in KEYWORDS {
        let works = !matches!(keyword.meaning, Meaning::Refused(_));
        assert_eq!(has("carp0 ", keyword.name), works, "{}", keyword.name);
    }
    assert!(has("carp0 vhid 1 192.0.2.10/24 ", "advskew"));
}

#[test]
fn values_follow_their_words() {
    assert_eq!(words_of("carp0 state "), ["master", "backup"]);
    assert_eq!(words_of("carp0 lladdr "), ["vhid", "carpdev", "random"]);
    assert_eq!(offered("carp0 carpdev "), [Offer::Carpdevs]);
    assert_eq!(offered("carp0 passfile "), [Offer::Files]);
    assert_eq!(offered("carp0 vhid 1 group "), [Offer::Groups]);
    assert_eq!(offered("carp0 vhid "), []);
    assert!(has("carp0 inet ", "alias"));
}

#[test]
fn options_and_arguments_are_those_of_clap() {
    assert!(has("sysctl ", "net.inet.carp.preempt"));
    assert!(has("sysctl -", "-n") && has("sysctl -", "--json"));
    assert_eq!(words_of("demo --fault "), ["stop", "kill"]);
    assert_eq!(offered("stats "), [Offer::Interfaces]);
    assert_eq!(offered("decode "), [Offer::Files]);
    assert_eq!(offered("sim "), [Offer::Files]);
    assert!(has("decode x.pcap ", "passfile"));
    assert_eq!(words_of("wait carp0 "), ["master", "backup", "init", "up"]);
    assert!(has("help ", "vhid") && has("help ", "preempt") && has("help ", "stats"));
}

#[test]
fn a_group_is_demoted_in_the_name_of_its_owners() {
    assert_eq!(offered("-g "), [Offer::Groups]);
    assert!(has("-g carp ", "-carpdemote"));
    assert_eq!(words_of("-g carp carpdemote 50 "), ["owner"]);
    let owners = Offer::Owners("carp".to_owned());
    assert_eq!(offered("-g carp -carpdemote owner "), [owners]);
}

#[test]
fn a_command_of_the_system_follows_two_dashes() {
    assert!(has("demote 50 ", "owner"));
    assert_eq!(offered("demote 50 owner x -- "), [Offer::Commands]);
    assert_eq!(offered("demote 50 owner x -- tar "), [Offer::Files]);
}
