//! `carpctl decode FILE`: the adverts in a capture, one line each.
//!
//! Reading and decoding are done below, in `carp_net::capture` and `carp_proto`; here it is decided
//! what an operator is told, and where. What cannot be read is told on standard error, once for
//! each kind, and makes the exit status 1; all that can be read is shown all the same.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::PathBuf;

use carp_net::capture::{Capture, CapturedPacket};
use carp_net::carp_fsm::carp_proto::{
    AdvertError, FrameError, LinkType, PacketError, decode_frame,
};

use crate::clients::cli::complain;
use crate::clients::secret;
use crate::failure::Failure;
use crate::process;
use crate::vocabulary::words::WordError;

mod line;
use line::Line;
mod verify;
use verify::{Digest, Verifier};
mod words;
use words::Sender;

/// The words of `carpctl decode`.
#[derive(Debug, clap::Args)]
#[command(override_usage = USAGE, after_help = HELP)]
pub(crate) struct DecodeOptions {
    /// Show one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Capture in pcap or pcapng; `-' for standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// How the sender is configured, to verify its digests
    #[arg(
        value_name = "WORD",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<OsString>,
}

/// Shows the adverts of a capture.
pub(crate) fn run(options: &DecodeOptions, json: bool) -> Result<(), Failure> {
    let wrong = |problem| Failure::Usage(format!("decode: {problem}"));
    let Some(path) = &options.file else {
        return Err(wrong("a capture file must follow".to_owned()));
    };
    let json = json || options.json || options.words.iter().any(|word| word == "--json");
    let in_words = |error: WordError| wrong(error.to_string());
    let sender = Sender::parse(&options.words).map_err(in_words)?;
    let from_stdin = path.as_os_str() == "-";
    if from_stdin && sender.has_secret_on_stdin() {
        let problem = "`pass': standard input is the capture: use `passfile'";
        return Err(wrong(problem.to_owned()));
    }
    let verifier = verifier(&options.words, &sender)?;

    let name = if from_stdin {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let failed =
        |error: &dyn std::fmt::Display| Failure::about("decode", format!("{name}: {error}"));
    let input: Box<dyn Read> = if from_stdin {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(|error| failed(&error))?)
    };
    let mut capture = Capture::new(input).map_err(|error| failed(&error))?;
    if let Some(number) = capture
        .link_type()
        .filter(|it| LinkType::from_number(*it).is_none())
    {
        return Err(failed(&format!(
            "link type {number} is not read ({})",
            allowed()
        )));
    }
    let mut decoder = Decoder {
        verifier,
        json,
        left_out: 0,
        too_short: 0,
    };
    let end = loop {
        match capture.next_packet() {
            Ok(Some(packet)) => decoder.packet(&packet)?,
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
        }
    };
    let mut problems: Vec<Failure> = decoder
        .problems()
        .chain(end)
        .map(|problem| failed(&problem))
        .collect();
    let last = problems.pop();
    problems.iter().for_each(|it| complain(&it.to_string()));
    last.map_or(Ok(()), Err)
}

/// Makes a verifier of what the operator said of the sender, if anything.
fn verifier(words: &[OsString], sender: &Sender) -> Result<Option<Verifier>, Failure> {
    let failed = |error| Failure::about("decode", error);
    secret::leave_command_line(words).map_err(failed)?;
    let Some(source) = &sender.secret else {
        return Ok(Verifier::without_password(sender));
    };
    process::stay_out_of_core_dumps();
    let secret = secret::read(source).map_err(failed)?;
    if secret.was_cut {
        complain(&format!("decode: {}", secret::CUT_NOTICE));
    }
    Ok(Some(Verifier::with_password(sender, secret.key)))
}

/// How to show adverts, and what could not be shown.
struct Decoder {
    verifier: Option<Verifier>,
    json: bool,
    /// How many packets of a pcapng file have link types that are not read.
    left_out: u64,
    /// How many packets the capture has too little of.
    too_short: u64,
}

impl Decoder {
    fn packet(&mut self, packet: &CapturedPacket<'_>) -> Result<(), Failure> {
        let Some(link_type) = LinkType::from_number(packet.link_type) else {
            self.left_out += 1;
            return Ok(());
        };
        let was_cut = usize::try_from(packet.length).is_ok_and(|all| packet.bytes.len() < all);
        let frame = match decode_frame(link_type, packet.bytes) {
            Ok(frame) => frame,
            Err(FrameError::Truncated | FrameError::Packet(PacketError::Truncated)) if was_cut => {
                self.too_short += 1;
                return Ok(());
            }
            Err(_) => return Ok(()), // not for CARP
        };
        match frame.advert() {
            Ok(advert) => {
                let digest = match &self.verifier {
                    Some(verifier) => verifier.verify(&advert, frame.source_mac()),
                    None => Digest::Unverified,
                };
                self.show(&Line::of_advert(packet, &frame, &advert, digest))
            }
            Err(AdvertError::Vrrp { .. }) => Ok(()),
            Err(AdvertError::Truncated { .. }) if was_cut => {
                self.too_short += 1;
                Ok(())
            }
            Err(error) => self.show(&Line::of_malformed(packet, &frame, error)),
        }
    }

    /// Each line leaves at once: the capture may be a pipe, and its next packet a long way off.
    fn show(&self, line: &Line) -> Result<(), Failure> {
        let text = if self.json {
            serde_json::to_string(line).map_err(|error| Failure::Failed(error.to_string()))?
        } else {
            line.to_string()
        };
        let mut output = io::stdout().lock();
        let written = writeln!(output, "{text}").and_then(|()| output.flush());
        written.map_err(|error| Failure::of_output(&error))
    }

    /// Says what could not be read.
    fn problems(&self) -> impl Iterator<Item = String> {
        let left_out = (self.left_out > 0).then(|| {
            let packets = packets(self.left_out);
            format!(
                "{packets} left out for a link type that is not read ({})",
                allowed()
            )
        });
        let too_short = (self.too_short > 0).then(|| {
            let packets = packets(self.too_short);
            format!("{packets} cut off too early when captured (128 bytes will do; tcpdump -s 0)")
        });
        left_out.into_iter().chain(too_short)
    }
}

fn packets(number: u64) -> String {
    match number {
        1 => "1 packet was".to_owned(),
        _ => format!("{number} packets were"),
    }
}

/// The link types that are read.
fn allowed() -> String {
    let names: Vec<String> = LinkType::ALL.iter().map(ToString::to_string).collect();
    format!("allowed: {}", names.join(", "))
}

const USAGE: &str = "carpctl decode [--json] FILE [WORD...]";

const HELP: &str = "\
Words, to verify digests; they cover vhid, password and addresses:
  passfile FILE         password from the first line of a file
  pass -                the same from standard input
  pass PASSWORD         the same for all to see for a moment; '' for none
  vhid N                verify adverts of this vhid only
  lladdr MAC            its MAC address, where one was set on OpenBSD and the
                        frames do not show it
  ADDRESS               virtual address; say all of them, of both families

Each advert is a line: when, from where, what it says, and whether checksum and
digest are right. A digest is unverified as long as not both the password and
the addresses are said. Frames that are no adverts are left out, those of VRRP
too.

Examples:
  carpctl decode x.pcap passfile /etc/carp.key 192.0.2.10 2001:db8::10
  tcpdump -U -w - ip proto 112 or ip6 proto 112 | carpctl decode -

Exit status: 0 done, 1 not all could be read, 2 command line not understood.";
