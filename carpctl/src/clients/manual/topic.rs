//! `carpctl help WORD`: finds what a word may mean, and explains it.

use std::fmt;

use crate::vocabulary::details::{Chapter, Details, filled};
use crate::vocabulary::settings::Setting;
use crate::vocabulary::words::{self, KEYWORDS, Keyword, Meaning, Takes, one_of};

/// Something that can be explained.
#[derive(Debug)]
pub(crate) enum Topic {
    Keyword(&'static Keyword),
    Setting(Setting),
    Command(Box<clap::Command>),
    Note(&'static Note),
}

/// Something that is neither a word to be typed nor a setting.
#[derive(Debug)]
pub(crate) struct Note {
    names: &'static [&'static str],
    title: &'static str,
    text: &'static str,
    section: &'static str,
}

/// Nothing has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}': nothing is called so ({})", suggestion(.nearest))]
pub(crate) struct UnknownTopic {
    word: String,
    nearest: Option<String>,
}

/// All that `word` may mean, of which there is one thing at least. `program` knows the commands.
pub(crate) fn topics(word: &str, program: &clap::Command) -> Result<Vec<Topic>, UnknownTopic> {
    let keyword = words::find(word).map(Topic::Keyword);
    let is_meant = |setting: &Setting| setting.name() == word || short(*setting) == word;
    let setting = Setting::ALL.into_iter().find(is_meant).map(Topic::Setting);
    let command = program
        .find_subcommand(word)
        .filter(|command| !command.is_hide_set())
        .map(|command| Topic::Command(Box::new(command.clone())));
    let is_noted = |note: &&Note| {
        note.names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(word))
    };
    let note = NOTES.iter().find(is_noted).map(Topic::Note);
    let found: Vec<Topic> = [keyword, setting, command, note]
        .into_iter()
        .flatten()
        .collect();
    if found.is_empty() {
        return Err(UnknownTopic {
            word: word.to_owned(),
            nearest: words::nearest(word, names(program)).map(str::to_owned),
        });
    }
    Ok(found)
}

/// Everything that can be explained, by name.
pub(crate) fn names(program: &clap::Command) -> impl Iterator<Item = &str> {
    let keywords = KEYWORDS.iter().map(|keyword| keyword.name);
    let settings = Setting::ALL.into_iter();
    let settings = settings.flat_map(|setting| [setting.name(), short(setting)]);
    let commands = program.get_subcommands().filter(|it| !it.is_hide_set());
    let commands = commands.map(clap::Command::get_name);
    let notes = NOTES.iter().flat_map(|note| note.names.iter().copied());
    keywords.chain(settings).chain(commands).chain(notes)
}

/// The name of a setting without what all have in common.
fn short(setting: Setting) -> &'static str {
    let name = setting.name();
    name.rsplit_once('.').map_or(name, |(_, short)| short)
}

fn suggestion(nearest: &Option<String>) -> String {
    match nearest {
        Some(name) => format!("did you mean `{name}'?"),
        None => "`carpctl help' shows what there is".to_owned(),
    }
}

// ---- as text ----

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyword(keyword) => write_keyword(f, keyword),
            Self::Setting(setting) => {
                let range = setting.allowed();
                write_details(f, setting.name(), &[], &range, &setting.details())
            }
            Self::Command(command) => write!(f, "{}", command.clone().render_long_help()),
            Self::Note(note) => {
                f.write_str(&filled(&format!("{}: ", note.names.join(", ")), note.title))?;
                f.write_str("\n")?;
                f.write_str(&filled("  ", note.text))?;
                f.write_str("\n")?;
                f.write_str(&more(note.section))
            }
        }
    }
}

fn write_keyword(f: &mut fmt::Formatter<'_>, keyword: &Keyword) -> fmt::Result {
    if let Meaning::Refused(why) = keyword.meaning {
        return f.write_str(&filled(&format!("{}: ", keyword.name), why));
    }
    let Some(details) = words::details(keyword.meaning) else {
        return Ok(());
    };
    let means_the_same = |other: &&Keyword| other.meaning == keyword.meaning;
    let others = KEYWORDS.iter().filter(means_the_same);
    let others: Vec<&str> = others
        .map(|other| other.name)
        .filter(|name| *name != keyword.name)
        .collect();
    let range = match keyword.takes {
        Takes::Number(min, max) => format!("{min} to {max} {}", details.unit),
        Takes::OneOf(choices) => one_of(choices),
        Takes::Nothing | Takes::Value(..) => String::new(),
    };
    write_details(f, &keyword.usage(), &others, &range, &details)
}

fn write_details(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    others: &[&str],
    range: &str,
    details: &Details,
) -> fmt::Result {
    writeln!(f, "{title}\n\n{}", filled("  ", details.text))?;
    for (label, text) in [
        ("Also", others.join(", ")),
        ("Allowed", range.to_owned()),
        ("Default", details.default.to_owned()),
        ("Change", details.change.to_owned()),
        ("Example", details.example.to_owned()),
    ] {
        if !text.trim().is_empty() {
            f.write_str(&filled(&format!("{:<9}", format!("{label}:")), &text))?;
        }
    }
    if details.chapter == Chapter::Hooks {
        return f.write_str("More:    carpctl(8), section HOOKS\n");
    }
    f.write_str(&more(details.section))
}

fn more(section: &str) -> String {
    format!("More:    docs/carp-protocol.md §{section}, carp(7)\n")
}

/// What is seen, but is neither a word nor a setting.
static NOTES: &[Note] = &[
    Note {
        names: &["master"],
        title: "the node that has the addresses",
        text: "It answers at the virtual addresses and sends an advert every advbase + advskew / \
               256 seconds. It yields to a master with a smaller interval, or one that is demoted \
               less; it hands over when it is told to be backup, down or destroyed.",
        section: "4.6",
    },
    Note {
        names: &["backup"],
        title: "a node that stands by",
        text: "It listens to the master's adverts. When none has come for its master-down time (3 \
               times advbase, and advskew / 256 seconds), or the master bows out, or says that it \
               is demoted further, or is worse and `net.inet.carp.preempt' is 1, it takes over.",
        section: "4.6",
    },
    Note {
        names: &["init", "invalid"],
        title: "a node that takes no part",
        text: "The interface is down, has no vhid or carpdev yet, or its carpdev is absent or has \
               no link. `carpctl carp0' shows INIT behind `carp:' and invalid behind `status:'.",
        section: "4.1",
    },
    Note {
        names: &["carp", "-g", "groups"],
        title: "interface groups",
        text: "Every carp interface is in group carp, and in those that `group' puts it into. \
               `carpctl -g carp' shows by how much a group is demoted, by whom and for how long; \
               `carpctl -g carp carpdemote 50' demotes it by more and `-carpdemote' by less, with \
               `owner NAME' in a name of its own. Of several nodes the one that is demoted least \
               is master of all interfaces in the group. OpenBSD's interlock at boot is a \
               demotion by 128.",
        section: "5.2",
    },
];
