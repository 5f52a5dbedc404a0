//! `carpctl wait INTERFACE STATE`: returns when an interface has reached a state.
//!
//! It looks once and is then told, so that nothing is asked again and again.

use std::time::Duration;

use super::stream::{Heard, Stream, now};
use crate::clients::cli::complain;
use crate::failure::Failure;
use crate::paths::Paths;
use crate::server::service::NO_SUCH_INTERFACE;
use crate::vocabulary::name::InterfaceName;
use crate::vocabulary::report::{Report, State};
use crate::vocabulary::watch::{Happening, What};
use crate::vocabulary::words;

/// The words of `carpctl wait`.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "carpctl wait INTERFACE master|backup|init|up [--timeout SECONDS]",
    after_help = HELP
)]
pub(crate) struct WaitOptions {
    /// The interface, which need not be there yet
    #[arg(value_name = "INTERFACE")]
    interface: Option<String>,
    /// The state to wait for; `up' is master or backup
    #[arg(value_name = "STATE")]
    state: Option<String>,
    /// Give up after so many seconds; 0 only looks
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<String>,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Master,
    Backup,
    Init,
    /// Takes part in the election.
    Up,
}

/// All states that can be waited for.
pub(crate) fn states() -> impl Iterator<Item = &'static str> {
    Wanted::ALL.into_iter().map(|(name, _)| name)
}

/// Waits until the interface is in the state.
pub(crate) fn run(options: &WaitOptions) -> Result<(), Failure> {
    let usage = |problem: String| Failure::Usage(format!("wait: {problem}"));
    let (Some(interface), Some(state)) = (&options.interface, &options.state) else {
        return Err(usage(MISSING.to_owned()));
    };
    let name: Result<InterfaceName, _> = interface.parse();
    let name = name.map_err(|error| usage(format!("{interface}: {error}")))?;
    let wanted = Wanted::parse(state).map_err(usage)?;
    let timeout = options.timeout.as_deref().map(seconds).transpose();
    let timeout = timeout.map_err(usage)?;
    let failed = |error: &dyn std::fmt::Display| Failure::about(&name.to_string(), error);
    let paths = Paths::of_this_namespace().map_err(|error| failed(&error))?;
    let until = timeout.map(|timeout| now().saturating_add(timeout));

    let mut stream = Stream::new(paths, vec![name]);
    let mut state: Option<State> = None;
    let mut is_told = false;
    let mut is_served = true;
    loop {
        match stream.next(until).map_err(|error| failed(&error))? {
            Heard::Interface(report) => state = Some(state_of(&report)),
            Heard::Happened(happening) => {
                let Happening {
                    interface, what, ..
                } = *happening;
                if let What::Transition { to, .. } = what
                    && interface == Some(name)
                {
                    state = Some(to);
                } else if what == What::Gone && interface == Some(name) {
                    state = None;
                } else if matches!(what, What::Missed { .. }) {
                    stream.begin_again();
                }
            }
            Heard::Ready => {
                is_served = true;
                if state.is_none() && !std::mem::replace(&mut is_told, true) {
                    complain(&format!("{name}: {NO_SUCH_INTERFACE}: waiting for it"));
                }
            }
            Heard::NoService => {
                (state, is_served) = (None, false);
                if !std::mem::replace(&mut is_told, true) {
                    complain(&format!("{name}: {NO_SERVICE}: waiting for one"));
                }
            }
            Heard::TimeOut => {
                let is = match state {
                    Some(state) => format!("it is {}", words_for(state)),
                    None if is_served => NO_SUCH_INTERFACE.to_owned(),
                    None => NO_SERVICE.to_owned(),
                };
                let span = options.timeout.as_deref().unwrap_or_default();
                return Err(failed(&format!("not {wanted} after {span} s: {is}")));
            }
            // Nothing is printed, so nobody is asked for it.
            Heard::NobodyReads => {}
        }
        if state.is_some_and(|state| wanted.is_met_by(state)) {
            return Ok(());
        }
    }
}

impl Wanted {
    const ALL: [(&'static str, Self); 4] = [
        ("master", Self::Master),
        ("backup", Self::Backup),
        ("init", Self::Init),
        ("up", Self::Up),
    ];

    fn parse(word: &str) -> Result<Self, String> {
        let names = Self::ALL.map(|(name, _)| name);
        let known = Self::ALL.into_iter().find(|(name, _)| *name == word);
        known.map(|(_, wanted)| wanted).ok_or_else(|| {
            let hint = match words::nearest(word, names) {
                Some(meant) => format!("did you mean `{meant}'?"),
                None => format!("allowed: {}", names.join(", ")),
            };
            format!("`{word}': not a state to wait for ({hint})")
        })
    }

    const fn is_met_by(self, state: State) -> bool {
        match self {
            Self::Master => matches!(state, State::Master),
            Self::Backup => matches!(state, State::Backup),
            Self::Init => matches!(state, State::Init),
            Self::Up => matches!(state, State::Master | State::Backup),
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = Self::ALL.iter().find(|(_, wanted)| wanted == self);
        f.write_str(known.map_or("", |(name, _)| name))
    }
}

/// An interface that is no virtual host yet takes no part.
fn state_of(report: &Report) -> State {
    report.carp.as_ref().map_or(State::Init, |carp| carp.state)
}

fn words_for(state: State) -> String {
    state.to_string().to_lowercase()
}

/// A number of seconds, which may have decimals.
fn seconds(text: &str) -> Result<Duration, String> {
    let is_number = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    let number = Some(text).filter(|text| is_number(text));
    let span = number.and_then(|text| Duration::try_from_secs_f64(text.parse().ok()?).ok());
    let span = span.filter(|span| *span <= LONGEST);
    let most = LONGEST.as_secs();
    span.ok_or_else(|| format!("`--timeout {text}': not a number of seconds from 0 to {most}"))
}

/// The longest time to wait, a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

const MISSING: &str = "an interface and a state must follow, as in `carpctl wait carp0 master'";

const NO_SERVICE: &str = "no service runs";

const HELP: &str = "\
Returns at once where the state is reached already, and without --timeout waits
for as long as it takes; also for a service and an interface that are not there
yet, so that it can be used while a machine starts. It needs no root.

Exit status: 0 when the state is reached, 1 when the time is over or nothing can
be waited for, 2 when the command line is not understood.

Example: carpctl wait carp0 master --timeout 10 && systemctl start backup.timer";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_those_of_the_protocol_and_up() {
        for (word, met_by) in [
            ("master", &[State::Master][..]),
            ("backup", &[State::Backup]),
            ("init", &[State::Init]),
            ("up", &[State::Backup, State::Master]),
        ] {
            let wanted = Wanted::parse(word).unwrap();
            assert_eq!(wanted.to_string(), word);
            for state in [State::Init, State::Backup, State::Master] {
                assert_eq!(wanted.is_met_by(state), met_by.contains(&state), "{word}");
            }
        }
        assert_eq!(
            Wanted::parse("mastr").unwrap_err(),
            "`mastr': not a state to wait for (did you mean `master'?)"
        );
        assert_eq!(
            Wanted::parse("x").unwrap_err(),
            "`x': not a state to wait for (allowed: master, backup, init, up)"
        );
    }

    #[test]
    fn timeouts_are_seconds_with_or_without_decimals() {
        assert_eq!(seconds("10"), Ok(Duration::from_secs(10)));
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        assert_eq!(seconds("31536000"), Ok(LONGEST));
        for text in [
            "",
            "-1",
            "1e9",
            "inf",
            "nan",
            "1s",
            ".",
            "1.2.3",
            "31536000.1",
            "99999999999999999999",
        ] {
            let expected =
                format!("`--timeout {text}': not a number of seconds from 0 to 31536000");
            assert_eq!(seconds(text), Err(expected));
        }
    }
}
