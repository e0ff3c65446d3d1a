//! What metric servers answer in a simulation: by metric, values that hold from a time on.

use std::{collections::BTreeMap, str::FromStr};

use jiff::{SignedDuration, Timestamp};

use crate::{
    analysis::{Bounds, Check, Sample},
    api::Duration,
    rollout::{Ask, Measured, Question},
};

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Said {
    /// A value in the unit of the metric's bounds.
    Value(f64),
    /// Nothing is measured.
    NoData,
    /// The server is away.
    Error,
}

/// The answers of one metric, each from a time after the release on.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The metric's name.
    pub metric: String,
    said: Vec<(SignedDuration, Said)>,
}

/// Why a text is no script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// No name and answers.
    #[error("`{0}` is no script: write NAME=VALUE[@TIME],..., for example request-success-rate=99.5,80@5m")]
    Form(String),
    /// An answer that is none.
    #[error("`{0}` is no answer: write a number, `nodata` or `error`")]
    Answer(String),
    /// A time that is none.
    #[error("`{0}` is no time after the release: write a duration such as 30s or 2m")]
    Time(String),
}

impl FromStr for Script {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || ScriptError::Form(text.to_owned());
        let (metric, answers) = text.split_once('=').ok_or_else(form)?;
        if metric.is_empty() || answers.is_empty() {
            return Err(form());
        }
        let mut said = answers.split(',').map(answer).collect::<Result<Vec<_>, _>>()?;
        said.sort_by_key(|(from, _)| *from);
        Ok(Script { metric: metric.to_owned(), said })
    }
}

/// `VALUE` or `VALUE@TIME`.
fn answer(text: &str) -> Result<(SignedDuration, Said), ScriptError> {
    let (said, from) = text.split_once('@').unwrap_or((text, "0s"));
    let from = from.parse::<Duration>().ok().filter(|from| !from.is_negative());
    let from = from.ok_or_else(|| ScriptError::Time(text.to_owned()))?;
    let said = match said {
        "nodata" => Said::NoData,
        "error" => Said::Error,
        number => match number.parse::<f64>() {
            Ok(value) if value.is_finite() => Said::Value(value),
            _ => return Err(ScriptError::Answer(said.to_owned())),
        },
    };
    Ok((SignedDuration::from_nanos(from.nanoseconds()), said))
}

impl Script {
    fn at(&self, elapsed: SignedDuration) -> Option<Said> {
        self.said.iter().rev().find(|(from, _)| *from <= elapsed).map(|(_, said)| *said)
    }
}

/// Answers by these scripts, whose times count from `release`; whatever they leave open passes.
pub(super) fn oracle(scripts: &[Script], release: Timestamp) -> impl FnMut(&Ask) -> Measured + use<> {
    let scripts: BTreeMap<String, Script> =
        scripts.iter().map(|script| (script.metric.clone(), script.clone())).collect();
    move |ask| {
        let Question::Metric(check) = &ask.question else { return Ok(Sample::NoData) };
        let script = scripts.get(&check.metric);
        let said = script.and_then(|script| script.at(ask.id.due.duration_since(release)));
        match said.unwrap_or_else(|| Said::Value(passing(check.bounds))) {
            Said::Value(value) => Ok(Sample::Value(unscaled(check, value))),
            Said::NoData => Ok(Sample::NoData),
            Said::Error => Err("the server is away, as the simulation was told".to_owned()),
        }
    }
}

/// What the server has to answer so that the metric has this value in the unit of its bounds.
fn unscaled(check: &Check, value: f64) -> f64 {
    value / check.scale
}

/// A value within bounds, a usual one if it can be: all requests succeed, and they take no time.
fn passing(bounds: Bounds) -> f64 {
    let (least, most) = (bounds.min.unwrap_or(f64::MIN), bounds.max.unwrap_or(f64::MAX));
    let usual = if bounds.min.is_some() { 100.0 } else { 0.0 };
    if (least..=most).contains(&usual) { usual } else { bounds.min.or(bounds.max).unwrap_or(usual) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn said(text: &str, seconds: i64) -> Option<Said> {
        text.parse::<Script>().unwrap().at(SignedDuration::from_secs(seconds))
    }

    #[rstest]
    #[case::nothing_yet(0, None)]
    #[case::just_before(119, None)]
    #[case::from_then_on(120, Some(Said::Value(99.5)))]
    #[case::until_the_next(299, Some(Said::Value(99.5)))]
    #[case::the_next(300, Some(Said::Value(80.0)))]
    #[case::no_data(400, Some(Said::NoData))]
    #[case::for_ever(100_000, Some(Said::Error))]
    fn an_answer_holds_from_its_time_until_the_next(#[case] seconds: i64, #[case] expected: Option<Said>) {
        assert_eq!(said("rate=80@5m,99.5@2m,nodata@400s,error@500s", seconds), expected);
    }

    #[test]
    fn without_a_time_it_holds_from_the_release_on() {
        assert_eq!(said("rate=12", 0), Some(Said::Value(12.0)));
    }

    #[rstest]
    #[case::no_name("=1", "is no script")]
    #[case::no_answer("rate", "is no script")]
    #[case::an_empty_answer("rate=", "is no script")]
    #[case::no_number("rate=many", "is no answer")]
    #[case::no_finite_number("rate=NaN", "is no answer")]
    #[case::no_time("rate=1@soon", "is no time")]
    #[case::a_time_before_the_release("rate=1@-1m", "is no time")]
    fn what_is_no_script_is_told(#[case] text: &str, #[case] expected: &str) {
        let told = text.parse::<Script>().unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
    }

    #[rstest]
    #[case(Some(99.0), None, 100.0)]
    #[case(None, Some(500.0), 0.0)]
    #[case(Some(200.0), None, 200.0)]
    #[case(None, Some(-3.0), -3.0)]
    #[case(Some(1.0), Some(5.0), 1.0)]
    fn what_is_not_scripted_passes(
        #[case] min: Option<f64>,
        #[case] max: Option<f64>,
        #[case] expected: f64,
    ) {
        assert_eq!(passing(Bounds { min, max }), expected);
    }
}
