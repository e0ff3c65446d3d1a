//! What a Canary refers to and no file holds: made up as plainly as it can be, so that a Canary alone can be played.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use crate::{
    api::{AutoscalerKind, Canary, Object, ObjectRef, TargetKind},
    cli::manifests::{Lines, Manifest, Place},
    rollout::{self, Settings},
    workload::configs,
};

/// What is released: as in the files, or a new one.
pub(super) fn target_of(canary: &Canary) -> ObjectRef {
    let kind = canary.spec.target_ref.kind.as_str();
    ObjectRef::new("apps/v1", kind, canary.namespace_name(), canary.target_name())
}

/// The objects that `canary` needs and `manifests` lack.
pub(super) fn missing(canary: &Canary, manifests: &[Manifest], settings: &Settings) -> Vec<Manifest> {
    let present = |of: &ObjectRef| manifests.iter().find(|manifest| ObjectRef::of(&manifest.object) == *of);
    let reference = target_of(canary);
    let mut wanted: Vec<(ObjectRef, Value)> = Vec::new();
    match present(&reference) {
        None => wanted.push((reference, target(canary, settings))),
        Some(target) => {
            let template = target.object.pointer("/spec/template");
            let configs = template.map(configs::references).unwrap_or_default().into_iter();
            let required = configs.filter(|config| !config.optional);
            wanted.extend(required.map(|of| (of.config.object(&reference.namespace), json!({}))));
        }
    }
    wanted.extend(autoscaler(canary));
    wanted.extend(metric_templates(canary));
    wanted
        .into_iter()
        .filter(|(of, _)| present(of).is_none())
        .map(|(of, fields)| manifest(object(&of, fields)))
        .collect()
}

/// An object that stands in no file.
pub(super) fn manifest(object: Object) -> Manifest {
    let place = Place { file: "made up".to_owned(), document: None, line: 0 };
    Manifest { place, lines: Lines::default(), object }
}

fn object(of: &ObjectRef, mut fields: Value) -> Object {
    fields["apiVersion"] = json!(of.api_version);
    fields["kind"] = json!(of.kind);
    fields["metadata"] = json!({"name": of.name, "namespace": of.namespace});
    fields
}

fn target(canary: &Canary, settings: &Settings) -> Value {
    let name = canary.target_name();
    let key = settings.selector_labels.first().map_or("app", String::as_str);
    let labels = json!({ key: name });
    let service = canary.spec.service.clone().unwrap_or_default();
    let ports = match service.target_port {
        Some(IntOrString::Int(port)) if port > 0 => json!([{ "containerPort": port }]),
        Some(IntOrString::String(port)) => json!([{"name": port, "containerPort": 8080}]),
        _ => json!([{ "containerPort": service.port }]),
    };
    let container = json!({"name": name, "image": format!("{name}:1"), "ports": ports});
    let mut spec = json!({
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    });
    if canary.spec.target_ref.kind == TargetKind::Deployment {
        spec["replicas"] = json!(2);
    }
    json!({ "spec": spec })
}

fn autoscaler(canary: &Canary) -> Option<(ObjectRef, Value)> {
    let named = canary.spec.autoscaler_ref.as_ref();
    let named = named.filter(|named| named.kind == AutoscalerKind::HorizontalPodAutoscaler)?;
    let target = target_of(canary);
    let of = ObjectRef::new("autoscaling/v2", named.kind.as_str(), canary.namespace_name(), &named.name);
    let scaled = json!({"apiVersion": target.api_version, "kind": target.kind, "name": target.name});
    Some((of, json!({"spec": {"scaleTargetRef": scaled, "minReplicas": 2, "maxReplicas": 4}})))
}

fn metric_templates(canary: &Canary) -> impl Iterator<Item = (ObjectRef, Value)> {
    rollout::metric_templates(canary).map(|of| {
        let provider = json!({"type": "prometheus", "address": "http://prometheus:9090"});
        (of, json!({"spec": {"provider": provider, "query": "made_up"}}))
    })
}
