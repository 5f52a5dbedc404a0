//! What happened, in a line for people.

use std::fmt;

use jiff::tz::TimeZone;

use super::{Happening, What};

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
            Self::Transition { from, to, reason } => write!(f, "{from} -> {to}: {reason}"),
            Self::Demotion {
                group,
                total,
                reason,
                ..
            } => write!(f, "group {group} demoted to {total} ({reason})"),
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
                let (seconds, rest) = (milliseconds / 1_000, milliseconds % 1_000);
                write!(f, "frozen for {seconds}.{rest:03} s")
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
