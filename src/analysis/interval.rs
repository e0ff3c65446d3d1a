//! The window of a query, as Prometheus writes durations: `30s`, `1m`, `1h30m`.

/// The window when a metric names none. The peer has it for builtin metrics and inline queries only and renders `[]`
/// from a template.
pub(super) const DEFAULT: &str = "1m";

/// Units in the order in which Prometheus wants them.
const UNITS: &[&str] = &["y", "w", "d", "h", "m", "s", "ms"];

/// Whether Prometheus takes this text as a window: whole numbers with units from large to small, each unit once, more
/// than zero.
pub(super) fn is_valid(text: &str) -> bool {
    let mut rest = text;
    let mut units = UNITS;
    let mut any = false;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|sign: char| sign.is_ascii_digit()).len();
        let (number, behind) = rest.split_at(digits);
        let unit_end = behind.find(|sign: char| sign.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, after) = behind.split_at(unit_end);
        let Some(place) = units.iter().position(|known| *known == unit) else { return false };
        // More digits than this overflow the server's nanoseconds with any unit.
        if number.is_empty() || number.len() > 12 {
            return false;
        }
        any |= number.bytes().any(|digit| digit != b'0');
        units = &units[place + 1..];
        rest = after;
    }
    any
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::is_valid;

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
}
