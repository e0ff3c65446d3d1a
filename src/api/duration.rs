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

impl From<Duration> for jiff::SignedDuration {
    fn from(duration: Duration) -> Self {
        Self::from_nanos(duration.nanoseconds)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::Regex;
    use rstest::rstest;

    const SECOND: i64 = 1_000_000_000;

    #[rstest]
    #[case("0", 0)]
    #[case("0s", 0)]
    #[case("+5s", 5 * SECOND)]
    #[case("-5s", -5 * SECOND)]
    #[case("1h30m", 5_400 * SECOND)]
    #[case("1m30s", 90 * SECOND)]
    #[case("1h2m3.5s", 3_723_500_000_000)]
    #[case("-1.5h", -5_400 * SECOND)]
    #[case("1.5s", 1_500_000_000)]
    #[case(".5s", 500_000_000)]
    #[case("1.s", SECOND)]
    #[case("100ms", 100_000_000)]
    #[case("5us", 5_000)]
    #[case("5\u{b5}s", 5_000)]
    #[case("5\u{3bc}s", 5_000)]
    #[case("7ns", 7)]
    #[case("1m", 60 * SECOND)]
    #[case("0.3333333333333333333h", 1_199_999_999_999)]
    #[case("1s1s", 2 * SECOND)]
    #[case("9223372036854775807ns", i64::MAX)]
    #[case("-9223372036854775808ns", i64::MIN)]
    fn a_duration_of_go_is_read(#[case] text: &str, #[case] nanoseconds: i64) {
        assert_eq!(text.parse(), Ok(Duration::from_nanoseconds(nanoseconds)));
    }

    #[rstest]
    #[case::empty("")]
    #[case::no_unit("60")]
    #[case::no_number("s")]
    #[case::only_a_sign("-")]
    #[case::only_a_point(".s")]
    #[case::a_blank("1m 30s")]
    #[case::days("1d")]
    #[case::other_digits("\u{664}s")]
    #[case::w_api_6_minutes_in_words("1min")]
    #[case::w_api_6_nonsense_behind_a_unit("10mfoo")]
    #[case::w_api_6_seconds_in_words("10seconds")]
    fn what_go_cannot_read_is_refused_with_its_text(#[case] text: &str) {
        let error = text.parse::<Duration>().unwrap_err();
        assert_eq!(error, DurationError::Malformed { text: text.to_owned() });
        assert!(
            error.to_string().starts_with(&format!("`{text}` is not a duration: write numbers with units"))
        );
    }

    #[rstest]
    #[case("9223372036854775808ns")]
    #[case("2562048h")]
    #[case("99999999999999999999999999999999999999999999999h")]
    fn what_is_too_long_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<Duration>(), Err(DurationError::OutOfRange { text: text.to_owned() }));
    }

    #[rstest]
    #[case(0, "0s")]
    #[case(1, "1ns")]
    #[case(1_500, "1.5us")]
    #[case(100_000_000, "100ms")]
    #[case(1_500_000_000, "1.5s")]
    #[case(60 * SECOND, "1m")]
    #[case(90 * SECOND, "1m30s")]
    #[case(5_400 * SECOND, "1h30m")]
    #[case(-SECOND, "-1s")]
    fn a_duration_is_written_without_zero_parts(#[case] nanoseconds: i64, #[case] text: &str) {
        assert_eq!(Duration::from_nanoseconds(nanoseconds).to_string(), text);
    }

    #[test]
    fn a_negative_duration_is_no_time_to_wait() {
        let error = std::time::Duration::try_from(Duration::from_seconds(-5)).unwrap_err();
        assert_eq!(error.to_string(), "`-5s` is negative: write a duration of 0 or more");
        assert_eq!(
            std::time::Duration::try_from(Duration::from_seconds(5)),
            Ok(std::time::Duration::from_secs(5))
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(nanoseconds: i64) {
            let duration = Duration::from_nanoseconds(nanoseconds);
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn no_text_makes_the_parser_fail_otherwise(text in "\\PC{0,40}|[-+0-9.hmsnu]{0,40}") {
            let _ = text.parse::<Duration>();
        }

        #[test]
        fn w_api_6_the_schema_lets_through_what_can_be_read_and_nothing_else(text in "[-+0-9.hmsnu\u{b5}]{0,8}|(1|0|[.]5)(h|m|s|ms|min)([0-9]{1,3}(s|ms))?") {
            let pattern = Regex::new(PATTERN).unwrap();
            let readable = text.parse::<Duration>().is_ok() && !text.starts_with(['-', '+']);
            prop_assert_eq!(pattern.is_match(&text), readable);
        }
    }
}
