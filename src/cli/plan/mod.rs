//! `sluice plan`: what Sluice will do for a Canary and its target in files, made by the controller's own code.

mod difference;
mod live;
mod objects;
mod outline;
#[cfg(test)]
mod tests;
mod text;

use std::{path::PathBuf, process::ExitCode};

use serde::Serialize;

use super::{
    CliError,
    manifests::{self, Manifest},
    print,
    run::{block_on, client},
    settings::SettingsArgs,
};
use crate::{api::Object, rollout::Settings};
pub(super) use objects::fresh;
use outline::Outline;
pub(super) use outline::{is_canary, read_canary, refused};

/// Prints what Sluice will do for the Canaries in files: objects, steps, queries and hooks. It needs no cluster; the
/// controller's own code runs against a cluster in memory.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PlanArgs {
    /// Files, folders or `-` for standard input, with the Canaries, their targets and what these refer to.
    #[arg(short = 'f', long = "filename", value_name = "PATH", num_args = 1.., required = true)]
    filenames: Vec<PathBuf>,
    /// Namespace of objects that name none.
    #[arg(short = 'n', long, default_value = "default")]
    namespace: String,
    /// Only the objects that Sluice applies, as YAML (or JSON) documents.
    #[arg(long)]
    objects: bool,
    /// Form of the answer.
    #[arg(short = 'o', long, value_enum, default_value = "text")]
    output: Form,
    /// Compare the objects with those of the cluster of the current kubeconfig.
    #[arg(long, conflicts_with = "objects")]
    live: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

const EXAMPLES: &str = "\
Examples:
  sluice plan -f canary.yaml -f deployment.yaml
  sluice plan -f deploy/ --objects | kubectl diff -f -
  kubectl get canary,deployment -o yaml | sluice plan -f - --output json
  sluice plan -f deploy/ --live

The objects are those at rest: all traffic at the primary. Zeros stand for the uid of a Canary that has none yet.
Exit codes: 0 planned, 1 a Canary is refused or blocked, 2 wrong use or a file that cannot be read.";

/// Form of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// For people.
    Text,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

pub(super) fn run(arguments: PlanArgs) -> Result<ExitCode, CliError> {
    let settings = arguments.settings.settings()?;
    let mut manifests = manifests::read(&arguments.filenames, &arguments.namespace)?;
    if arguments.live {
        return block_on(async {
            let client = client().await?;
            live::adopt_identities(&client, &mut manifests).await?;
            let mut outlines = outlines(&manifests, &settings)?;
            live::compare(&client, &mut outlines).await?;
            answer(&outlines, arguments.output, false)
        });
    }
    answer(&outlines(&manifests, &settings)?, arguments.output, arguments.objects)
}

/// The plan of each Canary in the files.
fn outlines(manifests: &[Manifest], settings: &Settings) -> Result<Vec<Outline>, CliError> {
    let canaries = manifests.iter().filter(|manifest| outline::is_canary(&manifest.object));
    let outlines: Vec<Outline> =
        canaries.map(|canary| Outline::of(canary, manifests, settings)).collect::<Result<_, _>>()?;
    if outlines.is_empty() {
        return Err(CliError::Usage(
            "there is no Canary in these files: name the file that holds it".to_owned(),
        ));
    }
    Ok(outlines)
}

fn answer(outlines: &[Outline], form: Form, only_objects: bool) -> Result<ExitCode, CliError> {
    print(&shown(outlines, form, only_objects)?)?;
    let stopped = outlines.iter().any(Outline::is_stopped);
    Ok(if stopped { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// The answer as it is printed.
fn shown(outlines: &[Outline], form: Form, only_objects: bool) -> Result<String, CliError> {
    if !only_objects {
        return match form {
            Form::Text => Ok(outlines.iter().map(text::of).collect::<Vec<_>>().join("\n")),
            Form::Json => Ok(format!("{:#}\n", serde_json::json!(outlines))),
            Form::Yaml => yaml(outlines),
        };
    }
    // Why there are none goes where it does not disturb what reads them.
    outlines
        .iter()
        .filter(|outline| outline.is_stopped())
        .for_each(|outline| eprint!("{}", text::why(outline)));
    let objects: Vec<&Object> = outlines.iter().flat_map(|outline| &outline.objects).collect();
    match form {
        Form::Json => Ok(objects.iter().map(|object| format!("{object:#}\n")).collect()),
        Form::Text | Form::Yaml => yaml(&objects),
    }
}

/// YAML documents, one after the other.
fn yaml(values: &[impl Serialize]) -> Result<String, CliError> {
    let one = |value| {
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        serde_saphyr::to_string_with_options(value, options)
    };
    let documents: Result<Vec<String>, _> = values.iter().map(one).collect();
    Ok(documents.map_err(|error| CliError::Print(Box::new(error)))?.join("---\n"))
}
