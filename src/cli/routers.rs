//! `sluice routers`: the routers and what each can do.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{CliError, print, rules::Output};
use crate::routing::{Capabilities, Kind, ROUTERS, Router};

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
        Output::Text => ROUTERS.iter().map(|router| text(*router)).collect(),
        Output::Json => {
            let routers: Vec<_> = ROUTERS.iter().map(|router| json(*router)).collect();
            format!("{:#}\n", json!(routers))
        }
    })
}

fn json(router: &dyn Router) -> Value {
    // Named one by one, so that a new ability is a compile error here.
    let Capabilities { weights, acceptance, tcp, mirror, affinity, matching, fields } = router.capabilities();
    let kind = |kind: &Kind| json!({"apiVersion": kind.api_version, "kind": kind.kind});
    json!({
        "providers": router.providers(),
        "kinds": router.kinds().iter().map(kind).collect::<Vec<_>>(),
        "weights": weights,
        "acceptance": acceptance,
        "tcp": tcp,
        "mirror": mirror,
        "affinity": affinity,
        "matching": matching.iter().map(|criterion| criterion.name()).collect::<Vec<_>>(),
        "fields": fields.iter().map(|field| field.path()).collect::<Vec<_>>(),
    })
}

fn text(router: &dyn Router) -> String {
    let Capabilities { weights, acceptance, tcp, mirror, affinity, matching, fields } = router.capabilities();
    let providers: Vec<_> = router.providers().iter().map(|provider| provider.as_str()).collect();
    let abilities = list(
        [
            (weights, "weights"),
            (acceptance, "acceptance"),
            (tcp, "tcp"),
            (mirror, "mirror"),
            (affinity, "affinity"),
            (!matching.is_empty(), "A/B"),
        ]
        .into_iter()
        .filter_map(|(able, name)| able.then_some(name)),
        "blue/green without a split",
    );
    let kinds = list(router.kinds().iter().map(|kind| kind.kind), "none");
    let fields = list(fields.iter().map(|field| field.name()), "none");
    format!("{}\n  can     {abilities}\n  writes  {kinds}\n  fields  {fields}\n", providers.join(", "))
}

fn list<'a>(words: impl Iterator<Item = &'a str>, nothing: &str) -> String {
    let words: Vec<&str> = words.collect();
    if words.is_empty() { nothing.to_owned() } else { words.join(", ") }
}
