//! Parts of sentences about runs.

use jiff::SignedDuration;

use crate::{
    api::Duration,
    rollout::{Act, Timeline},
    routing::Weight,
};

/// Most shares that are listed; of more the first and the last ones are.
const LISTED: usize = 8;
/// How many of the first and of the last ones.
const ENDS: (usize, usize) = (4, 2);

/// The steps of a run and its shortest time: `5 %, 20 % and 50 % of the traffic, then promotion; at least 1m30s`.
pub(super) fn run(timeline: &Timeline) -> String {
    let mut parts = Vec::new();
    for step in &timeline.steps {
        match step.what {
            Act::Copies(copied) => parts.push(copies(copied)),
            Act::Iteration { number: 1, of, copied } => {
                let word = if of == 1 { "check" } else { "checks" };
                let copied = copied.map(|copied| format!(" and with {}", copies(copied))).unwrap_or_default();
                parts.push(format!("{of} {word} without traffic of users{copied}"));
            }
            Act::Chosen { number: 1, of } => {
                let word = if of == 1 { "check" } else { "checks" };
                parts.push(format!("{of} {word} with the requests that spec.analysis.match chooses"));
            }
            Act::Iteration { .. } | Act::Chosen { .. } | Act::Share(_) | Act::Promotion { .. } => {}
        }
    }
    let shares: Vec<String> = timeline
        .steps
        .iter()
        .filter_map(|step| match step.what {
            Act::Share(weight) => Some(format!("{weight} %")),
            _ => None,
        })
        .collect();
    if !shares.is_empty() {
        parts.push(format!("{} of the traffic", listed(&shares)));
    }
    parts.push("promotion".to_owned());
    format!("{}; at least {}", parts.join(", then "), time(timeline.shortest()))
}

fn copies(share: Weight) -> String {
    format!("copies of {share} % of the requests")
}

fn listed(shares: &[String]) -> String {
    let (first, last) = ENDS;
    if shares.len() > LISTED
        && let (Some(head), Some(tail)) = (shares.get(..first), shares.get(shares.len() - last..))
    {
        return format!("{}, … {} ({} steps)", head.join(", "), tail.join(", "), shares.len());
    }
    match shares.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => shares.concat(),
    }
}

/// A time as people write it.
pub(super) fn time(time: SignedDuration) -> String {
    Duration::from_nanoseconds(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)).to_string()
}

/// A number of pods.
pub(super) fn pods(count: i32) -> String {
    match count {
        1 => "1 pod".to_owned(),
        count => format!("{count} pods"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::rollout::Settings;

    #[rstest]
    #[case::shares(json!({"stepWeights": [5, 20, 50]}), "5 %, 20 % and 50 % of the traffic, then promotion; at least 1m30s")]
    #[case::one_share(json!({"stepWeights": [100]}), "100 % of the traffic, then promotion; at least 30s")]
    #[case::many(json!({"stepWeight": 1}), "1 %, 2 %, 3 %, 4 %, … 99 %, 100 % (100 steps) of the traffic, then promotion; at least 50m")]
    #[case::copies(
        json!({"stepWeights": [50], "mirror": true, "mirrorWeight": 20}),
        "copies of 20 % of the requests, then 50 % of the traffic, then promotion; at least 1m"
    )]
    #[case::checks(json!({"iterations": 3}), "3 checks without traffic of users, then 100 % of the traffic, then promotion; at least 1m30s")]
    fn a_run_in_words(#[case] steps: Value, #[case] expected: &str) {
        let mut canary = crate::admission::rules::example::plain("Canary");
        canary["spec"]["analysis"] = json!({"interval": "30s", "threshold": 1});
        json_patch::merge(&mut canary["spec"]["analysis"], &steps);
        let canary = serde_json::from_value(canary).unwrap();
        assert_eq!(run(&Timeline::of(&canary, &Settings::default()).unwrap()), expected);
    }
}
