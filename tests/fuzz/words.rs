//! The small languages that users write in fields: durations, templates of queries, PromQL on one line, whole numbers. The
//! first byte chooses, all others are the text.

use serde_json::{Value, json};
use sluice::analysis::query::{collapse, is_range};
use sluice::analysis::template::{MAX_RENDERED_BYTES, Variables, parse, render};
use sluice::api::{Duration, MetricTemplate};

/// Any text is read or refused, and what is read comes out as it was meant.
pub(crate) fn check(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match first % 4 {
        0 => duration(text),
        1 => template(text),
        2 => line(text),
        _ => number(text),
    }
}

/// A few inputs to begin with.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts: [&[&str]; 4] = [
        &["1h30m", "-1.5s", "100ms", "0", ".5us", "9223372036854775807ns", "-9223372036854775808ns", "1m1m"],
        &[
            "sum(rate(errors_total{app=\"{{ target }}\"}[{{ interval }}]))",
            "{{ if eq variables.a \"b\" }}{{ printf \"%-5.2f|%q\" 1.5 name }}{{ else }}x{{ end }}",
            "{{- /* nothing */ -}} {{ `raw` }}",
        ],
        &["sum(\n  rate(x[1m]) # why\n)", "\"a # b\" + 'c\\'d'", "`\n`", "x[5m]"],
        &["10", "10.0", "10.5", "1e3", "-1", "9007199254740993", "\"10\"", "null"],
    ];
    let of = |(first, texts): (usize, &&[&str])| -> Vec<Vec<u8>> {
        texts.iter().map(|text| [&[first as u8], text.as_bytes()].concat()).collect()
    };
    texts.iter().enumerate().flat_map(of).collect()
}

/// What is written of a duration is the same duration.
fn duration(text: &str) {
    match text.parse::<Duration>() {
        Ok(read) => assert_eq!(read.to_string().parse(), Ok(read), "{text}"),
        Err(error) => assert!(error.to_string().len() < text.len() + 200),
    }
}

/// A template that is read renders within its bound, twice the same, or tells where it does not.
fn template(text: &str) {
    let Ok(template) = parse(text) else { return };
    let variables = Variables {
        name: "app".to_owned(),
        interval: "1m".to_owned(),
        variables: [("a".to_owned(), "b\"\\\n".to_owned())].into(),
        ..Variables::default()
    };
    match (render(&template, &variables), render(&template, &variables)) {
        (Ok(one), Ok(two)) => assert!(one == two && one.len() <= MAX_RENDERED_BYTES),
        (Err(one), Err(two)) => assert_eq!(one.to_string(), two.to_string()),
        _ => panic!("rendering once and again are different"),
    }
}

/// A query on one line stays as it is when it is put on one line.
fn line(text: &str) {
    let once = collapse(text);
    assert!(once.len() <= text.len());
    assert_eq!(collapse(&once), once);
    is_range(text);
}

/// A whole number of either form is the number that it says; everything else is refused.
fn number(text: &str) {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let canary = json!({
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "app"}, "service": {"port": 80},
            "analysis": {"threshold": &value, "stepWeights": [&value]},
        },
    });
    let read = serde_json::from_value::<sluice::api::Canary>(canary);
    let Some(analysis) = read.ok().and_then(|canary| canary.spec.analysis) else { return };
    let said = value.as_f64().unwrap_or_default();
    let numbers = analysis.threshold.iter().chain(&analysis.step_weights);
    for weight in numbers.filter(|_| !value.is_null()) {
        assert_eq!(f64::from(*weight), said, "{text}");
    }
    drop(serde_json::from_value::<MetricTemplate>(json!({"spec": value})));
}
