//! The window of a query, as Prometheus writes durations: `30s`, `1m`, `1h30m`.

/// The window when a metric names none. The peer has it for builtin metrics and inline queries only and renders `[]`
/// from a template.
pub const DEFAULT: &str = "1m";

/// Units in the order in which Prometheus wants them, in milliseconds.
const UNITS: &[(&str, i64)] = &[
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Whether Prometheus takes this text as a window: whole numbers with units from large to small, each unit once, more
/// than zero.
pub(super) fn is_valid(text: &str) -> bool {
    milliseconds(text).is_some()
}

/// The window in whole seconds, rounded up; none if it is no window.
pub(super) fn seconds(text: &str) -> Option<i64> {
    milliseconds(text).map(|milliseconds| milliseconds.saturating_add(999) / 1000)
}

fn milliseconds(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut units = UNITS;
    let mut sum: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|sign: char| sign.is_ascii_digit()).len();
        let (number, behind) = rest.split_at(digits);
        let unit_end = behind.find(|sign: char| sign.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, after) = behind.split_at(unit_end);
        let place = units.iter().position(|(known, _)| *known == unit)?;
        // More digits than this overflow the server's nanoseconds with any unit.
        if number.len() > 12 {
            return None;
        }
        sum = sum.saturating_add(number.parse::<i64>().ok()?.saturating_mul(units[place].1));
        units = &units[place + 1..];
        rest = after;
    }
    (sum > 0).then_some(sum)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{is_valid, seconds};

    #[rstest]
    #[case("30s", true)]
    #[case("1m", true)]
    #[case("1h30m", true)]
    #[case("1m500ms", true)]
    #[case("7d", true)]
    #[case("", false)]
    #[case("0s", false)]
    #[case("1", false)]
    #[case("m", false)]
    #[case("10seconds", false)]
    #[case("1min", false)]
    #[case("1.5m", false)]
    #[case("-1m", false)]
    #[case("30s1m", false)]
    #[case("1m1m", false)]
    #[case("1m] offset 1d", false)]
    #[case("99999999999999999999s", false)]
    fn only_what_prometheus_takes_is_a_window(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_valid(text), expected);
    }

    #[rstest]
    #[case("90s", Some(90))]
    #[case("1h30m", Some(5400))]
    #[case("1s1ms", Some(2))]
    #[case("1d", Some(86_400))]
    #[case("soon", None)]
    fn a_window_has_whole_seconds(#[case] text: &str, #[case] expected: Option<i64>) {
        assert_eq!(seconds(text), expected);
    }
}
