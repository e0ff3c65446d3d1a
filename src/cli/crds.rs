//! `sluice crds`: prints the custom resource definitions, or brings a cluster to them.

use std::process::ExitCode;

use super::{CliError, print, run};
use crate::{api, cluster};

/// Prints the custom resource definitions, or applies them over those of an earlier version or of the peer.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sluice crds > crds.yaml\n  sluice crds --apply")]
pub(super) struct CrdsArgs {
    /// Apply them to the cluster of the current kubeconfig (or of the pod's service account) and wait until they serve.
    #[arg(long)]
    apply: bool,
}

pub(super) fn run(arguments: &CrdsArgs) -> Result<ExitCode, CliError> {
    if !arguments.apply {
        let text = api::crd::yaml().map_err(|error| CliError::Print(Box::new(error)))?;
        return print(&text);
    }
    run::block_on(async {
        let client = run::client().await?;
        cluster::apply_crds(client)
            .await
            .map_err(|error| CliError::cluster("applying the custom resource definitions", error))?;
        Ok(ExitCode::SUCCESS)
    })
}
