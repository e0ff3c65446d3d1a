//! The kinds that we keep a projection of. A kind that is not in this table is read by GET each time it is needed.

use std::sync::LazyLock;

use kube::api::ApiResource;

use super::raw::{label, resource_of};
use crate::{
    api::{self, Object, ObjectRef, names},
    routing,
};

/// Which objects of a kind we watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those with the label `sluice.dev/managed=true`. What is missing may still exist without the label.
    Labelled,
    /// All of them. What is missing does not exist.
    All,
}

/// When a kind is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Duty {
    /// By every replica: admission answers from it.
    Catalog,
    /// By the leader: decisions rest on it.
    Loop,
}

/// A kind that we watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// Group and version.
    pub api_version: &'static str,
    /// Kind in CamelCase.
    pub name: &'static str,
    /// Which objects.
    pub scope: Scope,
    /// When.
    pub duty: Duty,
    /// Whether clusters without this kind are fine.
    pub optional: bool,
}

const fn kind(api_version: &'static str, name: &'static str, scope: Scope, duty: Duty) -> Kind {
    Kind { api_version, name, scope, duty, optional: false }
}

/// Endpoints of Services; they inherit labels from their Service.
pub const ENDPOINT_SLICE: &str = "EndpointSlice";
/// Snapshots of revisions.
pub const CONTROLLER_REVISION: &str = "ControllerRevision";
/// Autoscalers of targets and primaries.
pub const AUTOSCALER: &str = "HorizontalPodAutoscaler";

/// Settings of pods; heard of only where they are tracked by a watch.
pub const CONFIG_MAP: &str = "ConfigMap";
/// Secret settings of pods; heard of only where they are tracked by a watch.
pub const SECRET: &str = "Secret";

/// The kinds that we watch whatever the routers are.
const OWN: &[Kind] = &[
    kind(api::API_VERSION, "Canary", Scope::All, Duty::Catalog),
    kind(api::API_VERSION, "MetricTemplate", Scope::All, Duty::Catalog),
    kind("apps/v1", "Deployment", Scope::Labelled, Duty::Loop),
    kind("apps/v1", "DaemonSet", Scope::Labelled, Duty::Loop),
    kind("apps/v1", CONTROLLER_REVISION, Scope::Labelled, Duty::Loop),
    kind("autoscaling/v2", AUTOSCALER, Scope::Labelled, Duty::Loop),
    kind("v1", "Service", Scope::Labelled, Duty::Loop),
    kind("discovery.k8s.io/v1", ENDPOINT_SLICE, Scope::Labelled, Duty::Loop),
];

/// All kinds that we watch: our own, and what the routers read and write. Two kinds may have the same name.
pub static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let routed = routing::kinds().into_iter().map(|routed| Kind {
        optional: true,
        ..kind(routed.api_version, routed.kind, Scope::Labelled, Duty::Loop)
    });
    OWN.iter().copied().chain(routed).collect()
});

/// A kind of whose objects we hear by metadata, whether or not they carry our label; remembered are those that a Canary
/// names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Which kind.
    pub kind: Kind,
    /// Name of its metadata watch, beside the names of kinds.
    pub watch: &'static str,
}

const fn heard(api_version: &'static str, name: &'static str, watch: &'static str) -> Heard {
    Heard { kind: kind(api_version, name, Scope::All, Duty::Loop), watch }
}

/// All kinds that we can hear of.
pub const HEARD: &[Heard] = &[
    heard("apps/v1", "Deployment", "Deployment metadata"),
    heard("apps/v1", "DaemonSet", "DaemonSet metadata"),
    heard("autoscaling/v2", AUTOSCALER, "HorizontalPodAutoscaler metadata"),
    heard("v1", CONFIG_MAP, "ConfigMap metadata"),
    heard("v1", SECRET, "Secret metadata"),
];

impl Heard {
    /// The kind of an object, if we can hear of it.
    pub fn of(reference: &ObjectRef) -> Option<&'static Heard> {
        let of = |heard: &&Heard| {
            heard.kind.name == reference.kind && heard.kind.api_version == reference.api_version
        };
        HEARD.iter().find(of)
    }
}

impl Kind {
    /// The kind of an object, if we watch it.
    pub fn of(reference: &ObjectRef) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.is_of(reference))
    }

    /// The kind of this name, if it is one of those that we watch whatever the routers are.
    pub fn named(name: &str) -> Option<&'static Kind> {
        OWN.iter().find(|kind| kind.name == name)
    }

    /// Whether an object is of a kind that routers write.
    pub fn is_routed(reference: &ObjectRef) -> bool {
        Kind::of(reference).is_some_and(|kind| !OWN.contains(kind))
    }

    /// Whether the object is of this kind.
    pub fn is_of(&self, reference: &ObjectRef) -> bool {
        self.name == reference.kind && self.api_version == reference.api_version
    }

    /// The selector of its watch.
    pub fn selector(&self) -> Option<String> {
        (self.scope == Scope::Labelled).then(|| format!("{}={}", names::MANAGED, names::MANAGED_VALUE))
    }

    /// Whether its watch delivers this object.
    pub fn selects(&self, object: &Object) -> bool {
        self.scope == Scope::All || label(object, names::MANAGED) == Some(names::MANAGED_VALUE)
    }

    /// Its address at the API server.
    pub fn resource(&self) -> ApiResource {
        resource_of(&self.reference("", ""))
    }

    /// A reference to an object of this kind.
    pub fn reference(&self, namespace: &str, name: &str) -> ObjectRef {
        ObjectRef::new(self.api_version, self.name, namespace, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_labelled_kind_selects_only_what_carries_our_label() {
        let service = Kind::named("Service").unwrap();
        assert_eq!(service.selector().as_deref(), Some("sluice.dev/managed=true"));
        assert!(service.selects(&json!({"metadata": {"labels": {"sluice.dev/managed": "true"}}})));
        assert!(!service.selects(&json!({"metadata": {"labels": {"sluice.dev/managed": "false"}}})));
        assert!(!service.selects(&json!({"metadata": {}})));
    }

    #[test]
    fn a_kind_of_the_same_name_in_another_group_is_not_ours() {
        assert!(Kind::of(&ObjectRef::new("v1", "Service", "n", "a")).is_some());
        assert!(Kind::of(&ObjectRef::new("serving.knative.dev/v1", "Service", "n", "a")).is_none());
    }

    #[test]
    fn what_routers_read_and_write_is_watched_once_and_may_be_missing() {
        for wanted in routing::ROUTERS.iter().flat_map(|router| router.kinds()) {
            let watched: Vec<_> = KINDS
                .iter()
                .filter(|kind| (kind.api_version, kind.name) == (wanted.api_version, wanted.kind))
                .collect();
            assert_eq!(watched.len(), 1, "{wanted:?}");
            assert!(watched[0].optional && watched[0].duty == Duty::Loop);
            assert_eq!(watched[0].resource().plural, wanted.plural);
        }
    }
}
