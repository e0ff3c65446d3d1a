//! `sluice routers`: the routers and what each can do.

use std::process::ExitCode;

use serde_json::json;

use super::{CliError, print, rules::Output};
use crate::routing::{Capabilities, ROUTERS, Router};

/// Prints the routers that can be run and what each can do.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sluice routers\n  sluice routers --output json")]
pub(super) struct RoutersArgs {
    /// Form of the answer.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(super) fn run(arguments: &RoutersArgs) -> Result<ExitCode, CliError> {
    print(&match arguments.output {
        Output::Text => ROUTERS.iter().map(|router| line(*router)).collect(),
        Output::Json => {
            let routers: Vec<_> = ROUTERS
                .iter()
                .map(|router| json!({"providers": providers(*router), "capabilities": abilities(router.capabilities())}))
                .collect();
            format!("{:#}\n", json!(routers))
        }
    })
}

fn providers(router: &dyn Router) -> Vec<&'static str> {
    router.providers().iter().map(|provider| provider.as_str()).collect()
}

fn line(router: &dyn Router) -> String {
    let abilities = abilities(router.capabilities());
    let abilities =
        if abilities.is_empty() { "blue/green without a split".to_owned() } else { abilities.join(", ") };
    format!("{:<36} {abilities}\n", providers(router).join(", "))
}

fn abilities(capabilities: Capabilities) -> Vec<&'static str> {
    // Named one by one, so that a new ability is a compile error here.
    let Capabilities { weights, acceptance, filters, matching, mirror, affinity, tcp } = capabilities;
    [
        (weights, "weights"),
        (acceptance, "acceptance"),
        (filters, "filters"),
        (matching, "matching"),
        (mirror, "mirror"),
        (affinity, "affinity"),
        (tcp, "tcp"),
    ]
    .into_iter()
    .filter_map(|(able, name)| able.then_some(name))
    .collect()
}
