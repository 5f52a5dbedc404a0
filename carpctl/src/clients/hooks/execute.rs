//! One order carried out: the script of the interface, then the programs of the directory.

use std::path::{Path, PathBuf};

use super::directory::programs;
use super::script::{Ended, Run, in_words, run};
use super::trust;
use crate::vocabulary::hooks::Hook;
use crate::vocabulary::hooks::order::{Order, Outcome};

/// What may be run, and where.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// The programs that run for every interface are here.
    pub(crate) directory: PathBuf,
    /// Scripts of interfaces must be below these, where the service is not root.
    pub(crate) within: Vec<PathBuf>,
    /// What every program has in its environment.
    pub(crate) environment: Vec<(String, String)>,
}

/// Runs what `order` says; `confined` where scripts may only be in certain places. Says what
/// became of the first program that did not end well; the others have run, too.
pub(crate) fn execute(order: &Order, policy: &Policy, confined: bool) -> Outcome {
    if !order.is_sound() {
        return Outcome::NotRun {
            program: order.script.clone().unwrap_or_default(),
            why: "the service says what makes no sense".to_owned(),
        };
    }
    let script = order.script.as_deref().map(Path::new);
    let mut outcome = Outcome::Done;
    if let Some(script) = script {
        let allowed = match confined {
            true => trust::check_within(script, &policy.within),
            false => trust::check(script),
        };
        outcome = match allowed {
            Ok(real) => execute_one(script, &real, order, policy),
            Err(why) => not_run(script, &why),
        };
    }
    // A question is for the interface alone.
    if order.hook == Hook::Prepare {
        return outcome;
    }
    let found = match programs(&policy.directory) {
        Ok(found) => found,
        Err(error) => return worse(outcome, not_run(&policy.directory, &error)),
    };
    for program in found {
        let next = match trust::check(&program) {
            Ok(real) => execute_one(&program, &real, order, policy),
            Err(why) => not_run(&program, &why),
        };
        outcome = worse(outcome, next);
    }
    outcome
}

/// Runs `real`, which is where `program` was found to lead: a link may lead elsewhere by now.
fn execute_one(program: &Path, real: &Path, order: &Order, policy: &Policy) -> Outcome {
    let mut environment = policy.environment.clone();
    environment.extend(order.environment());
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let (interface, hook) = (order.interface, order.hook);
    let mut log = |line: &str| tracing::info!("{interface}: {name} ({hook}): {line}");
    let ended = run(
        &Run {
            program: real,
            called: program,
            arguments: &order.arguments(),
            environment: &environment,
            limit: order.limit(),
        },
        &mut log,
    );
    let program = program.display().to_string();
    match ended {
        Ended::Exited(status) if status.success() => Outcome::Done,
        Ended::Exited(status) => {
            let how = in_words(status);
            Outcome::Failed { program, how }
        }
        Ended::TimedOut => Outcome::TimedOut { program },
        Ended::NotRun(error) => {
            let why = error.to_string();
            Outcome::NotRun { program, why }
        }
    }
}

fn worse(before: Outcome, next: Outcome) -> Outcome {
    if before == Outcome::Done {
        next
    } else {
        before
    }
}

fn not_run(program: &Path, why: &dyn std::fmt::Display) -> Outcome {
    Outcome::NotRun {
        program: program.display().to_string(),
        why: why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::vocabulary::hooks::order::tests::order;

    /// Scripts that write down what they are told, one after the other, into a file.
    struct Bench {
        directory: tempfile::TempDir,
        policy: Policy,
    }

    impl Bench {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let hooks = directory.path().join("hooks.d");
            fs::create_dir(&hooks).unwrap();
            let log = directory.path().join("log").display().to_string();
            let path = ("PATH".to_owned(), "/usr/bin:/bin".to_owned());
            let policy = Policy {
                within: vec![hooks.clone()],
                directory: hooks,
                environment: vec![("LOG".to_owned(), log), path],
            };
            Self { directory, policy }
        }

        fn script(&self, name: &str, text: &str) -> String {
            let path = self.directory.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path.display().to_string()
        }

        fn log(&self) -> String {
            fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
        }
    }

    #[test]
    fn script_of_the_interface_comes_first_and_all_are_told_the_same() {
        let bench = Bench::new();
        let tell = "echo $(basename $0) $CARP_EVENT $CARP_INTERFACE $CARP_STATE $# $1 $2 >>$LOG";
        bench.script("hooks.d/20-b", tell);
        bench.script("hooks.d/10-a", tell);
        let mut order = order(Hook::Up);
        order.script = Some(bench.script("up", tell));
        assert_eq!(execute(&order, &bench.policy, false), Outcome::Done);
        let expected = "up up carp0 MASTER 2 vmx0 192.0.2.10\n\
                        10-a up carp0 MASTER 2 vmx0 192.0.2.10\n\
                        20-b up carp0 MASTER 2 vmx0 192.0.2.10\n";
        assert_eq!(bench.log(), expected);
    }

    #[test]
    fn first_that_fails_is_told_and_the_others_run() {
        let bench = Bench::new();
        bench.script("hooks.d/a", "exit 4");
        bench.script("hooks.d/b", "echo b >>$LOG");
        let mut order = order(Hook::Down);
        let script = bench.script("down", "kill -USR1 $$");
        order.script = Some(script.clone());
        let how = format!("killed by signal {}", signal_hook::consts::SIGUSR1);
        let expected = Outcome::Failed {
            program: script,
            how,
        };
        assert_eq!(execute(&order, &bench.policy, false), expected);
        assert_eq!(bench.log(), "b\n");
    }

    #[test]
    fn only_the_interface_is_asked() {
        let bench = Bench::new();
        bench.script("hooks.d/a", "exit 1");
        let mut order = order(Hook::Prepare);
        order.script = Some(bench.script("prepare", "exit 0"));
        assert_eq!(execute(&order, &bench.policy, false), Outcome::Done);
    }

    #[test]
    fn what_was_checked_is_run_and_not_the_link_to_it() {
        let bench = Bench::new();
        let real = fs::canonicalize(bench.script("real", "echo $0 >>$LOG")).unwrap();
        let link = bench.directory.path().join("link");
        symlink(&real, &link).unwrap();
        let mut order = order(Hook::Up);
        order.script = Some(link.display().to_string());
        assert_eq!(execute(&order, &bench.policy, false), Outcome::Done);
        assert_eq!(bench.log(), format!("{}\n", real.display()));
    }

    #[test]
    fn service_without_rights_cannot_have_any_program_run() {
        let bench = Bench::new();
        let mut order = order(Hook::Up);
        order.script = Some(bench.script("up", "echo up >>$LOG"));
        let outcome = execute(&order, &bench.policy, true);
        let said = outcome.to_string();
        assert!(said.contains("not below "), "{said}");
        assert_eq!(bench.log(), "");
        order.script = Some(bench.script("hooks.d/.up", "echo up >>$LOG"));
        assert_eq!(execute(&order, &bench.policy, true), Outcome::Done);
        assert_eq!(bench.log(), "up\n");
    }
}
