//! The command line: what it may say, and what is done about it.

use std::ffi::OsString;
use std::io::{self, Write as _};

use clap::{CommandFactory as _, FromArgMatches as _, Parser as _, Subcommand as _};

use crate::clients::client;
use crate::clients::complete::CompleteOptions;
use crate::clients::decode::{self, DecodeOptions};
use crate::clients::demo::DemoOptions;
use crate::clients::demotion::{self, hold::DemoteOptions};
use crate::clients::hooks::runner::{self, HooksOptions};
use crate::clients::netstart::save::{self, SaveOptions};
use crate::clients::netstart::{self, NetstartOptions};
use crate::clients::sim::{self, SimOptions};
use crate::clients::watch::monitor::{self, MonitorOptions};
use crate::clients::watch::peers::{self, PeersOptions};
use crate::clients::watch::wait::{self, WaitOptions};
use crate::clients::watch::why::{self, WhyOptions};
use crate::failure::{Failure, printable};
use crate::paths::Paths;
use crate::server::daemon::{self, DaemonOptions};
use crate::vocabulary::details::COLUMNS;
use crate::vocabulary::name::{InterfaceName, PREFIX};
use crate::vocabulary::protocol::{Done, answers};

mod freebsd;
mod generate;
mod groups;
mod help;
mod interface;
mod list;
mod metrics;
pub(crate) mod show;
mod stats;
mod sysctl;
use generate::GenerateOptions;
use help::HelpOptions;
use show::ShowOptions;
use stats::StatsOptions;
use sysctl::SysctlOptions;

/// Share addresses between machines with CARP, as OpenBSD's ifconfig does.
#[derive(Debug, clap::Parser)]
#[command(
    name = "carpctl",
    version,
    disable_help_subcommand = true,
    max_term_width = COLUMNS
)]
pub(crate) struct Cli {
    /// Show all interfaces; so does no word at all
    #[arg(short, long)]
    all: bool,
    /// The same, with all their addresses, as always here
    #[arg(short = 'A')]
    aliases: bool,
    /// Show the kinds of interfaces that can be made
    #[arg(short = 'C', conflicts_with_all = ["all", "aliases", "json", "key", "rehearsal"])]
    kinds: bool,
    /// Show passwords too, to root
    #[arg(short = 'k')]
    key: bool,
    /// Say what the words would do, and do nothing
    #[arg(short = 'n')]
    rehearsal: bool,
    /// Show facts as JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show or change settings of the whole service
    Sysctl(SysctlOptions),
    /// Do what the files /etc/hostname.carp* say
    Netstart(NetstartOptions),
    /// Write the files /etc/hostname.carp* as things are
    Save(SaveOptions),
    /// Show the commands that make what there is
    Show(ShowOptions),
    /// Show what was counted, as OpenBSD's `netstat -s -p carp`
    Stats(StatsOptions),
    /// Show why an interface is what it is
    Why(WhyOptions),
    /// Show who is heard
    Peers(PeersOptions),
    /// Show what happens, as it happens
    Monitor(MonitorOptions),
    /// Return when an interface has reached a state
    Wait(WaitOptions),
    /// Show metrics for Prometheus
    ///
    /// In its text format, with what each of them tells: what `carpctl stats' shows, the state of
    /// each interface, demotions, addresses, and who is heard when. `carpctl daemon --metrics
    /// 127.0.0.1:9112' serves the same over HTTP. Where no service runs, carp_up is 0. As JSON,
    /// `carpctl stats --json' has what was counted and `carpctl --json' the rest.
    Metrics,
    /// Demote an interface group while a command runs
    Demote(DemoteOptions),
    /// Start the service anew, as after an upgrade, unnoticed by others
    Restart,
    #[command(flatten)]
    Process(Process),
    /// Show the adverts in a capture file
    Decode(DecodeOptions),
    /// Show two nodes taking over from each other, in a network of its own
    Demo(DemoOptions),
    /// Simulate a cluster, with faults, in virtual time
    Sim(SimOptions),
    /// Explain a word, a command or a setting
    Help(HelpOptions),
    /// Write what a package installs beside the program
    #[command(hide = true)]
    Generate(GenerateOptions),
    /// Say what may follow, for the completions of shells
    #[command(hide = true)]
    Complete(CompleteOptions),
    #[command(external_subcommand)]
    Interface(Vec<OsString>),
}

/// The commands that are processes of the service.
#[derive(Debug, clap::Subcommand)]
enum Process {
    /// Run the hooks of a service
    Hooks(HooksOptions),
    /// Run the service in the foreground
    Daemon(DaemonOptions),
}

/// The command line of those processes alone. They run for long, and would keep what it takes to
/// know all commands in memory.
#[derive(Debug, clap::Parser)]
struct Alone {
    #[command(subcommand)]
    process: Process,
}

impl Cli {
    /// An option before a command that would not heed it: what was to be rehearsed must not be done,
    /// and who reads JSON must not get text.
    fn misplaced(&self) -> Option<&'static str> {
        let is_of_interfaces = matches!(self.command, None | Some(Command::Interface(_)));
        let has_json = is_of_interfaces
            || matches!(
                self.command,
                Some(
                    Command::Sysctl(_)
                        | Command::Stats(_)
                        | Command::Why(_)
                        | Command::Peers(_)
                        | Command::Monitor(_)
                        | Command::Decode(_)
                        | Command::Sim(_)
                )
            );
        let said = [
            (self.rehearsal && !is_of_interfaces, "-n"),
            (self.key && !is_of_interfaces, "-k"),
            (self.kinds && !is_of_interfaces, "-C"),
            (self.json && !has_json, "--json"),
        ];
        let mut said = said.into_iter().filter(|(said, _)| *said);
        said.next().map(|(_, option)| option)
    }
}

impl Process {
    /// What `words` say where they start one of these and nothing else. What is wrong with them, and
    /// help, are left to whoever knows all commands.
    fn said(words: &[OsString]) -> Option<Self> {
        let command = words.first()?.to_str()?;
        if !Self::has_subcommand(command) {
            return None;
        }
        Alone::try_parse().ok().map(|alone| alone.process)
    }

    fn run(&self) -> Result<std::process::ExitCode, Failure> {
        match self {
            Self::Hooks(options) => runner::run(options),
            Self::Daemon(options) => daemon::run(options),
        }
    }
}

/// What the options before an interface ask for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    json: bool,
    key: bool,
    /// Whether nothing is to be done.
    rehearsal: bool,
}

/// Does what the command line says.
pub(crate) fn run() -> Result<std::process::ExitCode, Failure> {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some((words, json)) = demotion::words::behind_g(&words) {
        groups::run(words, json)?;
        return Ok(std::process::ExitCode::SUCCESS);
    }
    if let Some(process) = Process::said(&words) {
        return process.run();
    }
    let matches = Cli::command()
        .override_help(help::front_page())
        .try_get_matches();
    let parsed = matches.and_then(|matches| {
        let command = matches.subcommand_name().unwrap_or_default().to_owned();
        Ok((Cli::from_arg_matches(&matches)?, command))
    });
    let (cli, command) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return usage(&error),
    };
    if let Some(option) = cli.misplaced() {
        return Err(Failure::Usage(format!(
            "{command}: `{option}': does not go before this command; see `carpctl {command} --help'"
        )));
    }
    let asked = Asked {
        json: cli.json,
        key: cli.key,
        rehearsal: cli.rehearsal,
    };
    match cli.command {
        None if cli.kinds => print(&format!("{PREFIX}\n"))?,
        None => interface::run(&[], asked)?,
        Some(Command::Sysctl(options)) => sysctl::run(&options, cli.json || options.json)?,
        Some(Command::Stats(options)) => stats::run(&options, cli.json || options.json)?,
        Some(Command::Netstart(options)) => return netstart::run(&options),
        Some(Command::Save(options)) => save::run(&options)?,
        Some(Command::Show(options)) => show::run(&options)?,
        Some(Command::Why(options)) => why::run(&options, cli.json || options.json)?,
        Some(Command::Peers(options)) => peers::run(&options, cli.json || options.json)?,
        Some(Command::Monitor(options)) => monitor::run(&options, cli.json || options.json)?,
        Some(Command::Wait(options)) => wait::run(&options)?,
        Some(Command::Help(options)) => help::run(&options)?,
        Some(Command::Metrics) => metrics::run()?,
        Some(Command::Generate(options)) => generate::run(&options, &help::program())?,
        Some(Command::Complete(options)) => print(&options.answer(&help::program()))?,
        Some(Command::Restart) => restart()?,
        Some(Command::Process(process)) => return process.run(),
        Some(Command::Decode(options)) => decode::run(&options, cli.json)?,
        Some(Command::Demo(options)) => return Ok(crate::clients::demo::run(&options)),
        Some(Command::Sim(options)) => sim::run(&options, cli.json || options.json)?,
        Some(Command::Demote(options)) => return demotion::hold::run(&options),
        Some(Command::Interface(words)) => interface::run(&words, asked)?,
    }
    Ok(std::process::ExitCode::SUCCESS)
}

/// Prints what `clap` has to say: help and version are no failures.
fn usage(error: &clap::Error) -> Result<std::process::ExitCode, Failure> {
    if error.use_stderr() {
        let words: Vec<OsString> = std::env::args_os().skip(1).collect();
        return Err(Failure::of_command_line(error, &words, Cli::command()));
    }
    print(&error.render().to_string())?;
    Ok(std::process::ExitCode::SUCCESS)
}

// ---- the service ----

/// Has the service started anew, with all it has.
fn restart() -> Result<(), Failure> {
    let failed = |error: client::ClientError| Failure::about("restart", error);
    let replies = client::ask_to_restart(&paths()?).map_err(failed)?;
    answers::<Done>(replies).map_err(|reason| Failure::about("restart", reason))?;
    Ok(())
}

// ---- words for people ----

fn failure(interface: Option<InterfaceName>, error: &impl std::fmt::Display) -> Failure {
    match interface {
        Some(name) => Failure::about(&name.to_string(), error),
        None => Failure::Failed(error.to_string()),
    }
}

fn paths() -> Result<Paths, Failure> {
    Paths::of_this_namespace().map_err(|error| Failure::Failed(error.to_string()))
}

/// Writes a line to standard error, as far as anybody reads it. Whatever `text` quotes, it stays
/// one line and moves no cursor.
pub(crate) fn complain(text: &str) {
    match writeln!(io::stderr(), "carpctl: {}", printable(text)) {
        Ok(()) | Err(_) => {}
    }
}

pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

pub(crate) fn print_bytes(text: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let written = output.write_all(text).and_then(|()| output.flush());
    written.map_err(|error| Failure::of_output(&error))
}

pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Failure::Failed(error.to_string()))?;
    print(&format!("{text}\n"))
}
