//! `sluice webhook-config`: prints the admission webhook configurations.

use std::process::ExitCode;

use super::{CliError, print};
use crate::admission::registration::{self, Install};

/// Prints the admission webhook configurations, without `caBundle`: the running leader injects it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  sluice webhook-config --namespace sluice-system --service-account sluice | kubectl apply -f -"
)]
pub(super) struct WebhookConfigArgs {
    /// Name of the configurations and of the Service in front of the gate.
    #[arg(long, default_value = "sluice")]
    name: String,
    /// Namespace that Sluice runs in.
    #[arg(long, default_value = "sluice-system")]
    namespace: String,
    /// Service account that Sluice runs as; its own writes are not sent to the gate.
    #[arg(long, default_value = "sluice")]
    service_account: String,
}

pub(super) fn run(arguments: &WebhookConfigArgs) -> Result<ExitCode, CliError> {
    let install = Install {
        name: arguments.name.clone(),
        namespace: arguments.namespace.clone(),
        service_account: arguments.service_account.clone(),
    };
    print(&registration::yaml(&install).map_err(|error| CliError::Print(Box::new(error)))?)
}
