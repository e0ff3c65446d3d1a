//! What the operator chose for all Canaries.

use std::time::Duration;

use super::HookHosts;
use crate::{
    api::{Provider, Tracking},
    routing,
    workload::configs::ConfigKind,
};

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
    /// What a check counts as when nothing can be judged.
    pub inconclusive: Inconclusive,
    /// How long to wait between a route's acceptance and taking pods away from it.
    pub route_settle: Duration,
    /// Where hooks may go.
    pub hook_hosts: HookHosts,
    /// What concerns the routes alone.
    pub routing: routing::Settings,
    /// How ConfigMaps and Secrets of targets are tracked.
    pub config_tracking: ConfigTracking,
}

/// How configs are tracked, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConfigTracking {
    /// ConfigMaps.
    pub config_maps: Tracking,
    /// Secrets.
    pub secrets: Tracking,
}

impl ConfigTracking {
    /// How a kind is tracked.
    pub fn of(self, kind: ConfigKind) -> Tracking {
        match kind {
            ConfigKind::ConfigMap => self.config_maps,
            ConfigKind::Secret => self.secrets,
        }
    }

    /// The kinds that are watched.
    pub fn watched(self) -> Vec<&'static str> {
        let watched = ConfigKind::ALL.into_iter().filter(|kind| self.of(*kind) == Tracking::Watch);
        watched.map(ConfigKind::as_str).collect()
    }
}

/// What becomes of a step whose checks failed nowhere, but could not all be judged: no data, or no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inconclusive {
    /// It counts as a failed check, as with the peer.
    Fail,
    /// The step waits and is asked again after an interval, until the progress deadline.
    Hold,
}

impl std::str::FromStr for Inconclusive {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "fail" => Ok(Self::Fail),
            "hold" => Ok(Self::Hold),
            _ => Err("write fail or hold"),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            provider: Provider::GatewayApiV1,
            selector_labels: ["app", "name", "app.kubernetes.io/name"].map(str::to_owned).to_vec(),
            include_label_prefix: Vec::new(),
            metrics_server: "http://prometheus:9090".to_owned(),
            no_cross_namespace_refs: false,
            inconclusive: Inconclusive::Fail,
            route_settle: Duration::from_secs(5),
            hook_hosts: HookHosts::default(),
            routing: routing::Settings::default(),
            config_tracking: ConfigTracking::default(),
        }
    }
}
