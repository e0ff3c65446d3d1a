//! The window of a query, as Prometheus writes durations: `30s`, `1m`, `1h30m`.

use crate::api::Duration;

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

/// The window as Prometheus takes it: whole numbers with units from large to small, each unit once, more than zero. A duration
/// of Go that is written otherwise (`1.5m`, `30s1m`) is put in that form.
pub(super) fn window(text: &str) -> Option<String> {
    if milliseconds(text).is_some() {
        return Some(text.to_owned());
    }
    let nanoseconds = text.parse::<Duration>().ok()?.nanoseconds();
    let mut rest = Some(nanoseconds / 1_000_000).filter(|rest| *rest > 0 && nanoseconds % 1_000_000 == 0)?;
    let mut window = String::new();
    for (size, unit) in [(3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")] {
        if rest >= size {
            window += &format!("{}{unit}", rest / size);
            rest %= size;
        }
    }
    Some(window)
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

    use super::{seconds, window};

    #[rstest]
    #[case("30s", Some("30s"))]
    #[case("1m", Some("1m"))]
    #[case("1h30m", Some("1h30m"))]
    #[case("1m500ms", Some("1m500ms"))]
    #[case("7d", Some("7d"))]
    #[case::a_fraction_of_go("1.5m", Some("1m30s"))]
    #[case::gos_order("30s1m", Some("1m30s"))]
    #[case::a_unit_twice("1m1m", Some("2m"))]
    #[case::less_than_a_millisecond("100us", None)]
    #[case("", None)]
    #[case("0s", None)]
    #[case("1", None)]
    #[case("m", None)]
    #[case("10seconds", None)]
    #[case("1min", None)]
    #[case("-1m", None)]
    #[case("1m] offset 1d", None)]
    #[case("99999999999999999999s", None)]
    fn a_window_is_what_prometheus_takes_and_what_go_writes(
        #[case] text: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(window(text).as_deref(), expected);
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
