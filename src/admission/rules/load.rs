//! What a load tester is asked to do. What it does not understand it answers with an error, or takes for something else.

use super::{Check, Context, Findings, Manner, Rule};
use crate::admission::address;
use crate::admission::problem::Severity;
use crate::api::Webhook;

pub(super) static NOT_UNDERSTOOD: Rule = Rule {
    id: "SL454",
    severity: Severity::Warning,
    title: "A webhook to a load tester has metadata that a load tester understands: type, cmd and what belongs to the type",
    manner: Manner::Plain,
    check: Check::Canary(check),
    cel: &[],
    wrong: "
spec:
  analysis:
    webhooks:
      - name: load-test
        url: http://loadtester.test/
        metadata:
          command: hey -z 1m http://app-canary.shop/
",
    right: "
spec:
  analysis:
    webhooks:
      - name: load-test
        url: http://loadtester.test/
        metadata:
          cmd: hey -z 1m http://app-canary.shop/
",
};

/// A type of task, the keys without which it cannot run, and those that it reads beside them.
struct Task {
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
}

const fn task(
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
) -> Task {
    Task { name, required, optional }
}

const TASKS: &[Task] = &[
    task("cmd", &["cmd"], &["logCmdOutput", "wait"]),
    task("bash", &["cmd"], &["returnCmdOutput"]),
    task("helm", &["cmd"], &["returnCmdOutput"]),
    task("helmv3", &["cmd"], &["returnCmdOutput"]),
    task("kubectl", &["cmd"], &["returnCmdOutput"]),
    task(
        "concord",
        &["server", "org", "project", "repo", "entrypoint", "apiKeyPath"],
        &["endpoint", "pollInterval", "pollTimeout"],
    ),
    task("ngrinder", &["server", "clone", "username", "passwd"], &["pollInterval"]),
];

/// What a type of task reads further under any name.
const ARGUMENTS: &str = "arguments.";

/// Whether a hook gives a task to a load tester: nothing says so but the name of the server. Its gates have paths of their own.
fn is_task(hook: &Webhook) -> bool {
    address::read(&hook.url).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default();
        let name = host.split('.').next().unwrap_or_default();
        name.contains("loadtester") && url.path() == "/"
    })
}

fn check(context: &Context<'_>, findings: &mut Findings) {
    let hooks = context.analysis().into_iter().flat_map(|analysis| &analysis.webhooks).enumerate();
    for (index, hook) in hooks.filter(|(_, hook)| is_task(hook)) {
        let path = format!("spec.analysis.webhooks[{index}].metadata");
        let name = hook.metadata.get("type").map_or("cmd", String::as_str);
        let Some(task) = TASKS.iter().find(|task| task.name == name) else {
            let known: Vec<&str> = TASKS.iter().map(|task| task.name).collect();
            let fix = format!("Use one of {}", known.join(", "));
            findings.report(format!("{path}.type"), format!("no load tester knows the type {name}"), fix);
            continue;
        };
        let missing = task.required.iter().filter(|key| !hook.metadata.contains_key(**key));
        let missing: Vec<&str> = missing.copied().collect();
        let known = |key: &&String| {
            *key == "type"
                || task.required.contains(&key.as_str())
                || task.optional.contains(&key.as_str())
                || (name == "concord" && key.starts_with(ARGUMENTS))
        };
        let foreign: Vec<&str> = hook.metadata.keys().filter(|key| !known(key)).map(String::as_str).collect();
        let fix =
            format!("A task of type {name} reads {}", [task.required, task.optional].concat().join(", "));
        if !missing.is_empty() {
            let message = format!("a load tester runs nothing without {}", missing.join(", "));
            findings.report(path, message, fix);
        } else if !foreign.is_empty() {
            findings.report(path, format!("a load tester does not read {}", foreign.join(", ")), fix);
        }
    }
}
