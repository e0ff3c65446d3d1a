//! Alerts: which events people are woken for, how loudly, and who hears of them.

use std::collections::BTreeSet;

use crate::api::{Canary, ObjectRef, Severity};

use super::{Event, Plan, Reason, Settings, provider, scene::deadline};
use crate::routing;

/// What a chat room is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// How bad it is.
    pub severity: Severity,
    /// `name.namespace` of the Canary.
    pub canary: String,
    /// One or more sentences.
    pub message: String,
    /// Names and values, in order.
    pub fields: Vec<(String, String)>,
}

/// Who hears of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The operator's own room, for Canaries that name none.
    Operator,
    /// The AlertProviders that the Canary names, as far as the severity is theirs.
    Providers(Vec<ObjectRef>),
}

/// The alert that an event is, if anybody is woken for it. `cluster` names the cluster, if the operator did.
pub fn alert(canary: &Canary, event: &Event, settings: &Settings, cluster: Option<&str>) -> Option<Alert> {
    let severity = event.alert?;
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut field = |name: &str, value: String| fields.push((name.to_owned(), value));
    if let Some(cluster) = cluster {
        field("Cluster", cluster.to_owned());
    }
    if matches!(event.reason, Reason::Initialized | Reason::RevisionDetected) {
        let (target, namespace) = (&canary.spec.target_ref, canary.namespace_name());
        field("Target", format!("{}/{}.{namespace}", target.kind, target.name));
        let threshold = canary.spec.analysis.as_ref().and_then(|analysis| analysis.threshold);
        field("Failed checks threshold", threshold.unwrap_or(1).max(1).to_string());
        field("Progress deadline", format!("{}s", deadline(canary).as_secs()));
        field("Traffic routing", routed(canary, settings));
    }
    let name = canary.metadata.name.clone().unwrap_or_default();
    let canary = format!("{name}.{}", canary.namespace_name());
    Some(Alert { severity, canary, message: event.message.clone(), fields })
}

/// Who hears of an alert of this severity. An entry without a severity hears of all; one into another namespace is left out
/// where the operator forbids that.
pub fn audience(canary: &Canary, severity: Severity, settings: &Settings) -> Audience {
    let alerts = canary.spec.analysis.as_ref().map_or(&[][..], |analysis| &analysis.alerts);
    if alerts.is_empty() {
        return Audience::Operator;
    }
    let own = canary.namespace_name();
    let heard = alerts.iter().filter(|alert| severity >= alert.severity);
    let named = heard.filter_map(|alert| alert.provider_ref.as_ref());
    let allowed =
        named.filter(|reference| !settings.no_cross_namespace_refs || reference.namespace_or(&own) == own);
    // Each hears once, in the order in which they are named.
    let mut known = BTreeSet::new();
    let providers = allowed.map(|reference| reference.object("AlertProvider", &own));
    Audience::Providers(providers.filter(|provider| known.insert(provider.clone())).collect())
}

/// How traffic moves, in the peer's words.
fn routed(canary: &Canary, settings: &Settings) -> String {
    let analysis = canary.spec.analysis.clone().unwrap_or_default();
    if !analysis.matches.is_empty() {
        return "A/B Testing".to_owned();
    }
    let router = routing::router(provider(canary, settings));
    let plan = Plan::of(&analysis, router.map(|router| router.capabilities()).unwrap_or_default());
    let limit = analysis.max_weight.filter(|limit| *limit > 0).unwrap_or(100);
    match plan {
        Plan::BlueGreen { .. } => "Blue/Green".to_owned(),
        _ if analysis.step_weight.unwrap_or(0) > 0 => {
            format!("Weight step: {} max: {limit}", analysis.step_weight.unwrap_or(0))
        }
        _ => {
            let steps: Vec<String> = analysis.step_weights.iter().map(ToString::to_string).collect();
            let most = analysis.step_weights.last().copied().unwrap_or(100).min(100);
            format!("Weight steps: {} max: {most}", steps.join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::api::Provider;

    fn canary(analysis: Value) -> Canary {
        serde_json::from_value(json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {"name": "shop", "namespace": "store"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "progressDeadlineSeconds": 90,
                "analysis": analysis,
            },
        }))
        .unwrap()
    }

    fn told(reason: Reason, analysis: Value, cluster: Option<&str>) -> Option<Alert> {
        alert(&canary(analysis), &Event::new(reason, "So it is."), &Settings::default(), cluster)
    }

    #[rstest]
    #[case(Reason::Initialized, Some(Severity::Info))]
    #[case(Reason::RevisionDetected, Some(Severity::Info))]
    #[case(Reason::Promoted, Some(Severity::Info))]
    #[case(Reason::GateClosed, Some(Severity::Warn))]
    #[case::w_hk_8_whatever_the_reason(Reason::RolledBack, Some(Severity::Error))]
    #[case(Reason::PromotionFailed, Some(Severity::Error))]
    #[case(Reason::WeightRaised, None)]
    #[case(Reason::CheckFailed, None)]
    #[case(Reason::AlertFailed, None)]
    fn an_event_alerts_as_loudly_as_its_reason(#[case] reason: Reason, #[case] expected: Option<Severity>) {
        assert_eq!(told(reason, json!({}), None).map(|alert| alert.severity), expected);
    }

    #[rstest]
    #[case::one_step(json!({"stepWeight": 10, "maxWeight": 50}), "Weight step: 10 max: 50")]
    #[case::steps(json!({"stepWeights": [5, 20, 80]}), "Weight steps: 5,20,80 max: 80")]
    #[case::blue_green(json!({"iterations": 3}), "Blue/Green")]
    #[case::a_b(json!({"iterations": 3, "match": [{"headers": {"x": {"exact": "y"}}}]}), "A/B Testing")]
    fn a_new_run_is_told_with_its_plan(#[case] mut analysis: Value, #[case] routing: &str) {
        analysis["threshold"] = json!(4);
        let alert = told(Reason::RevisionDetected, analysis, Some("eu-1")).unwrap();
        assert_eq!(alert.canary, "shop.store");
        let fields: Vec<(&str, &str)> =
            alert.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("Cluster", "eu-1"),
            ("Target", "Deployment/web.store"),
            ("Failed checks threshold", "4"),
            ("Progress deadline", "90s"),
            ("Traffic routing", routing),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn an_end_is_told_with_the_cluster_alone() {
        let alert = told(Reason::RolledBack, json!({}), Some("eu-1")).unwrap();
        assert_eq!(alert.fields, [("Cluster".to_owned(), "eu-1".to_owned())]);
        assert_eq!(told(Reason::RolledBack, json!({}), None).unwrap().fields, []);
    }

    fn heard(severity: Severity, forbidden: bool) -> Vec<String> {
        let entry = |name: &str, severity: Value, namespace: Value| json!({"name": name, "severity": severity, "providerRef": {"name": name, "namespace": namespace}});
        let canary = canary(json!({"alerts": [
            entry("all", json!("info"), json!(null)),
            entry("unsaid", json!(""), json!("")),
            entry("far", json!("warn"), json!("ops")),
            entry("loud", json!("error"), json!("store")),
            entry("all", json!("warn"), json!(null)),
            {"name": "nobody"},
        ]}));
        let settings = Settings { no_cross_namespace_refs: forbidden, ..Settings::default() };
        match audience(&canary, severity, &settings) {
            Audience::Providers(providers) => {
                providers.iter().map(|of| format!("{}/{}", of.namespace, of.name)).collect()
            }
            Audience::Operator => vec!["operator".to_owned()],
        }
    }

    #[test]
    fn each_entry_hears_of_its_severity_and_above() {
        // W-API-4: one without a severity hears of all.
        assert_eq!(heard(Severity::Info, false), ["store/all", "store/unsaid"]);
        assert_eq!(heard(Severity::Warn, false), ["store/all", "store/unsaid", "ops/far"]);
        assert_eq!(heard(Severity::Error, false), ["store/all", "store/unsaid", "ops/far", "store/loud"]);
        assert_eq!(heard(Severity::Error, true), ["store/all", "store/unsaid", "store/loud"]);
    }

    #[test]
    fn a_canary_without_alerts_is_the_operators_matter() {
        let settings = Settings { provider: Provider::Kubernetes, ..Settings::default() };
        assert_eq!(audience(&canary(json!({})), Severity::Info, &settings), Audience::Operator);
    }
}
