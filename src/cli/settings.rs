//! The flags that decide what is made of a Canary: the same for the controller and for commands without a cluster.

use super::CliError;
use crate::{
    api::{Duration, Provider, Tracking},
    rollout::{ConfigTracking, HookHosts, Inconclusive, Settings},
    routing,
};

/// The operator's choices for all Canaries.
#[derive(Debug, clap::Args)]
pub(super) struct SettingsArgs {
    /// Prometheus of builtin metrics and inline queries, for Canaries that name none.
    #[arg(long, default_value = "http://prometheus:9090")]
    metrics_server: String,
    /// Router of Canaries that name none.
    #[arg(long, default_value = "gatewayapi:v1")]
    mesh_provider: Provider,
    /// Class that routes name, where their kind has one (HTTPProxy); none when empty.
    #[arg(long, default_value = "")]
    ingress_class: String,
    /// Candidate selector label keys; the first that a target has wins.
    #[arg(long, value_delimiter = ',', default_value = "app,name,app.kubernetes.io/name")]
    selector_labels: Vec<String>,
    /// Prefixes of labels and annotations that the primary gets from the target; `*` is all.
    #[arg(long, value_delimiter = ',')]
    include_label_prefix: Vec<String>,
    /// Refuse references to metric templates, alert providers and upstreams of other namespaces.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false")]
    no_cross_namespace_refs: bool,
    /// What a check counts as when there is no data or no answer: fail, or hold (wait until the progress deadline).
    #[arg(long, default_value = "fail")]
    inconclusive: Inconclusive,
    /// Where hooks may go: cluster (Services of the same cluster), hosts, *.domain, or *; a list with commas.
    #[arg(long, default_value = "cluster")]
    allow_hook_hosts: HookHosts,
    /// How long pods stay after the route took their traffic away.
    #[arg(long, default_value = "5s")]
    route_settle: Duration,
    /// How ConfigMaps of targets are tracked: watch, get or off.
    #[arg(long, default_value = "watch")]
    config_tracking_config_maps: Tracking,
    /// How Secrets of targets are tracked: watch, get or off.
    #[arg(long, default_value = "watch")]
    config_tracking_secrets: Tracking,
    /// Whether configs are tracked at all; `false` is `off` for both kinds.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true")]
    enable_config_tracking: bool,
}

impl SettingsArgs {
    /// The choices, if they can be meant.
    pub(super) fn settings(self) -> Result<Settings, CliError> {
        let tracking = |wished| if self.enable_config_tracking { wished } else { Tracking::Off };
        let settings = Settings {
            provider: self.mesh_provider,
            selector_labels: trimmed(self.selector_labels),
            include_label_prefix: trimmed(self.include_label_prefix),
            metrics_server: self.metrics_server,
            no_cross_namespace_refs: self.no_cross_namespace_refs,
            inconclusive: self.inconclusive,
            route_settle: positive("route-settle", self.route_settle)?,
            hook_hosts: self.allow_hook_hosts,
            routing: routing::Settings {
                ingress_class: Some(self.ingress_class).filter(|class| !class.is_empty()),
            },
            config_tracking: ConfigTracking {
                config_maps: tracking(self.config_tracking_config_maps),
                secrets: tracking(self.config_tracking_secrets),
            },
        };
        if settings.selector_labels.is_empty() {
            return Err(CliError::Usage("--selector-labels must name at least one label key".to_owned()));
        }
        Ok(settings)
    }
}

/// A duration that time can take.
pub(super) fn positive(flag: &str, duration: Duration) -> Result<std::time::Duration, CliError> {
    u64::try_from(duration.nanoseconds())
        .map(std::time::Duration::from_nanos)
        .map_err(|_| CliError::Usage(format!("--{flag} must not be negative")))
}

fn trimmed(values: Vec<String>) -> Vec<String> {
    values.iter().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
}
