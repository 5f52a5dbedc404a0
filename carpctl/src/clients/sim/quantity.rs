//! Quantities as text with their units: `20ms`, `1ms to 5ms`, `0.5%`, `-20ppm`.

use std::time::Duration;

/// Why a quantity cannot be understood: what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAQuantity {
    #[error("not a time such as 500us, 20ms, 1.5s, 2min or 1h")]
    Span,
    #[error("longer than 7 days")]
    TooLong,
    #[error("longer than 10s")]
    TooSlow,
    #[error("shorter than 1ms")]
    TooShort,
    #[error("not a time such as 20ms, or two such as `1ms to 5ms'")]
    Range,
    #[error("not a share from 0% to 100%, such as 0.5%")]
    Share,
    #[error("not a drift from -500000ppm to 500000ppm, such as 50ppm")]
    Drift,
    #[error("must be on or off")]
    Switch,
}

/// A time, to the microsecond.
pub(super) fn span(text: &str) -> Result<Duration, NotAQuantity> {
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text.get(number.len()..).unwrap_or_default();
    let unit = UNITS.iter().find(|(name, _)| *name == unit);
    let (_, micros) = unit.ok_or(NotAQuantity::Span)?;
    let micros = decimal(number, *micros).ok_or(NotAQuantity::Span)?;
    let span = Duration::from_micros(micros);
    if span > LONGEST {
        return Err(NotAQuantity::TooLong);
    }
    Ok(span)
}

/// How long a run takes: long enough for something to be seen of it.
pub(super) fn length(text: &str) -> Result<Duration, NotAQuantity> {
    let length = span(text)?;
    if length < SHORTEST {
        return Err(NotAQuantity::TooShort);
    }
    Ok(length)
}

/// How long something is under way. What is, is kept, and more of it the longer that takes.
pub(super) fn delay(text: &str) -> Result<(Duration, Duration), NotAQuantity> {
    let delay = range(text)?;
    if delay.1 > SLOWEST {
        return Err(NotAQuantity::TooSlow);
    }
    Ok(delay)
}

/// From the shortest to the longest time; both are the same where only one is said.
fn range(text: &str) -> Result<(Duration, Duration), NotAQuantity> {
    let (least, most) = text.split_once(" to ").unwrap_or((text, text));
    let both = (span(least.trim())?, span(most.trim())?);
    if both.0 > both.1 {
        return Err(NotAQuantity::Range);
    }
    Ok(both)
}

/// How many of a million.
pub(super) fn share(text: &str) -> Result<u32, NotAQuantity> {
    let number = text.strip_suffix('%').ok_or(NotAQuantity::Share)?;
    let share = decimal(number, 10_000).and_then(|share| u32::try_from(share).ok());
    share
        .filter(|share| *share <= 1_000_000)
        .ok_or(NotAQuantity::Share)
}

/// How many microseconds a clock gains in a million.
pub(super) fn drift(text: &str) -> Result<i32, NotAQuantity> {
    let number = text.strip_suffix("ppm").ok_or(NotAQuantity::Drift)?;
    let drift = number.parse::<i32>().map_err(|_| NotAQuantity::Drift)?;
    if drift.unsigned_abs() > 500_000 {
        return Err(NotAQuantity::Drift);
    }
    Ok(drift)
}

/// `on` or `off`.
pub(super) fn switch(text: &str) -> Result<bool, NotAQuantity> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(NotAQuantity::Switch),
    }
}

/// `text`, a number with or without decimals, times `unit`; no more decimals than `unit` has zeros.
fn decimal(text: &str, unit: u64) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_number =
        |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) {
        return None;
    }
    let scale = 10_u64.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let part = decimals.parse::<u64>().ok()?.checked_mul(unit)?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    (part % scale == 0).then(|| whole.checked_add(part / scale))?
}

const UNITS: [(&str, u64); 5] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("min", 60_000_000),
    ("h", 3_600_000_000),
];

const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);

const SHORTEST: Duration = Duration::from_millis(1);

const SLOWEST: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, micros) in [
            ("0s", 0),
            ("500us", 500),
            ("20ms", 20_000),
            ("1.5s", 1_500_000),
            ("0.000001s", 1),
            ("2min", 120_000_000),
            ("1h", 3_600_000_000),
        ] {
            assert_eq!(span(text), Ok(Duration::from_micros(micros)), "{text}");
        }
        for text in [
            "", "20", "ms", "-1s", "1,5s", "1.s", ".5s", "1 s", "0.5us", "20msec",
        ] {
            assert_eq!(span(text), Err(NotAQuantity::Span), "{text}");
        }
        for text in ["169h", "18446744073709551615us"] {
            assert_eq!(span(text), Err(NotAQuantity::TooLong), "{text}");
        }
        assert_eq!(span("99999999999999999999h"), Err(NotAQuantity::Span));
    }

    #[test]
    fn ranges() {
        let micros = Duration::from_micros;
        assert_eq!(range("1ms to 5ms"), Ok((micros(1_000), micros(5_000))));
        assert_eq!(range("1ms"), Ok((micros(1_000), micros(1_000))));
        assert_eq!(range("5ms to 1ms"), Err(NotAQuantity::Range));
        assert_eq!(range("5ms to"), Err(NotAQuantity::Span));
        assert_eq!(delay("1ms to 10s"), Ok((micros(1_000), micros(10_000_000))));
        assert_eq!(delay("1ms to 10.000001s"), Err(NotAQuantity::TooSlow));
        assert_eq!(delay("5ms to 1ms"), Err(NotAQuantity::Range));
    }

    #[test]
    fn lengths() {
        assert_eq!(length("1ms"), Ok(Duration::from_millis(1)));
        for text in ["0s", "999us"] {
            assert_eq!(length(text), Err(NotAQuantity::TooShort), "{text}");
        }
        assert_eq!(length("8s."), Err(NotAQuantity::Span));
    }

    #[test]
    fn shares_and_drifts() {
        assert_eq!(share("0.5%"), Ok(5_000));
        assert_eq!(share("100%"), Ok(1_000_000));
        assert_eq!(share("0.0001%"), Ok(1));
        for text in ["1", "101%", "0.00001%", "-1%", "%"] {
            assert_eq!(share(text), Err(NotAQuantity::Share), "{text}");
        }
        assert_eq!(drift("-20ppm"), Ok(-20));
        for text in ["20", "500001ppm", "1.5ppm", "ppm"] {
            assert_eq!(drift(text), Err(NotAQuantity::Drift), "{text}");
        }
    }
}
