//! The provider `graphite` against a real Graphite, which `serve` beside this installs and starts. Without python3 these
//! fail, unless `ALLOW_SKIP=1` is set, and are counted as skipped.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use sluice::analysis::{Credentials, Sample, Settings, plan};
use sluice::api::{Canary, MetricTemplate, Provider};
use sluice::providers::{Limits, Providers};

/// A Graphite that ends with the test.
struct Graphite {
    process: Child,
    address: String,
    _data: tempfile::TempDir,
}

impl Drop for Graphite {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Graphite {
    /// Starts one; `None` where that is not possible and a skip is allowed.
    fn start() -> Option<Self> {
        let data = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graphite/serve");
        let mut process = Command::new(script).arg(data.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        if address.is_empty() {
            let ended = process.wait().unwrap();
            assert!(
                std::env::var_os("ALLOW_SKIP").is_some(),
                "Graphite does not start ({ended}): install python3 with venv, or set ALLOW_SKIP=1"
            );
            if let Some(file) = std::env::var_os("SKIPPED") {
                let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
                writeln!(file, "graphite: no server").unwrap();
            }
            return None;
        }
        Some(Self { process, address: address.trim().to_owned(), _data: data })
    }

    /// What a check with this query gets.
    async fn ask(&self, query: &str) -> Result<Sample, String> {
        let template: MetricTemplate = serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "t"},
            "spec": {"provider": {"type": "graphite", "address": self.address}, "query": query},
        }))
        .unwrap();
        let canary: Canary = serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "app", "namespace": "shop"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
                "service": {"port": 80},
                "analysis": {"metrics": [{"name": "errors", "interval": "1m", "threshold": 1, "templateRef": {"name": "t"}}]},
            },
        }))
        .unwrap();
        let settings = Settings {
            provider: Provider::GatewayApiV1,
            metrics_server: String::new(),
            no_cross_namespace_refs: false,
        };
        let check = plan(&canary, &settings, |_, _| Some(&template)).remove(0).unwrap();
        // The first answer of a Python server that has just started takes its time.
        let limits = Limits { timeout: std::time::Duration::from_secs(30), ..Limits::default() };
        let answer = Providers::new(limits, |_| true).unwrap().query(&check, &Credentials::default()).await;
        answer.map_err(|error| error.to_string())
    }
}

#[tokio::test]
async fn a_real_graphite_gives_the_newest_value_no_data_and_its_refusals() {
    let Some(graphite) = Graphite::start() else { return };
    let rows = [
        ("target={{ target }}.errors", Ok(Sample::Value(1.5))),
        ("target=asPercent({{ target }}.errors,\n  {{ target }}.requests)", Ok(Sample::Value(25.0))),
        ("target=scale(app.errors, 2)&from=-5min", Ok(Sample::Value(3.0))),
        // White space in strings stays, and a query may be encoded already.
        ("target=alias(app.errors%2C '1  %25 %26 more')", Ok(Sample::Value(1.5))),
        ("target=app.silent", Ok(Sample::NoData)),
        ("target=app.nobody", Ok(Sample::NoData)),
    ];
    for (query, expected) in rows {
        assert_eq!(graphite.ask(query).await, expected, "{query}");
    }
    let told = graphite.ask("target=app.*").await.unwrap_err();
    assert!(told.starts_with("the query gives 3 series, and one must be judged"), "{told}");
    let told = graphite.ask("target=noSuchFunction(app.errors)").await.unwrap_err();
    assert!(
        told.contains("refused the query: Invalid parameters (Received request for unknown function"),
        "{told}"
    );
}
