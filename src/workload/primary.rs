//! The primary: the copy of the target that carries the traffic.
//!
//! What the primary has, and from where:
//!
//! | field | value |
//! |---|---|
//! | labels | the target's that `--include-label-prefix` lets through; the selector's key with `<value>-primary` |
//! | annotations | the target's, without bookkeeping (client-side apply, Flux, Argo CD, Helm, Sluice, the peer) and without values over 8 KiB; the same at creation and at promotion |
//! | Deployment: `strategy`, `minReadySeconds`, `progressDeadlineSeconds`, `revisionHistoryLimit`; DaemonSet: `updateStrategy`, `minReadySeconds`, `revisionHistoryLimit` | the snapshot's |
//! | `selector` | the selector's key with `<value>-primary` alone, as the peer's primaries have it; it can never change |
//! | pod labels | the snapshot's; the selector's key with `<value>-primary`, and so every further selector label that the target selects by with its name |
//! | pod annotations | the snapshot's, without bookkeeping; no random id, so that applying twice starts nothing |
//! | pod annotation `sluice.dev/configs` | fingerprint of the configs, where there are any; pods are replaced when only a config changed |
//! | pod spec | the snapshot's; it refers to the copies of tracked configs; scheduling terms that mean the target's pods mean the primary's |
//! | `replicas` | as the caller says; a DaemonSet has none |
//! | `paused`, the node selector by which a DaemonSet idles | never |

use serde_json::{Map, Value, json};

use super::{
    Kind, Selector, Snapshot,
    compare::contains,
    configs::{self, Tracked},
    metadata, revision, scheduling, single,
};
use crate::api::{Canary, Object, at, names, owned};

/// The fields of the primary for server-side apply.
///
/// `replicas: None` leaves the field out, so that an autoscaler or the scale subresource has it. Whoever applies without it
/// must never have applied with it under the same manager: server-side apply would take the field away, and the API server
/// puts 1 in its place.
pub fn render(
    kind: &dyn Kind,
    canary: &Canary,
    snapshot: &Snapshot,
    selector: &Selector,
    replicas: Option<i32>,
    include_label_prefix: &[String],
) -> Object {
    let Snapshot { revision, settings, .. } = snapshot;
    let mut labels: Map<String, Value> = settings
        .labels
        .iter()
        .filter(|(key, _)| metadata::included(key, include_label_prefix))
        .map(|(key, value)| (key.clone(), value.as_str().into()))
        .collect();
    labels.insert(selector.key.clone(), selector.primary_value().into());
    let mut annotations: Map<String, Value> =
        settings.annotations.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    annotations.insert(names::REVISION.to_owned(), revision.as_str().into());

    let mut spec = settings.fields.clone();
    spec.insert("replicas".to_owned(), replicas.into());
    spec.insert("selector".to_owned(), json!({"matchLabels": {&selector.key: selector.primary_value()}}));
    let mut pods = template(&snapshot.template, &snapshot.configs, selector, &canary.namespace_name());
    if let Some(mark) = configs::fingerprint(&snapshot.configs).filter(|_| snapshot.marks) {
        mark_configs(&mut pods, &mark);
    }
    spec.insert("template".to_owned(), pods);

    let object = json!({
        "apiVersion": "apps/v1",
        "kind": kind.name(),
        "metadata": {
            "name": canary.primary_name(),
            "namespace": canary.namespace_name(),
            "labels": labels,
            "annotations": annotations,
        },
        "spec": spec,
    });
    owned::seal(canary, object, true)
}

/// Whether the live primary runs what a target asks for.
///
/// Take the snapshot of the live target: both objects then come from the API server and have the defaults of today. The
/// target's pod template is turned to the primary's form and the two have to be equal. Our own and the peer's bookkeeping
/// annotations do not count; a restart does. Configs are compared by the mark of the primary's pods; where they have none,
/// somebody else made it, and only the copies can tell.
pub fn same_revision(live_primary: &Object, canary: &Canary, target: &Snapshot, selector: &Selector) -> bool {
    let Some(live) = live_primary.pointer("/spec/template") else { return false };
    let namespace = canary.namespace_name();
    if configs_of(live_primary)
        .is_some_and(|mark| Some(mark) != configs::fingerprint(&target.configs).as_deref())
    {
        return false;
    }
    let wanted = template(&target.template, &target.configs, selector, &namespace);
    // The peer leaves some scheduling terms as they are in the target: that is no other revision.
    let live = template(&revision::clean(live), &target.configs, selector, &namespace);
    contains(&live, &wanted) && contains(&wanted, &live)
}

/// Why somebody changes a live primary by hand, if they say so in its annotation.
pub fn break_glass(live_primary: &Object) -> Option<&str> {
    let reason = at(live_primary, &["metadata", "annotations", names::BREAK_GLASS])?.as_str()?;
    Some(reason).filter(|reason| !reason.trim().is_empty())
}

/// The fingerprint of the configs that a live primary's pods were started with.
pub fn configs_of(live_primary: &Object) -> Option<&str> {
    at(live_primary, &["spec", "template", "metadata", "annotations", names::CONFIGS])?.as_str()
}

fn mark_configs(template: &mut Value, mark: &str) {
    for (at, key) in [("", "metadata"), ("/metadata", "annotations")] {
        if let Some(fields) = template.pointer_mut(at).and_then(Value::as_object_mut) {
            fields.entry(key).or_insert_with(|| json!({}));
        }
    }
    if let Some(annotations) = template.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.insert(names::CONFIGS.to_owned(), mark.into());
    }
}

/// A pod template of the target in the primary's form. Doing it twice changes nothing.
fn template(template: &Value, configs: &Tracked, selector: &Selector, namespace: &str) -> Value {
    let mut template = template.clone();
    configs::rewrite(&mut template, configs);
    for of in ["labels", "annotations"] {
        let map = template.pointer_mut(&format!("/metadata/{of}")).and_then(Value::as_object_mut);
        if let Some(map) = map {
            map.retain(|key, _| !metadata::is_foreign(key));
        }
    }
    for (key, value) in selector.identity() {
        let label = template.pointer_mut("/metadata/labels").and_then(|labels| labels.get_mut(key));
        if let Some(label) = label {
            *label = super::selector::primary(value).into();
        }
    }
    if let Some(spec) = template.get_mut("spec") {
        scheduling::rewrite(spec, selector, namespace);
        single::in_pod(spec);
    }
    template
}
