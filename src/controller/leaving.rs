//! A Canary that is being deleted and cannot be read: its end needs little of it and waits for nothing else.

use serde::Deserialize;
use serde_json::json;

use crate::api::{Canary, Object};

/// What can be read of a Canary that is being deleted.
pub(super) struct Leaving {
    /// The object without the rest.
    pub(super) object: Object,
    /// The same as a Canary.
    pub(super) canary: Canary,
    /// Whether nothing but its target is known, so that nobody can be led to it.
    pub(super) is_bare: bool,
}

impl Leaving {
    /// What can be read of the object; nothing if it stays, or does not even name a target.
    pub(super) fn of(object: &Object) -> Option<Leaving> {
        object["metadata"]["deletionTimestamp"].as_str()?;
        let mut object = object.clone();
        let spec = object.get_mut("spec")?.as_object_mut()?;
        // Nothing is analysed any more.
        spec.remove("analysis");
        spec.insert("skipAnalysis".to_owned(), json!(true));
        if let Ok(canary) = Canary::deserialize(&object) {
            return Some(Leaving { object, canary, is_bare: false });
        }
        object["spec"] = json!({"targetRef": object["spec"]["targetRef"]});
        let canary = Canary::deserialize(&object).ok()?;
        Some(Leaving { object, canary, is_bare: true })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;
    use serde_json::Value;

    use super::*;
    use crate::{
        api::{Live, ObjectRef},
        rollout::{Effect, Observation, Settings, decide},
    };

    fn object(spec: &Value) -> Object {
        let mut object = json!({
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
            "metadata": {"name": "app", "namespace": "shop", "deletionTimestamp": "1970-01-01T00:10:00Z",
                "finalizers": ["finalizer.flagger.app"]},
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}},
            "status": {"phase": "Succeeded", "lastPromotedSpec": "0123456789abcdef"},
        });
        object["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        object
    }

    fn observation(leaving: Leaving, live: Live) -> Observation {
        Observation {
            canary: Arc::new(leaving.canary),
            live,
            configs: Default::default(),
            answers: Default::default(),
            problems: if leaving.is_bare { vec!["It cannot be read.".to_owned()] } else { Vec::new() },
            unread: None,
            full: None,
            writes: Default::default(),
            sketches: Default::default(),
        }
    }

    #[rstest]
    #[case::analysis(json!({"service": {"port": 80}, "analysis": {"stepWeight": 2.5}}), Some(false))]
    #[case::service(json!({"service": {"port": "eighty"}}), Some(true))]
    #[case::target(json!({"targetRef": {"name": 5}}), None)]
    fn what_the_end_needs_is_read_whatever_the_rest_is(#[case] spec: Value, #[case] is_bare: Option<bool>) {
        let mut object = object(&spec);
        assert_eq!(Leaving::of(&object).map(|leaving| leaving.is_bare), is_bare);
        object["metadata"]["deletionTimestamp"] = Value::Null;
        assert!(Leaving::of(&object).is_none(), "it stays, and is told what is wrong");
    }

    #[rstest]
    #[case::analysis(json!({"service": {"port": 80}, "analysis": {"stepWeight": 2.5}}))]
    #[case::service(json!({"service": {"port": "eighty"}}))]
    fn the_end_of_a_namespace_is_not_held_up_by_a_canary_that_cannot_be_read(#[case] spec: Value) {
        let leaving = Leaving::of(&object(&spec)).unwrap();
        let decision =
            decide(&observation(leaving, Live::default()), &Settings::default(), jiff::Timestamp::UNIX_EPOCH);
        let [Effect::Patch { patch, .. }] = decision.effects.as_slice() else {
            panic!("{:?}", decision.effects)
        };
        assert!(json!(patch).to_string().contains("/metadata/finalizers/0"), "{patch}");
    }

    #[test]
    fn where_nobody_can_be_led_to_the_target_the_finalizer_stays_and_is_named() {
        let leaving = Leaving::of(&object(&json!({"service": {"port": "eighty"}}))).unwrap();
        let reference = ObjectRef::new("apps/v1", "Deployment", "shop", "app");
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"}});
        let live = [(reference, Arc::new(target))].into_iter().collect();
        let decision = decide(&observation(leaving, live), &Settings::default(), jiff::Timestamp::UNIX_EPOCH);
        assert!(decision.effects.is_empty(), "{:?}", decision.effects);
        let told = decision.status.last_decision.unwrap();
        assert!(told.contains("It cannot be read.") && told.contains("finalizer.flagger.app"), "{told}");
    }
}
