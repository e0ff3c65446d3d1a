//! Why nobody may act on a stored Canary: the gate's own rules, asked again, for the gate may have been away.

use crate::{
    admission::{Catalog, Lookup, Lookups, Seen, rules, standing},
    api::{Canary, CanaryKey, Live, Object, owned},
    cluster::ClusterError,
    execute::WorldError,
    rollout::{self, Cause, Failure, Settings},
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

/// What is told of a read that failed. A right that is missing does not come by itself, all else may.
pub(super) fn unread(error: &ClusterError) -> Failure {
    let (cause, way_out) = match error.code() {
        Some(403) => (Cause::ReadDenied, "Allow it to Sluice's service account; it"),
        _ => (Cause::ReadFailed, "It"),
    };
    Failure { cause, what: error.what(), why: format!("{}. {way_out} is tried again", error.words()) }
}

/// What is told of a status that was not written; nothing where it is another replica's to write.
pub(super) fn unwritten(error: &WorldError) -> Option<Failure> {
    match error {
        WorldError::Failed(failure) => Some(failure.clone()),
        WorldError::Stale { what } => {
            let why = "somebody else writes the Canary again and again (another controller, Flagger say); its \
                       metadata.managedFields say who. It is tried again";
            Some(Failure { cause: Cause::WriteFailed, what: what.clone(), why: why.to_owned() })
        }
        WorldError::Deposed { .. } => None,
    }
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
    fn a_read_that_failed_is_told_with_the_object_and_the_error_and_a_denied_one_with_the_way_out() {
        let answer = |code| ClusterError::Call {
            what: "reading Secret shop/app".to_owned(),
            source: kube::Error::Api(Box::new(kube::core::Status {
                code,
                message: "secrets is forbidden".into(),
                ..kube::core::Status::default()
            })),
        };
        let told = |error: &ClusterError| {
            let Failure { cause, what, why } = unread(error);
            (cause, format!("{what}: {why}"))
        };
        let forbidden = "reading Secret shop/app: secrets is forbidden. ";
        let denied = "Allow it to Sluice's service account; it is tried again";
        assert_eq!(told(&answer(403)), (Cause::ReadDenied, format!("{forbidden}{denied}")));
        assert_eq!(told(&answer(500)), (Cause::ReadFailed, format!("{forbidden}It is tried again")));
        let silent = ClusterError::TimedOut {
            what: "reading Secret shop/app".to_owned(),
            after: std::time::Duration::from_secs(10),
        };
        let told = told(&silent).1;
        assert_eq!(told, "reading Secret shop/app: no answer within 10 s. It is tried again");
    }
}
