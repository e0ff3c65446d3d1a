//! What metric servers send back. The first byte chooses the kind of server, the second the status, all others are the body.

use std::sync::LazyLock;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::json;
use sluice::analysis::server::{Answer, Question, SERVERS, server};
use sluice::analysis::{Check, Credentials, Settings, plan};
use sluice::api::{Canary, MetricTemplate, Provider};

/// A question to each kind of server.
static CHECKS: LazyLock<Vec<Check>> = LazyLock::new(|| {
    let canary: Canary = serde_json::from_value(json!({
        "metadata": {"name": "shop", "namespace": "prod"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "service": {"port": 80},
            "analysis": {"metrics": [{"name": "errors", "interval": "2m", "threshold": 1, "templateRef": {"name": "t"}}]},
        },
    }))
    .unwrap();
    let settings = Settings {
        provider: Provider::Kubernetes,
        metrics_server: String::new(),
        no_cross_namespace_refs: false,
    };
    let check = |kind: &str| {
        let template: MetricTemplate = serde_json::from_value(json!({
            "metadata": {"name": "t"},
            "spec": {
                "provider": {"type": kind, "address": "http://server", "region": "eu-central-1", "secretRef": {"name": "s"}},
                "query": "[{\"Id\": \"a\", \"Expression\": \"b\"}]",
            },
        }))
        .unwrap();
        plan(&canary, &settings, |_, _| Some(&template)).remove(0).unwrap()
    };
    SERVERS.iter().map(|server| check(server.kind().as_str())).collect()
});

/// Any answer is a sample or an error of a few words.
pub(crate) fn check(input: &[u8]) {
    let [first, second, body @ ..] = input else { return };
    let check = &CHECKS[usize::from(*first) % CHECKS.len()];
    let statuses = [200, 200, 200, 400, 401, 404, 429, 500, 503, 302];
    let answer = Answer {
        host: "server:80".to_owned(),
        holder: "Secret prod/s".to_owned(),
        status: StatusCode::from_u16(statuses[usize::from(*second) % statuses.len()]).unwrap(),
        headers: HeaderMap::new(),
        body: body.to_vec().into(),
    };
    let credentials = Credentials::default();
    let question =
        Question { check, credentials: &credentials, now: Timestamp::from_second(1_800_000_000).unwrap() };
    if let Err(error) = server(check.provider).unwrap().sample(&answer, &question) {
        assert!(error.to_string().chars().count() < 1_000, "{error}");
    }
}

/// A few inputs to begin with: a good answer of each kind of server.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let bodies = [
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1800000000,"99.5"]}]}}"#,
        r#"{"status":"ok","series":[{"pointlist":[[1800000000000.0,1.5]]}]}"#,
        r#"{"MetricDataResults":[{"Id":"a","Label":"l","StatusCode":"Complete","Timestamps":[1.8e9],"Values":[2.0]}]}"#,
        r#"{"results":[{"result":3.5}],"metadata":{}}"#,
        r#"[{"target":"a","datapoints":[[4.5,1800000000],[null,1800000060]]}]"#,
    ];
    let of = |(kind, body): (usize, &str)| [&[kind as u8, 0], body.as_bytes()].concat();
    bodies.into_iter().enumerate().map(of).collect()
}
