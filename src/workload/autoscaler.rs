//! The primary's HorizontalPodAutoscaler: a copy of the user's, by an allow-list.
//!
//! | field | value |
//! |---|---|
//! | name | the user's with `-primary` |
//! | labels | the user's that `--include-label-prefix` lets through |
//! | annotations | none of the user's |
//! | `scaleTargetRef` | the primary |
//! | `maxReplicas`, `minReplicas` | the user's, or those of `primaryScalerReplicas`; the least is never above the most |
//! | `metrics`, `behavior` | the user's |
//!
//! A target that idles at 0 replicas needs nothing: the API's autoscaler leaves such a workload alone.

use serde_json::{Map, Value, json};

use super::{Kind, metadata};
use crate::api::{AutoscalerRef, Canary, Object, at, owned};

/// The fields of the primary's autoscaler for server-side apply.
pub fn render(
    kind: &dyn Kind,
    canary: &Canary,
    reference: &AutoscalerRef,
    source: &Object,
    include_label_prefix: &[String],
) -> Object {
    let labels: Map<String, Value> = metadata::labels(source)
        .into_iter()
        .filter(|(key, _)| metadata::included(key, include_label_prefix))
        .map(|(key, value)| (key, value.into()))
        .collect();
    let (least, most) = bounds(reference, source);
    let object = json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": primary_name(reference),
            "namespace": canary.namespace_name(),
            "labels": labels,
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind.name(), "name": canary.primary_name()},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": source.pointer("/spec/metrics"),
            "behavior": source.pointer("/spec/behavior"),
        },
    });
    owned::seal(canary, object, true)
}

/// Name of the primary's autoscaler.
pub fn primary_name(reference: &AutoscalerRef) -> String {
    format!("{}-primary", reference.name)
}

/// The fewest and the most pods that the primary's autoscaler allows.
pub fn bounds(reference: &AutoscalerRef, source: &Object) -> (i32, i32) {
    let own = |field: &str| {
        let count = at(source, &["spec", field]).and_then(Value::as_i64);
        count.and_then(|count| i32::try_from(count).ok()).unwrap_or(1)
    };
    let wished = reference.primary_scaler_replicas.as_ref();
    let most = wished.and_then(|wished| wished.max_replicas).unwrap_or_else(|| own("maxReplicas"));
    let least = wished.and_then(|wished| wished.min_replicas).unwrap_or_else(|| own("minReplicas"));
    (least.min(most), most)
}
