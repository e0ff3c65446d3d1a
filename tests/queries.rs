//! Every query that is shipped or shown renders, and is PromQL as a parser of Prometheus' language reads it. The builtin ones
//! are read beside their code.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use serde_json::Value;
use sluice::admission::rules::{RULES, example};
use sluice::analysis::{Variables, query, template};
use sluice::api::{Canary, MetricProviderType, MetricTemplate};

/// Where queries stand: documents, their templates, the chart, the demo and the manifests of the schema's tests.
const FOLDERS: [&str; 5] = [".", "docs", "charts", "tests/demo", "tests/schema/valid"];

/// The files of a folder, and of what is below it unless that is the top.
fn files(folder: &Path, deep: bool, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if deep {
                files(&path, true, found);
            }
        } else if path.extension().is_some_and(|end| ["md", "yaml"].iter().any(|known| end == *known)) {
            found.push(path);
        }
    }
}

/// The YAML documents in a file: all of it, or its blocks if it is prose.
fn documents(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let blocks: Vec<&str> = if path.extension().is_some_and(|end| end == "md") {
        text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
    } else {
        vec![&text]
    };
    blocks.iter().flat_map(|block| block.split("\n---\n")).map(str::to_owned).collect()
}

/// The objects of our kinds in all files, each with its place. What is no YAML (a template of Helm) holds none.
fn objects() -> Vec<(String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in FOLDERS {
        files(&root.join(folder), folder != ".", &mut paths);
    }
    let parsed = paths.iter().flat_map(|path| {
        let name = path.strip_prefix(root).unwrap().display().to_string();
        documents(path)
            .into_iter()
            .filter_map(move |text| Some((name.clone(), serde_saphyr::from_str(&text).ok()?)))
    });
    let right = RULES.iter().flat_map(|rule| {
        example::objects(rule.right).unwrap().into_iter().map(|object| (rule.id.to_owned(), object))
    });
    parsed.chain(right).collect()
}

/// Names for a template; every variable that it asks for is set.
fn names(text: &str) -> Variables {
    let asked = text.split("variables.").skip(1).map(|rest| {
        let key = rest.split(|sign: char| !sign.is_alphanumeric() && sign != '_').next().unwrap_or_default();
        (key.to_owned(), "some".to_owned())
    });
    Variables {
        name: "cider".into(),
        namespace: "orchard".into(),
        target: "press".into(),
        service: "juice".into(),
        ingress: "press".into(),
        route: "press".into(),
        interval: "1m".into(),
        variables: asked.collect(),
    }
}

/// The queries for Prometheus in an object, but for those that are never asked: under `skipAnalysis` they may be wrong.
fn queries(object: &Value) -> Vec<String> {
    match object["kind"].as_str() {
        Some("Canary") => {
            let canary: Option<Canary> = serde_json::from_value(object.clone()).ok();
            let asking = canary.filter(|canary| !canary.spec.skip_analysis);
            let analysis = asking.and_then(|canary| canary.spec.analysis);
            analysis
                .into_iter()
                .flat_map(|analysis| analysis.metrics)
                .filter_map(|metric| metric.query)
                .collect()
        }
        Some("MetricTemplate") => {
            let template: Option<MetricTemplate> = serde_json::from_value(object.clone()).ok();
            let of_prometheus =
                template.filter(|template| template.spec.provider.type_ == MetricProviderType::Prometheus);
            of_prometheus.map(|template| template.spec.query).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn every_query_that_is_shipped_or_shown_is_promql() {
    let mut read = 0;
    for (place, object) in objects() {
        for text in queries(&object) {
            let rendered = template::parse(&text).and_then(|parsed| template::render(&parsed, &names(&text)));
            let sent = query::collapse(&rendered.unwrap_or_else(|error| panic!("{place}: {error}: {text}")));
            promql_parser::parser::parse(&sent).unwrap_or_else(|error| panic!("{place}: {error}: {sent}"));
            read += 1;
        }
    }
    assert!(read >= 10, "only {read} queries were found: has the form of the files changed?");
}
