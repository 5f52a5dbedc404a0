//! What happened, what became of an interface and whom it hears, for people.

use std::fmt;

use jiff::tz::TimeZone;

use crate::clients::render::{whose, wrapped};
use crate::vocabulary::report::{CarpdevState, State};
use crate::vocabulary::watch::peers::{Peer, Peers, Stranger};
use crate::vocabulary::watch::why::{Now, Transition, Wait, Why};
use crate::vocabulary::watch::{Cause, Claim, Clock, Happening, Heard, What};

// ---- monitor ----

/// A line about `happening`, with the time of `zone`, its end not included.
pub(super) fn line(happening: &Happening, zone: &TimeZone) -> String {
    let time = happening.time.to_zoned(zone.clone());
    let time = time.strftime("%H:%M:%S%.3f");
    match happening.interface {
        Some(name) => format!("{time} {name}: {}", happening.what),
        None => format!("{time} {}", happening.what),
    }
}

/// Says what happened, not to whom.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transition { from, to, cause } => write!(f, "{from} -> {to}: {}", cause.reason),
            Self::PeerHeard { heard } => write!(f, "hears {heard}"),
            Self::PeerLost {
                last,
                bowed_out: true,
                ..
            } => write!(f, "{} bowed out", last.source),
            Self::PeerLost {
                last, silent_us, ..
            } => {
                let silent = seconds(*silent_us);
                write!(f, "{} not heard for {silent}", last.source)
            }
            Self::Demotion {
                group,
                change,
                total,
                reason,
                ..
            } => {
                let by = change.unsigned_abs();
                let how = match *change < 0 {
                    true => "has its demotion lowered",
                    false => "demoted",
                };
                write!(f, "group {group} {how} by {by} to {total} ({reason})")
            }
            Self::Refused {
                count,
                reason,
                source,
                ..
            } => {
                let packets = if *count == 1 { "packet" } else { "packets" };
                write!(f, "refused {count} {packets} from {source}: {reason}")
            }
            Self::Damaged { damage } => f.write_str(damage),
            Self::Mended { damage } => write!(f, "mended: {damage}"),
            Self::Frozen { milliseconds } => {
                let span = seconds(milliseconds.saturating_mul(1_000));
                write!(f, "frozen for {span}")
            }
            Self::Adopted => f.write_str("addresses of a former run adopted"),
            Self::Error { reason } => write!(f, "error: {reason}"),
            Self::Gone => f.write_str("destroyed"),
            Self::Missed { count } => write!(f, "{count} events missed: read too slowly"),
            Self::ServiceGone => f.write_str("no service: waiting for one"),
            Self::ServiceCame => f.write_str("service started"),
            Self::Unknown => f.write_str("something that a newer carpctl would know"),
        }
    }
}

// ---- why ----

/// Why an interface is what it is, the last line ended.
pub(super) fn why(why: &Why, zone: &TimeZone) -> String {
    let mut text = format!("{}:\n", why.name);
    let lines = why.transitions.iter().flat_map(|it| transition(it, zone));
    let lines = lines.chain([format!("now: {}", doing(&why.now))]);
    for line in lines.chain(demotions(why)) {
        wrapped(&mut text, &line);
    }
    text
}

/// The lines about a change of state.
fn transition(transition: &Transition, zone: &TimeZone) -> Vec<String> {
    let Transition {
        time,
        ago_us,
        from,
        to,
        cause,
    } = transition;
    let when = time
        .to_zoned(zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S%.3f");
    let section = match &cause.section {
        Some(section) => format!(" [carp-protocol {section}]"),
        None => String::new(),
    };
    let mut lines = vec![
        format!("{when} ({} ago): {from} -> {to}", span(*ago_us)),
        format!("    {}{section}", cause.reason),
        format!("    {}", own(cause)),
    ];
    lines.extend(cause.clock.as_ref().map(|it| format!("    {}", clock(it))));
    lines
}

/// What a node claimed itself.
fn own(cause: &Cause) -> String {
    let preempt = if cause.preempt { "on" } else { "off" };
    let demotion = match cause.demotion {
        0 => String::new(),
        demotion if demotion == i32::from(cause.own.demotion) => String::new(),
        demotion => format!(", node demoted by {demotion}"),
    };
    format!("own claim: {}{demotion}, preempt {preempt}", cause.own)
}

/// A clock that had run out.
fn clock(clock: &Clock) -> String {
    let length = seconds(clock.length_us);
    let timer = clock.timer.replace('_', "-");
    let family = clock.family.as_deref();
    let family = family.map_or_else(String::new, |family| format!(" ({family})"));
    let last = match &clock.last_advert {
        // One of long ago, as of a master of former times, has nothing to do with it.
        Some(last) if last.time >= clock.since => format!(", since {}", last.heard),
        Some(_) | None => ", with no advert since it began".to_owned(),
    };
    format!("clock: {timer}{family} of {length}{last}")
}

/// What it does at the moment.
fn doing(now: &Now) -> String {
    let carpdev = now.carpdev.as_deref().unwrap_or_default();
    match (now.state, now.carpdev_state) {
        (State::Init, _) if !now.configured => {
            "INIT, takes no part: needs a vhid and a carpdev".to_owned()
        }
        (State::Init, _) if !now.up => "INIT, takes no part: it is down".to_owned(),
        (State::Init, Some(state @ (CarpdevState::Absent | CarpdevState::Down))) => {
            format!("INIT, waits for carpdev {carpdev}, which is {state}")
        }
        (State::Init, _) => "INIT".to_owned(),
        (State::Master, _) => {
            let every = now.advertises_every_us.unwrap_or_default();
            format!("MASTER, advertises every {}", seconds(every))
        }
        (State::Backup, _) => backup(now),
    }
}

/// Whom a backup follows and when it takes over.
fn backup(now: &Now) -> String {
    let next = now.waits.iter().min_by_key(|wait| wait.ends_in_us);
    let Some(Wait { clock, ends_in_us }) = next else {
        return "BACKUP, about to change".to_owned();
    };
    let held_back = if now.held_back {
        ", held back by `state backup'"
    } else {
        ""
    };
    let family = clock.family.as_deref().unwrap_or_default();
    let span = seconds(*ends_in_us);
    let last = clock.last_advert.as_ref();
    match last.filter(|last| last.time >= clock.since) {
        Some(last) => format!(
            "BACKUP of {}{held_back}: takes over in {span} without an advert ({family})",
            last.heard
        ),
        None => format!("BACKUP, hears no master{held_back}: takes over in {span} ({family})"),
    }
}

/// The demotions that are in force.
fn demotions(why: &Why) -> Vec<String> {
    let total = why.demotion;
    if let [only] = why.demotions.as_slice() {
        return vec![format!("demotion: {total} ({})", whose(only))];
    }
    let each = why.demotions.iter();
    let each = each.map(|entry| format!("    {} {}", entry.amount, whose(entry)));
    let heading = (!why.demotions.is_empty()).then(|| format!("demotion: {total}"));
    heading.into_iter().chain(each).collect()
}

// ---- peers ----

/// Whom an interface hears, the last line ended.
pub(super) fn peers(peers: &Peers) -> String {
    let mut text = format!("{}:\n", peers.name);
    let heard = peers.peers.iter().flat_map(peer);
    for line in heard.chain(peers.refused.iter().map(stranger)) {
        wrapped(&mut text, &line);
    }
    text
}

/// The lines about a peer: what it is, and what is heard of it.
fn peer(peer: &Peer) -> [String; 2] {
    let dialect = if peer.may_be_anything() {
        "unknown".to_owned()
    } else {
        peer.dialects.join("|")
    };
    let what = match peer.claim.is_bow_out() {
        true => format!("{} dialect {dialect}", peer.source),
        false => format!("{} {} dialect {dialect}", peer.source, peer.claim),
    };
    let ago = seconds_roughly(peer.ago_us);
    let mut line = match (peer.heard, peer.claim.is_bow_out()) {
        (true, _) => format!("    heard {ago} ago"),
        (false, true) => format!("    bowed out {ago} ago"),
        (false, false) => format!("    silent for {ago}"),
    };
    if let (true, Some(interval)) = (peer.heard, peer.interval_us) {
        line.push_str(&format!(", every {}", seconds(interval)));
    }
    if peer.refused > 0 {
        let (refused, received) = (peer.refused, peer.received);
        line.push_str(&format!(", {refused} of {received} refused"));
    }
    if let Some(last) = &peer.last_refused {
        let ago = seconds_roughly(last.ago_us);
        line.push_str(&format!(", last {ago} ago: {}", last.reason));
    }
    [what, line]
}

fn stranger(stranger: &Stranger) -> String {
    let ago = seconds_roughly(stranger.ago_us);
    format!(
        "{} refused {}, last {ago} ago: {}",
        stranger.source,
        match stranger.refused {
            1 => "once".to_owned(),
            count => format!("{count} times"),
        },
        stranger.reason
    )
}

// ---- words ----

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "advbase {} advskew {}", self.advbase, self.advskew)?;
        if self.demotion != 0 {
            write!(f, " demotion {}", self.demotion)?;
        }
        Ok(())
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.source, self.claim)
    }
}

impl fmt::Display for CarpdevState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "absent",
            Self::Down => "down",
            Self::Up => "up",
        })
    }
}

/// A span in seconds, to the millisecond.
fn seconds(micros: u64) -> String {
    let millis = micros / 1_000;
    format!("{}.{:03} s", millis / 1_000, millis % 1_000)
}

/// The same, to a tenth of a second where it is short.
fn seconds_roughly(micros: u64) -> String {
    if micros < 10_000_000 {
        return format!("{}.{} s", micros / 1_000_000, micros / 100_000 % 10);
    }
    span(micros)
}

/// A span in the largest unit that says enough.
fn span(micros: u64) -> String {
    crate::clients::render::span(micros / 1_000)
}

#[cfg(test)]
mod tests;
