//! What users write and what we store: the three kinds of `flagger.app/v1beta1` as types and as CRD schema.
//!
//! This room holds data and its text forms only. It decides nothing, reads no clock and talks to nobody; coercions that the
//! peer makes (an interval under ten seconds, a threshold of zero) belong to the rooms that act on them.

#[macro_use]
mod text;

pub mod alert_provider;
pub mod analysis;
pub mod canary;
pub mod cel;
pub mod condition;
pub mod crd;
pub mod digest;
pub mod duration;
pub mod gateway;
pub mod hook_answer;
pub mod key;
pub mod live;
pub mod matching;
pub mod metric_template;
pub mod names;
mod nullable;
pub mod number;
pub mod object_ref;
pub mod owned;
pub mod provider;
pub mod reference;
pub mod request;
pub mod service;
pub mod session_affinity;
pub mod status;
pub mod tracking;
pub mod traffic_policy;
pub mod webhook;

pub use alert_provider::{AlertProvider, AlertProviderSpec, AlertProviderType};
pub use analysis::{Alert, Analysis, Metric, Severity, ThresholdRange};
pub use canary::{Canary, CanarySpec};
pub use cel::Cel;
pub use condition::{Condition, ConditionStatus, Conditions};
pub use duration::{Duration, DurationError};
pub use gateway::{BackendRef, Mirror, ParentReference};
pub use hook_answer::{HookAnswer, HookOutcome};
pub use key::CanaryKey;
pub use live::{Live, Malformed, Object, at};
pub use matching::{AnalysisMatch, HeaderMatch, HttpMatch, StringMatch};
pub use metric_template::{
    MetricProvider, MetricProviderType, MetricTemplate, MetricTemplateSpec, SecretRef,
};
pub use object_ref::ObjectRef;
pub use provider::Provider;
pub use reference::{
    AutoscalerKind, AutoscalerRef, IngressKind, IngressRef, Reference, ReplicaOverride, RouteKind, RouteRef,
    TargetKind, TargetRef, UpstreamKind, UpstreamRef,
};
pub use request::{CorsPolicy, HeaderOperations, Headers, Retries, Rewrite};
pub use service::{CanaryService, Metadata, TrafficDistribution, UnmanagedMetadata};
pub use session_affinity::{SameSite, SessionAffinity};
pub use status::{CanaryStatus, Check, CheckBounds, CheckOutcome, ObservedTarget, Phase, SeenConfig};
pub use tracking::Tracking;
pub use traffic_policy::TrafficPolicy;
pub use webhook::{Webhook, WebhookType};

/// API group of all three kinds.
pub const GROUP: &str = "flagger.app";
/// The only served and stored version.
pub const VERSION: &str = "v1beta1";
/// Group and version as written in `apiVersion`.
pub const API_VERSION: &str = "flagger.app/v1beta1";

#[cfg(test)]
mod tests;
