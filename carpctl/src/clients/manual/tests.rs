use std::ffi::OsString;

use super::*;
use crate::vocabulary::details::{Chapter, Details, NO_BREAK, filled};
use crate::vocabulary::hooks::Hook;
use crate::vocabulary::hooks::order::tests::order;
use crate::vocabulary::settings::{Query, Setting, Settings};
use crate::vocabulary::words::{self, KEYWORDS, Meaning, REFUSED};

/// All details there are, each with what it is of.
fn everything() -> Vec<(&'static str, Details)> {
    let of_word = |keyword: &words::Keyword| {
        words::details(keyword.meaning).map(|details| (keyword.name, details))
    };
    let of_words = KEYWORDS.iter().filter_map(of_word);
    let of_setting = |setting: Setting| (setting.name(), setting.details());
    of_words.chain(Setting::ALL.map(of_setting)).collect()
}

/// The words behind `carpctl` in an example, as a shell would make them.
fn behind_carpctl(example: &str) -> Vec<OsString> {
    let behind = example.strip_prefix("carpctl ").unwrap();
    behind.split(' ').map(OsString::from).collect()
}

#[test]
fn examples_are_understood() {
    for (name, details) in everything() {
        let words = behind_carpctl(details.example);
        match words.as_slice() {
            [carp0, rest @ ..] if carp0 == "carp0" => {
                let parsed = words::parse("carp0", rest);
                assert!(parsed.is_ok(), "{name}: {parsed:?}");
                assert!(rest.iter().any(|it| it == name) || is_alias(name), "{name}");
            }
            [sysctl, query] if sysctl == "sysctl" => {
                let parsed = Query::parse(query.to_str().unwrap());
                assert!(matches!(parsed, Ok(Query::Assign(_))), "{name}: {parsed:?}");
            }
            _ => panic!("{name}: {}", details.example),
        }
    }
}

/// Whether another word means the same, whose example is that of both.
fn is_alias(name: &str) -> bool {
    let meaning = words::find(name).map(|keyword| keyword.meaning);
    let same = |keyword: &&words::Keyword| Some(keyword.meaning) == meaning;
    KEYWORDS.iter().filter(same).count() > 1
}

#[test]
fn sections_are_there() {
    let reference = include_str!("../../../../docs/carp-protocol.md");
    let page = include_str!("../../../man/carpctl.8");
    assert!(page.lines().any(|line| line == ".Sh HOOKS"));
    for (name, details) in everything() {
        let section = details.section;
        if details.chapter == Chapter::Hooks {
            let topic = topics(name, &clap::Command::new("carpctl")).unwrap();
            let text = topic.first().unwrap().to_string();
            assert!(text.ends_with("carpctl(8), section HOOKS\n"), "{text}");
            continue;
        }
        let is_heading = |line: &str| {
            let heading = line.trim_start_matches('#').trim_start();
            line.starts_with('#')
                && heading
                    .strip_prefix(section)
                    .is_some_and(|rest| rest.starts_with([' ', '.']))
        };
        assert!(reference.lines().any(is_heading), "{name}: §{section}");
    }
}

#[test]
fn all_that_is_said_of_a_command_is_in_the_manual() {
    let metrics = clap::Command::new("metrics")
        .about("Show metrics")
        .long_about("Show metrics\n\nAs text, with\nall of it.");
    let [(_, page), ..] = pages(&clap::Command::new("carpctl").subcommand(metrics));
    let told = "Show metrics.\n.Pp\nAs text, with all of it.\n";
    assert!(page.contains(told), "{page}");
}

#[test]
fn what_keeps_networkd_from_a_carpdev_is_in_the_manual() {
    let page = include_str!("../../../man/carp.7");
    for setting in ["KeepConfiguration=yes", "ManageForeignRoutes=no"] {
        assert!(page.contains(&format!(".Ql {setting}\n")), "{setting}");
    }
}

#[test]
fn all_that_hooks_are_told_is_in_the_manual() {
    let page = include_str!("../../../man/carpctl.8");
    let told: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix(".It Ev "))
        .flat_map(|names| names.split(" , "))
        .collect();
    for (name, _) in order(Hook::Up).environment() {
        assert!(told.contains(&name.as_str()), "{name}");
    }
    for path in ["/etc/carpctl/hooks.d", "/etc/carpctl/sysctl.conf"] {
        let is_told = |line: &str| line.strip_prefix(".It Pa ") == Some(path);
        assert!(page.lines().any(is_told), "{path}");
    }
}

#[test]
fn words_that_work_are_explained_and_those_that_are_refused_say_why() {
    let program = clap::Command::new("carpctl");
    for keyword in KEYWORDS.iter().chain(REFUSED) {
        let found = topics(keyword.name, &program).unwrap();
        let text = found.first().unwrap().to_string();
        assert!(
            text.starts_with(keyword.name) || is_alias(keyword.name),
            "{text}"
        );
        assert!(text.contains(keyword.name), "{text}");
        if let Meaning::Refused(why) = keyword.meaning {
            let words: Vec<&str> = text.split_whitespace().collect();
            assert!(words.join(" ").contains(why), "{text}");
        }
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }
}

#[test]
fn details_are_sentences() {
    for (name, details) in everything() {
        assert!(details.text.ends_with('.'), "{name}: {}", details.text);
        assert!(!details.change.ends_with('.'), "{name}: {}", details.change);
        for text in [details.text, details.default, details.change] {
            let quotes = (text.matches('`').count(), text.matches('\'').count());
            assert!(quotes.0 <= quotes.1, "{name}: {text}");
            assert!(!text.contains("  "), "{name}: {text}");
        }
    }
}

#[test]
fn defaults_of_settings_are_those_of_a_service() {
    for setting in Setting::ALL {
        let default = Settings::default().get(setting).to_string();
        assert_eq!(setting.details().default, default, "{}", setting.name());
    }
}

#[test]
fn unknown_topics_name_the_nearest() {
    let program = clap::Command::new("carpctl");
    let refusal = |word| topics(word, &program).unwrap_err().to_string();
    assert_eq!(
        refusal("advskw"),
        "`advskw': nothing is called so (did you mean `advskew'?)"
    );
    assert_eq!(
        refusal("frobnicate"),
        "`frobnicate': nothing is called so (`carpctl help' shows what there is)"
    );
}

#[test]
fn lines_end_before_the_edge_and_not_between_what_stays_together() {
    let text = format!("{} vhid{NO_BREAK}N", "word ".repeat(13));
    let lines = filled("  first:  ", &text);
    assert_eq!(
        lines,
        format!("  first:  {}\n          vhid N\n", ["word"; 13].join(" "))
    );
}
