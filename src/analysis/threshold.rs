//! Bounds of a metric and the judgement of a value against them. Both bounds are inclusive; a value that is no finite
//! number never passes.

use super::verdict::{Outcome, Sample, Verdict};
use crate::api::Metric;

/// What a check measures; it decides unit and meaning of the older `threshold`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The builtin `request-success-rate`, in percent.
    SuccessRate,
    /// The builtin `request-duration`, in milliseconds.
    Duration,
    /// An inline query, in its own unit.
    Query,
    /// The query of a MetricTemplate, in its own unit.
    Template,
}

impl Kind {
    /// The kind as part of an id.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SuccessRate => "success-rate",
            Self::Duration => "duration",
            Self::Query => "query",
            Self::Template => "template",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::SuccessRate => " %",
            Self::Duration => " ms",
            Self::Query | Self::Template => "",
        }
    }
}

/// The range in which a value passes, in the unit of its [`Kind`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The value must not be less.
    pub min: Option<f64>,
    /// The value must not be more.
    pub max: Option<f64>,
}

impl Bounds {
    /// The range for people, with the unit of what is measured: `at least 99 %`.
    pub fn in_words(self, kind: Kind) -> String {
        let unit = kind.unit();
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("between {min} and {max}{unit}"),
            (Some(min), None) => format!("at least {min}{unit}"),
            (None, Some(max)) => format!("at most {max}{unit}"),
            (None, None) => "never".to_owned(),
        }
    }
}

/// Why a metric's bounds cannot tell good from bad.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BoundsError {
    /// A success rate without a lower bound: every revision would pass.
    #[error(
        "there is no lower bound, so that any success rate would pass; set thresholdRange.min, for example 99"
    )]
    NoMinimum,
    /// No bound at all.
    #[error(
        "there is no bound, so that no value could be judged; set thresholdRange.min or thresholdRange.max"
    )]
    NoBound,
    /// The lower bound lies above the upper one.
    #[error(
        "the minimum {min} is above the maximum {max}, so that no value could pass; swap or correct them"
    )]
    Crossed {
        /// `thresholdRange.min`.
        min: f64,
        /// `thresholdRange.max`.
        max: f64,
    },
    /// A lower bound that a percentage cannot reach.
    #[error("the minimum {min} is above 100 %, so that no success rate could pass; the unit is percent")]
    AboveHundred {
        /// The lower bound.
        min: f64,
    },
    /// An upper bound that the measure cannot get under.
    #[error("the maximum {max} is below 0, so that no value could pass; correct it")]
    BelowZero {
        /// The upper bound.
        max: f64,
    },
}

/// The bounds of a metric. `thresholdRange` counts if it has a bound, else the older `threshold`: a lower bound of
/// the success rate, an upper one of all others.
pub fn bounds(kind: Kind, metric: &Metric) -> Result<Bounds, BoundsError> {
    let range = metric.threshold_range.unwrap_or_default();
    let bounds = match (range.min, range.max, metric.threshold) {
        (None, None, Some(threshold)) if kind == Kind::SuccessRate => {
            Bounds { min: Some(threshold), max: None }
        }
        (None, None, threshold) => Bounds { min: None, max: threshold },
        (min, max, _) => Bounds { min, max },
    };
    match (kind, bounds.min, bounds.max) {
        (_, Some(min), Some(max)) if min > max => Err(BoundsError::Crossed { min, max }),
        (Kind::SuccessRate, None, _) => Err(BoundsError::NoMinimum),
        (_, None, None) => Err(BoundsError::NoBound),
        (Kind::SuccessRate, Some(min), _) if min > 100.0 => Err(BoundsError::AboveHundred { min }),
        (Kind::SuccessRate | Kind::Duration, _, Some(max)) if max < 0.0 => {
            Err(BoundsError::BelowZero { max })
        }
        _ => Ok(bounds),
    }
}

/// Judges a value that is in the unit of its kind. `interval` is the window of the query, for the message about
/// missing data.
pub fn judge(metric: &str, kind: Kind, bounds: Bounds, interval: &str, sample: Sample) -> Verdict {
    let value = match sample {
        Sample::Value(value) if !value.is_nan() => value,
        _ => {
            return Verdict {
                outcome: Outcome::NoData,
                message: no_data(metric, kind, interval),
                value: None,
            };
        }
    };
    if value.is_infinite() {
        let message = format!(
            "{metric} is infinite; the query divides by zero, guard it or send traffic to the canary"
        );
        return Verdict { outcome: Outcome::Failed, message, value: None };
    }
    let unit = kind.unit();
    let sentence = |relation: &str, bound: f64| {
        format!("{metric} {}{unit} is {relation} {bound}{unit}", readable(value, bound))
    };
    let (outcome, message) = match (bounds.min, bounds.max) {
        // Written so that a bound that is no number lets nothing pass.
        (Some(min), _) if min.is_nan() || value < min => {
            (Outcome::Failed, sentence("below the minimum", min))
        }
        (_, Some(max)) if max.is_nan() || value > max => {
            (Outcome::Failed, sentence("above the maximum", max))
        }
        (Some(min), Some(max)) => {
            let message = format!("{metric} {}{unit} is between {min} and {max}{unit}", readable(value, max));
            (Outcome::Passed, message)
        }
        (Some(min), None) => (Outcome::Passed, sentence("at least", min)),
        (None, Some(max)) => (Outcome::Passed, sentence("at most", max)),
        (None, None) => (Outcome::Failed, format!("{metric}: {}", BoundsError::NoBound)),
    };
    Verdict { outcome, message, value: Some(value) }
}

fn no_data(metric: &str, kind: Kind, interval: &str) -> String {
    match kind {
        Kind::SuccessRate | Kind::Duration => format!(
            "{metric} has no data: no request reached the canary in the last {interval}; send it traffic (a load test, more weight) or lengthen the metric's interval"
        ),
        Kind::Query | Kind::Template => format!(
            "{metric} has no data: the query found nothing in the last {interval}; send traffic to the canary, or correct the query's labels"
        ),
    }
}

/// The value with two decimals, or with as many as it takes to tell it from the bound and from zero.
fn readable(value: f64, bound: f64) -> String {
    for decimals in 2..=6 {
        let text = format!("{value:.decimals$}");
        let shown: f64 = text.parse().unwrap_or(value);
        if (shown - value).abs() <= value.abs() * 0.005 && (shown != bound || value == bound) {
            return text;
        }
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::api::ThresholdRange;

    fn metric(threshold: Option<f64>, range: Option<(Option<f64>, Option<f64>)>) -> Metric {
        let threshold_range = range.map(|(min, max)| ThresholdRange { min, max });
        Metric { name: "m".into(), threshold, threshold_range, ..Metric::default() }
    }

    const NONE: Option<f64> = None;

    #[rstest]
    #[case::range(Kind::SuccessRate, None, Some((Some(99.0), NONE)), Ok((Some(99.0), None)))]
    #[case::both(Kind::Query, None, Some((Some(1.0), Some(2.0))), Ok((Some(1.0), Some(2.0))))]
    #[case::range_wins(Kind::SuccessRate, Some(1.0), Some((Some(99.0), NONE)), Ok((Some(99.0), None)))]
    #[case::legacy_success_is_a_minimum(Kind::SuccessRate, Some(99.0), None, Ok((Some(99.0), None)))]
    #[case::legacy_duration_is_a_maximum(Kind::Duration, Some(500.0), None, Ok((None, Some(500.0))))]
    #[case::legacy_query_is_a_maximum(Kind::Query, Some(5.0), None, Ok((None, Some(5.0))))]
    #[case::legacy_zero_is_a_word(Kind::Template, Some(0.0), None, Ok((None, Some(0.0))))]
    #[case::an_empty_range_says_nothing(Kind::Duration, Some(500.0), Some((NONE, NONE)), Ok((None, Some(500.0))))]
    #[case::crossed(Kind::Query, None, Some((Some(2.0), Some(1.0))), Err(BoundsError::Crossed { min: 2.0, max: 1.0 }))]
    #[case::more_than_all(Kind::SuccessRate, Some(101.0), None, Err(BoundsError::AboveHundred { min: 101.0 }))]
    #[case::faster_than_light(Kind::Duration, Some(-1.0), None, Err(BoundsError::BelowZero { max: -1.0 }))]
    #[case::custom_may_be_negative(Kind::Query, Some(-1.0), None, Ok((None, Some(-1.0))))]
    #[case::only_a_maximum(Kind::SuccessRate, None, Some((NONE, Some(100.0))), Err(BoundsError::NoMinimum))]
    fn bounds_come_from_the_range_or_the_older_threshold(
        #[case] kind: Kind,
        #[case] threshold: Option<f64>,
        #[case] range: Option<(Option<f64>, Option<f64>)>,
        #[case] expected: Result<(Option<f64>, Option<f64>), BoundsError>,
    ) {
        assert_eq!(bounds(kind, &metric(threshold, range)), expected.map(|(min, max)| Bounds { min, max }));
    }

    #[rstest]
    #[case(None)]
    #[case(Some((NONE, NONE)))]
    fn a_success_rate_without_a_bound_is_told_where_the_peer_promotes_anything(
        #[case] range: Option<(Option<f64>, Option<f64>)>,
    ) {
        assert_eq!(bounds(Kind::SuccessRate, &metric(None, range)), Err(BoundsError::NoMinimum));
    }

    #[rstest]
    #[case(Kind::Duration)]
    #[case(Kind::Query)]
    #[case(Kind::Template)]
    fn w_met_13_a_metric_without_a_bound_is_told_where_the_peer_fails_every_value(#[case] kind: Kind) {
        assert_eq!(bounds(kind, &metric(None, None)), Err(BoundsError::NoBound));
    }

    fn judged(kind: Kind, min: Option<f64>, max: Option<f64>, sample: Sample) -> Verdict {
        judge("latency", kind, Bounds { min, max }, "1m", sample)
    }

    #[rstest]
    #[case::below(
        Kind::SuccessRate,
        Some(99.0),
        None,
        92.1,
        false,
        "latency 92.10 % is below the minimum 99 %"
    )]
    #[case::at_the_minimum(
        Kind::SuccessRate,
        Some(99.0),
        None,
        99.0,
        true,
        "latency 99.00 % is at least 99 %"
    )]
    #[case::just_below(
        Kind::SuccessRate,
        Some(99.0),
        None,
        98.9996,
        false,
        "latency 98.9996 % is below the minimum 99 %"
    )]
    #[case::above(
        Kind::Duration,
        None,
        Some(500.0),
        500.25,
        false,
        "latency 500.25 ms is above the maximum 500 ms"
    )]
    #[case::at_the_maximum(
        Kind::Duration,
        None,
        Some(500.0),
        500.0,
        true,
        "latency 500.00 ms is at most 500 ms"
    )]
    #[case::between(Kind::Query, Some(-1.5), Some(2.0), 0.0, true, "latency 0.00 is between -1.5 and 2")]
    #[case::small(
        Kind::Query,
        None,
        Some(0.001),
        0.00125,
        false,
        "latency 0.00125 is above the maximum 0.001"
    )]
    #[case::no_bound(
        Kind::Query,
        None,
        None,
        1.0,
        false,
        "latency: there is no bound, so that no value could be judged; set thresholdRange.min or thresholdRange.max"
    )]
    fn a_value_is_judged_in_one_readable_sentence(
        #[case] kind: Kind,
        #[case] min: Option<f64>,
        #[case] max: Option<f64>,
        #[case] value: f64,
        #[case] passed: bool,
        #[case] message: &str,
    ) {
        let verdict = judged(kind, min, max, Sample::Value(value));
        assert_eq!(
            (verdict.passed(), verdict.message.as_str(), verdict.value),
            (passed, message, Some(value))
        );
    }

    #[test]
    fn w_met_10_fractions_of_a_millisecond_count() {
        assert!(judged(Kind::Duration, None, Some(0.5), Sample::Value(0.4)).passed());
        assert!(!judged(Kind::Duration, None, Some(0.5), Sample::Value(0.6)).passed());
        assert!(!judged(Kind::Duration, None, Some(100.0), Sample::Value(100.9)).passed());
    }

    #[rstest]
    #[case(Sample::NoData)]
    #[case(Sample::Value(f64::NAN))]
    fn w_met_11_no_traffic_is_told_apart_from_a_bad_value(#[case] sample: Sample) {
        let verdict = judged(Kind::SuccessRate, Some(99.0), None, sample);
        assert_eq!((verdict.outcome, verdict.value), (Outcome::NoData, None));
        let expected = "latency has no data: no request reached the canary in the last 1m; send it traffic (a load test, more weight) or lengthen the metric's interval";
        assert_eq!(verdict.message, expected);
        assert!(
            judged(Kind::Query, None, Some(1.0), sample)
                .message
                .contains("the query found nothing in the last 1m")
        );
    }

    #[test]
    fn w_met_6_an_infinite_value_never_passes() {
        for value in [f64::INFINITY, f64::NEG_INFINITY] {
            let verdict = judged(Kind::Query, Some(f64::NEG_INFINITY), None, Sample::Value(value));
            assert_eq!((verdict.outcome, verdict.value), (Outcome::Failed, None));
        }
    }

    proptest! {
        #[test]
        fn a_value_passes_exactly_within_its_bounds(value: f64, min: Option<f64>, max: Option<f64>) {
            let verdict = judged(Kind::Query, min, max, Sample::Value(value));
            let within = min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max);
            prop_assert_eq!(verdict.passed(), value.is_finite() && within && (min.is_some() || max.is_some()));
        }
    }
}
