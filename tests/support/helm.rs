//! The real `helm`, and our chart in it.

use super::command::{self, Outcome};
use super::{bed, controller, switch, wait};

/// Release and full name of the installation under test.
pub(crate) const RELEASE: &str = "sluice";
/// Its namespace.
pub(crate) const NAMESPACE: &str = "sluice-system";
/// The user that its pods are to the API server.
pub(crate) const USER: &str = "system:serviceaccount:sluice-system:sluice";

/// Runs `helm` with these words.
pub(crate) fn helm(words: &[&str]) -> Outcome {
    helm_by("helm", words)
}

/// The same with a program of another version.
pub(crate) fn helm_by(program: &str, words: &[&str]) -> Outcome {
    command::run(bed::bed().command(program).args(words), None, wait::HELM)
}

/// The values of the installation under test: its image, the bed's Prometheus, and what no test minds.
pub(crate) fn values() -> Vec<String> {
    let (repository, tag) = bed::bed().image();
    vec![
        format!("image.repository={repository}"),
        format!("image.tag={tag}"),
        "metricsServer=http://prometheus.monitoring:9090".to_owned(),
        format!("gate.enabled={}", switch::gate()),
        "noCrossNamespaceRefs=true".to_owned(),
        "logFormat=text".to_owned(),
        "loadtester.enabled=true".to_owned(),
    ]
}

/// The words that bring the release to these values and more, whatever it was before.
pub(crate) fn upgrade_words(more: &[&str]) -> Vec<String> {
    let words =
        ["upgrade", "--install", RELEASE, "charts/sluice", "--namespace", NAMESPACE, "--create-namespace"];
    let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    words.extend(["--wait".to_owned(), "--timeout".to_owned(), format!("{}s", wait::PODS.as_secs())]);
    for value in values().into_iter().chain(more.iter().map(|&value| value.to_owned())) {
        words.extend(["--set".to_owned(), value]);
    }
    words
}

/// Brings the release to these values and more, and waits until all replicas are ready.
pub(crate) fn upgrade(more: &[&str]) -> Outcome {
    let words = upgrade_words(more);
    helm(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Nobody waits any more for a Sluice that is not there: what the README says for after an uninstallation.
#[track_caller]
pub(crate) fn let_go() {
    let line =
        include_str!("../../README.md").lines().find(|line| line.contains("/- finalizer.flagger.app$/d"));
    let mut command = bed::bed().command("bash");
    command.args([
        "-o",
        "pipefail",
        "-c",
        line.expect("the README tells how to take the finalizers away").trim(),
    ]);
    let outcome = command::run(&mut command, None, wait::COMMAND);
    let nobody = ["no objects passed to replace", "doesn't have a resource type"];
    let said = outcome.text();
    assert!(outcome.success || nobody.iter().any(|word| said.contains(word)), "{said}");
}

/// Takes the release out, if it is there, and waits until its pods are gone.
#[track_caller]
pub(crate) fn uninstall() {
    helm(&["uninstall", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found", "--wait"]).ok();
    controller::gone();
}

/// A release that a killed run left half-way takes no upgrade: away with it.
pub(crate) fn clear_half_way() {
    let status = helm(&["status", RELEASE, "--namespace", NAMESPACE]);
    let whole = status.stdout.lines().any(|line| line.trim() == "STATUS: deployed");
    if status.success && !whole {
        uninstall();
    }
}
