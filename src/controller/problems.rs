//! Why nobody may act on a stored Canary: the gate's own rules, asked again, for the gate may have been away.

use crate::{
    admission::{Catalog, Lookup, Lookups, Seen, rules, standing},
    api::{Canary, CanaryKey, Live, Object, owned},
    cluster::ClusterError,
    rollout::{self, Settings},
    sentence,
};

/// The problems of a stored Canary that refuse, a sentence each.
pub(super) fn standing(
    object: &Object,
    canary: &Canary,
    catalog: &Catalog,
    settings: &Settings,
    live: &Live,
) -> Vec<String> {
    let lookups: Lookups = standing::needs(canary, settings)
        .into_iter()
        .map(|reference| {
            let found = live.get(&reference).map_or(Lookup::Missing, |object| Lookup::Found(object.clone()));
            (reference, found)
        })
        .collect();
    standing::problems(object, canary, catalog, settings, &lookups).iter().map(ToString::to_string).collect()
}

/// What was seen around a Canary that its rivals have to know.
pub(super) fn seen(canary: &Canary, live: &Live, settings: &Settings) -> Seen {
    let target = rules::target_reference(canary, &canary.namespace_name());
    Seen {
        label: target.and_then(|target| rules::selector_label(live.get(&target)?, &settings.selector_labels)),
        primary: live.get(&rollout::primary(canary)).is_some_and(|primary| owned::controls(canary, primary)),
    }
}

/// What is told of a Canary that cannot be read: the rules that it breaks, each with the way out.
pub(super) fn unreadable(object: &Object, key: &CanaryKey, catalog: &Catalog, settings: &Settings) -> String {
    let problems = standing::unreadable(object, key, catalog, settings);
    let mut told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    if !object["metadata"]["deletionTimestamp"].is_null() {
        told.push(format!("{}.", rollout::WAY_OUT));
    }
    format!("The Canary cannot be read, and nothing is done for it. {}", told.join(" "))
}

/// What is told when the API server denies us a read that the Canary needs; none for other errors, which pass by themselves.
pub(super) fn denied(error: &ClusterError) -> Option<String> {
    let way_out = "Allow it to Sluice's service account; it is tried again.";
    (error.code() == Some(403)).then(|| format!("{}. {way_out}", sentence::of(error)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn w_api_1_a_canary_that_cannot_be_read_is_told_every_rule_that_it_breaks_and_the_ways_out() {
        let object = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "app", "namespace": "shop"},
            "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"},
                "service": {"port": 80, "gatewayRefs": [{"name": "public"}]},
                "analysis": {"interval": "10seconds", "threshold": 1, "stepWeight": 2.5},
            },
        });
        let key = CanaryKey::new("shop", "app");
        let told = unreadable(&object, &key, &Catalog::default(), &Settings::default());
        assert!(
            told.contains("SL001 spec.analysis.stepWeight: 2.5 is not a whole number. Write a whole number."),
            "{told}"
        );
        assert!(told.contains("SL002 spec.analysis.interval: "), "{told}");
    }

    #[test]
    fn only_a_denied_read_needs_somebody() {
        let answer = |code| ClusterError::Call {
            what: "reading Secret shop/app".to_owned(),
            source: kube::Error::Api(Box::new(kube::core::Status {
                code,
                message: "secrets is forbidden".into(),
                ..kube::core::Status::default()
            })),
        };
        let told = denied(&answer(403)).unwrap();
        assert!(told.starts_with("reading Secret shop/app: ") && told.contains("Allow it"), "{told}");
        assert_eq!(denied(&answer(500)), None);
    }
}
