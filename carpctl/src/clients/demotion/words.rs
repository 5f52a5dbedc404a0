//! `carpctl -g GROUP …`: shows or changes who demotes an interface group, in the words of OpenBSD's
//! `ifconfig` and, behind `owner`, in ours.

use std::ffi::OsString;

use crate::vocabulary::demotion::{Demand, MOST_AT_ONCE, NotAnOwner, OwnerName};
use crate::vocabulary::group::{GroupName, NotAGroupName};

/// What `carpctl -g` was told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Help,
    /// To change something, or to show it.
    Group {
        group: GroupName,
        demand: Option<Demand>,
        json: bool,
    },
}

/// Why the words behind `-g` cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WordsError {
    #[error("`-g': the name of a group must follow (`carpctl -g carp')")]
    NoGroup,
    #[error("`-g {0}': {1}")]
    Group(String, NotAGroupName),
    #[error("{0}: `{1}': unknown keyword (carpdemote or -carpdemote)")]
    Unknown(GroupName, String),
    #[error("{group}: invalid carp demotion: `{number}' is {problem}{}", range(.problem))]
    Number {
        group: GroupName,
        number: String,
        problem: &'static str,
    },
    #[error("{0}: `owner': the name of an owner must follow")]
    NoOwner(GroupName),
    #[error("{0}: `owner {1}': {2}")]
    Owner(GroupName, String, NotAnOwner),
    #[error("{0}: `-carpdemote {1} owner {2}': an owner's demotion goes as a whole: no number")]
    PartOfOwner(GroupName, u8, OwnerName),
    #[error("{0}: `{1}': unexpected word")]
    Unexpected(GroupName, String),
}

/// The words behind `-g`, where the command line, without the program's name, has that option.
pub(crate) fn behind_g(words: &[OsString]) -> Option<(&[OsString], bool)> {
    let is_flag = |word: &&OsString| ["--json", "-a", "--all"].iter().any(|flag| *word == *flag);
    let flags = words.iter().take_while(is_flag).count();
    let (flags, rest) = words.split_at_checked(flags)?;
    let (first, behind) = rest.split_first()?;
    let json = flags.iter().any(|word| word == "--json");
    (first == "-g").then_some((behind, json))
}

/// Understands the words behind `-g`.
pub(crate) fn parse(words: &[OsString]) -> Result<Asked, WordsError> {
    let words: Vec<String> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        return Ok(Asked::Help);
    }
    let json = words.iter().any(|word| word == "--json");
    let mut words = words.into_iter().filter(|word| word != "--json").peekable();
    let group = words.next().ok_or(WordsError::NoGroup)?;
    let group: GroupName = match group.parse() {
        Ok(group) => group,
        Err(error) => return Err(WordsError::Group(group, error)),
    };
    let raise = match words.next().as_deref() {
        None => {
            let demand = None;
            return Ok(Asked::Group {
                group,
                demand,
                json,
            });
        }
        Some("carpdemote") => true,
        Some("-carpdemote") => false,
        Some(other) => return Err(WordsError::Unknown(group, other.to_owned())),
    };
    let number = match words.next_if(|word| word != "owner") {
        Some(word) => Some(number(&group, word)?),
        None => None,
    };
    let owner = match words.next() {
        None => None,
        Some(word) if word == "owner" => Some(owner(&group, words.next())?),
        Some(word) => return Err(WordsError::Unexpected(group, word)),
    };
    if let Some(word) = words.next() {
        return Err(WordsError::Unexpected(group, word));
    }
    let amount = number.unwrap_or(1);
    let demand = match (owner, raise) {
        (None, true) => Demand::Add(amount.into()),
        (None, false) => Demand::Add(-i16::from(amount)),
        (Some(owner), true) => Demand::Set { owner, amount },
        (Some(owner), false) => match number {
            None => Demand::Clear(owner),
            Some(number) => return Err(WordsError::PartOfOwner(group, number, owner)),
        },
    };
    let demand = Some(demand);
    Ok(Asked::Group {
        group,
        demand,
        json,
    })
}

/// Reads by how much `group` is to be demoted, with the errors of OpenBSD.
pub(crate) fn number(group: &GroupName, word: String) -> Result<u8, WordsError> {
    let digits = word.strip_prefix('-').unwrap_or(&word);
    let problem = if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        INVALID
    } else if digits.len() < word.len() {
        "too small"
    } else {
        match word.parse().ok().filter(|n| *n <= MOST_AT_ONCE) {
            Some(number) => return Ok(number),
            None => "too large",
        }
    };
    Err(WordsError::Number {
        group: group.clone(),
        number: word,
        problem,
    })
}

/// Reads what follows `owner`.
pub(crate) fn owner(group: &GroupName, word: Option<String>) -> Result<OwnerName, WordsError> {
    let word = word.ok_or_else(|| WordsError::NoOwner(group.clone()))?;
    let parsed = word.parse();
    parsed.map_err(|error| WordsError::Owner(group.clone(), word, error))
}

fn range(problem: &str) -> String {
    if problem == INVALID {
        return format!(": not a number from 0 to {MOST_AT_ONCE}");
    }
    format!(" (0 to {MOST_AT_ONCE})")
}

const INVALID: &str = "invalid";

/// What `carpctl -g GROUP --help` says.
pub(crate) const HELP: &str = "\
Usage: carpctl -g GROUP [--json]
       carpctl -g GROUP carpdemote [N] [owner NAME]
       carpctl -g GROUP -carpdemote [N|owner NAME]

Shows by how much an interface group is demoted and by whom, or changes that.
The sum counts for all interfaces of the group; every carp interface is in
group carp. The node that is demoted least is master of all of them.

  carpdemote [N]         add N, 0 to 128 (1)
  -carpdemote [N]        take N away again
  carpdemote N owner NAME
                         demote by N in this name, whatever it was before
  -carpdemote owner NAME
                         no demotion in this name any more

`carpctl demote N owner NAME -- COMMAND' demotes while a command runs.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    fn demand(line: &str) -> Option<Demand> {
        match parse(&words(line)).unwrap() {
            Asked::Group { group, demand, .. } => {
                assert_eq!(group.to_string(), "carp");
                demand
            }
            Asked::Help => panic!("{line}: help"),
        }
    }

    #[test]
    fn words_of_openbsd_and_ours() {
        let owner: OwnerName = "haproxy".parse().unwrap();
        assert_eq!(demand("carp"), None);
        assert_eq!(demand("carp carpdemote"), Some(Demand::Add(1)));
        assert_eq!(demand("carp carpdemote 128"), Some(Demand::Add(128)));
        assert_eq!(demand("carp -carpdemote"), Some(Demand::Add(-1)));
        assert_eq!(demand("carp -carpdemote 0"), Some(Demand::Add(0)));
        assert_eq!(
            demand("carp carpdemote 50 owner haproxy"),
            Some(Demand::Set {
                owner: owner.clone(),
                amount: 50
            })
        );
        assert_eq!(
            demand("carp -carpdemote owner haproxy"),
            Some(Demand::Clear(owner))
        );
    }

    #[test]
    fn option_is_found_behind_others() {
        let found = |line: &str| {
            let words = words(line);
            behind_g(&words).map(|(behind, json)| (behind.len(), json))
        };
        assert_eq!(found("-g carp"), Some((1, false)));
        assert_eq!(found("--json -g carp carpdemote"), Some((2, true)));
        assert_eq!(found("-g"), Some((0, false)));
        assert_eq!(found("carp0 -g"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn errors_name_the_word_and_what_is_allowed() {
        for (line, expected) in [
            (
                "",
                "`-g': the name of a group must follow (`carpctl -g carp')",
            ),
            (
                "carp0",
                "`-g carp0': the name of a group does not end in a digit, that of an interface does",
            ),
            (
                "carp carpdemot",
                "carp: `carpdemot': unknown keyword (carpdemote or -carpdemote)",
            ),
            (
                "carp carpdemote 129",
                "carp: invalid carp demotion: `129' is too large (0 to 128)",
            ),
            (
                "carp carpdemote 99999999999",
                "carp: invalid carp demotion: `99999999999' is too large (0 to 128)",
            ),
            (
                "carp carpdemote -1",
                "carp: invalid carp demotion: `-1' is too small (0 to 128)",
            ),
            (
                "carp -carpdemote x",
                "carp: invalid carp demotion: `x' is invalid: not a number from 0 to 128",
            ),
            (
                "carp carpdemote 5 owner",
                "carp: `owner': the name of an owner must follow",
            ),
            (
                "carp -carpdemote 5 owner x",
                "carp: `-carpdemote 5 owner x': an owner's demotion goes as a whole: no number",
            ),
            ("carp carpdemote 5 6", "carp: `6': unexpected word"),
            ("carp carpdemote owner x y", "carp: `y': unexpected word"),
        ] {
            let error = parse(&words(line)).unwrap_err();
            assert_eq!(error.to_string(), expected, "{line}");
        }
    }

    #[test]
    fn help_fits_a_terminal() {
        assert_eq!(parse(&words("carp --help")), Ok(Asked::Help));
        assert!(HELP.lines().all(|line| line.chars().count() <= 80));
    }
}
