//! The manual pages. What people write stands in `carpctl/man`; a line `@WORD@` there is replaced
//! by what the program knows of itself.

use super::mdoc::{below, escaped, list, prose, sentence, usage};
use crate::vocabulary::details::{Chapter, Details};
use crate::vocabulary::settings::{self, Setting};
use crate::vocabulary::words::{self, KEYWORDS, Keyword, Takes, one_of};

/// All pages, under the names of their files. `program` knows the commands.
pub(crate) fn pages(program: &clap::Command) -> [(&'static str, String); 3] {
    SOURCES.map(|(name, source)| (name, page(source, program)))
}

fn page(source: &str, program: &clap::Command) -> String {
    source.lines().fold(String::new(), |mut page, line| {
        let marker = line.strip_prefix('@').and_then(|it| it.strip_suffix('@'));
        match marker.and_then(|marker| generated(marker, program)) {
            Some(text) => page.push_str(&text),
            None => {
                page.push_str(line);
                page.push('\n');
            }
        }
        page
    })
}

/// What a marker stands for.
fn generated(marker: &str, program: &clap::Command) -> Option<String> {
    Some(match marker {
        "synopsis" => synopsis(program),
        "keywords" => Chapter::OF_WORDS.map(keywords).concat(),
        "keywords in short" => list(KEYWORDS.iter().filter_map(in_short)),
        "commands" => commands(program),
        "settings" => list(Setting::ALL.map(setting)),
        "faults" => list(faults().map(fault)),
        _ => return None,
    })
}

// ---- the command line ----

fn shown(program: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    program.get_subcommands().filter(|it| !it.is_hide_set())
}

fn synopsis(program: &clap::Command) -> String {
    shown(program).fold(String::new(), |page, command| {
        format!("{page}.Nm\n{}\n", usage(&usage_of(command)))
    })
}

/// How `command` is used, without the name of the program.
fn usage_of(command: &clap::Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    usage.trim_start_matches("carpctl ").to_owned()
}

fn commands(program: &clap::Command) -> String {
    let all = shown(program).map(|command| {
        let about = command.get_about().map(ToString::to_string);
        let mut page = format!(".Ss {}\n", usage(&usage_of(command)));
        page.push_str(&sentence(&about.unwrap_or_default()));
        // It begins with the short one.
        let long = command.get_long_about().map(ToString::to_string);
        if let Some((_, long)) = long.as_deref().and_then(|it| it.split_once("\n\n")) {
            page.push_str(&below(long));
        }
        let options = command.get_arguments().filter(|it| !it.is_hide_set());
        let options: Vec<(String, String)> = options
            .filter(|it| it.get_id() != "help")
            .map(|it| (usage(&spelt(it)), sentence(&help_of(it))))
            .collect();
        if !options.is_empty() {
            page.push_str(&list(options));
        }
        // The settings have a section of their own.
        let more = command.get_after_help().map(ToString::to_string);
        let more = more.filter(|more| *more != settings::help().trim_end());
        page + &more.map_or_else(String::new, |more| below(&more))
    });
    all.collect()
}

/// An option in all its spellings, or the name of an argument.
fn spelt(argument: &clap::Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let value = names.first().map(|name| name.to_string());
    let short = argument.get_short().map(|letter| format!("-{letter}"));
    let long = argument.get_long().map(|name| format!("--{name}"));
    let spellings: Vec<String> = [short, long].into_iter().flatten().collect();
    let takes_value = argument.get_action().takes_values();
    match value.filter(|_| takes_value) {
        Some(value) if spellings.is_empty() => value,
        Some(value) => format!("{} {value}", spellings.join(", ")),
        None => spellings.join(", "),
    }
}

fn help_of(argument: &clap::Arg) -> String {
    let help = argument
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let possible = argument.get_possible_values();
    let names: Vec<&str> = possible.iter().map(|it| it.get_name()).collect();
    if names.is_empty() || !argument.get_action().takes_values() {
        return help;
    }
    format!("{help}: {}", one_of(&names))
}

// ---- words and settings ----

/// The words of a chapter, with all there is to know of them.
fn keywords(chapter: Chapter) -> String {
    let of_chapter = |keyword: &'static Keyword| {
        let details = words::details(keyword.meaning)?;
        // What means the same as another word is told there.
        let first = KEYWORDS.iter().find(|it| it.meaning == keyword.meaning)?;
        (details.chapter == chapter && first.name == keyword.name).then_some((keyword, details))
    };
    let words = KEYWORDS.iter().filter_map(of_chapter);
    let entries = words.map(|(keyword, details)| {
        let same = KEYWORDS.iter().filter(|it| it.meaning == keyword.meaning);
        let usages: Vec<String> = same.map(Keyword::usage).collect();
        let allowed = match keyword.takes {
            Takes::Number(min, max) => format!("{min} to {max} {}", details.unit),
            // The usage says it.
            Takes::Nothing | Takes::Value(..) | Takes::OneOf(_) => String::new(),
        };
        (
            usage(&usages.join(", ")),
            text_of(&details, allowed.trim_end()),
        )
    });
    format!(".Ss {}\n{}", chapter.title(), list(entries))
}

/// A word and its line in the help.
fn in_short(keyword: &'static Keyword) -> Option<(String, String)> {
    let is_shown = !keyword.help.is_empty();
    is_shown.then(|| (usage(&keyword.usage()), sentence(keyword.help)))
}

fn setting(setting: Setting) -> (String, String) {
    let details = setting.details();
    (usage(setting.name()), text_of(&details, &setting.allowed()))
}

/// What there is to know, the example last.
fn text_of(details: &Details, allowed: &str) -> String {
    let mut text = prose(details.text);
    for (label, fact) in [
        ("Allowed", allowed),
        ("Default", details.default),
        ("A change", details.change),
    ] {
        if !fact.is_empty() {
            text.push_str(&prose(&format!("{label}: {fact}.")));
        }
    }
    format!("{text}.Dl {}\n", usage(details.example))
}

// ---- faults ----

/// The rows of the table of faults: what happens at the master, what comes of it, and what is
/// there to be set.
fn faults() -> impl Iterator<Item = [&'static str; 3]> {
    FAULTS.lines().skip(2).filter_map(|line| {
        let line = line.strip_prefix("| ")?.strip_suffix('|')?;
        let cells: Vec<&str> = line.split(" |").map(str::trim).collect();
        cells.first_chunk::<3>().copied()
    })
}

fn fault([fault, outcome, knob]: [&str; 3]) -> (String, String) {
    let mut text = sentence(&outcome.replace('*', ""));
    let title = escaped(&fault.replace(['`', '*'], ""));
    if !knob.is_empty() {
        text.push_str(&prose(&format!("To set: {knob}.")));
    }
    (title, text)
}

const SOURCES: [(&str, &str); 3] = [
    ("carpctl.8", include_str!("../../../man/carpctl.8")),
    (
        "hostname.carp.5",
        include_str!("../../../man/hostname.carp.5"),
    ),
    ("carp.7", include_str!("../../../man/carp.7")),
];

/// The table of faults, which is in the README too.
const FAULTS: &str = include_str!("../../../man/faults.md");
