//! `carpctl netstart`: what the files say, as OpenBSD's netstart(8) has it, with one difference: a
//! file is one change, applied as a whole or not at all, and again and again without harm.
//!
//! It is a client of the service like any other command. The service itself never reads a file.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::clients::cli::{complain, print_bytes};
use crate::clients::stage::Stage;
use crate::failure::Failure;
use crate::paths::Paths;
use crate::process;
use crate::vocabulary::name::{InterfaceName, NotACarpName};
pub(crate) use files::Etc;
use plan::Plan;

mod apply;
mod command;
mod files;
mod hostname;
pub(crate) mod lines;
mod plan;
pub(crate) mod save;
mod settings;

/// The words of `carpctl netstart`.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct NetstartOptions {
    /// Print the commands and what they would do; do nothing
    #[arg(short = 'n')]
    check: bool,
    /// Run the lines that begin with `!'
    #[arg(long)]
    allow_commands: bool,
    /// Destroy the interfaces that have no file
    #[arg(long, conflicts_with = "interfaces")]
    prune: bool,
    /// The interfaces; without any, all of them and the settings
    #[arg(value_name = "INTERFACE")]
    interfaces: Vec<String>,
}

/// Does what the files say, as far as they are right.
pub(crate) fn run(options: &NetstartOptions) -> Result<ExitCode, Failure> {
    let names = options.interfaces.iter().map(|name| {
        let wrong = |error: NotACarpName| Failure::Usage(format!("netstart: {name}: {error}"));
        name.parse().map_err(wrong)
    });
    let names: Vec<InterfaceName> = names.collect::<Result<_, _>>()?;
    let paths = Paths::of_this_namespace();
    let paths = paths.map_err(|error| Failure::Failed(error.to_string()))?;
    process::stay_out_of_core_dumps();
    let mut problems = Problems::default();
    let etc = Etc::from_environment();
    let plan = Plan::read(&etc, &names, &mut problems);
    if options.check {
        check(&plan, options, &paths, &mut problems)?;
    } else {
        apply::apply(&plan, options, &paths, &mut problems);
    }
    Ok(problems.exit_code())
}

/// Prints the commands that the files stand for, and what would come of each.
fn check(
    plan: &Plan,
    options: &NetstartOptions,
    paths: &Paths,
    problems: &mut Problems,
) -> Result<(), Failure> {
    let there = match apply::interfaces(paths) {
        Ok(there) => there.unwrap_or_default(),
        Err(error) => {
            problems.error(&error);
            Vec::new()
        }
    };
    let mut text = OsString::new();
    plan.write_settings(&mut text, apply::is_demoted(paths));
    for name in plan.without_file(&there) {
        if options.prune {
            text.push(format!("carpctl {name} destroy\n"));
        } else {
            Problems::note(&format!("{name}: {STAYS}"));
        }
    }
    let mut stage = Stage::new(paths);
    for planned in &plan.interfaces {
        let rehearsal = match planned.rehearse(&mut stage) {
            Ok(rehearsal) => Some(rehearsal),
            // It is applied behind the other one.
            Err(reason) if plan.makes_way(planned, &reason, &there, &mut stage) => None,
            Err(reason) => {
                problems.error(&planned.refusal(&reason));
                continue;
            }
        };
        stage.suppose(planned.name, &planned.hostname.change);
        let told = there.iter().find(|told| told.interface == planned.name);
        planned.write(&mut text, told);
        if let Some(rehearsal) = rehearsal {
            for note in &rehearsal.notes {
                Problems::note(&format!("{}: {note}", planned.name));
            }
            // What is made of nothing is what the command says.
            let changes = rehearsal.changes.iter().filter(|_| told.is_some());
            for change in changes {
                text.push(marked(&change.to_string()));
            }
            text.push(marked(&rehearsal.election.to_string()));
        }
        planned.write_commands(&mut text, options.allow_commands);
        if planned.trust.is_err() {
            planned.runs_commands(options.allow_commands, problems);
        }
    }
    print_bytes(text.as_encoded_bytes())
}

/// The lines of `text`, each of which a shell takes for a comment.
fn marked(text: &str) -> String {
    text.lines().map(|line| format!("# {line}\n")).collect()
}

/// What is told of problems, each in a line as it is found, and whether anything failed.
#[derive(Debug, Default)]
struct Problems {
    failed: bool,
}

impl Problems {
    /// Something cannot be done, which is no reason not to do the rest.
    fn error(&mut self, text: &str) {
        self.failed = true;
        complain(text);
    }

    /// Something that the operator should know.
    fn note(text: &str) {
        complain(text);
    }

    fn exit_code(&self) -> ExitCode {
        if self.failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// What is said where two files are there for one interface.
fn both(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    format!("both {} are there: keep one", paths.join(" and "))
}

/// What is said of an interface that has no file.
const STAYS: &str = "has no file, and stays as it is (--prune destroys it)";

const HELP: &str = "\
Reads /etc/hostname.carp0 and so on, or /etc/carpctl/hostname.carp0, not both:
words as in `carpctl carp0', on as many lines as you like. A file is all there
is to say of its interface. A relative passfile is in $CREDENTIALS_DIRECTORY, or
beside the file.

Also reads the lines net.inet.carp.* of /etc/sysctl.d/*.conf, /etc/sysctl.conf
and /etc/carpctl/sysctl.conf; the last one counts. They are set although no
interface has a file: a service is started that has them for those to come. One
that another command starts has the defaults until netstart is run.

What is wrong in one file does not keep the others from being applied; the exit
status is 1 then. CARPCTL_ETC_DIR names another directory instead of /etc.";
