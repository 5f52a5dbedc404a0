//! What happens in the demonstration, and what is said about it.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use carp_net::carp_fsm::{Interval, Timestamp};
use carp_net::lab::{EchoReport, Host, Lab, now};

use crate::failure::Failure;
use crate::vocabulary::report::State;

use super::Fault;
use super::node::{Node, as_typed};

/// Builds the network, has the fault happen, and says whether the address was missed.
pub(super) fn run(fault: Fault, run_directory: &str) -> Result<ExitCode, Failure> {
    let lab = Lab::new().map_err(in_words)?;
    let node = |name, address| {
        let host = host(&lab, name, address)?;
        Ok::<_, Failure>(Node {
            host,
            run_directory,
        })
    };
    let one = node("one", ONE)?;
    let two = node("two", TWO)?;
    let client = host(&lab, "client", CLIENT)?;
    say(format_args!(
        "A switch; a client, {CLIENT}; two nodes, one {ONE} and two {TWO}.\n\
         Together the nodes have {SHARED}.\n"
    ))?;

    let password = password();
    let mut words = vec![
        "carp0", "vhid", "99", "pass", &password, "carpdev", "vmx0", SHARED,
    ];
    type_in(&one, &words)?;
    words.splice(7..7, ["advskew", ADVSKEW]);
    type_in(&two, &words)?;
    let elected = wait_for_master(&one, now())?;
    say(format_args!("\none is master after {}.", Seconds(elected)))?;
    show(&one)?;
    show(&two)?;

    say(format_args!(
        "\nThe client sends 1,000 echoes a second to {ADDRESS}."
    ))?;
    let echo = client.echo(ADDRESS.into(), RATE).map_err(in_words)?;
    if !echo.wait_for_answers(RATE.into(), PATIENCE) {
        let reason = format!("{ADDRESS} does not answer");
        return Err(Failure::Failed(reason));
    }
    let begin = now();
    match fault {
        Fault::Stop => type_in(&one, &["carp0", "down"])?,
        Fault::Kill => {
            say("one: cable cut, every process killed")?;
            lab.cut("one").map_err(in_words)?;
            one.host.kill_processes().map_err(in_words)?;
        }
    }
    let took = wait_for_master(&two, begin)?;
    let (_, answered) = echo.progress();
    say(format_args!("two is master {} later.", Seconds(took)))?;
    // What goes wrong at a switch goes wrong within the second that follows.
    let aftermath = answered + 2 * u64::from(RATE);
    let goes_on = echo.wait_for_answers(aftermath, PATIENCE);
    show(&one)?;
    show(&two)?;
    let report = echo.stop().map_err(in_words)?;
    judge(fault, &report, goes_on)
}

/// Says how it went.
fn judge(fault: Fault, report: &EchoReport, goes_on: bool) -> Result<ExitCode, Failure> {
    let (lost, sent, gap) = (report.lost(), report.sent(), report.longest_gap());
    let unanswered = match lost {
        0 => "the address was always answered".to_owned(),
        _ => format!("the address was unanswered for {}", Seconds(gap)),
    };
    say(format_args!(
        "\n{lost} of {sent} echoes lost; {unanswered}."
    ))?;
    let as_promised = match fault {
        Fault::Stop => lost == 0,
        Fault::Kill => {
            let limit = MASTER_DOWN.master_down() + MARGIN;
            let held = if gap <= limit { "less" } else { "more" };
            say(format_args!(
                "That is {held} than the master-down time of two and {} ms: {}.",
                MARGIN.as_millis(),
                Seconds(limit)
            ))?;
            gap <= limit
        }
    };
    Ok(ExitCode::from(u8::from(!(as_promised && goes_on))))
}

fn host(lab: &Lab, name: &str, address: &str) -> Result<Host, Failure> {
    let host = lab.host(name).map_err(in_words)?;
    host.add_address(&format!("{address}/24"))
        .map_err(in_words)?;
    Ok(host)
}

/// Runs a command on a node, in view of everybody.
fn type_in(node: &Node<'_>, words: &[&str]) -> Result<(), Failure> {
    say(format_args!("{} {}", node.prompt(), as_typed(words)))?;
    node.must(words)
}

fn show(node: &Node<'_>) -> Result<(), Failure> {
    let text = node.shows()?;
    say(format_args!(
        "\n{} {}\n{}",
        node.prompt(),
        as_typed(&["carp0"]),
        text.trim_end()
    ))
}

/// Waits until a node says that it is master, and returns how long that is after `begin`.
fn wait_for_master(node: &Node<'_>, begin: Timestamp) -> Result<Duration, Failure> {
    let deadline = now() + PATIENCE;
    while node.state()? != Some(State::Master) {
        if now() > deadline {
            let reason = format!("not master after {}", Seconds(PATIENCE));
            return Err(Failure::about(node.host.name(), reason));
        }
        // There is no event to wait for: this is what an operator at the keyboard would do.
        thread::sleep(GLANCE);
    }
    Ok(now() - begin)
}

/// A password that nobody knows; a hasher of this kind has a random key of its own.
fn password() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

fn say(text: impl fmt::Display) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let written = writeln!(output, "{text}").and_then(|()| output.flush());
    written.map_err(|error| Failure::of_output(&error))
}

fn in_words(error: carp_net::Error) -> Failure {
    Failure::Failed(error.to_string())
}

/// A time as people read it.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            short @ 0..1_000 => write!(f, "{short} ms"),
            _ => write!(f, "{:.2} s", self.0.as_secs_f64()),
        }
    }
}

const CLIENT: &str = "192.0.2.50";
const ONE: &str = "192.0.2.1";
const TWO: &str = "192.0.2.2";
const SHARED: &str = "192.0.2.10/24";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);

/// How much less eager the second node is, and when it takes the first one for dead.
const ADVSKEW: &str = "100";
const MASTER_DOWN: Interval = Interval::from_octets(1, 100);

/// Echoes a second; the text says it too.
const RATE: u32 = 1_000;

/// How long after its master-down time a node may take to answer.
const MARGIN: Duration = Duration::from_millis(100);

/// How long anything else may take before something is wrong.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the state of a node is looked at.
const GLANCE: Duration = Duration::from_millis(50);
