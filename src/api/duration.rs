//! Durations as Go writes them: `1h30m`, `1.5s`, `100ms`, `0`.
//!
//! The fields of a Canary keep the text as it was written, so that one wrong interval does not hide all other problems of the
//! object; who needs the time parses it here.

use std::fmt;
use std::str::FromStr;

/// Pattern of a duration that is not negative, for the schema: Go's grammar without a sign.
pub const PATTERN: &str = "^(0|(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|\u{b5}s|\u{3bc}s|ms|s|m|h))+)$";

/// A span of time, exact to the nanosecond, up to about 292 years either way as in Go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    nanoseconds: i64,
}

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text is not of the grammar.
    #[error(
        "`{text}` is not a duration: write numbers with units such as 30s, 1m or 1h30m (units: ns, us, ms, s, m, h)"
    )]
    Malformed {
        /// The text as it was written.
        text: String,
    },
    /// The text is of the grammar, but the span is more than 64 bits of nanoseconds hold.
    #[error("`{text}` is too long a duration: at most about 292 years fit")]
    OutOfRange {
        /// The text as it was written.
        text: String,
    },
    /// The span is negative where only a positive one makes sense.
    #[error("`{text}` is negative: write a duration of 0 or more")]
    Negative {
        /// The duration as text.
        text: String,
    },
}

/// Units from the longest, with their nanoseconds; both signs for micro are Go's.
const UNITS: &[(&str, i64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self { nanoseconds: 0 };

    /// A span of whole seconds; saturates at the range's ends.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self { nanoseconds: seconds.saturating_mul(1_000_000_000) }
    }

    /// A span of nanoseconds.
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self { nanoseconds }
    }

    /// The span in nanoseconds.
    pub const fn nanoseconds(self) -> i64 {
        self.nanoseconds
    }

    /// Whether the span is negative.
    pub const fn is_negative(self) -> bool {
        self.nanoseconds < 0
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || DurationError::Malformed { text: text.to_owned() };
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Ok(Self::ZERO);
        }
        if rest.is_empty() {
            return Err(malformed());
        }
        // i128 holds every sum of parts that an i64 of nanoseconds can end in, and the smallest i64 as a positive number.
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let (nanoseconds, after) = part(rest).ok_or_else(malformed)?;
            total = total.saturating_add(nanoseconds);
            rest = after;
        }
        let signed = if negative { -total } else { total };
        let nanoseconds =
            i64::try_from(signed).map_err(|_| DurationError::OutOfRange { text: text.to_owned() })?;
        Ok(Self { nanoseconds })
    }
}

/// One number with its unit from the front of the text: its nanoseconds (a rest below one is cut off) and what follows.
fn part(text: &str) -> Option<(i128, &str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => digits(after),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let unit_end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let scale = i128::from(*scale);
    let mut nanoseconds = number(whole).saturating_mul(scale);
    // 18 digits behind the point are more than an hour has nanoseconds.
    let fraction = fraction.get(..18).unwrap_or(fraction);
    nanoseconds = nanoseconds.saturating_add(number(fraction) * scale / 10_i128.pow(fraction.len() as u32));
    Some((nanoseconds, rest))
}

/// The leading ASCII digits and what follows.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The number of a run of digits; saturates, far beyond what fits a duration.
fn number(digits: &str) -> i128 {
    digits.bytes().fold(0_i128, |sum, digit| sum.saturating_mul(10).saturating_add(i128::from(digit - b'0')))
}

impl fmt::Display for Duration {
    /// The shortest form that Go prints, without zero parts: `1h30m` rather than `1h30m0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.nanoseconds.unsigned_abs();
        if magnitude == 0 {
            return f.write_str("0s");
        }
        if self.nanoseconds < 0 {
            f.write_str("-")?;
        }
        if magnitude < 1_000_000_000 {
            return match magnitude {
                0..1_000 => write!(f, "{magnitude}ns"),
                1_000..1_000_000 => write!(f, "{}us", decimal(magnitude, 1_000)),
                _ => write!(f, "{}ms", decimal(magnitude, 1_000_000)),
            };
        }
        let (hours, rest) = (magnitude / 3_600_000_000_000, magnitude % 3_600_000_000_000);
        let (minutes, rest) = (rest / 60_000_000_000, rest % 60_000_000_000);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        if rest > 0 {
            write!(f, "{}s", decimal(rest, 1_000_000_000))?;
        }
        Ok(())
    }
}

/// `value / unit` with as many digits behind the point as it needs; `unit` is a power of ten.
fn decimal(value: u64, unit: u64) -> String {
    let width = unit.ilog10() as usize;
    match value % unit {
        0 => (value / unit).to_string(),
        rest => format!("{}.{}", value / unit, format!("{rest:0width$}").trim_end_matches('0')),
    }
}

impl From<std::time::Duration> for Duration {
    /// Saturates at about 292 years.
    fn from(duration: std::time::Duration) -> Self {
        Self { nanoseconds: i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX) }
    }
}

impl TryFrom<Duration> for std::time::Duration {
    type Error = DurationError;

    /// Refuses a negative span.
    fn try_from(duration: Duration) -> Result<Self, Self::Error> {
        match u64::try_from(duration.nanoseconds) {
            Ok(nanoseconds) => Ok(Self::from_nanos(nanoseconds)),
            Err(_) => Err(DurationError::Negative { text: duration.to_string() }),
        }
    }
}
