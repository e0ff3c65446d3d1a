//! What the operator chose for all Canaries.

use std::time::Duration;

use crate::{api::Provider, routing};

/// The operator's choices that decisions depend on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Router of Canaries that name none.
    pub provider: Provider,
    /// Candidate selector label keys, the first that a target has wins.
    pub selector_labels: Vec<String>,
    /// Prefixes of labels and annotations that the primary gets from the target; `*` is all, empty is none.
    pub include_label_prefix: Vec<String>,
    /// Prometheus of the builtin and inline queries, unless the Canary names one.
    pub metrics_server: String,
    /// Whether references into other namespaces are refused.
    pub no_cross_namespace_refs: bool,
    /// How long to wait between a route's acceptance and taking pods away from it.
    pub route_settle: Duration,
    /// What concerns the routes alone.
    pub routing: routing::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            provider: Provider::GatewayApiV1,
            selector_labels: ["app", "name", "app.kubernetes.io/name"].map(str::to_owned).to_vec(),
            include_label_prefix: Vec::new(),
            metrics_server: "http://prometheus:9090".to_owned(),
            no_cross_namespace_refs: false,
            route_settle: Duration::from_secs(5),
            routing: routing::Settings::default(),
        }
    }
}
