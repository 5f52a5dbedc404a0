//! `carpctl --help`, a page to begin with, and `carpctl help WORD`, which has the rest.

use clap::CommandFactory as _;

use super::{Cli, print};
use crate::clients::manual::topics;
use crate::failure::Failure;
use crate::vocabulary::details::{Chapter, NO_BREAK, filled};
use crate::vocabulary::words::{self, KEYWORDS, Keyword};

/// The words of `carpctl help`.
#[derive(Debug, clap::Args)]
pub(super) struct HelpOptions {
    /// Words for an interface, commands, settings, states, `-g' for groups
    #[arg(value_name = "WORD", allow_hyphen_values = true)]
    words: Vec<String>,
}

/// Explains each of the words; the whole program where there is none.
pub(super) fn run(options: &HelpOptions) -> Result<(), Failure> {
    if options.words.is_empty() {
        return print(&front_page());
    }
    let program = program();
    let mut explained = Vec::new();
    for word in &options.words {
        let found = topics(word, &program);
        let found = found.map_err(|error| Failure::Usage(format!("help: {error}")))?;
        explained.extend(found.iter().map(ToString::to_string));
    }
    print(&explained.join("\n"))
}

/// All commands, each of which knows its whole name.
pub(super) fn program() -> clap::Command {
    let mut program = Cli::command();
    program.build();
    program
}

/// What `carpctl --help` says.
pub(super) fn front_page() -> String {
    let program = program();
    let about = program.get_about().map(ToString::to_string);
    let mut page = format!("{}\n\n{USAGE}\n\n", about.unwrap_or_default());
    page.push_str("Words for an interface, in any order; all of them take effect or none:\n");
    for chapter in Chapter::OF_WORDS {
        page.push_str(&filled(&left(chapter.name()), &usages(chapter)));
    }
    page.push_str("\nCommands:\n");
    for command in program.get_subcommands().filter(|it| !it.is_hide_set()) {
        let about = command.get_about().map(ToString::to_string);
        page.push_str(&filled(
            &left(command.get_name()),
            &about.unwrap_or_default(),
        ));
    }
    format!("{page}\n{MORE}")
}

/// The words of a chapter, with what follows each of them.
fn usages(chapter: Chapter) -> String {
    let is_shown = |keyword: &&Keyword| {
        !keyword.help.is_empty()
            && words::details(keyword.meaning).is_some_and(|it| it.chapter == chapter)
    };
    let shown = KEYWORDS.iter().filter(is_shown).map(Keyword::usage);
    // What follows a word stays with it.
    let shown: Vec<String> = shown.map(|usage| usage.replace(' ', NO_BREAK)).collect();
    shown.join(", ")
}

fn left(name: &str) -> String {
    format!("  {name:<12}")
}

const USAGE: &str = "\
Usage: carpctl [-a] [inet|inet6]      show all carp interfaces
       carpctl carp0 [inet|inet6]     show one; `carpctl web' those of a group
       carpctl carp0 WORD...          make it or change it
       carpctl -n carp0 WORD...       say what that would do, and do nothing
       carpctl -g GROUP [WORD...]     show or demote an interface group
       carpctl COMMAND ...
What is shown has the passwords too with `-k', for root; it is data with
`--json'.";

const MORE: &str = "\
Examples:
  carpctl carp0 vhid 99 passfile /etc/carp.key carpdev eth0 192.0.2.10/24
  carpctl carp0
  carpctl sysctl net.inet.carp.preempt=1
  carpctl -g carp carpdemote 50 owner maintenance

`carpctl help WORD' explains a word, a command or a setting, `carpctl carp0
--help' all words for an interface in short; carpctl(8) and carp(7) have all.
Exit status: 0 done, 1 refused or failed, 2 command line not understood.
";
