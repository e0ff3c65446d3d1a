//! The bed that tests run on: brought up through `tests/testbed`, or the one that is up already.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use super::{command, switch, wait};

/// The image of Sluice that `testbed image` makes.
const IMAGE: &str = "sluice.dev/sluice:dev";

/// A cluster with Gateway, Prometheus and Sluice's image, and how to reach it.
#[derive(Debug)]
pub(crate) struct Bed {
    environment: BTreeMap<String, String>,
}

static BED: OnceLock<Result<Bed, String>> = OnceLock::new();

/// The bed, brought up on first use; the reason if there can be none.
pub(crate) fn find() -> Result<&'static Bed, &'static str> {
    BED.get_or_init(|| prepare(|_| {})).as_ref().map_err(String::as_str)
}

/// The bed, of which it is known that it is there.
#[track_caller]
pub(crate) fn bed() -> &'static Bed {
    find().unwrap_or_else(|reason| panic!("there is no cluster: {reason}"))
}

/// Brings the bed up before first use, and tells of each command.
pub(crate) fn bring_up(tell: impl Fn(&str)) -> Result<&'static Bed, &'static str> {
    BED.get_or_init(|| prepare(tell)).as_ref().map_err(String::as_str)
}

/// Takes the bed down. An existing cluster is left alone by the test-bed itself.
pub(crate) fn take_down() -> command::Outcome {
    testbed(&["down"], wait::BED)
}

/// Kills the API server of a bed of ours and starts it again; waits until it is ready.
pub(crate) fn restart_api() -> command::Outcome {
    testbed(&["restart-api"], wait::BED)
}

/// The top of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn prepare(tell: impl Fn(&str)) -> Result<Bed, String> {
    let step = |arguments: &[&str], limit| {
        tell(arguments[0]);
        let outcome = testbed(arguments, limit);
        if outcome.success { Ok(()) } else { Err(last_line(&outcome)) }
    };
    if switch::existing_cluster() {
        step(&["status"], wait::COMMAND)?;
    } else {
        if !testbed(&["status"], wait::COMMAND).success {
            step(&["build"], wait::BUILD)?;
            step(&["up"], wait::BED)?;
        }
        step(&["addons"], wait::BED)?;
        if !root().join("target/release/sluice").is_file() {
            return Err("there is no target/release/sluice: run `make build` first".to_owned());
        }
        step(&["image"], wait::BED)?;
    }
    let environment = environment()?;
    let missing =
        ["TESTBED_ENVOY", "TESTBED_PROMETHEUS"].into_iter().find(|key| !environment.contains_key(*key));
    match missing {
        Some(key) => Err(format!(
            "{key} is not known: the cluster has no Envoy or no Prometheus where tests look for them"
        )),
        None => Ok(Bed { environment }),
    }
}

/// Runs a command of the test-bed on the bed that is up.
pub(crate) fn testbed(arguments: &[&str], limit: Duration) -> command::Outcome {
    command::run(Command::new(root().join("tests/testbed/testbed")).args(arguments), None, limit)
}

/// What `eval "$(testbed env)"` leads to.
fn environment() -> Result<BTreeMap<String, String>, String> {
    let script = r#"exports="$("$0" env)" && eval "$exports" && env -0"#;
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", script]).arg(root().join("tests/testbed/testbed"));
    let outcome = command::run(&mut shell, None, wait::COMMAND);
    if !outcome.success {
        return Err(last_line(&outcome));
    }
    let pairs = outcome.stdout.split('\0').filter_map(|pair| pair.split_once('='));
    Ok(pairs
        .filter(|(key, _)| key.starts_with("TESTBED_") || ["KUBECONFIG", "PATH"].contains(key))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect())
}

fn last_line(outcome: &command::Outcome) -> String {
    let last = outcome.stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    format!("`{}` failed: {last}", outcome.line)
}

impl Bed {
    /// A command with the bed's programs and cluster.
    pub(crate) fn command(&self, program: &str) -> Command {
        // Found here, because a new PATH counts for what the command starts, not for the command itself.
        let folders = self.environment.get("PATH").map(String::as_str).unwrap_or_default();
        let found =
            std::env::split_paths(folders).map(|folder| folder.join(program)).find(|path| path.is_file());
        let mut command = Command::new(found.unwrap_or_else(|| program.into()));
        command.envs(&self.environment).current_dir(root());
        command
    }

    /// Where the kubeconfig lies; `None` for the usual places.
    pub(crate) fn kubeconfig(&self) -> Option<&str> {
        self.environment.get("KUBECONFIG").map(String::as_str)
    }

    /// Where the API server writes its audit log, on a bed of our own.
    pub(crate) fn audit_log(&self) -> Option<&Path> {
        self.environment.get("TESTBED_AUDIT_LOG").map(Path::new)
    }

    /// Host and port of Contour's Envoy.
    pub(crate) fn envoy(&self) -> &str {
        &self.environment["TESTBED_ENVOY"]
    }

    /// The address that the test-bed gives under a variable; `None` if it gives none.
    pub(crate) fn address(&self, variable: &str) -> Option<&str> {
        self.environment.get(variable).map(String::as_str)
    }

    /// Base URL of Prometheus, as the host reaches it.
    pub(crate) fn prometheus(&self) -> &str {
        &self.environment["TESTBED_PROMETHEUS"]
    }

    /// Repository and tag of Sluice's image; `SLUICE_IMAGE` names the one of an existing cluster.
    pub(crate) fn image(&self) -> (String, String) {
        let image = std::env::var("SLUICE_IMAGE").unwrap_or_else(|_| IMAGE.to_owned());
        let (repository, tag) = image.rsplit_once(':').expect("SLUICE_IMAGE is repository:tag");
        (repository.to_owned(), tag.to_owned())
    }
}
