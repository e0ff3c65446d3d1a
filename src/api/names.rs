//! Labels, annotations, finalizers and field managers: the words by which objects are marked.

/// Label of every object that we watch or made, with the value [`MANAGED_VALUE`].
pub const MANAGED: &str = "sluice.dev/managed";
/// Value of [`MANAGED`].
pub const MANAGED_VALUE: &str = "true";
/// Label of a namespace: how much the gate's word counts there (`off`, `warn`, else it enforces).
pub const GATE: &str = "sluice.dev/gate";
/// Annotation: name of the Canary that owns the object.
pub const CANARY: &str = "sluice.dev/canary";
/// Annotation of an idle target: the replica count that its writer wished.
pub const REPLICAS: &str = "sluice.dev/replicas";
/// Annotation: content hash of a pod template. On a target a hint left by the gate, on a primary and a snapshot what it is of.
pub const REVISION: &str = "sluice.dev/revision";
/// Annotation of a target: who changed its pod template last.
pub const REQUESTED_BY: &str = "sluice.dev/requested-by";
/// Annotation of a primary: why somebody changes it by hand. With it they may, and it stays so until the next promotion.
pub const BREAK_GLASS: &str = "sluice.dev/break-glass";
/// Annotation of a primary: who gave that reason, or made use of it last.
pub const BREAK_GLASS_BY: &str = "sluice.dev/break-glass-by";
/// Annotation of our Services: the ports that are ours, `9898/TCP,9797/TCP`.
pub const PORTS: &str = "sluice.dev/ports";
/// Annotation of what we made or adopted: fingerprint of all that we last applied to it.
pub const APPLIED: &str = "sluice.dev/applied";
/// Annotation of a snapshot: what goes to the primary with its revision without being part of it, as JSON.
pub const SETTINGS: &str = "sluice.dev/settings";
/// Annotation of a primary's pods: fingerprint of the ConfigMaps and Secrets that they were started with.
pub const CONFIGS: &str = "sluice.dev/configs";
/// Prefix of all our labels and annotations.
pub const PREFIX: &str = "sluice.dev/";

/// Finalizer of a Canary with `revertOnDeletion`, the peer's own, so that a take-over finds it.
pub const FINALIZER: &str = "finalizer.flagger.app";
/// Annotation of a ConfigMap or Secret whose value starts with `disable`: neither tracked nor copied.
pub const CONFIG_TRACKING: &str = "flagger.app/config-tracking";
/// What a value of [`CONFIG_TRACKING`] begins with where it means no.
pub const CONFIG_TRACKING_OFF: &str = "disable";
/// Annotation of a Knative Service: the revision that carries the traffic.
pub const PRIMARY_REVISION: &str = "flagger.app/primary-revision";
/// Node selector key by which the peer scales a DaemonSet to zero.
pub const SCALE_TO_ZERO: &str = "flagger.app/scale-to-zero";
/// Annotation of the peer on an apex object: the configuration it had before.
pub const ORIGINAL_CONFIGURATION: &str = "flagger.kubernetes.io/original-configuration";
/// Annotation that the peer puts on pod templates with a random value.
pub const FLAGGER_ID: &str = "flagger-id";

/// Annotations that keep Flux from reconciling what is ours: key and value.
pub const FLUX_DISABLED: [(&str, &str); 2] = [
    ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
    ("helm.toolkit.fluxcd.io/driftDetection", "disabled"),
];
/// Part of every Flux label and annotation key; such keys are never copied to a primary.
pub const FLUX_TOOLKIT: &str = "toolkit.fluxcd.io";
/// Annotation of a pod template by which `kubectl rollout restart` restarts.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
/// Annotation of client-side apply; never copied.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Field managers, one a purpose.
pub mod manager {
    /// The primary workload and its configs.
    pub const PRIMARY: &str = "sluice/primary";
    /// The primary's autoscaler.
    pub const SCALER: &str = "sluice/scaler";
    /// Apex, primary and canary Services.
    pub const SERVICES: &str = "sluice/services";
    /// Routes.
    pub const ROUTE: &str = "sluice/route";
    /// Status of our kinds.
    pub const STATUS: &str = "sluice/status";
    /// Owner label and annotation of targets and Services.
    pub const CLAIM: &str = "sluice/claim";
    /// `caBundle` of the admission configurations.
    pub const WEBHOOKS: &str = "sluice/webhooks";
    /// CRDs.
    pub const CRDS: &str = "sluice/crds";
    /// ControllerRevisions with template snapshots.
    pub const SNAPSHOT: &str = "sluice/snapshot";
}
