//! The names of what belongs to a Canary.

use crate::{
    api::{AutoscalerKind, Canary, ObjectRef},
    workload,
};

/// The workload that is released.
pub(super) fn target(canary: &Canary) -> ObjectRef {
    ObjectRef::new(
        "apps/v1",
        canary.spec.target_ref.kind.as_str(),
        canary.namespace_name(),
        canary.target_name(),
    )
}

/// The workload that serves.
pub fn primary(canary: &Canary) -> ObjectRef {
    ObjectRef { name: canary.primary_name(), ..target(canary) }
}

/// The workload that serves, as people call it: kind and name.
pub(super) fn primary_name(canary: &Canary) -> String {
    format!("{} {}", canary.spec.target_ref.kind, canary.primary_name())
}

/// The autoscaler of the target and that of the primary, if the Canary names one that Sluice copies.
pub(super) fn autoscalers(canary: &Canary) -> Option<(ObjectRef, ObjectRef)> {
    let named = canary.spec.autoscaler_ref.as_ref();
    let named = named.filter(|named| named.kind == AutoscalerKind::HorizontalPodAutoscaler)?;
    let of =
        |name: &str| ObjectRef::new("autoscaling/v2", named.kind.as_str(), canary.namespace_name(), name);
    Some((of(&named.name), of(&workload::autoscaler::primary_name(named))))
}

/// A Service of the Canary's namespace.
pub(super) fn service(canary: &Canary, name: &str) -> ObjectRef {
    ObjectRef::new("v1", "Service", canary.namespace_name(), name)
}

/// The MetricTemplates that the analysis names.
pub fn metric_templates(canary: &Canary) -> impl Iterator<Item = ObjectRef> {
    let metrics = canary.spec.analysis.iter().flat_map(|analysis| &analysis.metrics);
    let named = metrics.filter_map(|metric| metric.template_ref.as_ref());
    named.map(|reference| reference.object("MetricTemplate", &canary.namespace_name()))
}
